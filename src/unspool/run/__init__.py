"""One YAML file is one run: task, data, model, train."""

from unspool.run.checking import CheckReport, check
from unspool.run.loading import load
from unspool.run.model import Model
from unspool.run.spec import RunSpec, load_spec
from unspool.run.training import train
from unspool.run.whole import WholeTexts

__all__ = ["CheckReport", "Model", "RunSpec", "WholeTexts", "check", "load", "load_spec", "train"]
