"""One step by Unspool's executor of step programs, which says whether it is native."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from side_by_side.cases import STEP_CALLS, Arrays, Case, Prepared
from side_by_side.contenders import torch_nn
from unspool.export import trace
from unspool.layers import GRU, POOLS, Stack
from unspool.models.embed import Embed
from unspool.models.heads import Head
from unspool.models.sequence_model import SequenceModel
from unspool.streaming.executor import Executor
from unspool.streaming.program import Program


class StateItself(Head):
    """Answers with the state, so that a step is the cell's and nothing more."""

    def forward(self, state: Tensor, future: Tensor | None = None) -> Tensor:
        return state

    def loss(self, raw: Tensor, batch: object) -> Tensor:
        raise NotImplementedError("it is not trained")


def program(case: Case) -> Program:
    layer = GRU(case.inputs, case.hidden)
    layer._copy_weights(torch_nn.network(case))
    network = SequenceModel(Embed(None, case.inputs, ()), Stack([layer], case.inputs), POOLS["last"](case.hidden), StateItself())
    return trace(network.eval(), horizon=None, features=0, values=case.inputs, codes=0)


def prepare(case: Case) -> Prepared:
    torch_nn.use_threads()
    traced, values = program(case), np.ascontiguousarray(case.inputs_array()[:, 0])
    executor = Executor(traced, streams=case.rows)

    def run() -> np.ndarray:
        return executor.step(values)

    def answers() -> Arrays:
        executor.reset()
        for _ in range(STEP_CALLS - 1):
            run()
        return {"y": run()}

    return Prepared(run, answers, variant=executor.engine)
