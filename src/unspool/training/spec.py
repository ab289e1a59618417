"""What a user chooses about training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from unspool.spec import Spec, knob


def _below_one(betas: tuple[float, float]) -> tuple[float, float]:
    if not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"betas: got {list(betas)}, wanted two numbers from 0 to below 1, e.g. [0.9, 0.999]")
    return betas


class SGD(Spec):
    """Stochastic gradient descent (Robbins and Monro 1951), with momentum."""

    kind: Literal["sgd"] = "sgd"
    rate: float = knob(0.1, "learning rate", gt=0, search=[1e-3, 1.0])
    momentum: float = knob(0.9, "share of the last step that goes on", ge=0, lt=1)
    nesterov: bool = knob(False, "look ahead along the momentum")
    l2: float = knob(0.0, "L2 penalty, added to the gradient", ge=0)

    @model_validator(mode="after")
    def _can_look_ahead(self) -> SGD:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov: true looks ahead along the momentum, and momentum is 0; raise momentum or drop nesterov")
        return self


class RMSprop(Spec):
    """RMSprop (Tieleman and Hinton 2012)."""

    kind: Literal["rmsprop"] = "rmsprop"
    rate: float = knob(1e-3, "learning rate", gt=0, search=[1e-4, 1e-2])
    smoothing: float = knob(0.99, "decay of the squared gradient's average", ge=0, lt=1)
    momentum: float = knob(0.0, "share of the last step that goes on", ge=0, lt=1)
    l2: float = knob(0.0, "L2 penalty, added to the gradient", ge=0)


class Adam(Spec):
    """Adam (Kingma and Ba 2015)."""

    kind: Literal["adam"] = "adam"
    rate: float = knob(1e-3, "learning rate", gt=0, search=[1e-4, 1e-2])
    betas: tuple[float, float] = knob((0.9, 0.999), "decays of the two averages")
    l2: float = knob(0.0, "L2 penalty, added to the gradient", ge=0)

    _check_betas = field_validator("betas")(_below_one)


class AdamW(Spec):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019); the decay leaves biases and norms alone."""

    kind: Literal["adamw"] = "adamw"
    rate: float = knob(1e-3, "learning rate", gt=0, search=[1e-4, 1e-2])
    betas: tuple[float, float] = knob((0.9, 0.999), "decays of the two averages")
    decay: float = knob(0.01, "weight decay, in units of the rate", ge=0, search=[0.0, 0.1])

    _check_betas = field_validator("betas")(_below_one)


Optimizer = Annotated[SGD | RMSprop | Adam | AdamW, Field(discriminator="kind")]


class Constant(Spec):
    """The rate stays as it is, after the warm-up."""

    kind: Literal["constant"] = "constant"
    warmup: float = knob(0.0, "epochs over which the rate rises from zero", ge=0)


class StepDown(Spec):
    """The rate is multiplied by `factor` every so many epochs."""

    kind: Literal["step"] = "step"
    every: float = knob(10.0, "epochs between two drops", gt=0)
    factor: float = knob(0.5, "what the rate is multiplied by", gt=0, lt=1)
    warmup: float = knob(0.0, "epochs over which the rate rises from zero", ge=0)


class Cosine(Spec):
    """Half a cosine from the rate to `floor` times it over all epochs (Loshchilov and Hutter 2017)."""

    kind: Literal["cosine"] = "cosine"
    floor: float = knob(0.0, "share of the rate that is left at the end", ge=0, lt=1)
    warmup: float = knob(0.0, "epochs over which the rate rises from zero", ge=0)


class OneCycle(Spec):
    """Up to the rate and down to nearly nothing, each along a cosine (Smith and Topin 2018)."""

    kind: Literal["one_cycle"] = "one_cycle"
    rise: float = knob(0.3, "share of all steps spent rising", gt=0, lt=1)
    first: float = knob(0.04, "share of the rate at the first step", gt=0, le=1)
    last: float = knob(1e-4, "share of the rate at the last step", ge=0, le=1)


class Plateau(Spec):
    """The rate is multiplied by `factor` when the validation metric has not improved for `patience` epochs."""

    kind: Literal["plateau"] = "plateau"
    patience: int = knob(3, "epochs without improvement before a drop", ge=0)
    factor: float = knob(0.5, "what the rate is multiplied by", gt=0, lt=1)
    floor: float = knob(1e-3, "least share of the first rate", ge=0, lt=1)
    warmup: float = knob(0.0, "epochs over which the rate rises from zero", ge=0)


Schedule = Annotated[Constant | StepDown | Cosine | OneCycle | Plateau, Field(discriminator="kind")]


class PolyakAverage(Spec):
    """The mean of every weight over the steps since averaging began (Polyak and Juditsky 1992); with SGD this is ASGD."""

    kind: Literal["polyak"] = "polyak"
    begin: int | None = knob(None, "epochs after which it begins; none: when validation has not gained for more than `patience` epochs", ge=0)
    patience: int = knob(5, "epochs of the trigger: the metric is then worse than the best before so many (Merity et al. 2018)", ge=1)

    @model_validator(mode="after")
    def _one_beginning(self) -> PolyakAverage:
        if self.begin is not None and self.patience != PolyakAverage.model_fields["patience"].default:
            raise ValueError(f"patience: {self.patience} cannot take effect where begin says when averaging begins; drop one of them")
        return self


class ExponentialAverage(Spec):
    """A mean of every weight in which a step counts less the longer ago it was."""

    kind: Literal["exponential"] = "exponential"
    decay: float = knob(0.999, "share of the mean that a step leaves", gt=0, lt=1, search=[0.99, 0.9999])


Average = Annotated[PolyakAverage | ExponentialAverage, Field(discriminator="kind")]


class TrainSpec(Spec):
    """How long and how the weights are learnt."""

    epochs: int = knob(30, "most passes over the train part", ge=1)
    optimizer: Optimizer = knob(AdamW(), "the rule of a step")
    schedule: Schedule = knob(Constant(), "how the rate goes over time")
    average: Average | None = knob(None, "an average of the weights, which is judged and kept in their place; none keeps them as they are")
    clip: float | None = knob(1.0, "largest norm of the gradient of a step; none does not clip", gt=0)
    patience: int | None = knob(5, "epochs without a better validation metric before training stops; none never stops early", ge=1)
    keep: Literal["best", "last"] = knob("best", "weights at the end: of the epoch with the best validation metric, or of the last epoch")
    seed: int = knob(0, "of weights, order and dropout", ge=0, lt=2**32)
    device: Literal["auto", "cpu", "cuda"] = knob("auto", "auto takes CUDA where there is one")
    checkpoint_seconds: float = knob(60.0, "a checkpoint is written after every epoch, and within it this often", gt=0)

    @model_validator(mode="after")
    def _last_is_reached(self) -> TrainSpec:
        if self.keep == "last" and self.patience is not None:
            raise ValueError(
                f"patience: {self.patience} may stop training early, and keep: last asks for the last of all epochs; "
                "set patience: null, or keep: best"
            )
        return self

    @model_validator(mode="after")
    def _plateau_can_drop(self) -> TrainSpec:
        if isinstance(self.schedule, Plateau) and self.patience is not None and self.schedule.patience + 1 >= self.patience:
            raise ValueError(
                f"schedule.patience: {self.schedule.patience} never lowers the rate, since training stops after {self.patience} epochs "
                f"without improvement (train.patience); lower it to at most {max(self.patience - 2, 0)}, or raise train.patience"
            )
        return self

    @model_validator(mode="after")
    def _average_can_begin(self) -> TrainSpec:
        average = self.average
        if isinstance(average, PolyakAverage) and average.begin is None and self.patience is not None and average.patience >= self.patience:
            raise ValueError(
                f"average.patience: {average.patience} hardly ever begins, since training stops after {self.patience} epochs without improvement "
                f"(train.patience); lower it to at most {self.patience - 1}, or raise train.patience"
            )
        return self
