"""Cells over time and what wraps them. Every layer has `scan`, `step`, `initial_state`, `width`, `stride` and `lookahead`."""

from unspool.kernels.rows import real_steps
from unspool.layers.bidirectional import Bidirectional
from unspool.layers.convolution import CausalConvolution, ConvolutionSpec
from unspool.layers.hierarchical import Hierarchical
from unspool.layers.layer import Layer, State, flatten_state, map_state, unflatten_state
from unspool.layers.networks import GRU, LSTM, RNN, recurrent_stack
from unspool.layers.pooling import (
    POOLS,
    AttentionPool,
    ConcatPool,
    LastPool,
    MaxPool,
    MeanPool,
    SelfAttentionPool,
    SelfAttentionSpec,
    build_pool,
)
from unspool.layers.recurrent import Recurrent
from unspool.layers.wrappers import Dropout, Norm, Residual, Stack

__all__ = [
    "GRU", "LSTM", "POOLS", "RNN", "AttentionPool", "Bidirectional", "CausalConvolution", "ConcatPool", "ConvolutionSpec", "Dropout",
    "Hierarchical", "LastPool", "Layer", "MaxPool", "MeanPool", "Norm", "Recurrent", "Residual", "SelfAttentionPool", "SelfAttentionSpec",
    "Stack", "State", "build_pool", "flatten_state", "map_state", "real_steps", "recurrent_stack", "unflatten_state",
]
