"""Keras 3's layers with a case's weights; what both backends share."""

from __future__ import annotations

import keras
import numpy as np

from side_by_side.cases import DROPOUT, Case

LAYERS = {"rnn": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}
ORDERS = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 1, 2, 3)}
"""Keras's gates in torch's numbering; each order is its own inverse."""


def built(case: Case) -> keras.Layer:
    options = {"reset_after": True} if case.kind == "gru" else {}
    dropout = DROPOUT if case.dropout else 0.0
    layer = LAYERS[case.kind](case.hidden, return_sequences=True, recurrent_dropout=dropout, zero_output_for_mask=True, **options)
    layer.build((case.rows, case.steps, case.inputs))
    layer.set_weights(to_keras(case))
    return layer


def to_keras(case: Case) -> list[np.ndarray]:
    """kernel (C, G H), recurrent kernel (H, G H) and bias; of a GRU both biases, of others their sum."""
    weights = {name: reordered(array, case) for name, array in case.weights().items()}
    biases = weights["input_bias"], weights["state_bias"]
    return [weights["input_weight"].T, weights["state_weight"].T, np.stack(biases) if case.kind == "gru" else biases[0] + biases[1]]


def from_keras(gradients: list[np.ndarray], case: Case) -> dict[str, np.ndarray]:
    """Gradients under our names, gates in torch's order."""
    kernel, recurrent, bias = gradients
    bias = bias[0] if case.kind == "gru" else bias
    found = {"input_weight": kernel.T, "state_weight": recurrent.T, "input_bias": bias}
    return {name: reordered(array, case) for name, array in found.items()}


def reordered(array: np.ndarray, case: Case) -> np.ndarray:
    """Blocks of H rows from torch's order to Keras's, or back."""
    blocks = np.split(array, case.gates)
    return np.concatenate([blocks[gate] for gate in ORDERS[case.kind]])


def fix_mask(layer: keras.Layer, case: Case) -> None:
    """Have the layer use the mask of the comparison, for all its gates."""
    mask = keras.ops.convert_to_tensor(case.keep())
    masks = mask if case.kind == "rnn" else [mask] * case.gates
    layer.cell.get_recurrent_dropout_mask = lambda step_input: masks
