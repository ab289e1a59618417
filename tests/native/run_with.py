"""`python run_with.py EXTENSION ARGUMENTS`: pytest with the extension of that file in place of the installed one."""

import importlib.util
import sys

import pytest


def main() -> int:
    spec = importlib.util.spec_from_file_location("unspool._native", sys.argv[1])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["unspool._native"] = module
    spec.loader.exec_module(module)
    return int(pytest.main(sys.argv[2:]))


if __name__ == "__main__":
    sys.exit(main())
