"""From signals to target weights: combine the strategies, rank, allocate, constrain, and decide when to trade."""

from regimefolio.portfolio.adaptive_ensemble import Ensemble, RegimeSettings
from regimefolio.portfolio.allocators import (
    Allocator,
    Attention,
    BuyAndHold,
    CappedMomentum,
    Cash,
    CompiledAllocator,
    EmaMomentum,
    EqualRiskContribution,
    EqualWeight,
    HierarchicalRiskParity,
    InverseVolatility,
    Kelly,
    MarketIndex,
    MeanVariance,
    MinVariance,
    Momentum,
    OneHot,
    Optimizer,
    Proportional,
    Random,
    RiskParity,
)
from regimefolio.portfolio.blends import AttentionThenEqual, Blend, Blended, EqualBlend, Proposals
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
    "Attention",
    "AttentionThenEqual",
    "Blend",
    "Blended",
    "BuyAndHold",
    "CappedMomentum",
    "Cash",
    "CombinationMethod",
    "CompiledAllocator",
    "Condition",
    "ConflictCount",
    "Conflicts",
    "Constraints",
    "CovarianceTransformer",
    "EmaMomentum",
    "Ensemble",
    "EqualBlend",
    "EqualRiskContribution",
    "EqualWeight",
    "ExpectedReturns",
    "HierarchicalRiskParity",
    "Historical",
    "InverseVolatility",
    "Kelly",
    "LedoitWolf",
    "MarketIndex",
    "MeanVariance",
    "MinVariance",
    "Momentum",
    "OnConflict",
    "OnFailure",
    "OneHot",
    "Optimizer",
    "Orchestration",
    "PortfolioManager",
    "PortfolioSpec",
    "Proportional",
    "Proposals",
    "Random",
    "RegimeSettings",
    "RiskParity",
    "Sample",
    "Selection",
    "SignalStack",
    "VolatilityTarget",
    "must_be_sound",
]
