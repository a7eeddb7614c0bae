"""Allocators turn what is known at one bar into weights, one file an allocator."""

from regimefolio.portfolio.allocators.attention import Attention
from regimefolio.portfolio.allocators.base import Allocator, CompiledAllocator, Rule
from regimefolio.portfolio.allocators.black_litterman import BlackLitterman
from regimefolio.portfolio.allocators.buy_and_hold import BuyAndHold
from regimefolio.portfolio.allocators.capped_momentum import CappedMomentum
from regimefolio.portfolio.allocators.cash import Cash
from regimefolio.portfolio.allocators.cdar import ConditionalDrawdownAtRisk
from regimefolio.portfolio.allocators.cma_es import CmaEs
from regimefolio.portfolio.allocators.cvar import ConditionalValueAtRisk
from regimefolio.portfolio.allocators.ema_momentum import EmaMomentum
from regimefolio.portfolio.allocators.equal_risk import EqualRiskContribution
from regimefolio.portfolio.allocators.equal_weight import EqualWeight
from regimefolio.portfolio.allocators.gradient_boosting import GradientBoosting
from regimefolio.portfolio.allocators.herc import HierarchicalEqualRisk
from regimefolio.portfolio.allocators.higher_moments import HigherMoments
from regimefolio.portfolio.allocators.hrp import HierarchicalRiskParity
from regimefolio.portfolio.allocators.inverse_volatility import InverseVolatility
from regimefolio.portfolio.allocators.kelly import Kelly
from regimefolio.portfolio.allocators.learned import LearnedAllocator
from regimefolio.portfolio.allocators.market_index import MarketIndex
from regimefolio.portfolio.allocators.max_drawdown import MaxDrawdown
from regimefolio.portfolio.allocators.maximum_diversification import MaximumDiversification
from regimefolio.portfolio.allocators.mean_semivariance import MeanSemivariance
from regimefolio.portfolio.allocators.mean_variance import MeanVariance
from regimefolio.portfolio.allocators.min_variance import MinVariance
from regimefolio.portfolio.allocators.momentum import Momentum
from regimefolio.portfolio.allocators.nco import NestedClusters
from regimefolio.portfolio.allocators.one_hot import OneHot
from regimefolio.portfolio.allocators.optimizer import Optimizer, ReturnRiskOptimizer, RiskOptimizer, SkfolioOptimizer
from regimefolio.portfolio.allocators.particle_swarm import ParticleSwarm
from regimefolio.portfolio.allocators.proportional import Proportional
from regimefolio.portfolio.allocators.random import Random
from regimefolio.portfolio.allocators.resampled_frontier import ResampledFrontier
from regimefolio.portfolio.allocators.ridge import Ridge
from regimefolio.portfolio.allocators.risk_budgeting import RiskBudgeting
from regimefolio.portfolio.allocators.risk_parity import RiskParity
from regimefolio.portfolio.allocators.robust_mean_variance import RobustMeanVariance
from regimefolio.portfolio.allocators.scored import ScoredAllocator
from regimefolio.portfolio.allocators.searched import SearchOptimizer
from regimefolio.portfolio.allocators.worst_case import WorstCase

__all__ = [
    "Allocator",
    "Attention",
    "BlackLitterman",
    "BuyAndHold",
    "CappedMomentum",
    "Cash",
    "CmaEs",
    "CompiledAllocator",
    "ConditionalDrawdownAtRisk",
    "ConditionalValueAtRisk",
    "EmaMomentum",
    "EqualRiskContribution",
    "EqualWeight",
    "GradientBoosting",
    "HierarchicalEqualRisk",
    "HierarchicalRiskParity",
    "HigherMoments",
    "InverseVolatility",
    "Kelly",
    "LearnedAllocator",
    "MarketIndex",
    "MaxDrawdown",
    "MaximumDiversification",
    "MeanSemivariance",
    "MeanVariance",
    "MinVariance",
    "Momentum",
    "NestedClusters",
    "OneHot",
    "Optimizer",
    "ParticleSwarm",
    "Proportional",
    "Random",
    "ResampledFrontier",
    "ReturnRiskOptimizer",
    "Ridge",
    "RiskBudgeting",
    "RiskOptimizer",
    "RiskParity",
    "RobustMeanVariance",
    "Rule",
    "ScoredAllocator",
    "SearchOptimizer",
    "SkfolioOptimizer",
    "WorstCase",
]
