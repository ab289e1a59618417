"""What a trained model must know to be run and read: learnt from data or settled by the spec, all of it plain JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from unspool.data.preparation import Preparation
from unspool.spec import Spec


class ForecastFacts(Spec):
    """What a forecast's numbers mean.

    lags     the targets this many steps before each forecast step are given to the head; each at least the horizon
    levels   quantile levels, ascending; empty for a point forecast
    seasons  periods, in steps, of the seasonal naive baselines; the first one scales MASE
    scales   by target: the train part's mean absolute seasonal difference, in original units
    widening by target and level: what a quantile's distance from the median is multiplied by; empty where quantiles are as learnt
    """

    kind: Literal["forecast"] = "forecast"
    horizon: int
    lags: tuple[int, ...] = ()
    levels: tuple[float, ...] = ()
    seasons: tuple[int, ...] = (1,)
    scales: dict[str, float] = {}
    widening: dict[str, tuple[float, ...]] = {}


class ClassifyFacts(Spec):
    """What a class probability means: labels stand in the preparation; `counts` are those of the train part, in the same order.

    thresholds  where a record may have any number of labels: the least probability with which each is answered; None where it has one class
    fitted      whether the thresholds were fitted on the validation part
    """

    kind: Literal["classify"] = "classify"
    counts: tuple[int, ...]
    thresholds: tuple[float, ...] | None = None
    fitted: bool = False


class ChainFacts(Spec):
    """What a linear chain over tags has learnt: log weights of beginning with a tag, of ending with it, and of going [from][to]; None: forbidden."""

    start: tuple[float | None, ...]
    end: tuple[float | None, ...]
    transitions: tuple[tuple[float | None, ...], ...]


class TagFacts(Spec):
    """What a tag means: tags stand in the preparation's `labels`; `counts` are those of the train part, in the same order.

    chain  of a head that reads the tags of a sentence together, once it is trained
    """

    kind: Literal["tag"] = "tag"
    counts: tuple[int, ...]
    chain: ChainFacts | None = None


class BlendFacts(Spec):
    """The n-grams beside a language model's network: how many of each length, from single tokens on, and what tells them from any others.

    share  of the network in every probability, 0 to 1
    """

    share: float
    grams: tuple[int, ...]
    sha256: str


class GenerateFacts(Spec):
    """What a language model has read: `tokens` of the train part. What they are stands in the preparation."""

    kind: Literal["generate"] = "generate"
    tokens: int
    blend: BlendFacts | None = None


class MemoryFacts(Spec):
    """What is remembered: `carried` along the whole record, or `windowed`, the last `context` steps."""

    kind: Literal["carried", "windowed"]
    context: int | None = None


class Facts(Spec):
    """`facts.json` of a run folder."""

    task: Annotated[ForecastFacts | ClassifyFacts | TagFacts | GenerateFacts, Field(discriminator="kind")]
    preparation: Preparation
    memory: MemoryFacts
    stride: int = 1
    live: bool = True
    why_not_live: str = ""
