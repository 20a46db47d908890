"""Training of all networks: one loop, one recipe, pairs of clips in and safetensors out."""

from vinpaint.refiner.training.loop import Trainer
from vinpaint.refiner.training.recipe import Recipe
from vinpaint.refiner.training.refining import LessonFiles
from vinpaint.refiner.training.samples import Clips

__all__ = ["Clips", "LessonFiles", "Recipe", "Trainer"]
