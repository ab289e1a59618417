"""The sections of a tagger: kinds of spans or tags, and sentences with what was said and what is true."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from unspool.data.schemes import Span, spans
from unspool.metrics.classify import confusion_matrix, per_class
from unspool.report.classify import commonest
from unspool.report.contents import Contents, finite
from unspool.report.markup import Markup, join, paragraph, section, table, tag, text
from unspool.report.predictions import Tagged, TagRun
from unspool.report.words import counted, cut, percent

COLOURS, SHOWN, MOST_TAGS, LONGEST_WORDS = 6, 15, 200, 80


def sections(contents: Contents) -> list[Markup | None]:
    """The sections in order; none where there are no tags."""
    run = contents.predictions
    if not isinstance(run, TagRun):
        return []
    return [_types(contents) if run.spans else _tags(run), _sentences(run)]


def _types(contents: Contents) -> Markup | None:
    """Spans kind by kind, as `metrics.json` has them."""
    found = contents.figures("test", "per_type")
    rows = []
    for name, support in sorted(((name, _support(found[name])) for name in found), key=lambda pair: (-pair[1], pair[0])):
        cells = [finite(contents.figures("test", "per_type", name).get(key)) for key in ("precision", "recall", "f1")]
        numbers = ["\N{EN DASH}" if cell is None else f"{cell:.3f}" for cell in cells]
        rows.append([*map(text, (cut(name, 80), *numbers, f"{support:,}"))])
    words = "A span counts as found where its first word, its last word and its type are right."
    listing = table("Every type of span", ["Type", "Precision", "Recall", "F1", "Spans"], rows, numeric=range(1, 5))
    return section("types", "Type by type", paragraph(words), listing) if rows else None


def _support(figures: Any) -> int:
    """How many true spans; 0 where nothing tells."""
    return int(finite(figures.get("support")) or 0) if isinstance(figures, dict) else 0


def _tags(run: TagRun) -> Markup | None:
    if not run.sentences:
        return None
    best = np.concatenate([sentence.best for sentence in run.sentences])
    truth = np.concatenate([sentence.truth for sentence in run.sentences])
    if not (truth >= 0).any():
        return None
    best, truth = best[truth >= 0], truth[truth >= 0]
    scores = per_class(truth, best, len(run.labels))
    order = sorted(range(len(run.labels)), key=lambda k: (-scores[k]["support"], k))[:MOST_TAGS]
    rows = [
        [text(cut(run.labels[k], 80)), *(text(f"{scores[k][key]:.3f}") for key in ("precision", "recall", "f1")), text(f"{scores[k]['support']:,}")]
        for k in order
    ]
    listing = table("Every tag", ["Tag", "Precision", "Recall", "F1", "Words"], rows, numeric=range(1, 5))
    return section("tags", "Tag by tag", listing, commonest(confusion_matrix(truth, best, len(run.labels)), run.labels, "word"))


def _sentences(run: TagRun) -> Markup | None:
    """The sentences that hold the surest mistakes."""
    wrong = [(float(np.max(one.confidence, where=(one.best != one.truth) & (one.truth >= 0), initial=0)), one) for one in run.sentences]
    chosen = sorted((pair for pair in wrong if pair[0] > 0), key=lambda pair: -pair[0])[:SHOWN]
    if not chosen:
        return section("sentences", "Sentences", paragraph("No word of the test part is tagged wrongly."))
    count = sum(sure > 0 for sure, _ in wrong)
    words = (
        f"{counted(count, 'sentence')} of {len(wrong):,} {'holds' if count == 1 else 'hold'} a mistake. Below, those with the mistakes that "
        "the model was surest of; wrong tags in the data often show up here."
    )
    colours = _colours(run)
    items = join(*(_item(run, *pair, colours) for pair in chosen))
    return section("sentences", "The most confident mistakes", paragraph(words), tag("ol", items, class_="examples"))


def _item(run: TagRun, sure: float, sentence: Tagged, colours: dict[str, int]) -> Markup:
    head = tag("p", tag("small", text(f"{percent(sure)} sure of a mistake, record {sentence.name}")))
    sentence = excerpt(sentence)
    said, true = (_line(run, label, numbers, sentence, colours) for label, numbers in (("said", sentence.best), ("true", sentence.truth)))
    return tag("li", join(head, said, true))


def _line(run: TagRun, label: str, numbers: Any, sentence: Tagged, colours: dict[str, int]) -> Markup:
    names = [run.labels[number] if number >= 0 else "?" for number in numbers.tolist()]
    marked = _marks(run, names, sentence)
    return tag("blockquote", join(tag("small", text(label)), _coloured(sentence, marked, colours)), class_="tagged")


def excerpt(sentence: Tagged) -> Tagged:
    """As many words as a page shows, about the surest mistake."""
    words = len(sentence.best)
    if words <= LONGEST_WORDS:
        return sentence
    place = int(np.argmax(np.where((sentence.best != sentence.truth) & (sentence.truth >= 0), sentence.confidence, -1)))
    first = 0 if place < LONGEST_WORDS else min(place - LONGEST_WORDS // 2, words - LONGEST_WORDS)
    kept = slice(first, first + LONGEST_WORDS)
    offsets = sentence.offsets[kept]
    start, stop = int(offsets[0, 0]), int(offsets[-1, 1])
    before, after = "\N{HORIZONTAL ELLIPSIS} " * (first > 0), " \N{HORIZONTAL ELLIPSIS}" * (kept.stop < words)
    return replace(
        sentence, text=before + sentence.text[start:stop] + after, offsets=offsets - start + len(before), best=sentence.best[kept],
        confidence=sentence.confidence[kept], truth=sentence.truth[kept],
    )  # fmt: skip


def _marks(run: TagRun, names: Sequence[str], sentence: Tagged) -> list[Span]:
    """What is coloured: spans, or words of which the two lines differ."""
    if run.spans:
        return spans(names)
    differ = (sentence.best != sentence.truth).tolist()
    return [Span(name, step, step + 1) for step, name in enumerate(names) if differ[step]]


def _coloured(sentence: Tagged, marked: Sequence[Span], colours: dict[str, int]) -> Markup:
    return Markup("".join(_pieces(sentence, marked, colours)))


def _pieces(sentence: Tagged, marked: Sequence[Span], colours: dict[str, int]) -> Iterator[str]:
    places, at = sentence.offsets.tolist(), 0
    for kind, start, stop in marked:
        first, last = places[start][0], places[stop - 1][1]
        yield text(sentence.text[at:first])
        yield tag("mark", text(sentence.text[first:last]) + tag("sub", text(kind)), class_=f"type-{colours.get(kind, 0)}")
        at = last
    yield text(sentence.text[at:])


def _colours(run: TagRun) -> dict[str, int]:
    """A colour for every type, the commonest ones first; they come again where there are more."""
    kinds: dict[str, int] = {}
    for sentence in run.sentences:
        for numbers in (sentence.best, sentence.truth):
            names = [run.labels[number] if number >= 0 else "?" for number in numbers.tolist()]
            for kind in [span.type for span in spans(names)] if run.spans else names:
                kinds[kind] = kinds.get(kind, 0) + 1
    return {kind: place % COLOURS for place, kind in enumerate(sorted(kinds, key=lambda kind: (-kinds[kind], kind)))}
