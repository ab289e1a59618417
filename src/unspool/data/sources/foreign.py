"""What other libraries raise, told as a DataError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from unspool.errors import DataError


@contextmanager
def guarded(where: str, remedy: str) -> Iterator[None]:
    """Whatever a reader of another library raises becomes a DataError; a panic of polars is no Exception."""
    try:
        yield
    except DataError:
        raise
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(f"{where}: cannot be read ({lines[0][:200]}); {remedy}") from None
