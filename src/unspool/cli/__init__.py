"""The command line: one thin file a verb. Whatever a verb does, the library does in Python too."""

from unspool.cli.entry import main

__all__ = ["main"]
