"""Scores of portfolios: closed forms and plain loops, one portfolio at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from regimefolio.core.types import Float
from regimefolio.portfolio import objectives

RNG = np.random.default_rng(5)
RETURNS = RNG.standard_t(4, (40, 7)) * 0.01 + 0.0004


def l_moment(sample: Float, r: int) -> float:
    """The mean over all subsets of r values of Σ (−1)^k C(r−1, k) · the (r−k)-th smallest of them, over r."""
    return float(
        np.mean(
            [
                sum((-1) ** k * math.comb(r - 1, k) * each[r - 1 - k] for k in range(r)) / r
                for each in combinations(sorted(sample), r)
            ]
        )
    )


def mean_variance(earned: Float) -> float:
    mean = sum(earned) / len(earned)
    return mean - 1.5 * sum((r - mean) ** 2 for r in earned) / len(earned)


def sortino(earned: Float) -> float:
    return sum(earned) / len(earned) / math.sqrt(sum(min(r, 0.0) ** 2 for r in earned) / len(earned))


def cvar(earned: Float) -> float:
    """The least of α + mean((−r − α)⁺) / tail over α, which is at one of the losses."""
    return -min(-a + np.mean([max(a - r, 0.0) for r in earned]) / 0.07 for a in earned)


def drawdown(earned: Float) -> float:
    wealth, peak, worst = 1.0, 1.0, 0.0
    for r in earned:
        wealth *= 1.0 + r
        peak = max(peak, wealth)
        worst = min(worst, wealth / peak - 1.0)
    return worst


def l_moments(earned: Float) -> float:
    first, second, third, fourth = (l_moment(earned[:12], r) for r in (1, 2, 3, 4))
    return first - 0.3 * (second - third / 3 + fourth / 12)


@pytest.mark.parametrize(
    ("vectorised", "loop"),
    [
        (lambda earned: objectives.mean_variance(earned, 3.0), mean_variance),
        (objectives.sortino, sortino),
        (lambda earned: objectives.cvar(earned, 0.07), cvar),
        (objectives.drawdown, drawdown),
        (lambda earned: objectives.l_moments(earned[:12], 0.3), l_moments),
    ],
    ids=["mean_variance", "sortino", "cvar", "drawdown", "l_moments"],
)
def test_each_portfolio_is_scored_as_a_plain_loop_does(
    vectorised: Callable[[Float], Float], loop: Callable[[Float], float]
) -> None:
    np.testing.assert_allclose(vectorised(RETURNS), [loop(column) for column in RETURNS.T], rtol=1e-10)


def test_the_tail_of_whole_bars_is_their_mean_and_the_whole_tail_the_mean() -> None:
    np.testing.assert_allclose(objectives.cvar(RETURNS, 0.1), np.sort(RETURNS, axis=0)[:4].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(objectives.cvar(RETURNS, 1.0), RETURNS.mean(axis=0), rtol=1e-12)


def test_a_first_loss_is_a_drawdown_and_gains_alone_are_none() -> None:
    earned = np.array([[-0.5, 0.1], [0.0, 0.1]])
    assert objectives.drawdown(earned).tolist() == [-0.5, 0.0]


def test_without_a_loss_a_ratio_is_finite() -> None:
    assert np.isfinite(objectives.sortino(np.abs(RETURNS))).all()


def test_l_moments_of_a_uniform_and_of_few() -> None:
    """λ of the uniform on 0 … 1: 1/2, 1/6, 0, 0; fewer than four returns have a mean alone."""
    uniform = (np.arange(20_000.0)[:, np.newaxis] + 0.5) / 20_000
    assert objectives.l_moments(uniform, 1.0)[0] == pytest.approx(0.5 - 1 / 6, abs=1e-4)
    assert objectives.l_moments(RETURNS[:3], 1.0).tolist() == RETURNS[:3].mean(axis=0).tolist()


@pytest.mark.parametrize("score", [lambda e: objectives.l_moments(e, 2.0), lambda e: objectives.cvar(e, 0.1)])
def test_scores_that_are_said_to_be_concave_are(score: Callable[[Float], Float]) -> None:
    a, b = (RETURNS @ RNG.dirichlet(np.ones(7), 200).T for _ in range(2))
    assert (score(0.5 * (a + b)) >= 0.5 * (score(a) + score(b)) - 1e-15).all()
