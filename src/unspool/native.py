"""The compiled part, `unspool._native`: recurrent scans and the executor of step programs, for the instruction set that the processor has.

It is built with the package where there is a C++ compiler. `UNSPOOL_NATIVE` is read once, when it is first asked for: the name of an instruction set,
or `off`. Anything else is an InputError.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType

from unspool.errors import InputError

NOT_BUILT = "it was not built, since no C++ compiler was found when unspool was installed; install one (g++ or clang++) and install unspool again"
UNKNOWN = "UNSPOOL_NATIVE: "
"""How the extension begins to say that it does not know what it was asked for."""


def library() -> ModuleType | None:
    """The extension module; None where `why_not` says why."""
    return _loaded()[0]


def why_not() -> str:
    """Why there is no library; empty where there is one."""
    return _loaded()[1]


@cache
def _loaded() -> tuple[ModuleType | None, str]:
    try:
        return import_module("unspool._native"), ""
    except ModuleNotFoundError:
        return None, NOT_BUILT
    except ImportError as error:
        if str(error).startswith(UNKNOWN):
            raise InputError(str(error)) from None
        return None, str(error)
