"""Allocators turn what is known at one bar into weights, one file an allocator."""

from regimefolio.portfolio.allocators.base import Allocator, CompiledAllocator, Rule
from regimefolio.portfolio.allocators.black_litterman import BlackLitterman
from regimefolio.portfolio.allocators.cdar import ConditionalDrawdownAtRisk
from regimefolio.portfolio.allocators.cvar import ConditionalValueAtRisk
from regimefolio.portfolio.allocators.equal_risk import EqualRiskContribution
from regimefolio.portfolio.allocators.equal_weight import EqualWeight
from regimefolio.portfolio.allocators.herc import HierarchicalEqualRisk
from regimefolio.portfolio.allocators.higher_moments import HigherMoments
from regimefolio.portfolio.allocators.hrp import HierarchicalRiskParity
from regimefolio.portfolio.allocators.inverse_volatility import InverseVolatility
from regimefolio.portfolio.allocators.max_drawdown import MaxDrawdown
from regimefolio.portfolio.allocators.maximum_diversification import MaximumDiversification
from regimefolio.portfolio.allocators.mean_semivariance import MeanSemivariance
from regimefolio.portfolio.allocators.mean_variance import MeanVariance
from regimefolio.portfolio.allocators.min_variance import MinVariance
from regimefolio.portfolio.allocators.nco import NestedClusters
from regimefolio.portfolio.allocators.optimizer import Optimizer, ReturnRiskOptimizer, RiskOptimizer, SkfolioOptimizer
from regimefolio.portfolio.allocators.proportional import Proportional
from regimefolio.portfolio.allocators.resampled_frontier import ResampledFrontier
from regimefolio.portfolio.allocators.risk_budgeting import RiskBudgeting
from regimefolio.portfolio.allocators.risk_parity import RiskParity
from regimefolio.portfolio.allocators.robust_mean_variance import RobustMeanVariance
from regimefolio.portfolio.allocators.worst_case import WorstCase

__all__ = [
    "Allocator",
    "BlackLitterman",
    "CompiledAllocator",
    "ConditionalDrawdownAtRisk",
    "ConditionalValueAtRisk",
    "EqualRiskContribution",
    "EqualWeight",
    "HierarchicalEqualRisk",
    "HierarchicalRiskParity",
    "HigherMoments",
    "InverseVolatility",
    "MaxDrawdown",
    "MaximumDiversification",
    "MeanSemivariance",
    "MeanVariance",
    "MinVariance",
    "NestedClusters",
    "Optimizer",
    "Proportional",
    "ResampledFrontier",
    "ReturnRiskOptimizer",
    "RiskBudgeting",
    "RiskOptimizer",
    "RiskParity",
    "RobustMeanVariance",
    "Rule",
    "SkfolioOptimizer",
    "WorstCase",
]
