"""A model from its run folder."""

from __future__ import annotations

from pathlib import Path

import torch

from unspool.bundle import Bundle
from unspool.errors import BundleError
from unspool.models.sequence_model import SequenceModel
from unspool.run.model import Model, weights_of
from unspool.run.prepare import build_network, make_task
from unspool.run.spec import spec_from_text
from unspool.streaming import Program


def load(folder: str | Path) -> Model:
    """The model in a run folder, every file checked against the manifest; raises BundleError where one does not fit."""
    place = Path(folder)
    kept = Bundle.open(place)
    spec, facts = spec_from_text(kept.spec_text(), str(place / "spec.yaml")), kept.facts()
    network = build_network(spec, facts, make_task(spec))
    fill(network, kept, place)
    return Model(
        spec=spec,
        facts=facts,
        network=network.eval(),
        program=Program.open(kept) if facts.live else None,
        blend=kept.blend(),
        metrics=kept.metrics(),
        history=tuple(kept.history()),
        prediction_files=kept.prediction_files(),
        folder=place,
    )


def fill(network: SequenceModel, kept: Bundle, place: Path) -> None:
    """Put the bundle's weights into a network of the same form."""
    stored, wanted = kept.weights(), weights_of(network)
    for name in sorted(stored.keys() ^ wanted.keys()):
        problem = "missing" if name in wanted else "not one of the spec"
        raise BundleError(f"{place / 'weights.safetensors'}: tensor {name!r} is {problem}; train again")
    for name, tensor in stored.items():
        if tensor.shape != wanted[name].shape or tensor.dtype != wanted[name].dtype:
            raise BundleError(
                f"{place / 'weights.safetensors'}: tensor {name!r} is {tensor.dtype} {tensor.shape}, "
                f"and the spec asks for {wanted[name].dtype} {wanted[name].shape}; train again"
            )
    network.load_state_dict({name: torch.from_numpy(tensor.copy()) for name, tensor in stored.items()})
