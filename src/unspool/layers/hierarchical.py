"""Two levels in one layer: sentences of a document, words of a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from unspool.kernels.rows import last_steps, real_steps, where_rows
from unspool.layers.layer import Layer, State, branch, check_lengths, join_states, leaf, map_state

SHORT = 8
"""Words up to which sentences count as alike; of longer ones those within a factor of two."""


class Hierarchical(Layer):
    """One layer reads the words of a sentence from its beginning, another what the first gave at the end of each sentence (Yang et al. 2016).

    The last feature of an input is no word: where it is above zero, a sentence begins. The output at a step is that of the document so far, the
    sentence that goes on counting as it stands, so that it is at hand at every word; the state of the outer layer moves on where the next sentence
    begins. Where a layer reads from the end, all steps of a sentence have the output at its end.

    inner  (B, T, C - 1) to (B, T, W)       outer  (B, S, W) to (B, S, width)

    A network that asks at the end of documents alone trains through `end`, for which the outer layer reads sentences by its scan, dropout included;
    at the words of `scan` it steps, and a step leaves nothing out.
    """

    def __init__(self, inner: Layer, outer: Layer):
        super().__init__()
        if inner.stride != 1 or outer.stride != 1:
            raise ValueError(f"both levels need stride 1, got {inner.stride} for words and {outer.stride} for sentences; use layers without a stride")
        self.inner = inner
        self.outer = outer
        self.width = outer.width
        self.lookahead = max(inner.lookahead, outer.lookahead)
        self.register_buffer("none", torch.zeros(()), persistent=False)

    def initial_state(self, batch: int) -> State:
        assert isinstance(self.none, Tensor)
        return {
            "inner": self.inner.initial_state(batch),
            "outer": self.outer.initial_state(batch),
            "sentence": self.none.new_zeros(batch, self.inner.width),
            "begun": self.none.new_zeros(batch, 1),
        }

    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        check_lengths(x, lengths)
        state = self.first_state(x, state)
        cut = _cut(x, state, lengths)
        if cut is None:
            return x.new_zeros(*x.shape[:2], self.width), state
        read, sentences, inner = self._words(x[..., :-1], state, cut, every=self.causal)
        if self.causal:
            y, outer = self._so_far(read, sentences, branch(state, "outer"), cut)
        else:
            by_sentence, outer = self._by_sentence(sentences, branch(state, "outer"), cut)
            y = by_sentence[cut.row_of_word, cut.number]
        y = torch.index_put(y.new_zeros(*x.shape[:2], self.width), (cut.real,), y)
        return y, {"inner": inner, "outer": outer, **_begun(sentences, state, cut)}

    def end(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """As every layer's, (B, width), for one outer step a sentence, not one a word."""
        check_lengths(x, lengths)
        state = self.first_state(x, state)
        cut = _cut(x, state, lengths)
        if cut is None:
            return x.new_zeros(x.shape[0], self.width), state
        _, sentences, inner = self._words(x[..., :-1], state, cut, every=False)
        y, _ = self.outer.end(sentences, branch(state, "outer"), torch.where(cut.any[:, 0], cut.finished + 1, 0))
        _, outer = self.outer.end(sentences, branch(state, "outer"), cut.finished)
        return y, {"inner": inner, "outer": outer, **_begun(sentences, state, cut)}

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        anew = (x[:, -1:] > 0) & (leaf(state, "begun") > 0)
        _, moved = self.outer.step(leaf(state, "sentence"), branch(state, "outer"))
        outer = join_states(lambda new, old: where_rows(anew, new, old), moved, branch(state, "outer"))
        inner = join_states(lambda new, old: where_rows(anew, new, old), self.inner.initial_state(1), branch(state, "inner"))
        sentence, inner = self.inner.step(x[:, :-1], inner)
        y, _ = self.outer.step(sentence, outer)
        return y, {"inner": inner, "outer": outer, "sentence": sentence, "begun": torch.ones_like(leaf(state, "begun"))}

    def _words(self, words: Tensor, state: State, cut: _Cut, every: bool) -> tuple[Tensor, Tensor, State]:
        """What the inner layer gives at every real word (R, W), of no rows unless `every`, and at the end of every sentence (B, S, W), and its state
        after each row. Sentences of like length are read together, for one that is long would make padding of all others."""
        before, real = branch(state, "inner"), words[cut.real]
        start = join_states(lambda old, new: where_rows(cut.goes_on, old[cut.row], new), before, self.inner.initial_state(len(cut.row)))
        read, ends, after = [], [], []
        for alike in cut.alike:
            longest = int(cut.sizes[alike.sentences].max())
            places = alike.rank * longest + cut.within[alike.words]
            laid = torch.index_put(words.new_zeros(len(alike.sentences) * longest, words.shape[2]), (places,), real[alike.words])
            begin = map_state(lambda tensor, rows=alike.sentences: tensor[rows], start)  # type: ignore[misc]
            laid, sizes = laid.view(len(alike.sentences), longest, -1), cut.sizes[alike.sentences]
            if every:
                y, end = self.inner.scan(laid, begin, sizes)
                read.append(y.flatten(0, 1)[places])
                ends.append(last_steps(y, sizes))
            else:
                last, end = self.inner.end(laid, begin, sizes)
                ends.append(last)
            after.append(end)
        back = torch.argsort(torch.cat([alike.sentences for alike in cut.alike]))
        last = torch.cat(ends)[back]
        sentences = torch.index_put(last.new_zeros(*cut.there.shape, last.shape[1]), (cut.there,), last)
        # Where a row goes on with a new sentence, the one before it stands in the state.
        first = torch.where(cut.there[:, :1], sentences[:, 0], leaf(state, "sentence"))
        sentences = torch.cat([first.unsqueeze(1), sentences[:, 1:]], dim=1)
        inner = join_states(lambda new, old: where_rows(cut.any, new[back[cut.last]], old), _joined(torch.cat, after), before)
        of_words = torch.argsort(torch.cat([alike.words for alike in cut.alike]))
        return torch.cat(read)[of_words] if every else last[:0], sentences, inner

    def _so_far(self, read: Tensor, sentences: Tensor, state: State, cut: _Cut) -> tuple[Tensor, State]:
        """Outputs (R, width) of the document up to each real word, and the state after the sentences that are over."""
        states = [state]
        for number in range(sentences.shape[1] - 1):
            states.append(self.outer.step(sentences[:, number], states[-1])[1])
        stacked = _joined(torch.stack, states)
        y, _ = self.outer.step(read, map_state(lambda tensor: tensor[cut.number, cut.row_of_word], stacked))
        rows = torch.arange(len(sentences), device=sentences.device)
        return y, map_state(lambda tensor: tensor[cut.finished, rows], stacked)

    def _by_sentence(self, sentences: Tensor, state: State, cut: _Cut) -> tuple[Tensor, State]:
        """Outputs (B, S, width) at the end of each sentence, and the state after the sentences that are over."""
        y, _ = self.outer.scan(sentences, state, torch.where(cut.any[:, 0], cut.finished + 1, 0))
        _, after = self.outer.scan(sentences, state, cut.finished)
        return y, after


@dataclass(frozen=True)
class _Alike:
    """Sentences of like length: which of all N they are, which of all R words are theirs, and of each such word its sentence among them."""

    sentences: Tensor
    words: Tensor
    rank: Tensor


@dataclass(frozen=True)
class _Cut:
    """Rows (B, T) cut into N sentences, of which each row has at most S, numbered from 0, the one that went on before.

    real (B, T)        row_of_word, number, within (R,)  of every real word its row, its sentence in the row and its place in the sentence
    there (B, S)       sentences that have a word       row, sizes (N,), goes_on (N, 1)  of every such sentence
    finished (B,)      sentences that are over          last (B,)  the sentence among N with which a row ends
    any (B, 1)         rows that have a word            alike      the sentences in groups of like length
    """

    real: Tensor
    row_of_word: Tensor
    number: Tensor
    within: Tensor
    there: Tensor
    row: Tensor
    sizes: Tensor
    goes_on: Tensor
    finished: Tensor
    last: Tensor
    any: Tensor
    alike: list[_Alike]

    @classmethod
    def of(cls, marks: Tensor, begun: Tensor, real: Tensor) -> _Cut:
        """marks (B, T) True where a sentence begins; begun (B,) where there was a word before; real (B, T), of which some are."""
        begins = marks & real
        begins = torch.cat([begins[:, :1] & begun.unsqueeze(1), begins[:, 1:]], dim=1)
        number, steps = begins.long().cumsum(dim=1), torch.arange(real.shape[1], device=real.device)
        within = steps - torch.where(begins, steps, 0).cummax(dim=1).values
        sizes = torch.zeros(len(real), int(number.max()) + 1, dtype=torch.int64, device=real.device).scatter_add(1, number, real.long())
        there = sizes > 0
        slot = (there.flatten().cumsum(dim=0) - 1).view_as(sizes)
        row, in_row = there.nonzero(as_tuple=True)
        finished = torch.where(real, number, 0).amax(dim=1)
        return cls(
            real=real, row_of_word=real.nonzero(as_tuple=True)[0], number=number[real], within=within[real], there=there, row=row,
            sizes=sizes[there], goes_on=(in_row == 0).unsqueeze(1), finished=finished,
            last=slot.gather(1, finished.unsqueeze(1))[:, 0].clamp_min(0), any=real.any(dim=1, keepdim=True),
            alike=_groups(sizes[there], slot.gather(1, number)[real]),
        )  # fmt: skip


def _groups(sizes: Tensor, sentence: Tensor) -> list[_Alike]:
    """Sentences of at most 8 words, 16, 32 and so on; sizes (N,), sentence (R,) of every word."""
    kind = sizes.double().div(SHORT).log2().ceil().clamp_min(0).long()
    groups = []
    for one in sorted(set(kind.tolist())):
        chosen = kind == one
        words = chosen[sentence].nonzero(as_tuple=True)[0]
        groups.append(_Alike(chosen.nonzero(as_tuple=True)[0], words, (chosen.long().cumsum(dim=0) - 1)[sentence[words]]))
    return groups


def _cut(x: Tensor, state: State, lengths: Tensor | None) -> _Cut | None:
    """None where no row has a step."""
    real = x.new_ones(x.shape[:2], dtype=torch.bool) if lengths is None else real_steps(lengths, x.shape[1])
    return _Cut.of(x[..., -1] > 0, leaf(state, "begun")[:, 0] > 0, real) if real.any() else None


def _begun(sentences: Tensor, state: State, cut: _Cut) -> dict[str, Tensor]:
    """What is remembered of the sentence with which each row ends."""
    after = {"sentence": _of_rows(sentences, cut.finished), "begun": torch.ones_like(leaf(state, "begun"))}
    return {name: where_rows(cut.any, tensor, leaf(state, name)) for name, tensor in after.items()}


def _of_rows(sentences: Tensor, number: Tensor) -> Tensor:
    """(B, S, W) and (B,) to (B, W)."""
    return sentences[torch.arange(len(sentences), device=sentences.device), number]


def _joined(join: Callable[[list[Tensor]], Tensor], states: list[State]) -> State:
    """States of one form as one, the tensors at each place joined."""
    made: dict[str, Tensor | State] = {}
    for name, tensor in states[0].items():
        is_leaf = isinstance(tensor, Tensor)
        made[name] = join([leaf(one, name) for one in states]) if is_leaf else _joined(join, [branch(one, name) for one in states])
    return made
