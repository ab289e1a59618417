"""The sections of a language model: what it writes by itself, and which tokens surprise it most."""

from __future__ import annotations

import numpy as np

from unspool.answers.generate import shown
from unspool.report.contents import Contents
from unspool.report.markup import Markup, join, paragraph, section, table, tag, text
from unspool.report.predictions import TokenRun
from unspool.report.words import cut, number, percent

SHOWN, LONGEST_SAMPLE = 20, 2000
NAMES = {"\n": "the end of a line", " ": "a blank", "\t": "a tab"}


def sections(contents: Contents) -> list[Markup | None]:
    """The sections in order; none where there are no tokens."""
    run = contents.predictions
    return [_samples(run), _surprises(contents, run)] if isinstance(run, TokenRun) else []


def _samples(run: TokenRun) -> Markup | None:
    if not run.samples:
        return None
    words = "Drawn token by token from nothing, by the model's own probabilities. The seed of the run gives the same text again."
    items = join(*(tag("li", tag("blockquote", text(cut(sample, LONGEST_SAMPLE)), style="white-space: pre-wrap")) for sample in run.samples))
    return section("samples", "What it writes", paragraph(words), tag("ol", items, class_="examples"))


def _surprises(contents: Contents, run: TokenRun) -> Markup | None:
    """The tokens on which most of the surprise falls, over all places where they stand."""
    tokens = contents.facts.preparation.tokens if contents.facts else None
    if tokens is None or not len(run.codes) or run.codes.max() >= tokens.vocabulary.size:
        return None
    bits = np.bincount(run.codes, -run.log_probabilities / np.log(2), tokens.vocabulary.size)
    counts = np.bincount(run.codes, minlength=tokens.vocabulary.size)
    chosen = [code for code in np.argsort(-bits, kind="stable")[:SHOWN].tolist() if bits[code] > 0]
    names = {code: shown(tokens, code) for code in chosen}
    rows = [
        [text(NAMES.get(names[code], cut(names[code], 40))), text(f"{counts[code]:,}"), text(number(bits[code] / counts[code], 3)),
         text(percent(bits[code] / bits.sum()))]
        for code in chosen
    ]  # fmt: skip
    words = "Each token's share of all the bits that the test part takes: common tokens that are hard to foresee stand first."
    listing = table("The most surprising tokens", ["Token", "Times", "Bits each", "Share of all bits"], rows, numeric=range(1, 4))
    return section("surprises", "Where the surprise lies", paragraph(words), listing)
