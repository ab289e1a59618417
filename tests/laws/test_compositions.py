"""Layers made of layers obey what their parts obey, whatever they are made of."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.layers import Layer

from .subjects import INPUTS, compositions, numbers, warm_state
from .test_padding import padding_is_inert
from .test_rows_and_states import rows_do_not_see_each_other
from .test_time import declares_what_is_measured, whole_is_chunks, whole_is_steps

drawn = settings(max_examples=25, deadline=None, derandomize=True, database=None)


def steps_of(layer: Layer) -> int:
    """Enough for two outputs and a remainder."""
    return 3 * layer.stride - 1 if layer.stride > 1 else 5


@drawn
@given(compositions().filter(lambda layer: layer.causal), st.integers(1, 3))
def test_the_whole_of_a_causal_composition_is_its_steps_and_its_chunks(layer, chunk):
    torch.manual_seed(2)
    steps = steps_of(layer)
    x, start, lengths = numbers(3, steps, INPUTS), warm_state(layer, 3), torch.tensor([steps, 0, steps // 2])
    whole_is_steps(layer, x, start)
    whole_is_chunks(layer, x, start, lengths, chunk)


@drawn
@given(compositions(), st.data())
def test_padding_of_a_composition_is_inert(layer, data):
    torch.manual_seed(2)
    steps = steps_of(layer)
    lengths = torch.tensor(data.draw(st.lists(st.integers(0, steps), min_size=1, max_size=4)))
    padding, more = data.draw(st.sampled_from([0.0, 1e30, float("nan"), float("-inf")])), data.draw(st.integers(0, 3))
    padding_is_inert(layer, numbers(len(lengths), steps, INPUTS), warm_state(layer, len(lengths)), lengths, padding, more)


@drawn
@given(compositions())
def test_rows_of_a_composition_do_not_see_each_other(layer):
    torch.manual_seed(2)
    steps = steps_of(layer)
    rows_do_not_see_each_other(layer, numbers(3, steps, INPUTS), warm_state(layer, 3), torch.tensor([steps, steps, steps // 2]))


@drawn
@given(compositions())
def test_a_composition_declares_what_is_measured(layer):
    torch.manual_seed(2)
    declares_what_is_measured(layer, numbers(8, 2 * layer.stride, INPUTS))
