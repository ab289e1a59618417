"""The figures: the model beside the baselines, the best of every metric marked."""

from __future__ import annotations

from unspool.report.contents import Contents, Json, finite
from unspool.report.markup import Markup, section, table, tag, text
from unspool.report.verdict import baseline_words, baselines, scores, target_unit
from unspool.report.words import column, metric_words

MARK = tag("span", text("best"), class_="mark")


def figures(contents: Contents) -> Markup | None:
    """Model and baselines side by side, the best of every metric marked; then the model on the validation part."""
    test, validation = scores(contents.figures("test")), scores(contents.figures("validation"))
    if not test:
        return section("figures", "Figures", _compare(contents, "Validation part", {"Model": validation})) if validation else None
    rivals = {baseline_words(name): scores(values) for name, values in baselines(contents).items()}
    parts = [_compare(contents, f"Test part: the model{' and the baselines' if rivals else ''}", {"Model": test} | rivals)]
    targets = {name: scores(values) for name, values in contents.figures("test", "targets").items() if isinstance(values, dict)}
    parts += [_compare(contents, "Test part: the model, target by target", targets, mark=False)] if len(targets) > 1 else []
    both = {"Validation": validation, "Test": test}
    parts += [_compare(contents, "The model on both parts", both, mark=False)] if validation else []
    return section("figures", "Figures", *parts)


def _compare(contents: Contents, caption: str, rows: dict[str, Json], mark: bool = True) -> Markup:
    names = list(dict.fromkeys(key for row in rows.values() for key in row if finite(row[key]) is not None))
    unit = target_unit(contents)
    head, columns = [text("")], []
    for name in names:
        words = metric_words(name)
        below = words.unit.replace("{unit}", unit or "own unit")
        arrow = {True: "lower is better", False: "higher is better", None: ""}[words.lower]
        small = tag("small", text(below), class_="unit") if below else Markup("")
        head.append(Markup(tag("abbr", text(words.short), title=f"{words.full}; {arrow}".rstrip("; ")) + small))
        values = [finite(row.get(name)) for row in rows.values()]
        columns.append(_marked(values, words.lower if mark and len(rows) > 1 else None))
    cells = [[text(row), *(column[index] for column in columns)] for index, row in enumerate(rows)]
    return table(caption, head, cells, numeric=range(1, len(names) + 1), class_="compare")


def _marked(values: list[float | None], lower: bool | None) -> list[Markup]:
    known = [value for value in values if value is not None]
    best = None if lower is None or len(known) < 2 else (min if lower else max)(known)
    written = zip(values, column(values), strict=True)
    return [Markup(MARK + tag("b", text(cell))) if value is not None and value == best else text(cell) for value, cell in written]
