"""The page as a whole: sections in order, and everything they need in one file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from unspool.report import classify, forecast, generate, multilabel, overview
from unspool.report import tag as tagger
from unspool.report.contents import Contents
from unspool.report.curves import curves
from unspool.report.data_facts import data
from unspool.report.figures import figures
from unspool.report.markup import Markup, join, script_json, tag, text
from unspool.report.verdict import Verdict, target_unit, verdict
from unspool.report.words import counted, cut, listed

NAMES_OF_UNITS = {"spaces": "words", "subwords": "sub-words"}


def page(contents: Contents) -> str:
    """The HTML, the same for the same contents."""
    charts: dict[str, list[dict[str, Any]]] = {}
    sections, drawn = _sections(contents, charts)
    drawing = {"charts": charts} | ({"forecast": drawn} if drawn else {})
    found = verdict(contents)
    return _filled(
        _resource("template.html"),
        {
            "title": text(title(contents)),
            "style": Markup(_resource("style.css")),
            "verdict": _verdict(found) if found else Markup(""),
            "highlights": overview.highlights(contents) or Markup(""),
            "contents": _links(sections),
            "sections": join(*sections),
            "scripts": _scripts(drawing) if charts or drawn else Markup(""),
        },
    )


def title(contents: Contents) -> str:
    facts = contents.facts
    if contents.kind == "forecast":
        targets = list(facts.preparation.targets) if facts else []
        named = target_unit(contents) or listed(targets, 3)
        horizon = facts.task.horizon if facts and facts.task.kind == "forecast" else contents.part_of_spec("task").get("horizon")
        ahead = f", {counted(horizon, 'step')} ahead" if isinstance(horizon, int) else ""
        return f"Forecast{f' of {cut(named, 80)}' if named else ''}{ahead}"
    if contents.kind == "classify":
        labels = facts.preparation.labels if facts else None
        if contents.several:
            return f"Labelling with {counted(len(labels), 'label')}" if labels else "Labelling"
        return f"Classification into {counted(len(labels), 'class', 'classes')}" if labels else "Classification"
    if contents.kind == "tag":
        labels = facts.preparation.labels if facts else None
        return f"Tagging with {counted(len(labels), 'tag')}" if labels else "Tagging"
    if contents.kind == "generate":
        tokens = facts.preparation.tokens if facts else None
        return f"Language model of {NAMES_OF_UNITS.get(tokens.unit, tokens.unit)}" if tokens else "Language model"
    return "A run"


def _sections(contents: Contents, charts: dict[str, list[dict[str, Any]]]) -> tuple[list[Markup], dict[str, Any]]:
    about, drawn = forecast.sections(contents, charts)
    about = about or classify.sections(contents, charts) or multilabel.sections(contents) or tagger.sections(contents) or generate.sections(contents)
    found = [
        figures(contents),
        *about,
        overview.asked(contents),
        data(contents),
        curves(contents, charts),
        overview.verify(contents),
        overview.again(contents),
    ]
    return [section for section in found if section], drawn


def _verdict(found: Verdict) -> Markup:
    claim, colon, rest = found.sentence.partition(": ")
    said = Markup(tag("strong", text(claim + ":")) + " " + text(rest)) if colon else text(found.sentence)
    return tag("p", said, class_=f"verdict {found.outcome}")


def _links(sections: list[Markup]) -> Markup:
    """A list of the sections, by the id and heading that each begins with."""
    places = [re.search(r'<section id="([^"]+)".*?<h2[^>]*>(.*?)</h2>', section, re.DOTALL) for section in sections]
    items = [tag("li", tag("a", place[2], href=f"#{place[1]}")) for place in places if place]
    return tag("nav", tag("ol", join(*items)), aria_label="Contents")


def _scripts(data: Mapping[str, Any]) -> Markup:
    library, script = tag("script", _plotly()), tag("script", _resource("script.js"))
    return join(tag("script", script_json(data), id="report-data", type="application/json"), library, script)


def _plotly() -> str:
    """The library as its wheel ships it; imported here, for few who import unspool write a report."""
    from plotly.offline import get_plotlyjs

    code = str(get_plotlyjs())
    assert "</script" not in code.lower(), "plotly.min.js would end its own script element"
    return code


def _resource(name: str) -> str:
    return files("unspool.report").joinpath(name).read_text("utf-8")


def _filled(template: str, parts: Mapping[str, Markup]) -> str:
    """The template with every `@name@` replaced at once, so that what is put in is never searched."""
    return re.sub(r"@(\w+)@", lambda match: parts[match[1]], template)
