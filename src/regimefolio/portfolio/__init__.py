"""From signals to target weights: combine the strategies, rank, allocate, constrain, and decide when to trade."""

from regimefolio.portfolio.adaptive_ensemble import Ensemble, RegimeSettings
from regimefolio.portfolio.allocators import Allocator, CompiledAllocator, EqualWeight, Proportional, RiskParity
from regimefolio.portfolio.conflicts import ConflictCount, Conflicts
from regimefolio.portfolio.constraints import Constraints
from regimefolio.portfolio.manager import (
    CombinationMethod,
    OnConflict,
    PortfolioManager,
    PortfolioSpec,
    SignalStack,
    must_be_sound,
)
from regimefolio.portfolio.volatility_target import VolatilityTarget

__all__ = [
    "Allocator",
    "CombinationMethod",
    "CompiledAllocator",
    "ConflictCount",
    "Conflicts",
    "Constraints",
    "Ensemble",
    "EqualWeight",
    "OnConflict",
    "PortfolioManager",
    "PortfolioSpec",
    "Proportional",
    "RegimeSettings",
    "RiskParity",
    "SignalStack",
    "VolatilityTarget",
    "must_be_sound",
]
