"""Allocators that look at nothing, at past prices or at past alphas keep the public contract."""

from __future__ import annotations

from regimefolio.portfolio import (
    BuyAndHold,
    CappedMomentum,
    Cash,
    CmaEs,
    EmaMomentum,
    GradientBoosting,
    Kelly,
    MarketIndex,
    Momentum,
    OneHot,
    ParticleSwarm,
    Random,
    Ridge,
)
from regimefolio.testing.allocators import AllocatorContract
from regimefolio.testing.strategies import synthetic_market


class TestOneHot(AllocatorContract):
    allocator = OneHot(symbol=synthetic_market(60).symbols[3])
    stride = 7


class TestCash(AllocatorContract):
    allocator = Cash()
    stride = 7
    buys = False


class TestMarketIndex(AllocatorContract):
    allocator = MarketIndex(lookback=10)
    stride = 7


class TestRandom(AllocatorContract):
    allocator = Random(seed=3)
    stride = 7


class TestBuyAndHold(AllocatorContract):
    allocator = BuyAndHold()
    stride = 3


class TestKelly(AllocatorContract):
    allocator = Kelly(horizon=24)  # shorter ones have no edge on these prices
    stride = 7


class TestKellyShort(AllocatorContract):
    allocator = Kelly(horizon=2, long_short=True, fraction=1.0)
    stride = 7


class TestMomentum(AllocatorContract):
    allocator = Momentum(lookback=20, skip=2)
    stride = 7


class TestEmaMomentum(AllocatorContract):
    allocator = EmaMomentum(lookback=20, span=5)
    stride = 7
    scale_free = True


class TestCappedMomentum(AllocatorContract):
    allocator = CappedMomentum(lookback=20, skip=0, cap=0.2)
    stride = 7


class TestCmaEs(AllocatorContract):
    allocator = CmaEs(lookback=20, generations=3, objective="drawdown")
    stride = 14


class TestParticleSwarm(AllocatorContract):
    allocator = ParticleSwarm(lookback=20, generations=2, particles=4, objective="sortino")
    stride = 14


class TestRidge(AllocatorContract):
    allocator = Ridge(horizon=3, training=40, refit=10)
    stride = 14


class TestTopOfRidge(AllocatorContract):
    allocator = Ridge(horizon=3, training=40, refit=10, top=0.3)
    stride = 14


class TestGradientBoosting(AllocatorContract):
    allocator = GradientBoosting(horizon=3, training=40, refit=10, trees=3)
    stride = 28
