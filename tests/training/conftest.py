"""What holds for every test of training."""

from __future__ import annotations

import signal

import pytest


@pytest.fixture(autouse=True)
def ctrl_c_as_in_a_terminal():
    """Whoever starts tests in the background may have them ignore Ctrl-C, and training then leaves it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
