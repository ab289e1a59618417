"""From a trained network to what runs without torch, and the proof that both are the same."""

from unspool.export.trace import trace
from unspool.export.verify import verify

__all__ = ["trace", "verify"]
