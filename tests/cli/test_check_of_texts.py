"""What `unspool check` prints of texts in a terminal."""

from __future__ import annotations

import yaml

from unspool.cli import main

SPEC = """
task: {kind: classify}
data:
  source: {kind: text, path: texts.tsv}
  split: {kind: given}
  tokens: {longest: 3}
"""


def test_check_prints_lengths_in_tokens_and_what_the_train_part_lacks_by_part(tmp_path, capsys):
    texts = {"train": "pos\ta good film\nneg\ta bad film\n", "validation": "pos\ta good thing at last\n", "test": "neg\tbad\npos\tfine\n"}
    for part, text in texts.items():
        (tmp_path / f"{part}.tsv").write_text(text)
    parts = "{train: train.tsv, validation: validation.tsv, test: test.tsv}"
    (tmp_path / "spec.yaml").write_text(SPEC.replace("path: texts.tsv", f"parts: {parts}"))
    assert main(["check", str(tmp_path / "spec.yaml")]) == 0
    told = yaml.safe_load(capsys.readouterr().out)["data"]["survey"]["tokens"]
    assert {part: found["unknown"] for part, found in told.items()} == {"train": 0, "validation": 0.3333, "test": 0.5}
    assert told["validation"] == {
        "tokens": 3, "unknown": 0.3333, "different": 3, "different_unknown": 0.3333,
        "median_length": 5, "length_95th_percentile": 5, "truncated": 1,
    }  # fmt: skip
