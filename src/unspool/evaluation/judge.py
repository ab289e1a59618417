"""How good a network is just now: what training asks after every epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from unspool.data.facts import Facts
from unspool.errors import DataError
from unspool.evaluation.evaluate import headline
from unspool.evaluation.predict import predict
from unspool.models.sequence_model import SequenceModel
from unspool.tasks.task import Examples, Task
from unspool.types import Predictions, Record


def judge(
    network: SequenceModel,
    examples: Examples,
    task: Task,
    facts: Facts,
    records: Sequence[Record],
    device: torch.device,
    answered: Callable[[Predictions], Predictions] = lambda found: found,
) -> dict[str, float]:
    """The metrics that have a value, in original units; DataError, with the reason, where the deciding one has none.

    answered  predictions as they would be answered if training ended now
    """
    cuts, batches, raw = predict(network, examples, device)
    facts = network.head.settled(facts)
    values, undefined = headline(answered(task.predictions(facts, records, cuts, batches, raw)), facts)
    metric = task.decides(facts).metric
    if values.get(metric) is None:
        reason = undefined.get(metric, f"this model's answers have no such metric, only {', '.join(values)}")
        raise DataError(f"task.metric: {metric} decides, and has no value here: {reason}; choose another metric")
    return {name: value for name, value in values.items() if value is not None}
