"""Allocators turn what is known at one bar into weights, one file an allocator."""

from regimefolio.portfolio.allocators.attention import Attention
from regimefolio.portfolio.allocators.base import Allocator, CompiledAllocator, Rule
from regimefolio.portfolio.allocators.buy_and_hold import BuyAndHold
from regimefolio.portfolio.allocators.capped_momentum import CappedMomentum
from regimefolio.portfolio.allocators.cash import Cash
from regimefolio.portfolio.allocators.cma_es import CmaEs
from regimefolio.portfolio.allocators.ema_momentum import EmaMomentum
from regimefolio.portfolio.allocators.equal_risk import EqualRiskContribution
from regimefolio.portfolio.allocators.equal_weight import EqualWeight
from regimefolio.portfolio.allocators.gradient_boosting import GradientBoosting
from regimefolio.portfolio.allocators.hrp import HierarchicalRiskParity
from regimefolio.portfolio.allocators.inverse_volatility import InverseVolatility
from regimefolio.portfolio.allocators.kelly import Kelly
from regimefolio.portfolio.allocators.learned import LearnedAllocator
from regimefolio.portfolio.allocators.market_index import MarketIndex
from regimefolio.portfolio.allocators.mean_variance import MeanVariance
from regimefolio.portfolio.allocators.min_variance import MinVariance
from regimefolio.portfolio.allocators.momentum import Momentum
from regimefolio.portfolio.allocators.one_hot import OneHot
from regimefolio.portfolio.allocators.optimizer import Optimizer, ReturnRiskOptimizer, RiskOptimizer, SkfolioOptimizer
from regimefolio.portfolio.allocators.particle_swarm import ParticleSwarm
from regimefolio.portfolio.allocators.proportional import Proportional
from regimefolio.portfolio.allocators.random import Random
from regimefolio.portfolio.allocators.ridge import Ridge
from regimefolio.portfolio.allocators.risk_parity import RiskParity
from regimefolio.portfolio.allocators.scored import ScoredAllocator
from regimefolio.portfolio.allocators.searched import SearchOptimizer

__all__ = [
    "Allocator",
    "Attention",
    "BuyAndHold",
    "CappedMomentum",
    "Cash",
    "CmaEs",
    "CompiledAllocator",
    "EmaMomentum",
    "EqualRiskContribution",
    "EqualWeight",
    "GradientBoosting",
    "HierarchicalRiskParity",
    "InverseVolatility",
    "Kelly",
    "LearnedAllocator",
    "MarketIndex",
    "MeanVariance",
    "MinVariance",
    "Momentum",
    "OneHot",
    "Optimizer",
    "ParticleSwarm",
    "Proportional",
    "Random",
    "ReturnRiskOptimizer",
    "Ridge",
    "RiskOptimizer",
    "RiskParity",
    "Rule",
    "ScoredAllocator",
    "SearchOptimizer",
    "SkfolioOptimizer",
]
