"""Allocators turn what is known at one bar into weights, one file an allocator."""

from regimefolio.portfolio.allocators.attention import Attention
from regimefolio.portfolio.allocators.base import Allocator, CompiledAllocator, Rule
from regimefolio.portfolio.allocators.equal_risk import EqualRiskContribution
from regimefolio.portfolio.allocators.equal_weight import EqualWeight
from regimefolio.portfolio.allocators.hrp import HierarchicalRiskParity
from regimefolio.portfolio.allocators.inverse_volatility import InverseVolatility
from regimefolio.portfolio.allocators.mean_variance import MeanVariance
from regimefolio.portfolio.allocators.min_variance import MinVariance
from regimefolio.portfolio.allocators.optimizer import Optimizer, ReturnRiskOptimizer, RiskOptimizer, SkfolioOptimizer
from regimefolio.portfolio.allocators.proportional import Proportional
from regimefolio.portfolio.allocators.risk_parity import RiskParity

__all__ = [
    "Allocator",
    "Attention",
    "CompiledAllocator",
    "EqualRiskContribution",
    "EqualWeight",
    "HierarchicalRiskParity",
    "InverseVolatility",
    "MeanVariance",
    "MinVariance",
    "Optimizer",
    "Proportional",
    "ReturnRiskOptimizer",
    "RiskOptimizer",
    "RiskParity",
    "Rule",
    "SkfolioOptimizer",
]
