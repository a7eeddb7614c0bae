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
from regimefolio.portfolio.blends import Blend, Blended, EqualBlend, Proposals
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
from regimefolio.portfolio.moments import CovarianceTransformer, ExpectedReturns, Historical, LedoitWolf
from regimefolio.portfolio.orchestrator import AllocationOrchestrator, AllocatorEntry, OnFailure, Orchestration
from regimefolio.portfolio.sample import Sample
from regimefolio.portfolio.selection import Condition, Selection
from regimefolio.portfolio.volatility_target import VolatilityTarget

__all__ = [
    "AllocationOrchestrator",
    "Allocator",
    "AllocatorEntry",
    "Blend",
    "Blended",
    "CombinationMethod",
    "CompiledAllocator",
    "Condition",
    "ConflictCount",
    "Conflicts",
    "Constraints",
    "CovarianceTransformer",
    "Ensemble",
    "EqualBlend",
    "EqualRiskContribution",
    "EqualWeight",
    "ExpectedReturns",
    "HierarchicalRiskParity",
    "Historical",
    "InverseVolatility",
    "LedoitWolf",
    "MeanVariance",
    "MinVariance",
    "OnConflict",
    "OnFailure",
    "Optimizer",
    "Orchestration",
    "PortfolioManager",
    "PortfolioSpec",
    "Proportional",
    "Proposals",
    "RegimeSettings",
    "RiskParity",
    "Sample",
    "Selection",
    "SignalStack",
    "VolatilityTarget",
    "must_be_sound",
]
