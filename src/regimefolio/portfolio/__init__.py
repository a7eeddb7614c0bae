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
from regimefolio.portfolio.blends import (
    Blend,
    Blended,
    CustomBlend,
    EqualBlend,
    InverseDisagreementBlend,
    MedianBlend,
    OptimizedBlend,
    PerformanceBlend,
    Proposals,
    StackedBlend,
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
from regimefolio.portfolio.moments import CovarianceTransformer, ExpectedReturns, Historical, LedoitWolf
from regimefolio.portfolio.orchestrator import AllocationOrchestrator, AllocatorEntry, OnFailure
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
    "CustomBlend",
    "Ensemble",
    "EqualBlend",
    "EqualRiskContribution",
    "EqualWeight",
    "ExpectedReturns",
    "HierarchicalRiskParity",
    "Historical",
    "InverseDisagreementBlend",
    "InverseVolatility",
    "LedoitWolf",
    "MeanVariance",
    "MedianBlend",
    "MinVariance",
    "OnConflict",
    "OnFailure",
    "OptimizedBlend",
    "Optimizer",
    "PerformanceBlend",
    "PortfolioManager",
    "PortfolioSpec",
    "Proportional",
    "Proposals",
    "RegimeSettings",
    "RiskParity",
    "Sample",
    "Selection",
    "SignalStack",
    "StackedBlend",
    "VolatilityTarget",
    "must_be_sound",
]
