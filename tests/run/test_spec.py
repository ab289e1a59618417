"""A spec is read strictly, settled once and written back whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.errors import SpecError
from unspool.run.spec import load_spec, make_spec, resolve, spec_from_text
from unspool.spec import Spec, override, parse_yaml, to_yaml

from .making import ARRAYS, SERIES, TABLE, TEXT, WINDOWED, changed, resolved

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
SOUND = {"table": TABLE, "windowed": WINDOWED, "arrays": ARRAYS, "text": TEXT, "series": SERIES}
DEMAND = """\
task: {kind: forecast, horizon: 2}
data:
  source: {kind: table}
  columns:
    target: [y]
"""
CELL = DEMAND + "model:\n  backbone:\n    cell: "


def load(tmp_path, text, overrides=(), seed=None):
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return load_spec(path, overrides, seed)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_settled_and_reads_back_equal(path):
    spec = load_spec(path)
    assert resolve(spec, "here") == spec
    assert spec_from_text(to_yaml(spec), "here") == spec
    assert all(Path(place).is_absolute() for _, place in spec.data.source.places)


VARIATIONS = st.fixed_dictionaries(
    {},
    optional={
        "train__seed": st.integers(0, 2**32 - 1),
        "train__optimizer": st.builds(lambda kind, rate: {"kind": kind, "rate": rate}, st.sampled_from(["sgd", "adam"]), st.floats(1e-12, 1e3)),
        "train__clip": st.one_of(st.none(), st.floats(1e-6, 1e6)),
        "train__schedule": st.sampled_from([{"kind": "cosine"}, {"kind": "one_cycle", "last": 1e-7}, {"kind": "step", "factor": 0.1}]),
        "model__backbone__layers": st.integers(1, 4),
        "model__backbone__cell": st.sampled_from([{"kind": "lstm"}, {"kind": "rnn", "activation": "relu"}, {"kind": "gru", "hidden": 3}]),
        "model__backbone__front": st.lists(st.builds(lambda kernel: {"kernel": kernel}, st.integers(1, 9)), max_size=2),
        "data__missing": st.sampled_from(["error", "fill", "split"]),
        "data__scaling": st.sampled_from([{}, {"default": "robust"}]),
    },
)


@settings(max_examples=25)
@given(st.sampled_from(["table", "windowed", "arrays", "series"]), VARIATIONS)
def test_settling_is_idempotent_and_yaml_reads_back_equal(name, changes):
    spec = resolved(changed(SOUND[name], **changes))
    assert resolve(spec, "here") == spec
    assert spec_from_text(to_yaml(spec), "here") == spec


@settings(max_examples=25)
@given(st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable()))
def test_any_name_of_a_column_survives_yaml(name):
    spec = resolved(changed(TABLE, data__columns={"target": [name]}))
    assert spec_from_text(to_yaml(spec), "here").data.columns.target == (name,)


def test_a_number_may_be_written_as_in_json(tmp_path):
    spec = load(tmp_path, DEMAND + "train: {optimizer: {kind: adam, rate: 1e-3}, clip: 1E+1}\n", ["train.schedule={kind: cosine, warmup: 5e-1}"])
    assert (spec.train.optimizer.rate, spec.train.clip, spec.train.schedule.warmup) == (0.001, 10, 0.5)
    named = resolved(changed(TABLE, data__columns={"target": ["1e3"]}))
    assert spec_from_text(to_yaml(named), "here") == named


def test_numbers_of_numpy_are_numbers():
    spec = resolved(changed(TABLE, train={"epochs": np.int64(3), "clip": np.float32(0.5)}))
    assert (spec.train.epochs, spec.train.clip) == (3, 0.5)


def test_what_is_left_open_is_settled():
    assert resolved(changed(TABLE, model=None)).model.memory.model_dump() == {"kind": "carried", "truncate": 200, "streams": 16}
    assert resolved(changed(TABLE, model=None)).model.head.kind == "quantile"
    assert resolved(TABLE).data.batching is None
    assert resolved(WINDOWED).data.batching.size == 32
    text = resolved(changed(TEXT, data={"source": {"kind": "text"}}))
    assert (text.data.split.kind, text.data.tokens.unit, text.model.embed.kind, text.model.head.kind) == ("random", "words", "learned", "categorical")
    assert text.model.memory.model_dump() == {"kind": "carried", "truncate": None, "streams": None}


@pytest.mark.parametrize(
    "text, said",
    [
        (DEMAND.replace("target", "tagret"), r"spec.yaml:5: data.columns.tagret: unknown key; did you mean 'target'\? known keys here: time"),
        (DEMAND + "trian: {epochs: 3}\n", r"spec.yaml:6: trian: unknown key; did you mean 'train'\?"),
        (CELL + "{kind: gru, hiden: 3}\n", r"spec.yaml:8: model.backbone.cell.hiden: unknown key; did you mean 'hidden'"),
        (CELL + "{kind: gro}\n", r"spec.yaml:8: model.backbone.cell.kind: got 'gro', wanted one of .*gru; did you mean 'gru'"),
        (DEMAND + "model:\n  backbone:\n    front:\n      - {}\n      - {kernle: 3}\n", r"spec.yaml:10: model.backbone.front\[1\].kernle: unknown"),
        (DEMAND + "train:\n  epochs: many\n", r"spec.yaml:7: train.epochs: got 'many', wanted: a valid integer"),
        (DEMAND + "train:\n  epochs: true\n", r"spec.yaml:7: train.epochs: got True, wanted: a valid integer"),
        (DEMAND + "train:\n  epochs: '3'\n", r"spec.yaml:7: train.epochs: got '3', wanted: a valid integer"),
        (DEMAND + "train:\n  clip: '3'\n", r"spec.yaml:7: train.clip: got '3', wanted: a valid number"),
        (DEMAND + "model: {backbone: {bidirectional: 'yes'}}\n", r"spec.yaml:6: model.backbone.bidirectional: got 'yes', wanted: a valid boolean"),
        (DEMAND + "model: {backbone: {norm: 1}}\n", r"spec.yaml:6: model.backbone.norm: got 1, wanted: a valid boolean"),
        (DEMAND + "train:\n  epochs: 0\n", r"spec.yaml:7: train.epochs: got 0, wanted: greater than or equal to 1"),
        (DEMAND + "train: {optimizer: {kind: adam, rate: .inf}}\n", r"spec.yaml:6: train.optimizer.rate: got inf, wanted: a finite number"),
        (DEMAND + "train: {optimizer: {rate: 1}}\n", r"spec.yaml:6: train.optimizer: kind is missing; say which kind"),
        (DEMAND + "train: [1]\n", r"spec.yaml:6: train: got \[1\], wanted: a valid dictionary"),
        ("task: {kind: forecast}\n" + DEMAND.split("\n", 1)[1], r"spec.yaml:1: task.horizon: is missing and has no default; add it"),
        ("task: {kind: forecast, horizon: 2}\n", r"spec.yaml: data: is missing and has no default; add it"),
        (DEMAND + "task: {kind: classify}\n", r"spec.yaml:6: task is given twice \(first on line 1\); keep one"),
        (DEMAND + "    target: [z]\n", r"spec.yaml:6: data.columns.target is given twice \(first on line 5\)"),
        (DEMAND + "model: {a: 1\n", r"spec.yaml:7: not valid YAML: .*; check indentation"),
        (DEMAND + "\tmodel: 1\n", r"spec.yaml:6: not valid YAML: "),
        (DEMAND + "model: !!python/object/apply:os.getcwd []\n", r"spec.yaml:6: not valid YAML: could not determine a constructor"),
        (DEMAND + "train: {seed: 2001-13-45}\n", r"spec.yaml: a value cannot be read: month must be in 1..12; quote it"),
        (DEMAND + "? [a]\n: 1\n", r"spec.yaml:6: got a list as a key, wanted the name of an option"),
        (DEMAND + "1: 2\n", r"spec.yaml: got 1 as a key, wanted the name of an option"),
        ("- a\n", r"spec.yaml: got a list, wanted a mapping with the keys task, data, model, train"),
        ("", r"spec.yaml: got nothing, wanted a mapping"),
    ],
)
def test_what_is_wrong_is_told_with_its_key_and_line(tmp_path, text, said):
    with pytest.raises(SpecError, match=said):
        load(tmp_path, text)


def test_every_problem_is_told_at_once(tmp_path):
    with pytest.raises(SpecError) as told:
        load(tmp_path, DEMAND + "train: {epochs: 0, sed: 1}\n")
    assert sorted(line.split(": ")[1] for line in str(told.value).split("\n")) == ["train.epochs", "train.sed"]


def test_a_few_lines_cannot_stand_for_billions():
    lines = [f"{new}: &{new} [{', '.join(['*' + old] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(lines)
    with pytest.raises(SpecError, match="more than 100,000 values"):
        parse_yaml(bomb, "spec.yaml")
    with pytest.raises(SpecError, match="a value cannot be read"):
        parse_yaml("a: &a [*a]", "spec.yaml")


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.dates())
KEYS = st.one_of(st.text(), st.integers(), st.sampled_from(["task", "data", "model", "train", "kind", "source"]))


@given(st.recursive(LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)), max_leaves=12))
def test_whatever_a_file_holds_a_spec_error_is_all_that_comes_of_it(tree):
    text = yaml.safe_dump(tree)
    with pytest.raises(SpecError):
        spec_from_text(text, "spec.yaml")


@given(st.text(max_size=60))
def test_whatever_the_text_a_spec_error_is_all_that_comes_of_it(text):
    with pytest.raises(SpecError):
        spec_from_text(text, "spec.yaml")


def test_files_that_are_none_say_what_to_do(tmp_path):
    (tmp_path / "demand.yaml").write_text(DEMAND)
    with pytest.raises(SpecError, match=r"no such spec file; did you mean .*demand.yaml\?"):
        load_spec(tmp_path / "demnad.yaml")
    with pytest.raises(SpecError, match="is a folder, not a spec"):
        load_spec(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(SpecError, match="byte 0 is not UTF-8"):
        load_spec(tmp_path / "binary.yaml")
    (tmp_path / "large.yaml").write_bytes(b"#" * (1 << 20) + b"#")
    with pytest.raises(SpecError, match="is this the data"):
        load_spec(tmp_path / "large.yaml")


def test_relative_paths_start_at_the_spec(tmp_path):
    spec = load(tmp_path, DEMAND.replace("{kind: table}", "{kind: table, path: ../d.csv}"))
    assert Path(spec.data.source.path).resolve() == (tmp_path.parent / "d.csv").resolve()


def test_assignments_reach_any_depth_and_are_yaml(tmp_path):
    assignments = ["model.backbone.cell={kind: lstm, hidden: 7}", "data.time.gaps=error", "train.clip=null", "task.lags=[2, 3]"]
    spec = load(tmp_path, DEMAND, assignments, seed=9)
    assert (spec.model.backbone.cell.kind, spec.model.backbone.cell.hidden) == ("lstm", 7)
    assert spec.train.clip is None and spec.train.seed == 9 and spec.task.lags == (2, 3)


@pytest.mark.parametrize(
    "assignment, said",
    [
        ("train.epochs", "wanted KEY=VALUE with a dotted key"),
        ("=3", "wanted KEY=VALUE"),
        ("train..epochs=3", "wanted KEY=VALUE"),
        ("task.kind.x=3", "task.kind is text, not a mapping"),
        ("train.epochs=[", "is not a YAML value; quote it"),
        ("train.epochs=2001-13-45", "is not a YAML value; quote it"),
        ("train.epochs=" + "[" * 500, "is not a YAML value; quote it"),
        ("train.epochs=" + "9" * 5000, "is not a YAML value; quote it"),
        ("train.epoch=3", r"train.epoch: unknown key; did you mean 'epochs'"),
        ("train.epochs=", "train.epochs: got None, wanted: a valid integer"),
        ("train=", "train: got None"),
    ],
)
def test_assignments_that_cannot_be_made_say_why(tmp_path, assignment, said):
    with pytest.raises(SpecError, match=said) as told:
        load(tmp_path, DEMAND, [assignment])
    assert len(str(told.value)) < 500


@given(st.text(max_size=40))
def test_any_assignment_is_made_or_refused(text):
    try:
        override({"task": {"kind": "forecast"}}, [text])
    except SpecError as error:
        assert "--set" in str(error)


def test_overriding_leaves_the_original_alone():
    raw = {"train": {"epochs": 3}}
    assert override(raw, ["train.epochs=4"]) == {"train": {"epochs": 4}}
    assert raw == {"train": {"epochs": 3}}


def test_specs_are_frozen_and_strict():
    spec = resolved(TABLE)
    with pytest.raises(ValueError, match="frozen"):
        spec.train.epochs = 3
    assert all(kind.model_config["extra"] == "forbid" for kind in Spec.__subclasses__())


def test_a_mapping_is_a_spec_too():
    assert make_spec(TABLE, Path("/")) == resolved(TABLE)
