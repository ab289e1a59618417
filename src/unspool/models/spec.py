"""What a user chooses about the network: what it remembers, how it reads, what it is made of and what it answers."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from unspool.cells import CellSpec, GRUSpec
from unspool.layers.convolution import ConvolutionSpec
from unspool.layers.pooling import PoolName, SelfAttentionSpec
from unspool.spec import Spec, knob

TRUNCATE, STREAMS = 200, 16
SPAN = 70


class Carried(Spec):
    """The state runs along the whole record: in training (truncated back-propagation), in judging (one scan) and live (one step)."""

    kind: Literal["carried"] = "carried"
    truncate: int | None = knob(
        None, f"steps through which errors are propagated; none means {TRUNCATE} in forecast, and {SPAN}, more or less, in generate", ge=1
    )
    streams: int | None = knob(None, f"forecast and generate: contiguous streams trained side by side; none means {STREAMS}", ge=1)


class Windowed(Spec):
    """A fixed context is scanned anew each time: in training, in judging and live."""

    kind: Literal["windowed"] = "windowed"
    context: int = knob(help="steps that are seen", ge=1)


Memory = Annotated[Carried | Windowed, Field(discriminator="kind")]


class CharacterLSTM(Spec):
    """A word's characters read from both ends by an LSTM; its last states stand beside the word's vector (Lample et al. 2016)."""

    kind: Literal["lstm"] = "lstm"
    width: int = knob(25, "numbers in a character's vector", ge=1, search=[16, 64])
    hidden: int = knob(25, "units of each direction", ge=1, search=[16, 64])
    dropout: float = knob(0.0, "share of what it gives that training leaves out", ge=0, lt=1)


class CharacterCNN(Spec):
    """Convolutions over a word's characters; the largest answer of each filter stands beside the word's vector (Ma and Hovy 2016)."""

    kind: Literal["cnn"] = "cnn"
    width: int = knob(30, "numbers in a character's vector", ge=1, search=[16, 64])
    filters: int = knob(30, "filters", ge=1, search=[16, 128])
    kernel: int = knob(3, "characters that a filter reads at once", ge=1, le=9)
    dropout: float = knob(0.0, "share of what it gives that training leaves out", ge=0, lt=1)


Characters = Annotated[CharacterLSTM | CharacterCNN, Field(discriminator="kind")]


class NGrams(Spec):
    """A vector is learnt for the last tokens together, two to `longest` of them, and added to that of the last. What is remembered of a text is so
    looked up, not computed. N-grams have their vectors by a hash, and those of one hash share it (Weinberger et al. 2009; of bytes, Pagnoni et al.
    2024)."""

    longest: int = knob(6, "tokens of the longest n-gram", ge=2, le=16, search=[3, 8])
    buckets: int = knob(32_749, "vectors that n-grams share; a prime number spreads them best", ge=2, le=60_000, search=[8_191, 59_999])


class LearnedEmbedding(Spec):
    """A vector is learnt for every token or category."""

    kind: Literal["learned"] = "learned"
    width: int = knob(32, "numbers in the vector", ge=1, search=[16, 128])
    dropout: float = knob(0.0, "share of the vector's numbers that training leaves out", ge=0, lt=1)
    word_dropout: float = knob(0.0, "share of tokens or categories that training reads as unknown (Iyyer et al. 2015)", ge=0, lt=1)
    vector_dropout: float = knob(
        0.0, "share of tokens or categories whose vector training leaves out wherever it stands in a batch (Gal and Ghahramani 2016)", ge=0, lt=1
    )
    characters: Characters | None = knob(None, "what is read of the characters of words, beside the words")
    ngrams: NGrams | None = knob(None, "of a text: vectors of the last few tokens together, for characters and bytes above all")

    @model_validator(mode="after")
    def _hides_nothing_in_vain(self) -> LearnedEmbedding:
        for name in ("word_dropout", "vector_dropout"):
            if self.ngrams is not None and getattr(self, name):
                raise ValueError(f"{name} hides tokens that ngrams would still show; drop one of them, or use dropout")
        return self


class VectorEmbedding(Spec):
    """Word vectors that others have trained (data.vectors)."""

    kind: Literal["vectors"] = "vectors"
    tuned: bool = knob(True, "learn them further; else they stay as they are, and words of the train part that the file lacks are unknown")
    dropout: float = knob(0.0, "share of the vector's numbers that training leaves out", ge=0, lt=1)
    word_dropout: float = knob(0.0, "share of words that training reads as unknown (Iyyer et al. 2015)", ge=0, lt=1)
    characters: Characters | None = knob(None, "what is read of the characters of words, beside the words")


class OneHot(Spec):
    """One input a token or category."""

    kind: Literal["one_hot"] = "one_hot"


Embedding = Annotated[LearnedEmbedding | VectorEmbedding | OneHot, Field(discriminator="kind")]


class Dropout(Spec):
    """Where training leaves numbers out. `recurrent` is variational: one mask for all steps of a sequence (Gal and Ghahramani 2016). `zoneout` leaves
    out the change of a number, and makes it slower at rest (Krueger et al. 2016). `weights` has one mask for a whole batch (Merity et al. 2018)."""

    inputs: float = knob(0.0, "of the backbone's inputs", ge=0, lt=1)
    front: float = knob(0.0, "after each convolution of the front", ge=0, lt=1)
    between: float = knob(0.0, "between layers, as in torch.nn", ge=0, lt=1)
    recurrent: float = knob(0.0, "of the state that a cell reads", ge=0, lt=1)
    zoneout: float = knob(0.0, "of the state that a step leaves as it was", ge=0, lt=1)
    weights: float = knob(0.0, "of the weights that read the state", ge=0, lt=1)
    outputs: float = knob(0.0, "of what the head reads", ge=0, lt=1)
    locked: bool = knob(False, "one mask for all steps of a sequence at inputs, between and outputs too")


class Initialization(Spec):
    """How weights start."""

    recurrent: Literal["orthogonal", "uniform"] = knob("orthogonal", "uniform is torch.nn's, within one over the root of the state's width")
    inputs: Literal["xavier", "uniform"] = knob("xavier", "Glorot and Bengio 2010, or torch.nn's")
    forget_bias: float | None = knob(None, "bias of an LSTM's forget gate at the start; none means 1, or torch.nn's where recurrent is uniform")


class Backbone(Spec):
    """The recurrent layers."""

    cell: CellSpec = knob(GRUSpec(), "what happens at one step of time")
    layers: int = knob(1, "layers, each reading the one below", ge=1, le=16, search=[1, 2, 3])
    bidirectional: bool = knob(False, "read each record from both ends; such a model cannot run live")
    residual: bool = knob(False, "add a layer's input to its output where the widths agree")
    norm: bool = knob(False, "layer norm after each layer")
    dropout: Dropout = knob(Dropout(), "where training leaves numbers out")
    front: tuple[ConvolutionSpec, ...] = knob((), "causal convolutions before the recurrent layers")
    initialization: Initialization = knob(Initialization(), "how weights start")

    @model_validator(mode="after")
    def _can_take_effect(self) -> Backbone:
        if self.residual and self.layers == 1:
            raise ValueError("residual: true needs layers of at least 2, since the first layer changes the width; raise layers or drop it")
        if self.dropout.between and self.layers == 1:
            raise ValueError("dropout.between needs layers of at least 2; raise layers or use dropout.outputs")
        dropout = self.dropout
        if dropout.front and not self.front:
            raise ValueError("dropout.front needs convolutions to act after; add some under front or drop it")
        if dropout.locked and not (dropout.inputs or dropout.front or dropout.between or dropout.outputs):
            raise ValueError("dropout.locked needs dropout at inputs, between or outputs to act on; set one or drop it")
        if self.initialization.forget_bias is not None and self.cell.kind != "lstm":
            raise ValueError(f"initialization.forget_bias is for an lstm, and the cell is {self.cell.kind}; drop it")
        return self


def _form(pool: Any) -> Literal["name", "choices"]:
    return "name" if isinstance(pool, str) else "choices"


Pool = Annotated[Annotated[PoolName, Tag("name")] | Annotated[SelfAttentionSpec, Tag("choices")], Discriminator(_form)]
"""A pool by its name, or with its choices."""


class PointHead(Spec):
    """One number a target and step."""

    kind: Literal["point"] = "point"
    loss: Literal["mse", "mae", "huber"] = knob("mse", "mean squared, mean absolute, or Huber error")
    huber: float = knob(1.0, "where the Huber loss turns from square to straight, in scaled units", gt=0)
    pool: Pool = knob("last", "how the steps so far become one vector")
    hidden: int = knob(64, "units of the layer that joins the state with the known future", ge=1, search=[32, 256])
    depth: int = knob(1, "such layers", ge=1, le=4)
    dropout: float = knob(0.0, "of what each such layer gives", ge=0, lt=1, search=[0.0, 0.3])


class QuantileHead(Spec):
    """Quantiles of every target and step, trained by the pinball loss (Koenker and Bassett 1978); they never cross."""

    kind: Literal["quantile"] = "quantile"
    levels: tuple[float, ...] = knob((0.1, 0.5, 0.9), "ascending, between 0 and 1, with 0.5 among them")
    pool: Pool = knob("last", "how the steps so far become one vector")
    hidden: int = knob(64, "units of the layer that joins the state with the known future", ge=1, search=[32, 256])
    depth: int = knob(1, "such layers", ge=1, le=4)
    dropout: float = knob(0.0, "of what each such layer gives", ge=0, lt=1, search=[0.0, 0.3])
    calibrate: bool = knob(True, "stretch the quantiles so that they cover on the validation part what they say (split conformal)")

    @model_validator(mode="after")
    def _levels(self) -> QuantileHead:
        levels = self.levels
        if list(levels) != sorted(set(levels)) or not levels or levels[0] <= 0 or levels[-1] >= 1 or 0.5 not in levels:
            raise ValueError(f"levels: got {list(levels)}, wanted ascending numbers between 0 and 1 with 0.5 among them, e.g. [0.1, 0.5, 0.9]")
        return self


class CategoricalHead(Spec):
    """One probability a class, trained by cross-entropy."""

    kind: Literal["categorical"] = "categorical"
    pool: Pool = knob("last", "how the steps so far become one vector", search=["last", "mean", "max", "attention"])
    smoothing: float = knob(0.0, "share of the truth that is spread over all classes (label smoothing)", ge=0, lt=1)
    class_weights: Literal["none", "balanced"] = knob("none", "balanced weighs each class by one over its share of train")
    dropout: float = knob(0.0, "of the pooled vector", ge=0, lt=1)


class MultilabelHead(Spec):
    """Any number of labels a record, none included: one probability a label, each trained by binary cross-entropy (binary relevance)."""

    kind: Literal["multilabel"] = "multilabel"
    pool: Pool = knob("last", "how the steps so far become one vector", search=["last", "mean", "max", "attention"])
    threshold: float = knob(0.5, "a label is answered where its probability is at least so much", gt=0, lt=1)
    fit_threshold: bool = knob(False, "in place of threshold, one for each label: that of its best F1 on the validation part (Yang 2001)")
    dropout: float = knob(0.0, "of the pooled vector", ge=0, lt=1)

    @model_validator(mode="after")
    def _one_threshold(self) -> MultilabelHead:
        if self.fit_threshold and self.threshold != MultilabelHead.model_fields["threshold"].default:
            raise ValueError("threshold cannot take effect where fit_threshold is true; drop one of them")
        return self


class CRFHead(Spec):
    """The tags of a sentence together: a linear-chain conditional random field (Lafferty et al. 2001)."""

    kind: Literal["crf"] = "crf"
    pool: ClassVar[Pool] = "last"
    constrained: bool = knob(True, "forbid what the tags' scheme forbids, in training too: an inside of a span that has not begun")
    dropout: float = knob(0.0, "of what each step's weights are read from", ge=0, lt=1, search=[0.0, 0.5])


class Blend(Spec):
    """An n-gram model (modified Kneser-Ney) beside the network: probabilities are means of both, as much of each as suits the validation part."""

    order: int | None = knob(None, "tokens of the longest n-grams; none: 5 of words, 6 of sub-words, 8 of characters and bytes", ge=2, le=12)
    least: int = knob(2, "n-grams of more than half of these tokens that were met less often are left out, or a run folder grows large", ge=1)


class SoftmaxHead(Spec):
    """One probability a token of the vocabulary: what comes next, trained by cross-entropy."""

    kind: Literal["softmax"] = "softmax"
    pool: ClassVar[Pool] = "last"
    tied: bool = knob(True, "tokens are foreseen by the vectors that they are read by (Press and Wolf 2017)")
    adaptive: tuple[int, ...] = knob(
        (), "ascending codes, of which the commonest token has 1, where clusters of rarer ones begin (Grave et al. 2017); none: one softmax over all"
    )
    dropout: float = knob(0.0, "of the states that are read, with one mask for all steps of a row", ge=0, lt=1, search=[0.0, 0.5])
    activation: float = knob(0.0, "weight of the mean square of these states in the loss (AR; Merity et al. 2017)", ge=0)
    temporal: float = knob(0.0, "weight of the mean square of their change from step to step (TAR; Merity et al. 2017)", ge=0)
    blend: Blend | None = knob(None, "an n-gram model whose probabilities are mixed with the network's")

    @model_validator(mode="after")
    def _ascends(self) -> SoftmaxHead:
        if list(self.adaptive) != sorted(set(self.adaptive)) or (self.adaptive and self.adaptive[0] < 1):
            raise ValueError(f"adaptive: got {list(self.adaptive)}, wanted ascending codes from 1, e.g. [2000, 10000], or none")
        return self


Head = Annotated[PointHead | QuantileHead | CategoricalHead | MultilabelHead | CRFHead | SoftmaxHead, Field(discriminator="kind")]


class Hierarchy(Spec):
    """Documents read in two levels (Yang et al. 2016): one network reads the words of each sentence, the backbone reads sentences."""

    backbone: Backbone = knob(Backbone(), "the network that reads the words of a sentence")
    pool: Pool = knob("attention", "how the words of a sentence become one vector")


class ModelSpec(Spec):
    """embed -> backbone -> head, and what is remembered."""

    memory: Memory = knob(Carried(), "carried runs the state along the record, windowed sees a fixed context")
    embed: Embedding | None = knob(None, "how tokens and categories become numbers; none means learned where there are any")
    hierarchy: Hierarchy | None = knob(None, "for long texts: words of each sentence first, then backbone and the head's pool over sentences")
    backbone: Backbone = knob(Backbone(), "the recurrent layers")
    head: Head | None = knob(
        None, "what is answered; none means what the task asks for: quantile, categorical or multilabel, crf, softmax"
    )
