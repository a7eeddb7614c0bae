"""From signals to target weights: combine the strategies, rank, allocate, constrain, and decide when to trade."""

from regimefolio.portfolio.adaptive_ensemble import Ensemble, RegimeSettings
from regimefolio.portfolio.allocators import Allocator, EqualWeight, Proportional
from regimefolio.portfolio.manager import Constraints, PortfolioManager, PortfolioSpec, SignalStack

__all__ = [
    "Allocator",
    "Constraints",
    "Ensemble",
    "EqualWeight",
    "PortfolioManager",
    "PortfolioSpec",
    "Proportional",
    "RegimeSettings",
    "SignalStack",
]
