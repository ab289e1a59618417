"""What the documentation shows works as it is shown: a page's blocks run in order, in one namespace and an empty folder."""

from __future__ import annotations

import shlex

import pytest

from unspool.cli import main

from .pages import ROOT, Block, blocks, pages

ELSEWHERE = ("pip", "make", "git", "python examples/fetch.py")
"""Commands that a page may show and that are not run here: they install, or need the network."""


def run(page, block: Block, names: dict[str, object]) -> None:
    if block.kind == "python":
        # As many line ends before the code as in the page, so that a traceback names the page's own line.
        exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), names)
        return
    for command in block.commands:
        if not command.startswith(ELSEWHERE):
            program, *arguments = shlex.split(command)
            assert program == "unspool", f"{page}:{block.line}: {command}: only unspool can be run here"
            assert main(arguments) == 0, f"{page}:{block.line}: {command}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        run(page, block, names)


def test_pages_with_code_are_found():
    assert sum(len(blocks(page)) for page in pages()) > 10


def test_a_block_that_fails_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("Text.\n\n```python\nx = 1\nassert x == 2\n```\n")
    (block,) = blocks(page)
    with pytest.raises(AssertionError) as raised:
        run(page, block, {})
    assert raised.traceback[-1].lineno + 1 == 5


def test_every_page_is_in_the_table_of_contents():
    listed = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    toctree = listed.partition("```{toctree}")[2].split()
    assert {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"} <= set(toctree)
