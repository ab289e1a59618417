"""The pages of runs whose records have any number of labels."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from unspool.errors import BundleError
from unspool.report import write
from unspool.report.contents import read
from unspool.report.verdict import verdict

LABELS = ("sea & shore", "money", "wood")


def label_run(folder, *, wrong=True, figures=None, **changed):
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    truth = (draw.random((40, 3)) < 0.4).astype(np.int64)
    shares = np.where(truth, 0.8, 0.1) + 0.1 * draw.random(truth.shape)
    if wrong:
        shares[7] = 0.97 - 0.9 * truth[7]
    arrays = {"probabilities": shares.astype(np.float32), "truth": truth} | changed.pop("arrays", {})
    save_file(arrays, folder / "predictions.safetensors")
    described = {"kind": "multilabel", "names": [f"r{i}" for i in range(40)], "labels": LABELS, "thresholds": [0.5, 0.25, 0.5]}
    described["examples"] = ["a <b>"] * 40
    (folder / "predictions.json").write_text(json.dumps(described | changed))
    if figures:
        metrics = {"test": figures["model"], "baselines": {name: values for name, values in figures.items() if name != "model"}}
        (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def test_every_label_has_its_row_and_the_surest_mistake_is_shown(tmp_path):
    page = write(label_run(tmp_path / "run")).read_text(encoding="utf-8")
    assert "Labelling" in page and "Label by label" in page and "sea &amp; shore" in page
    assert "0.250" in page or "0.25" in page
    assert "record r7" in page and "1 record among 40" in page and "a &lt;b&gt;" in page


def test_a_run_without_mistakes_says_so(tmp_path):
    page = write(label_run(tmp_path / "run", wrong=False)).read_text(encoding="utf-8")
    assert "All labels of the test part are right." in page


def test_without_a_known_truth_there_are_no_sections(tmp_path):
    page = write(label_run(tmp_path / "run", arrays={"truth": np.full((40, 3), -1, np.int64)})).read_text(encoding="utf-8")
    assert "Label by label" not in page


def test_the_verdict_is_by_f1_where_the_spec_says_nothing(tmp_path):
    figures = {"model": {"subset_accuracy": 0.5, "f1_micro": 0.8}, "linear": {"subset_accuracy": 0.6, "f1_micro": 0.7}, "shares": {"f1_micro": 0.1}}
    found = verdict(read(label_run(tmp_path / "run", figures=figures)))
    assert (found.metric, found.outcome, found.baseline) == ("f1_micro", "wins", "linear")


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"arrays": {"truth": np.full((40, 3), 2, np.int64)}}, "truth: got 2 to 2, wanted 0 or 1, or -1"),
        ({"arrays": {"truth": np.zeros((40, 2), np.int64)}}, "truth: got shape"),
        ({"arrays": {"probabilities": np.full((40, 3), np.nan, np.float32)}}, "probabilities: some are NaN or infinite"),
        ({"thresholds": [0.5]}, "has 1 thresholds, wanted 3, one a label"),
        ({"examples": ["one"]}, "no list of 40 examples"),
    ],
)
def test_predictions_that_do_not_fit_are_a_damaged_run(tmp_path, changed, message):
    with pytest.raises(BundleError, match=message):
        read(label_run(tmp_path / "run", **changed))
