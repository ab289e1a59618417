"""unspool generate: text as it comes, without torch."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import unspool
from unspool.answers.sampling import Sampling
from unspool.cli import main

SPEC = {
    "task": {"kind": "generate"},
    "data": {"source": {"kind": "text", "format": "plain"}, "tokens": {"unit": "characters"}},
    "model": {"memory": {"kind": "carried", "truncate": 10, "streams": 2}, "backbone": {"cell": {"kind": "gru", "hidden": 6}}},
    "train": {"epochs": 1},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "language"
    return unspool.train(SPEC, data=["to be or not to be,\nthat is the question\n" * 20], out=folder)


def test_text_is_written_after_the_prompt(trained, capsys):
    assert main(["generate", str(trained.folder), "--prompt", "to be", "--length", "30", "--seed", "3", "--top-k", "4"]) == 0
    assert capsys.readouterr().out == "to be" + trained.complete("to be", 30, Sampling(top_k=4), seed=3) + "\n"


def test_a_program_gets_one_document(trained, capsys):
    arguments = ["generate", str(trained.folder), "--length", "12", "--temperature", "0.5", "--top-p", "0.9", "--json"]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"prompt": "", "written": trained.complete("", 12, Sampling(temperature=0.5, top_p=0.9))}


@pytest.mark.parametrize(
    ("option", "value", "told"), [("--temperature", "-1", "temperature: got -1"), ("--top-p", "0", "top_p: got 0"), ("--top-k", "0", "top_k")]
)
def test_a_rule_that_is_none_is_told(trained, capsys, option, value, told):
    assert main(["generate", str(trained.folder), option, value]) == 2
    assert told in capsys.readouterr().err


def test_no_torch_is_loaded(trained):
    code = (
        "import sys; from unspool.cli import main; "
        f"code = main(['generate', {str(trained.folder)!r}, '--length', '5']); assert 'torch' not in sys.modules; sys.exit(code)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_the_page_shows_what_is_written_and_what_surprises(trained):
    page = (trained.folder / "report.html").read_text("utf-8")
    told = (
        "What it writes", "Where the surprise lies", "Kneser-Ney 8-grams", "Language model of characters", "Tokens to learn from", "Perplexity",
        "the end of a line",
    )  # fmt: skip
    assert [words for words in told if words not in page] == []
    assert "Kneser" in (trained.folder / "card.md").read_text("utf-8")


def test_a_run_is_loaded_and_judged_again(trained):
    again = unspool.load(trained.folder)
    assert again.complete("to", 20, seed=1) == trained.complete("to", 20, seed=1)
    assert again.predict(["to be"]) == trained.predict(["to be"])
    scores = again.evaluate(["to be or not\n"])["test"]
    assert scores["words"] == 5 and scores["perplexity"] > 1
