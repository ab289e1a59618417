import json
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from unspool import bundle, report
from unspool.errors import BundleError
from unspool.report.contents import read
from unspool.report.page import page

from .reading import read_page

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;<!--"
FORECAST = ["figures", "forecasts", "by-step", "residuals", "coverage", "asked", "data", "learning", "verify", "again"]
CLASSIFY = ["figures", "confusion", "classes", "reliability", "worst", "asked", "data", "learning", "verify", "again"]


def change(folder, name, edit):
    value = json.loads((folder / name).read_text())
    edit(value)
    (folder / name).write_text(json.dumps(value))


def html(folder):
    return page(read(folder))


def test_a_forecast_has_every_section_and_every_chart_its_figure(forecast_folder):
    found = read_page(html(forecast_folder))
    assert found.ids("section") == FORECAST
    charts = [attributes["data-chart"] for _, attributes in found.elements if "data-chart" in attributes]
    assert sorted(charts) == sorted([*found.data["charts"], "origin", "rolling"])


def test_a_classification_has_every_section_and_every_chart_its_figure(classify_folder):
    found = read_page(html(classify_folder))
    assert found.ids("section") == CLASSIFY
    charts = [attributes["data-chart"] for _, attributes in found.elements if "data-chart" in attributes]
    assert sorted(charts) == sorted(found.data["charts"])


@pytest.mark.parametrize("kind", ["forecast_folder", "classify_folder"])
def test_the_page_refers_to_nothing_outside_itself(kind, request):
    found = read_page(html(request.getfixturevalue(kind)))
    for name, attributes in found.elements:
        for key in ("src", "href", "action", "srcset", "data", "poster", "formaction"):
            value = attributes.get(key, "")
            assert value == "" or value.startswith("#") or value == "data:,", (name, key, value)
    own = "".join((Path(report.__file__).parent / name).read_text() for name in ("style.css", "script.js", "template.html"))
    assert "http:" not in own and "https:" not in own and "url(" not in own and "@import" not in own


@pytest.mark.parametrize("kind", ["forecast_folder", "classify_folder"])
def test_the_policy_forbids_the_network_before_anything_could_load(kind, request):
    found = read_page(html(request.getfixturevalue(kind)))
    kept = [index for index, (name, _) in enumerate(found.elements) if name in ("script", "style", "link")]
    policy = next(i for i, (_, attributes) in enumerate(found.elements) if attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy < min(kept)
    content = found.elements[policy][1]["content"]
    assert "default-src 'none'" in content and "connect-src" not in content and "http" not in content


@pytest.mark.parametrize("kind", ["forecast_folder", "classify_folder"])
def test_headings_captions_and_labels_are_there_for_those_who_do_not_see_the_page(kind, request):
    found = read_page(html(request.getfixturevalue(kind)))
    assert found.count("h1") == 1 and found.count("caption") == found.count("table") and found.count("figcaption") == found.count("figure")
    assert all(attributes.get("aria-label") for _, attributes in found.elements if attributes.get("role") in ("img", "region"))
    links = [attributes["href"][1:] for name, attributes in found.elements if name == "a" and "class" not in attributes]
    assert links == found.ids("section")


def test_names_labels_and_texts_are_inert(classify_folder):
    labels = [HOSTILE, "b", "c", "d", "e"]
    change(classify_folder, "predictions.json", lambda p: p.update(labels=labels, names=[HOSTILE] * 300, examples=[HOSTILE] * 300))
    change(classify_folder, "metrics.json", lambda m: m.update(command=HOSTILE, baselines={HOSTILE: {"accuracy": 0.99}}))
    change(classify_folder, "facts.json", lambda f: f["preparation"].update(labels=labels))
    written = html(classify_folder)
    found = read_page(written)
    assert found.count("script") == 3 and found.count("img") == 0
    assert HOSTILE in found.words
    data = re.search(r'<script id="report-data"[^>]*>(.*?)</script>', written, re.DOTALL)[1]
    assert "<" not in data and ">" not in data and "&" not in data
    # plotly reads tags in what it writes, so there the text is escaped once more.
    assert "&lt;/script&gt;" in json.dumps(found.data["charts"]["confusion"])
    assert "<script" not in json.dumps(found.data["charts"])


def test_a_hostile_target_and_series_are_inert(forecast_folder):
    change(forecast_folder, "predictions.json", lambda p: p.update(targets=[HOSTILE], names=[HOSTILE]))
    change(forecast_folder, "facts.json", lambda f: f["preparation"].update(targets=[HOSTILE], scalers={HOSTILE: {"kind": "none"}}))
    found = read_page(html(forecast_folder))
    assert found.count("script") == 3 and found.count("img") == 0
    assert "<" not in found.data["forecast"]["targets"][0]


def test_placeholders_in_the_data_are_left_as_they_are(classify_folder):
    change(classify_folder, "metrics.json", lambda m: m.update(command="unspool train @scripts@ @title@"))
    assert "unspool train @scripts@ @title@" in read_page(html(classify_folder)).words


@pytest.mark.parametrize("kind", ["forecast_folder", "classify_folder"])
def test_equal_folders_give_equal_bytes(kind, request, tmp_path):
    folder = request.getfixturevalue(kind)
    first = report.write(folder).read_bytes()
    folder.rename(tmp_path / "elsewhere")
    assert report.write(tmp_path / "elsewhere").read_bytes() == first


LEFT_OUT = {
    "history.jsonl": {"learning"},
    "predictions.json": {"forecasts", "by-step", "residuals", "coverage"},
    "predictions.safetensors": {"forecasts", "by-step", "residuals", "coverage"},
    "metrics.json": {"figures", "data", "verify"},
    "facts.json": set(),
    "spec.yaml": set(),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_missing_is_left_out_and_the_rest_stays(forecast_folder, name):
    (forecast_folder / name).unlink()
    assert set(FORECAST) - set(read_page(html(forecast_folder)).ids("section")) == LEFT_OUT[name]


@pytest.mark.parametrize("name", LEFT_OUT)
def test_each_file_alone_makes_a_page(forecast_folder, name):
    for other in LEFT_OUT:
        if other != name and not (name == "predictions.safetensors" and other == "spec.yaml"):
            (forecast_folder / other).unlink()
    assert read_page(html(forecast_folder)).count("h1") == 1


@pytest.mark.parametrize("key", ["validation", "test", "baselines", "data", "training", "verify", "command"])
def test_metrics_may_lack_any_of_their_parts(forecast_folder, key):
    change(forecast_folder, "metrics.json", lambda metrics: metrics.pop(key))
    assert read_page(html(forecast_folder)).count("h1") == 1


@pytest.mark.parametrize("name", ["times", "quantiles", "baseline.naive.point"])
def test_predictions_may_lack_what_is_optional(forecast_folder, name):
    arrays = load_file(forecast_folder / "predictions.safetensors")
    del arrays[name]
    save_file(arrays, forecast_folder / "predictions.safetensors")
    found = read_page(html(forecast_folder))
    assert ("coverage" in found.ids("section")) == (name != "quantiles")
    assert ("by-hour" in found.data["charts"]) == (name != "times")


def test_a_truth_that_is_never_known_leaves_its_sections_out(forecast_folder):
    arrays = load_file(forecast_folder / "predictions.safetensors")
    arrays["truth"] = np.full_like(arrays["truth"], np.nan)
    save_file(arrays, forecast_folder / "predictions.safetensors")
    sections = read_page(html(forecast_folder)).ids("section")
    assert "forecasts" in sections and not {"by-step", "residuals", "coverage"} & set(sections)


DAMAGES = {
    "metrics.json": [b"{", b"[]", b'{"test": 3}', b'{"test": {"mae": NaN}}', b"\xff\xfe", b"[" * 100_000],
    "facts.json": [b"{}", b"null", b'{"task": {"kind": "tag"}}'],
    "history.jsonl": [b"{}\n", b"[1]\n", b'{"epoch": 1}\n{"epoch"'],
    "predictions.json": [b"{}", b'{"kind": "forecast"}', b'{"kind": "tag", "names": []}', b"3"],
    "predictions.safetensors": [b"", b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{}"],
    "spec.yaml": [b"a: [", b"- 1", b"a: 1\na: 2"],
}


@pytest.mark.parametrize("name, content", [(name, content) for name, damages in DAMAGES.items() for content in damages])
def test_a_damaged_file_is_named_and_no_page_is_written(forecast_folder, name, content):
    (forecast_folder / name).write_bytes(content)
    with pytest.raises(BundleError, match=r"predictions\.safetensors" if name == "predictions.json" and len(content) > 1 else re.escape(name)):
        report.write(forecast_folder)
    assert not (forecast_folder / "report.html").exists()


def test_tensors_that_do_not_fit_their_description_are_refused(classify_folder):
    arrays = load_file(classify_folder / "predictions.safetensors")
    for wrong in ({"truth": arrays["truth"] + 5}, {"truth": arrays["truth"][1:]}, {"probabilities": arrays["probabilities"] * np.nan}):
        save_file({name: np.ascontiguousarray(array) for name, array in (arrays | wrong).items()}, classify_folder / "predictions.safetensors")
        with pytest.raises(BundleError, match="truth|probabilities"):
            report.write(classify_folder)


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(BundleError, match="no such run folder"):
        report.write(tmp_path / "nowhere")
    with pytest.raises(BundleError, match="holds none of"):
        report.write(tmp_path)


def test_charts_offer_no_way_to_send_themselves_away(forecast_folder):
    script = (Path(report.__file__).parent / "script.js").read_text()
    assert 'showSendToCloud: false, plotlyServerURL: ""' in script and 'modeBarButtons: [["resetScale2d", "toImage"]]' in script
    assert "showSendToCloud: false" in html(forecast_folder)


def test_a_link_is_not_followed(forecast_folder, tmp_path):
    (forecast_folder / "metrics.json").rename(tmp_path / "elsewhere.json")
    (forecast_folder / "metrics.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(BundleError, match="metrics.json"):
        report.write(forecast_folder)


@pytest.fixture
def sealed(forecast_folder):
    save_file({"w": np.zeros(3)}, forecast_folder / "weights.safetensors")
    bundle.seal(forecast_folder)
    return forecast_folder


def test_a_finished_run_is_sealed_again_with_its_report_and_card(sealed):
    report.write(sealed)
    assert {"report.html", "card.md"} <= set(bundle.Bundle.open(sealed).files)
    first = (sealed / "manifest.json").read_bytes()
    (sealed / "report.html").write_text("damaged")
    report.write(sealed)
    assert (sealed / "manifest.json").read_bytes() == first


def test_a_finished_run_that_was_changed_gets_no_report(sealed):
    change(sealed, "metrics.json", lambda metrics: metrics["test"].update(mae=1.0))
    with pytest.raises(BundleError, match="metrics.json"):
        report.write(sealed)
    assert not (sealed / "report.html").exists()
