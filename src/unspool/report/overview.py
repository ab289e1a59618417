"""What every run's page has: what was asked, live against offline, how to do it again."""

from __future__ import annotations

from typing import Any

from unspool.data.facts import Facts, GenerateFacts
from unspool.report.contents import Contents, Json, finite
from unspool.report.markup import Markup, definitions, join, paragraph, section, table, tag, text
from unspool.report.values import grid, said
from unspool.report.verdict import deciding_metric, target_unit
from unspool.report.words import counted, duration, listed, metric_words, number, percent, plain


def asked(contents: Contents) -> Markup | None:
    """What was asked, in words."""
    pairs = [(term, text(words)) for term, words in asked_words(contents) if words]
    return section("asked", "What was asked", definitions(pairs)) if pairs else None


def asked_words(contents: Contents) -> list[tuple[str, str]]:
    """Terms and sentences; an empty sentence where nothing is known."""
    return [
        ("Task", task_words(contents)),
        ("Data", _data_words(contents)),
        ("Split", _split_words(contents)),
        ("Memory", _memory_words(contents)),
        ("Model", _model_words(contents)),
    ]


def task_words(contents: Contents) -> str:
    task, facts = contents.part_of_spec("task"), contents.facts
    decides = deciding_metric(contents)
    by = f" {metric_words(decides).full.capitalize() if decides else ''} decides." if decides else ""
    if contents.kind == "forecast":
        unit = target_unit(contents)
        targets = facts.preparation.targets if facts else contents.part_of_spec("data", "columns").get("target", ())
        named = unit or (listed(list(map(str, targets))) if isinstance(targets, list | tuple) and targets else "the targets")
        horizon = facts.task.horizon if facts and facts.task.kind == "forecast" else task.get("horizon")
        ahead = f"for the next {counted(horizon, 'step')}" if isinstance(horizon, int) else "ahead"
        return f"Forecast {named} {ahead}{_span(contents, horizon)}, at every step.{by}"
    if contents.kind == "classify":
        labels = facts.preparation.labels if facts and facts.preparation.labels else ()
        if contents.several:
            return f"Tell which labels a whole record has{f', any of {len(labels):,}: {listed(labels)}' if labels else ''}.{by}"
        return f"Tell the class of a whole record{f', one of {len(labels):,}: {listed(labels)}' if labels else ''}.{by}"
    if contents.kind == "tag":
        labels = facts.preparation.labels if facts and facts.preparation.labels else ()
        return f"Tell the tag of every word{f', one of {len(labels):,}: {listed(labels)}' if labels else ''}.{by}"
    if contents.kind == "generate":
        size = facts.preparation.code_sizes[0] if facts and facts.preparation.tokens else None
        return f"Foresee the next token of running text{f', one of {size:,}' if size else ''}, at every token.{by}"
    return ""


def _span(contents: Contents, horizon: Any) -> str:
    seconds = contents.facts.preparation.frequency_seconds if contents.facts else None
    return f" ({duration(seconds * horizon)})" if seconds and isinstance(horizon, int) else ""


def _data_words(contents: Contents) -> str:
    data, source = contents.figures("data"), contents.part_of_spec("data", "source")
    rows, records = data.get("rows"), data.get("records")
    words = [str(source["path"])] if source.get("path") else []
    words += [counted(rows, "row")] if isinstance(rows, int) else []
    words += [f"in {counted(records, 'record')}"] if isinstance(records, int) else []
    facts = contents.facts
    if facts and facts.preparation.frequency_seconds:
        words.append(f"one row every {duration(facts.preparation.frequency_seconds)}")
    return ", ".join(words) + "." if words else ""


SPLIT_WORDS = {
    "time": "By time, train before validation before test",
    "random": "Whole records, drawn by the seed",
    "group": "Whole groups, drawn by the seed: no group is in two parts",
    "given": "As the owner of the data split it",
}


def _split_words(contents: Contents) -> str:
    default = {"forecast": "time", "classify": "random", "tag": "random", "generate": "time"}.get(contents.kind, "")
    words = SPLIT_WORDS.get(str(contents.part_of_spec("data", "split").get("kind", default)), "")
    bounds = [f"{name} from {said(part['from'])} to {said(part['to'])}" for name, part in _timed_parts(contents).items()]
    return words + (": " + ", ".join(bounds) if bounds else "") + "." if words else ""


def _timed_parts(contents: Contents) -> Json:
    parts = contents.figures("data", "parts")
    return {name: part for name, part in parts.items() if isinstance(part, dict) and part.get("from") and part.get("to")}


def _memory_words(contents: Contents) -> str:
    memory = contents.facts.memory if contents.facts else None
    if memory is None:
        return ""
    live = contents.facts is not None and contents.facts.live
    where = "the same way in training, in these figures and live" if live else "the same way in training and in these figures"
    if memory.kind == "carried":
        return f"Carried: the state runs along the whole record, {where}."
    steps = counted(memory.context, "step") if memory.context else "a fixed number of steps"
    return f"Windowed: the last {steps} are read anew for every answer, {where}."


def _model_words(contents: Contents) -> str:
    backbone, cell = contents.part_of_spec("model", "backbone"), contents.part_of_spec("model", "backbone", "cell")
    if not cell:
        return ""
    layers = backbone.get("layers", 1)
    hidden = cell.get("hidden")
    words = [f"{counted(layers, 'layer') if isinstance(layers, int) else ''} of {str(cell.get('kind', 'cell')).upper()}"]
    words += [f"with {counted(hidden, 'unit')} each"] if isinstance(hidden, int) and layers != 1 else []
    words += [f"with {counted(hidden, 'unit')}"] if isinstance(hidden, int) and layers == 1 else []
    words += ["reading from both ends"] if backbone.get("bidirectional") else []
    front = backbone.get("front")
    words += [f"behind {counted(len(front), 'convolution')}"] if isinstance(front, list) and front else []
    head, parameters = contents.part_of_spec("model", "head").get("kind"), contents.figures("training").get("parameters")
    tail = f"; {head} head" if head else ""
    tail += f"; {counted(parameters, 'parameter')}" if isinstance(parameters, int) else ""
    return " ".join(words) + tail + "." + _blend_words(contents.facts)


def _blend_words(facts: Facts | None) -> str:
    """What stands beside a language model's network."""
    blend = facts.task.blend if facts is not None and isinstance(facts.task, GenerateFacts) else None
    if blend is None:
        return ""
    grams = f"{counted(sum(blend.grams), 'n-gram')} of up to {counted(len(blend.grams), 'token')}"
    return f" Beside it {grams}: {percent(1 - blend.share)} of every probability is theirs."


def verify(contents: Contents) -> Markup | None:
    """Live against offline, or why there is no live."""
    checked, facts = contents.figures("verify"), contents.facts
    reason = checked.get("not_live") or (facts.why_not_live if facts and not facts.live else None)
    if reason:
        return section("verify", "Live", paragraph(f"This model cannot run live: {str(reason).rstrip('.')}."))
    comparisons = checked.get("comparisons")
    if not isinstance(comparisons, dict) or not comparisons:
        return None
    if all(isinstance(value, dict) for value in comparisons.values()):
        listing = grid("Largest differences", "Compared", {plain(key).capitalize(): value for key, value in comparisons.items()})
    else:
        rows = [[text(plain(key).capitalize()), text(said(value))] for key, value in comparisons.items()]
        listing = table("Largest differences", ["Compared", "Largest difference"], rows, numeric=[1], class_="pairs")
    return section("verify", "Live equals offline", paragraph(_agreement(checked)), listing)


def _agreement(checked: Json) -> str:
    tolerance = finite(checked.get("tolerance"))
    within = f" within {number(tolerance)}" if tolerance is not None else ""
    if checked.get("equal"):
        return f"Every way of running this model gives the same answer{within}."
    limit = f" of {number(tolerance)}" if tolerance is not None else ""
    return f"Ways of running this model differ by more than the tolerance{limit}: do not run it live."


def again(contents: Contents) -> Markup | None:
    """What it takes to have this run again."""
    training, command = contents.figures("training"), contents.metrics.get("command")
    shown = tag("pre", tag("code", text(command)), tabindex="0", aria_label="Command") if command else None
    rows: list[tuple[str, Markup]] = []
    rows += [("Seed", text(training["seed"]))] if training.get("seed") is not None else []
    digest = contents.figures("data").get("sha256")
    rows += [("Data, sha256", _digests(digest))] if digest else []
    versions = training.get("versions")
    if isinstance(versions, dict) and versions:
        rows.append(("Versions", text(", ".join(f"{name} {version}" for name, version in versions.items()))))
    rows += [("Training", text(spent))] if (spent := _training_words(training)) else []
    spec = None
    if contents.spec_text:
        inner = tag("pre", tag("code", text(contents.spec_text)), tabindex="0", aria_label="Resolved spec")
        spec = tag("details", join(tag("summary", text("The resolved spec, every choice written out")), inner))
    if not (shown or rows or spec):
        return None
    return section("again", "How to do it again", shown, definitions(rows) if rows else None, spec)


def _training_words(training: Json) -> str:
    seconds, epochs, best = finite(training.get("seconds")), training.get("epochs"), training.get("best_epoch")
    words = [duration(seconds)] if seconds is not None else []
    words += [counted(epochs, "epoch")] if isinstance(epochs, int) else []
    words += [f"epoch {best:,} kept"] if isinstance(best, int) else []
    words += ["stopped since the validation part no longer gained"] if training.get("stopped_early") else []
    return ", ".join(words)


def _digests(digest: Any) -> Markup:
    pairs = digest.items() if isinstance(digest, dict) else [("", digest)]
    return join(*(tag("code", text(f"{name} {value}".strip()), class_="digest") for name, value in pairs))


def highlights(contents: Contents) -> Markup | None:
    """A few numbers under the verdict."""
    pairs = []
    metric = deciding_metric(contents)
    value = finite((contents.figures("test") or contents.figures("validation")).get(metric)) if metric else None
    if metric and value is not None:
        words = metric_words(metric)
        pairs.append((words.short, percent(value) if words.unit == "share" else number(value)))
    training = contents.figures("training")
    if isinstance(training.get("parameters"), int):
        pairs.append(("Parameters", number(training["parameters"])))
    seconds = finite(training.get("seconds"))
    pairs += [("Training", duration(seconds))] if seconds is not None else []
    facts = contents.facts
    if facts is not None and facts.task.kind == "generate":
        pairs.append(("Tokens to learn from", number(facts.task.tokens)))
    else:
        rows = contents.figures("data").get("rows")
        pairs += [("Rows", number(rows))] if isinstance(rows, int) else []
    if facts is not None:
        pairs.append(("Live", "yes" if facts.live else "no"))
    return definitions([(term, text(shown)) for term, shown in pairs], class_="highlights") if pairs else None
