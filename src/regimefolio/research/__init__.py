"""Many backtests, one question: which parameters and which weights are worth trying, and in what order."""

from regimefolio.research.samplers import Grid, Random, Sampler, single_batch
from regimefolio.research.space import Axis, ParameterSpace, Simplex, simplex

__all__ = ["Axis", "Grid", "ParameterSpace", "Random", "Sampler", "Simplex", "simplex", "single_batch"]
