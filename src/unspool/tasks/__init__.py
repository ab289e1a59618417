"""What can be asked of a network; a task is a value that answers four questions and owns no loop. A new one is a file and a name in `TaskSpec`."""

from typing import Annotated

from pydantic import Field

from unspool.tasks.classify import ClassifySpec
from unspool.tasks.forecast import ForecastSpec
from unspool.tasks.generate import GenerateSpec
from unspool.tasks.tag import TagSpec

TaskSpec = Annotated[ForecastSpec | ClassifySpec | TagSpec | GenerateSpec, Field(discriminator="kind")]

__all__ = ["ClassifySpec", "ForecastSpec", "GenerateSpec", "TagSpec", "TaskSpec"]
