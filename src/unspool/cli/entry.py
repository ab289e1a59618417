"""From arguments to an exit code: 0 done, 1 our failure, 2 the user's input, 130 interrupted."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence

from typer.main import get_command

from unspool.cli.app import Settings, app
from unspool.errors import InputError, Interrupted, UnspoolError

_PATH_ERRORS = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Errors are one message on stderr; what was answered so far stays on stdout."""
    settings = Settings()
    try:
        code = _run(arguments, settings)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return _leave_pipe()
    except KeyboardInterrupt:
        print("unspool: stopped by Ctrl-C", file=sys.stderr)
        return Interrupted.exit_code
    except Exception as error:
        if settings.debug:
            traceback.print_exc()
        print(f"unspool: {_message(error)}", file=sys.stderr)
        return error.exit_code if isinstance(error, UnspoolError) else InputError.exit_code if _of_a_path(error) else 1


def _run(arguments: Sequence[str] | None, settings: Settings) -> int:
    try:
        get_command(app)(args=arguments, prog_name="unspool", obj=settings)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def _message(error: Exception) -> str:
    if isinstance(error, UnspoolError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        remedy = "; check the path and who may read and write it" if _of_a_path(error) else ""
        return f"{error.filename}: {error.strerror}{remedy}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; give less data, or a smaller model or batch"
    told = str(error).splitlines()
    what = f"{type(error).__name__}: {told[0]}" if told else type(error).__name__
    return f"{what} (a defect of unspool; `unspool --debug ...` shows where)"


def _of_a_path(error: Exception) -> bool:
    """Whether the path that the user gave is to blame, and not the machine."""
    return isinstance(error, OSError) and error.filename is not None and error.errno in _PATH_ERRORS


def _leave_pipe() -> int:
    """Nobody reads any more: what Python still holds for stdout goes nowhere, so that closing it raises nothing. The code is typer's for the same."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return 1
