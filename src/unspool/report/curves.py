"""Learning curves: the train part's loss and the deciding validation metric, epoch by epoch."""

from __future__ import annotations

from typing import Any

from unspool.report.contents import Contents, finite
from unspool.report.markup import Markup, figure, section
from unspool.report.verdict import deciding_metric
from unspool.report.words import metric_words, number

Figure = dict[str, Any]
NOT_METRICS = ("epoch", "steps", "loss", "rate", "gradient_norm")


def curves(contents: Contents, charts: dict[str, list[Figure]]) -> Markup | None:
    """The section, its chart being added to `charts`; None where nothing was learnt yet."""
    lines = contents.history
    if not any(finite(line.get("loss")) is not None for line in lines):
        return None
    metric = _metric(contents)
    epochs = [line["epoch"] for line in lines]
    best = contents.figures("training").get("best_epoch")
    best = best if best in epochs else None
    loss = [finite(line.get("loss")) for line in lines]
    values = [finite(line.get(metric)) for line in lines] if metric else []
    charts["curves"] = [_chart(epochs, loss, values, metric, best)]
    first, last = (number(value) for value in (next(v for v in loss if v is not None), next(v for v in reversed(loss) if v is not None)))
    label = f"Train loss from {first} to {last} over {len(epochs)} epochs"
    kept = f" The weights of epoch {best:,} were kept (dotted line)." if best is not None else ""
    shown = f", below it the validation part\u2019s {metric_words(metric).full}" if metric else ""
    caption = f"Mean loss of the train part by epoch, in scaled units{shown}.{kept}"
    return section("learning", "How it learnt", figure("curves", label, caption, "tall" if metric else "medium"))


def _metric(contents: Contents) -> str | None:
    found = [key for line in contents.history for key in line if key not in NOT_METRICS and finite(line[key]) is not None]
    decides = deciding_metric(contents) or str(contents.part_of_spec("task").get("metric", ""))
    return decides if decides in found else (found[0] if found else None)


def _chart(epochs: list[int], loss: list[Any], values: list[Any], metric: str | None, best: int | None) -> Figure:
    mode = "lines+markers" if len(epochs) <= 40 else "lines"
    style = {"type": "scatter", "mode": mode, "marker": {"size": 5}}
    data = [style | {"name": "train loss", "x": epochs, "y": loss, "line": {"color": "var(--soft)", "width": 2}}]
    whole = {"title": {"text": "epoch"}, "dtick": 1} if len(epochs) <= 10 else {"title": {"text": "epoch"}}
    layout: Figure = {"xaxis": whole, "yaxis": {"title": {"text": "train loss"}}, "showlegend": False, "hovermode": "x unified"}
    if metric:
        words = metric_words(metric)
        name = f"validation {_lowered(words.short)}"
        data.append(style | {"name": name, "x": epochs, "y": values, "yaxis": "y2", "line": {"color": "var(--model)", "width": 2}})
        layout["yaxis"] |= {"domain": [0.56, 1]}
        layout["yaxis2"] = {"domain": [0, 0.44], "title": {"text": name}}
        layout["xaxis"] |= {"anchor": "y2"}
    if best is not None:
        line = {"color": "var(--ink)", "width": 1, "dash": "dot"}
        layout["shapes"] = [{"type": "line", "xref": "x", "yref": "paper", "x0": best, "x1": best, "y0": 0, "y1": 1, "line": line}]
        layout["annotations"] = [
            {"x": best, "y": 1, "xref": "x", "yref": "paper", "text": "kept", "showarrow": False, "yanchor": "bottom", "font": {"size": 11}}
        ]
    return {"data": data, "layout": layout}


def _lowered(short: str) -> str:
    """Within a phrase: `accuracy`, but `MAE`."""
    return short[0].lower() + short[1:] if short[1:2].islower() else short
