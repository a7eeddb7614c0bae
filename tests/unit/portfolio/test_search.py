"""Searches over long-only weights: near the best that a solver or a grid finds, seeded, and the same every time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Float
from regimefolio.market.view import View
from regimefolio.portfolio import CmaEs, MinVariance, ParticleSwarm, PortfolioManager, PortfolioSpec
from regimefolio.portfolio.allocators import SearchOptimizer
from regimefolio.portfolio.search import Score, evolved, swarmed, weights_of
from regimefolio.testing import synthetic_market

cp: Any = import_module("cvxpy")  # it is typed in part
RNG = np.random.default_rng(2)
RETURNS = RNG.standard_t(5, (150, 1)) * 0.006 + RNG.standard_t(5, (150, 8)) * 0.008 + np.linspace(-2e-4, 1e-3, 8)
SEARCHES: dict[str, Callable[[Score, int], Float]] = {
    "cma_es": lambda score, n: evolved(score, n, generations=300, seed=1),
    "particle_swarm": lambda score, n: swarmed(score, n, generations=80, particles=30, seed=1),
}


def score_of(returns: Float, **settings: object) -> Score:
    return CmaEs.model_validate(settings).score(returns)


def solved(objective: str) -> float:
    """The best value that a convex solver finds."""
    weights, bars = cp.Variable(RETURNS.shape[1], nonneg=True), len(RETURNS)
    earned, bound = RETURNS @ weights, [cp.sum(weights) == 1]
    if objective == "mean_variance":
        centred = (RETURNS - RETURNS.mean(axis=0)) @ weights
        value = cp.sum(earned) / bars - 2.5 * cp.sum_squares(centred) / bars
    elif objective == "cvar":
        border = cp.Variable()
        value = border - cp.sum(cp.pos(border - earned)) / (0.1 * bars)
    else:
        i = np.arange(bars)
        u = i / (bars - 1)
        v = u * (i - 1) / (bars - 2)
        w = v * (i - 2) / (bars - 3)
        ranks = (2 * u - 1) - (6 * v - 6 * u + 1) / 3 + (20 * w - 30 * v + 12 * u - 1) / 12
        # A sum of ordered values whose weights rise is the largest over permutations: here the dual of that.
        rows, columns, ones = cp.Variable((bars, 1)), cp.Variable((1, bars)), np.ones((bars, 1))
        paired = ranks[:, np.newaxis] @ cp.reshape(earned, (1, bars), order="C")
        bound.append(rows @ ones.T + ones @ columns >= paired)
        value = cp.sum(earned) / bars - 0.1 * (cp.sum(rows) + cp.sum(columns)) / bars
    scale = 1e4  # the solver's tolerances are absolute
    return float(cp.Problem(cp.Maximize(scale * value), bound).solve(solver=cp.CLARABEL)) / scale


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("objective", ["mean_variance", "cvar", "l_moments"])
def test_a_search_is_within_a_thousandth_of_a_convex_solver(search: str, objective: str) -> None:
    best = solved(objective)
    score = score_of(RETURNS, objective=objective, tail=0.1)
    found = score(SEARCHES[search](score, 8)[np.newaxis])[0]
    equal = score(np.full((1, 8), 1 / 8))[0]
    assert best - equal > 0.02 * abs(best)
    assert best - found <= 1e-3 * abs(best)
    assert found <= best + 1e-6 * abs(best)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("objective", ["sortino", "drawdown"])
def test_a_search_is_at_least_as_good_as_a_fine_grid(search: str, objective: str) -> None:
    steps = np.arange(61)
    grid = np.array([(i, j, 60 - i - j) for i in steps for j in steps[: 61 - i]]) / 60.0
    score = score_of(RETURNS[:, [0, 4, 7]], objective=objective)
    best = score(grid).max()
    assert score(SEARCHES[search](score, 3)[np.newaxis])[0] >= best - 1e-3 * abs(best)


def test_points_stand_for_weights() -> None:
    points = RNG.normal(size=(50, 6))
    weights = weights_of(points)
    assert (weights >= 0.0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(weights_of(np.sqrt(weights)), weights, rtol=1e-12)
    assert weights_of(np.zeros((1, 4))).tolist() == [[0.25] * 4]


@pytest.mark.parametrize("allocator", [CmaEs(lookback=60, generations=10), ParticleSwarm(lookback=60, generations=5)])
def test_seeds_alone_make_a_difference(allocator: SearchOptimizer) -> None:
    market = synthetic_market(100, complete=True)
    view = View(market, np.zeros(12, np.float32), np.ones(12, np.bool_))
    before = np.random.get_state()[1].tobytes()  # type: ignore[index] # noqa: NPY002
    first = allocator.weights(view)
    assert first.tobytes() == allocator.weights(view).tobytes()
    assert first.tobytes() != allocator.model_copy(update={"seed": 1}).weights(view).tobytes()
    assert first.sum() == pytest.approx(1.0, rel=1e-12)
    assert np.random.get_state()[1].tobytes() == before  # type: ignore[index] # noqa: NPY002


def test_great_aversion_is_least_variance() -> None:
    market = synthetic_market(150, complete=True)
    view = View(market, np.zeros(12, np.float32), np.ones(12, np.bool_))
    found = CmaEs(lookback=100, risk_aversion=1e4).weights(view)
    np.testing.assert_allclose(found, MinVariance(lookback=100, covariance_transformers=()).weights(view), atol=0.01)


def test_a_swarm_without_its_library_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymoo", None)
    with pytest.raises(ConfigError, match=r'a particle swarm needs pymoo: pip install "regimefolio\[search\]"'):
        PortfolioManager(PortfolioSpec(allocator=ParticleSwarm()), synthetic_market(60))
