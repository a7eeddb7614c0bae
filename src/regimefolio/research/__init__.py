"""Many backtests, one question: which parameters and which weights are worth trying, and in what order."""

from regimefolio.research.space import Axis, ParameterSpace, simplex

__all__ = ["Axis", "ParameterSpace", "simplex"]
