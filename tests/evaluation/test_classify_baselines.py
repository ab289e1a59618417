import numpy as np
import pytest

from unspool.data.vocab import Vocabulary
from unspool.evaluation.baselines import classify_baselines
from unspool.evaluation.evaluate import score
from unspool.evaluation.summaries import summarise
from unspool.types import Prepared, Record

from .making import classify_facts, text_facts

NONE = np.zeros((0, 0), np.float32)


def spans(sizes, stop=-1):
    edges = np.cumsum([0, *sizes])
    parts = ("train", "validation", "test")
    return {
        part: np.array([[i, 0, stop] for i in range(low, high)], np.int64).reshape(-1, 3)
        for part, low, high in zip(parts, edges[:-1], edges[1:], strict=True)
    }


def texts(seed, unit="words"):
    """Weather talk and money talk, told apart by which words stand next to each other."""
    draw = np.random.default_rng(seed)
    words = {"wet": ["rain", "wind", "cold", "sun"], "rich": ["bank", "cash", "loan", "fund"]}
    made = []
    for i in range(120):
        label = ("wet", "rich")[i % 2]
        chosen = [*draw.choice(words[label], 3), *draw.choice(["the", "a", "of", "is", "an"], 6)]
        made.append(Record(f"r{i}", "here", text=" ".join(draw.permutation(chosen)), label=label))
    facts = text_facts([r.text for r in made[:80]], ("rich", "wet"), (40, 40), unit)
    return made, [facts.preparation.prepare(r) for r in made], facts


def series(seed, length=40):
    """Two rhythms of the same level and spread."""
    draw = np.random.default_rng(seed)
    records, prepared = [], []
    for i in range(90):
        steps = length + int(draw.integers(10))
        wave = np.sin(2 * np.pi * np.arange(steps) / (4, 9)[i % 2] + draw.uniform(0, 6)) + draw.normal(size=steps) * 0.1
        values = np.float32(wave)[:, None]
        records.append(Record(f"r{i}", "here", {"x": wave}, label=("fast", "slow")[i % 2]))
        prepared.append(Prepared(values, np.zeros((steps, 0), np.int64), NONE, NONE, i % 2))
    return records, prepared, classify_facts(("fast", "slow"), (30, 30), past=("x",))


@pytest.mark.parametrize("unit", ["words", "characters", "bytes"])
def test_the_linear_baseline_learns_separable_text(unit):
    records, prepared, facts = texts(0, unit)
    made = classify_baselines(records, prepared, spans((80, 20, 20)), facts)
    assert score(made["linear"], facts)["accuracy"] == 1
    assert score(made["majority"], facts)["accuracy"] == 0.5


def test_the_linear_baseline_tells_rhythms_apart():
    records, prepared, facts = series(0)
    made = classify_baselines(records, prepared, spans((60, 15, 15)), facts)
    assert score(made["linear"], facts)["accuracy"] == 1


def test_the_linear_baseline_reads_categories():
    vocabulary = Vocabulary.build(["red", "blue"])
    facts = classify_facts(("x", "y"), (20, 20), past=("colour",), categories={"colour": vocabulary})
    colours = [np.array(["red", ("red", "blue")[i % 2]] * 3, object) for i in range(60)]
    records = [Record(f"r{i}", "here", {"colour": c}, label="xy"[i % 2]) for i, c in enumerate(colours)]
    prepared = [facts.preparation.prepare(record) for record in records]
    made = classify_baselines(records, prepared, spans((40, 10, 10), stop=6), facts)
    assert score(made["linear"], facts)["accuracy"] == 1


def test_the_majority_says_the_shares_of_the_train_part():
    records, prepared, _ = texts(0)
    facts = text_facts([r.text for r in records[:80]], ("rich", "wet"), (60, 20))
    made = classify_baselines(records, prepared, spans((80, 20, 20)), facts)["majority"]
    np.testing.assert_array_equal(made.probabilities, np.tile([0.75, 0.25], (20, 1)))
    assert made.names == tuple(f"r{i}" for i in range(100, 120))
    assert made.labels == ("rich", "wet")
    np.testing.assert_array_equal(made.truth, [p.label for p in prepared[100:]])


@pytest.mark.parametrize("make", [texts, series])
def test_what_is_judged_teaches_nothing(make):
    records, prepared, facts = make(0)
    sizes = (60, 15, 15)
    before = classify_baselines(records, prepared, spans(sizes), facts)["linear"].probabilities
    others = make(1)[1]
    changed = [*prepared[:76], *others[76:]]
    after = classify_baselines(records, changed, spans(sizes), facts)["linear"].probabilities
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.array_equal(before[1], after[1])


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_any_part_can_be_answered_and_a_missing_label_is_left_out_of_the_fit(part):
    records, prepared, facts = series(0)
    prepared[3] = Prepared(prepared[3].values, prepared[3].codes, NONE, NONE, -1)
    made = classify_baselines(records, prepared, spans((60, 15, 15)), facts, part)["linear"]
    assert len(made.truth) == {"train": 60, "validation": 15, "test": 15}[part]
    np.testing.assert_allclose(made.probabilities.sum(axis=1), 1)


def test_without_a_validation_part_there_is_still_a_linear_baseline():
    records, prepared, facts = series(0)
    parts = spans((60, 0, 30))
    with_none = classify_baselines(records, prepared, parts, facts)["linear"].probabilities
    del parts["validation"]
    without = classify_baselines(records, prepared, parts, facts)["linear"].probabilities
    np.testing.assert_array_equal(with_none, without)


def test_a_summary_is_as_its_definition_says():
    values = np.float32([[1, 4, 2, 5, 3]]).T
    found = summarise(Prepared(values, np.int64([[0, 0, 2, 2, 2]]).T, NONE, NONE), (3,))
    wanted = [3, np.sqrt(2), 1, 5, 1, 3, 2, 3, 4, 2.5]
    np.testing.assert_allclose(found[:10], wanted)
    np.testing.assert_allclose(found[10], (-2 * 1 + 1 * -1 + -1 * 2 + 2 * 0) / 10)
    np.testing.assert_allclose(found[16:], [0.4, 0, 0.6, np.log(5)])
    assert len(found) == 20


@pytest.mark.parametrize(("period", "band"), [(64, 0), (24, 1), (12, 2), (6, 3), (3, 4)])
def test_the_power_of_a_wave_is_in_its_band(period, band):
    wave = np.float32(np.sin(2 * np.pi * np.arange(192) / period))[:, None]
    powers = summarise(Prepared(wave, np.zeros((192, 0), np.int64), NONE, NONE), ())[11:16]
    assert powers.argmax() == band
    assert np.exp(powers[band]) == pytest.approx(0.25, rel=1e-3)


@pytest.mark.parametrize("values", [np.zeros((0, 2)), np.zeros((1, 2)), np.full((7, 2), 3.0)])
def test_short_and_constant_series_have_finite_summaries(values):
    found = summarise(Prepared(np.float32(values), np.zeros((len(values), 0), np.int64), NONE, NONE), ())
    assert found.shape == (33,)
    assert np.isfinite(found).all()
