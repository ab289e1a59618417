"""One thread and one seed for every law, and which engines ran."""

import pytest
import torch

from unspool.kernels import cudnn, eager


@pytest.fixture(autouse=True)
def _one_thread_and_one_seed():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def ran(monkeypatch):
    """The engines that ran, in order."""
    engines: list[str] = []

    def watch(module, name):
        scan = module.scan
        monkeypatch.setattr(module, "scan", lambda *given, **named: engines.append(name) or scan(*given, **named))

    watch(eager, "eager"), watch(cudnn, "cudnn")
    try:
        from unspool.kernels import native
    except ImportError:
        return engines
    watch(native, "native")
    return engines
