"""Training of a language model, ours beside plain torch: `python benchmarks/language.py`.

The network of examples/penn_treebank.yaml on the same batches of the Penn Treebank, with and without the dropouts of AWD-LSTM, with a softmax over
all words and with an adaptive one; and one of as many parameters whose layers are as wide as the vectors, so that these are read from the states
themselves, as AWD-LSTM's are, with the example's shares of dropout and with those that AWD-LSTM has for this corpus, the last time with variational
dropout of the state too: forward, loss, backward, clipping and a fused Adam, in tokens a second. Torch has nn.LSTM along time first, as awd-lstm-lm
does, its masks by nn.functional.dropout, and nn.AdaptiveLogSoftmaxWithLoss, which ties no vectors; dropout of the state, which nn.LSTM lacks, is the
faster of two loops. The two train in turn, a few batches each. The data comes from `python examples/fetch.py`. Writes benchmarks/language.json and
prints the table.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side.about import about, write
from side_by_side.options import options
from side_by_side.table import headed, line

from unspool.run.prepare import build_network, set_up
from unspool.run.training import as_spec
from unspool.tasks.task import Examples
from unspool.training.learner import Learner
from unspool.types import Batch, Cut

RESULTS = Path(__file__).with_suffix(".json")
SPEC = Path(__file__).parents[1] / "examples" / "penn_treebank.yaml"
BATCHES, WARMUP = 6, 3
"""Of a turn, and before the first one."""

RATE, CLIP, CUTOFF = 1e-3, 0.5, 2000


class Shares(NamedTuple):
    """What dropout leaves out, as the spec names it."""

    vectors: float
    inputs: float
    between: float
    weights: float
    recurrent: float
    outputs: float


NONE = "none"
MERITY = Shares(vectors=0.1, inputs=0.4, between=0.25, weights=0.5, recurrent=0, outputs=0.4)
"""awd-lstm-lm's for the Penn Treebank (Merity et al. 2018)."""

DROPOUTS = {
    NONE: Shares(0, 0, 0, 0, 0, 0),
    "the example's": Shares(vectors=0.05, inputs=0.2, between=0.2, weights=0.2, recurrent=0, outputs=0.3),
    "AWD-LSTM's": MERITY,
    "AWD-LSTM's, and of the state": MERITY._replace(recurrent=0.25),
}
IN_THE_LAYERS = ("inputs", "between", "weights", "recurrent")


class Form(NamedTuple):
    """Of a network: widths of its vectors and layers, and what it has."""

    width: int
    hidden: int
    dropouts: str
    adaptive: bool


EXAMPLE, EVEN = (256, 384), (320, 320)
FORMS = [Form(*EXAMPLE, dropouts, adaptive) for dropouts in (NONE, "the example's") for adaptive in (False, True)]
FORMS += [Form(*EVEN, dropouts, False) for dropouts in DROPOUTS]

State = tuple[Tensor, Tensor]


def loop(layer: nn.LSTM, weight: Tensor, x: Tensor, keep: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, State]:
    """The inputs' product of all steps (T, B) at once, the rest of each in turn; `keep` (B, H) is of the state that the weights read."""
    outputs = []
    for instant in nn.functional.linear(x, layer.weight_ih_l0, layer.bias_ih_l0 + layer.bias_hh_l0):
        entered, forget, new, out = torch.addmm(instant, h * keep, weight.t()).chunk(4, 1)
        c = torch.addcmul(torch.sigmoid(forget) * c, torch.sigmoid(entered), torch.tanh(new))
        h = torch.sigmoid(out) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs), (h, c)


def cells(layer: nn.LSTM, weight: Tensor, x: Tensor, keep: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, State]:
    """Likewise by torch's own cell."""
    outputs = []
    for instant in x:
        h, c = torch._VF.lstm_cell(instant, (h * keep, c), layer.weight_ih_l0, weight, layer.bias_ih_l0, layer.bias_hh_l0)
        outputs.append(h)
    return torch.stack(outputs), (h, c)


class Language(nn.Module):
    """Words as vectors, two LSTMs, a projection unless they are as wide, the vectors again (Merity et al. 2018). Codes (T, B)."""

    def __init__(self, size: int, form: Form):
        super().__init__()
        width, hidden = form.width, form.hidden
        self.shares, self.dropped, self.by_steps = DROPOUTS[form.dropouts], form.dropouts != NONE, loop
        self.table = nn.Embedding(size, width)
        nn.init.normal_(self.table.weight, std=0.1)
        self.layers = nn.ModuleList([nn.LSTM(width, hidden), nn.LSTM(hidden, hidden)])
        self.narrow = nn.Identity() if width == hidden else nn.Linear(hidden, width, bias=False)
        self.adaptive = nn.AdaptiveLogSoftmaxWithLoss(width, size, [CUTOFF], div_value=1.0) if form.adaptive else None
        self.answer = None if form.adaptive else nn.Linear(width, size)
        if self.answer is not None:
            self.answer.weight = self.table.weight

    def loss(self, codes: Tensor, truth: Tensor, state: list[State] | None) -> tuple[Tensor, list[State]]:
        x, after = self.table(codes), []
        if self.dropped:
            kept = nn.functional.dropout(x.new_ones(self.table.num_embeddings), self.shares.vectors)
            x = x * kept[codes].unsqueeze(-1)
        for index, layer in enumerate(self.layers):
            x = self.locked(x, self.shares.between if index else self.shares.inputs)
            x, end = self.scan(layer, x, None if state is None else state[index])
            after.append((end[0].detach(), end[1].detach()))
        seen = self.locked(x, self.shares.outputs)
        read = self.narrow(seen).flatten(0, 1)
        loss = nn.functional.cross_entropy(self.answer(read), truth.flatten()) if self.adaptive is None else self.adaptive(read, truth.flatten()).loss
        if self.dropped:
            loss = loss + 2 * seen.square().mean() + (x[1:] - x[:-1]).square().mean()
        return loss, after

    def scan(self, layer: nn.LSTM, x: Tensor, before: State | None) -> tuple[Tensor, State]:
        if not self.dropped:
            return layer(x, before)
        weight = nn.functional.dropout(layer.weight_hh_l0, self.shares.weights)
        if not self.shares.recurrent:
            return torch.func.functional_call(layer, {"weight_hh_l0": weight}, (x, before))
        fresh = x.new_zeros(x.shape[1], layer.hidden_size)
        keep = nn.functional.dropout(torch.ones_like(fresh), self.shares.recurrent)
        return self.by_steps(layer, weight, x, keep, *(before or (fresh, fresh)))

    def locked(self, x: Tensor, share: float) -> Tensor:
        return x * nn.functional.dropout(x.new_ones(1, *x.shape[1:]), share) if self.dropped else x


def main() -> None:
    given = options(__doc__, RESULTS, 9)
    if not given.table:
        torch.set_num_threads(given.threads)
        rows = [measured(form, given) for form in FORMS]
        told = {"seed": given.seed, "threads": given.threads, "repeats": given.repeats, "batches": BATCHES, "rows": rows}
        write(given.out, {**about(("torch", "numpy")), **told})
    print(table(json.loads(given.out.read_text(encoding="utf-8"))))


def measured(form: Form, given: argparse.Namespace) -> dict[str, Any]:
    """Tokens a second of both, medians and quartiles."""
    torch.manual_seed(given.seed)
    spec = as_spec(SPEC, overrides(form), given.seed)
    check(spec.model, form)
    setup = set_up(spec)
    assert setup.facts.preparation.tokens is not None
    examples = setup.task.examples(setup.prepared, setup.spans["train"], "train")
    network = Language(setup.facts.preparation.tokens.vocabulary.size, form)
    learner = Learner(build_network(spec, setup.facts, setup.task), spec.train, torch.device("cpu"))
    learner.network.train()
    ways = {"ours": ours(learner), "torch": plain(network)}
    plans = {name: cycle(examples.plan(0)) for name in ways}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for name, step in ways.items():
        turn(step, plans[name], examples, WARMUP)
    if DROPOUTS[form.dropouts].recurrent:
        paces = {by_steps: tried(network, by_steps, ways["torch"], plans["torch"], examples) for by_steps in (loop, cells)}
        network.by_steps = max(paces, key=paces.__getitem__)
        print(f"torch by steps: {network.by_steps.__name__}", flush=True)
    for number in range(given.repeats):
        for name, step in ways.items():
            found[name].append(turn(step, plans[name], examples, BATCHES))
        print(f"{number + 1}/{given.repeats}: " + ", ".join(f"{name} {speeds[-1]:,.0f} tokens/s" for name, speeds in found.items()), flush=True)
    speeds = {name: {"median": median(speeds), "quartiles": quantiles(speeds, n=4)[::2]} for name, speeds in found.items()}
    ratio = median(mine / theirs for mine, theirs in zip(found["ours"], found["torch"], strict=True))
    return {**form._asdict(), "tokens_per_second": speeds, "ratio": ratio}


def tried(network: Language, by_steps: Any, step: Callable[[Batch], None], plan: Iterator[Cut], examples: Examples) -> float:
    """Tokens a second of torch by that loop."""
    network.by_steps = by_steps
    turn(step, plan, examples, WARMUP)
    return turn(step, plan, examples, WARMUP)


def overrides(form: Form) -> list[str]:
    """Of the spec, which has the example's dropouts and an adaptive softmax."""
    shares = DROPOUTS[form.dropouts]
    dropout = {**{name: getattr(shares, name) for name in IN_THE_LAYERS}, "locked": form.dropouts != NONE}
    chosen = {
        "embed.width": form.width,
        "embed.vector_dropout": shares.vectors,
        "backbone.cell.hidden": form.hidden,
        "backbone.dropout": dropout,
        "head.dropout": shares.outputs,
        **({} if form.adaptive else {"head.adaptive": []}),
        **({} if form.dropouts != NONE else {"head.activation": 0, "head.temporal": 0}),
    }
    return [f"model.{name}={json.dumps(value)}" for name, value in chosen.items()]


def check(model: Any, form: Form) -> None:
    """The network above is the spec's."""
    backbone, head = model.backbone, model.head
    assert (model.embed.width, backbone.cell.hidden, backbone.layers) == (*form[:2], 2) and head.tied
    assert head.adaptive == ((CUTOFF,) if form.adaptive else ())
    shares = Shares(model.embed.vector_dropout, *(getattr(backbone.dropout, name) for name in IN_THE_LAYERS), head.dropout)
    assert shares == DROPOUTS[form.dropouts]
    assert (head.activation, head.temporal) == ((0, 0) if form.dropouts == NONE else (2, 1))


def ours(learner: Learner) -> Callable[[Batch], None]:
    def step(batch: Batch) -> None:
        learner.gradient(learner.loss(batch))
        learner.step(RATE)

    return step


def plain(network: Language) -> Callable[[Batch], None]:
    optimizer = torch.optim.Adam(network.parameters(), RATE, fused=True)
    state: list[State] | None = None

    def step(batch: Batch) -> None:
        nonlocal state
        codes, truth = torch.from_numpy(batch.codes[..., 0]).T, torch.from_numpy(batch.truth).T
        optimizer.zero_grad()
        loss, state = network.loss(codes, truth, state if batch.carry.all() else None)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()

    return step


def turn(step: Callable[[Batch], None], plan: Iterator[Cut], examples: Examples, batches: int) -> float:
    """Tokens a second."""
    tokens, started = 0, perf_counter()
    for _ in range(batches):
        cut = next(plan)
        step(examples.batch(cut))
        tokens += int((cut.stop - cut.start).sum())
    return tokens / (perf_counter() - started)


def table(results: dict[str, Any]) -> str:
    lines = [headed(["vectors, units", "dropouts", "softmax", "Unspool, tokens/s", "torch, tokens/s", "times as fast"])]
    for row in results["rows"]:
        softmax = f"adaptive, {CUTOFF}" if row["adaptive"] else "whole"
        speeds = [f"{row['tokens_per_second'][name]['median']:,.0f}" for name in ("ours", "torch")]
        widths = f"{row['width']}, {row['hidden']}"
        lines.append(line([widths, row["dropouts"], softmax, *speeds, f"{row['ratio']:.2f}"]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
