"""Runs of every kind of data: the same seed gives the same model, no part leaks into another, quantiles are calibrated once."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
import torch

import unspool
from unspool.errors import DataError, SpecError
from unspool.evaluation.calibrate import widening
from unspool.run.prepare import set_up
from unspool.run.results import predictions_of

from .making import ARRAYS, SERIES, TABLE, TEXT, WINDOWED, arrays, changed, hourly, pairs, resolved, same

DROPPED = changed(TABLE, model__backbone__layers=2, model__backbone__dropout={"between": 0.3, "recurrent": 0.2})


def weights(model):
    return {name: tensor.clone() for name, tensor in model.network.state_dict().items()}


def timeless(history):
    return [{name: value for name, value in line.items() if "second" not in name} for line in history]


@pytest.mark.parametrize("spec, data", [(DROPPED, hourly()), (ARRAYS, arrays()), (TEXT, pairs())], ids=["forecast", "arrays", "text"])
def test_one_seed_is_one_model_and_another_seed_another(spec, data):
    one, again, other = (unspool.train(spec, data=data, seed=seed) for seed in (3, 3, 4))
    torch.testing.assert_close(weights(one), weights(again), rtol=0, atol=0)
    assert timeless(one.history) == timeless(again.history)
    assert one.metrics["test"] == again.metrics["test"]
    assert not all(torch.equal(left, right) for left, right in zip(weights(one).values(), weights(other).values(), strict=True))
    assert one.spec.train.seed == 3 and other.metrics["training"]["seed"] == 4


def test_frames_of_every_kind_are_one_table(tmp_path):
    frame = hourly()
    frame.write_csv(tmp_path / "d.csv")
    told = {
        name: unspool.train(TABLE, data=data).predict(data)
        for name, data in {"polars": frame, "pandas": frame.to_pandas(), "arrow": frame.to_arrow(), "csv": tmp_path / "d.csv"}.items()
    }
    for name in ("pandas", "arrow"):
        assert told[name] == told["polars"]
    same([one["y"] for one in told["csv"]], [one["y"] for one in told["polars"]])


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).standard_normal((40, 6, 2)),
        np.random.default_rng(0).standard_normal((40, 6)),
        [np.random.default_rng(index).standard_normal((4 + index % 5, 2)) for index in range(40)],
    ],
    ids=["fixed", "one channel", "variable"],
)
def test_arrays_of_every_form_are_classified(values):
    model = unspool.train(ARRAYS, data={"values": values, "labels": ["a", "b"] * 20})
    assert len(model.predict({"values": values})) == 40
    assert model.metrics["data"]["records"] == 40


def test_lengths_say_where_a_padded_array_ends():
    made = arrays()
    lengths = np.array([len(row) for row in made["values"]])
    padded = np.stack([np.pad(row, ((0, 9 - len(row)), (0, 0)), constant_values=7e7) for row in made["values"]])
    joined = np.concatenate(made["values"])
    forms = [made, {**made, "values": padded, "lengths": lengths}, {**made, "values": joined, "lengths": lengths}]
    models = [unspool.train(ARRAYS, data=data) for data in forms]
    for other in models[1:]:
        torch.testing.assert_close(weights(models[0]), weights(other), rtol=0, atol=0)


def test_arrays_without_time_are_forecast():
    data = {"values": [np.sin(np.arange(150) / 5)[:, None], np.cos(np.arange(170) / 5)[:, None]]}
    spec = changed(TABLE, data__source={"kind": "arrays", "channels": ["wave"]}, data__columns={"target": ["wave"]})
    model = unspool.train(spec, data=data)
    told = model.predict(data)
    assert [answer["series"] for answer in told] == ["0", "1"]
    assert "time" not in told[0] and len(told[0]["wave"]["point"]) == 3
    assert model.metrics["data"]["parts"]["test"]["records"] == 2
    assert "times" not in model.stream().step({"wave": 0.0})


def test_several_series_in_one_table_are_forecast_each_by_itself():
    data = hourly(series=("a", "b", "c"))
    model = unspool.train(changed(TABLE, data__columns__series="s"), data=data)
    told = model.predict(data)
    assert [answer["series"] for answer in told] == ["a", "b", "c"]
    for index, name in enumerate("abc"):
        alone = model.predict(data.filter(pl.col("s") == name))
        same(alone, [told[index]])
    mixed = model.predict(data.sort("time"))
    same(sorted(mixed, key=lambda answer: answer["series"]), told)


def labelled(count=24):
    return hourly(10, tuple(f"s{index:02d}" for index in range(count))).with_columns(
        c=pl.col("s").str.slice(2, 1).cast(pl.Int64) % 2,
        g=pl.col("s").str.slice(1, 2).cast(pl.Int64) // 4,
        p=pl.when(pl.col("s") < "s16").then(pl.lit("train")).otherwise(pl.lit("test")),
    )


@pytest.mark.parametrize(
    "split, columns",
    [({"kind": "random"}, {}), ({"kind": "group"}, {"group": "g"}), ({"kind": "given", "validation": 0.25}, {"part": "p"})],
    ids=["random", "group", "given"],
)
def test_every_split_keeps_whole_records_apart(split, columns):
    spec = changed(SERIES, data__split=split, data__columns={**SERIES["data"]["columns"], **columns})
    setup = set_up(resolved(spec), labelled())
    parts = {part: {setup.records[index].name for index in spans[:, 0]} for part, spans in setup.spans.items()}
    assert sum(map(len, parts.values())) == 24 == len(set().union(*parts.values()))
    if "group" in columns:
        groups = [{int(name[1:]) // 4 for name in names} for names in parts.values()]
        assert sum(map(len, groups)) == 6 == len(set().union(*groups))
    if "part" in columns:
        assert parts["test"] == {f"s{index}" for index in range(16, 24)}
        assert len(parts["validation"]) == 4
    model = unspool.train(spec, data=labelled())
    assert model.metrics["test"]["records"] == len(parts["test"])


@pytest.mark.parametrize("spec", [TABLE, WINDOWED], ids=["carried", "windowed"])
def test_what_comes_after_the_train_part_changes_nothing_that_is_learnt(spec):
    """Scalers, categories, seasonal scales and every train batch are those of the train part alone."""
    columns = {"time": "time", "target": ["y"], "past": ["w"], "known": ["h", "k"], "categories": ["k"]}
    spec, data = resolved(changed(spec, data__columns=columns, data__split__embargo=5)), hourly()
    later = pl.int_range(pl.len()) >= 150
    strange = {"y": 1e6, "w": -5e5, "h": 7e5, "k": "blue"}
    wild = data.with_columns(**{name: pl.when(later).then(pl.lit(value)).otherwise(name) for name, value in strange.items()})
    setups = one, other = set_up(spec, data), set_up(spec, wild)
    assert one.spans["train"].tolist() == [[0, 0, 150]] and one.spans["validation"].tolist() == [[0, 155, 195]]
    assert one.facts.model_dump() == other.facts.model_dump()
    examples = [setup.task.examples(setup.prepared, setup.spans["train"], "train") for setup in setups]
    for cut in examples[0].plan(0):
        left, right = (found.batch(cut) for found in examples)
        for name in ("values", "codes", "asked", "weights", "future", "truth"):
            np.testing.assert_array_equal(getattr(left, name), getattr(right, name))


def test_quantiles_are_widened_as_the_validation_part_asks_and_alike_live():
    data = hourly()
    model, bare = (unspool.train(changed(TABLE, model__head__calibrate=calibrate), data=data) for calibrate in (True, False))
    assert bare.facts.task.widening == {}
    (factors,) = model.facts.task.widening.values()
    assert len(factors) == 3 and factors[1] == 1.0 and factors != (1.0, 1.0, 1.0)
    torch.testing.assert_close(weights(model), weights(bare), rtol=0, atol=0)
    setup = set_up(bare.spec, data)
    raw = predictions_of(bare.network, bare.task, bare.facts, setup.records, setup.prepared, setup.spans["validation"], "validation")
    assert widening(raw)["y"] == pytest.approx(factors)
    (wide,), (narrow,) = model.predict(data), bare.predict(data)
    assert wide["y"]["point"] == narrow["y"]["point"]
    for level, factor in zip(("0.1", "0.9"), (factors[0], factors[2]), strict=True):
        for told, before, middle in zip(wide["y"]["quantiles"][level], narrow["y"]["quantiles"][level], narrow["y"]["point"], strict=True):
            assert told - middle == pytest.approx(factor * (before - middle), rel=1e-5)
    session = model.stream()
    for row in data.iter_rows(named=True):
        live = session.step({"time": row["time"].isoformat(), "y": row["y"]})
    same(live["y"], wide["y"])


def test_too_few_rows_to_calibrate_on_say_so():
    spec = changed(TABLE, model__head={"kind": "quantile", "levels": [0.001, 0.5, 0.999], "hidden": 4})
    with pytest.raises(DataError, match="model.head.calibrate: target 'y': .* give more validation rows; or set it to false"):
        unspool.train(spec, data=hourly())


def test_a_run_folder_is_finished_once(tmp_path):
    spec, data = changed(ARRAYS, train__epochs=2), arrays()
    model = unspool.train(spec, data=data, out=tmp_path / "run")
    again = unspool.train(spec, data=data, out=tmp_path / "run", resume=True)
    torch.testing.assert_close(weights(model), weights(again), rtol=0, atol=0)
    with pytest.raises(unspool.BundleError, match="already holds a run; choose another --out"):
        unspool.train(spec, data=data, out=tmp_path / "run")
    with pytest.raises(SpecError, match="resume: needs `out`"):
        unspool.train(spec, data=data, resume=True)


def test_metrics_are_plain_json_without_nan():
    for spec, data in ((TABLE, hourly()), (ARRAYS, arrays())):
        json.dumps(dict(unspool.train(spec, data=data).metrics), allow_nan=False)


def test_overrides_and_seed_reach_the_run(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text("task: {kind: classify}\ndata: {source: {kind: arrays}}\ntrain: {epochs: 9}\n")
    model = unspool.train(path, data=arrays(), overrides=["train.epochs=1", "model.backbone.cell.kind=rnn", "model.backbone.cell.hidden=3"], seed=5)
    assert (model.spec.train.epochs, model.spec.train.seed, model.spec.model.backbone.cell.kind) == (1, 5, "rnn")
    assert model.metrics["command"].endswith("--set train.epochs=1 --set model.backbone.cell.kind=rnn --set model.backbone.cell.hidden=3 --seed 5")
