"""In what order a search tries the points of a space: one file a sampler."""

from regimefolio.research.samplers.base import Sampler, Space, Told, single_batch
from regimefolio.research.samplers.grid import Grid
from regimefolio.research.samplers.random import Random

__all__ = ["Grid", "Random", "Sampler", "Space", "Told", "single_batch"]
