"""From a trained network to what runs without torch, and the proof that both are the same."""

from unspool.export.trace import trace


__all__ = ["trace"]
