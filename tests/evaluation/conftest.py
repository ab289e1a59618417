"""One thread and one seed for every test."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread_and_one_seed():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)
