"""A run whose words have vectors of a file: it learns, is kept, resumes and runs live with them."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest

import unspool
from unspool.errors import BundleError, SpecError
from unspool.training.hooks import Hook

from .making import TEXT, changed, resolved

GOOD, BAD = ("fine", "lovely", "great"), ("awful", "dull", "poor")
PAIRS = [("good" if index % 2 else "bad", f"a {(GOOD if index % 2 else BAD)[index % 3]} film {index % 7}") for index in range(40)]
WITH = changed(TEXT, data__vectors={"path": "v.txt", "further": 2}, model__embed={"kind": "vectors"})


@pytest.fixture
def spec(tmp_path):
    rows = {"fine": "1 0", "lovely": "0.9 0.1", "awful": "0 1", "superb": "1 0.1", "vile": "0.1 1", "dull": "0.1 0.9"}
    (tmp_path / "v.txt").write_text("".join(f"{word} {row}\n" for word, row in rows.items()), encoding="utf-8")
    return changed(WITH, data__vectors__path=str(tmp_path / "v.txt"))


@pytest.mark.parametrize("tuned", [True, False])
def test_a_run_with_vectors_is_kept_and_read_without_the_file(spec, tmp_path, tuned):
    model = unspool.train(changed(spec, model__embed__tuned=tuned), data=PAIRS, out=tmp_path / "run")
    (tmp_path / "v.txt").unlink()
    kept = unspool.load(tmp_path / "run")
    texts = ["a superb film", "a vile film 3", "nothing known"]
    assert kept.predict(texts) == model.predict(texts)
    assert kept.facts.preparation.tokens.vectors.further == 2
    assert model.metrics["data"]["survey"]["vectors"]["coverage"] == pytest.approx(4 / 15, abs=0.03)
    session = unspool.Session.open(tmp_path / "run")
    live = session.step({"text": "a superb film"})
    np.testing.assert_allclose(list(live["probabilities"].values()), list(model.predict(texts)[0]["probabilities"].values()), atol=1e-5)


def test_vectors_that_are_not_tuned_stay_as_they_are(spec, tmp_path):
    model = unspool.train(changed(spec, model__embed__tuned=False), data=PAIRS)
    units = model.facts.preparation.tokens.vocabulary.units
    np.testing.assert_array_equal(model.network.embed.tables[0].near.weight.detach()[1 + units.index("fine")], np.array([1, 0], np.float32))


def test_a_run_is_not_resumed_with_other_vectors(spec, tmp_path):
    class Stop(Hook):
        def judged(self, progress):
            raise RuntimeError("stop here")

    longer = changed(spec, train__epochs=3, train__patience=None)
    with pytest.raises(RuntimeError, match="stop here"):
        unspool.train(longer, data=PAIRS, out=tmp_path / "run", hooks=[Stop()])
    text = (tmp_path / "v.txt").read_text(encoding="utf-8")
    (tmp_path / "v.txt").write_text(text.replace("fine 1 0", "fine 1 0.5"), encoding="utf-8")
    copy = shutil.copytree(tmp_path / "run", tmp_path / "copy")
    with pytest.raises(BundleError, match="vectors"):
        unspool.train(longer, data=PAIRS, out=copy, resume=True)
    (tmp_path / "v.txt").write_text(text, encoding="utf-8")
    resumed = unspool.train(longer, data=PAIRS, out=tmp_path / "run", resume=True)
    whole = unspool.train(longer, data=PAIRS)
    assert [line["loss"] for line in resumed.history] == [line["loss"] for line in whole.history]


BROKEN = [
    ("model.embed.kind", "name it in data.vectors.path", changed(TEXT, model__embed={"kind": "vectors"})),
    ("data.vectors", "takes effect with model.embed.kind: vectors", changed(WITH, model__embed={"kind": "learned"})),
    ("data.vectors", "are of words, and the steps are none", changed(WITH, data__tokens={"unit": "characters"})),
]


@pytest.mark.parametrize("key, says, raw", BROKEN, ids=range(len(BROKEN)))
def test_vectors_that_cannot_take_effect_say_why(key, says, raw):
    with pytest.raises(SpecError) as told:
        resolved(raw)
    assert re.search(rf"spec: {re.escape(key)}: .*{re.escape(says)}", str(told.value)), str(told.value)


def test_a_spec_with_vectors_alone_embeds_by_them():
    assert resolved(changed(WITH, model__embed=None)).model.embed.kind == "vectors"


def test_the_place_of_vectors_starts_at_the_spec():
    assert resolved(WITH).data.vectors.path == "/v.txt"
