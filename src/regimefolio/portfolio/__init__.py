"""From signals to target weights: combine the strategies, rank, allocate, constrain, and decide when to trade."""

from regimefolio.portfolio.adaptive_ensemble import Ensemble, RegimeSettings
from regimefolio.portfolio.allocators import (
    Allocator,
    CompiledAllocator,
    EqualRiskContribution,
    EqualWeight,
    HierarchicalRiskParity,
    InverseVolatility,
    MeanVariance,
    MinVariance,
    Optimizer,
    Proportional,
    RiskParity,
)
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
from regimefolio.portfolio.selection import Condition, Selection
from regimefolio.portfolio.volatility_target import VolatilityTarget

__all__ = [
    "Allocator",
    "CombinationMethod",
    "CompiledAllocator",
    "Condition",
    "ConflictCount",
    "Conflicts",
    "Constraints",
    "Ensemble",
    "EqualRiskContribution",
    "EqualWeight",
    "HierarchicalRiskParity",
    "InverseVolatility",
    "MeanVariance",
    "MinVariance",
    "OnConflict",
    "Optimizer",
    "PortfolioManager",
    "PortfolioSpec",
    "Proportional",
    "RegimeSettings",
    "RiskParity",
    "Selection",
    "SignalStack",
    "VolatilityTarget",
    "must_be_sound",
]
