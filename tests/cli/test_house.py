"""Rules of the house that a machine can hold, read from the source's syntax trees."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "unspool"
FILES = sorted(SOURCE.rglob("*.py"))
BELOW_CLI = [path for path in FILES if path.parent != SOURCE / "cli"]
LONGEST_FILE = 400

FORBIDDEN_CALLS = {"print", "eval", "exec", "os.getenv", "torch.load", "torch.save", "yaml.load", "yaml.unsafe_load", "yaml.full_load"}
FORBIDDEN_NAMES = {"os.environ", "os.getenv", "sys.stdout", "sys.stderr"}
FORBIDDEN_IMPORTS = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


def offences(tree: ast.AST) -> list[str]:
    """What a syntax tree does that nothing below the command line may."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in FORBIDDEN_CALLS:
            found.append(f"line {node.lineno}: calls {ast.unparse(node.func)}")
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in FORBIDDEN_NAMES:
            found.append(f"line {node.lineno}: reads {ast.unparse(node)}")
        elif isinstance(node, ast.Import):
            found += [f"line {node.lineno}: imports {name.name}" for name in node.names if name.name.split(".")[0] in FORBIDDEN_IMPORTS]
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{name.name}" for name in node.names}
            if (node.module or "").split(".")[0] in FORBIDDEN_IMPORTS or names & (FORBIDDEN_NAMES | FORBIDDEN_CALLS):
                found.append(f"line {node.lineno}: imports from {node.module}")
    return found


@pytest.mark.parametrize("path", BELOW_CLI, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_below_the_command_line_prints_reads_the_environment_or_unpickles(path):
    assert offences(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "code",
    ["print(1)", "import os\nos.environ['A']", "from os import environ", "import pickle", "from pickle import loads", "torch.load(f)", "eval('1')",
     "yaml.load(f)", "import sys\nsys.stdout.write('a')"],
)  # fmt: skip
def test_the_rule_sees_an_offence(code):
    assert offences(ast.parse(code))


def test_the_rule_leaves_other_code_alone():
    assert offences(ast.parse("import os\nimport json\npath = os.path.join('a', 'b')\nmodel.eval()\njson.load(file)")) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_holds_one_idea(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
