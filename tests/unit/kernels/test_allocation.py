"""Least variance, risk budgets and bisection against what is slow and obvious, and against closed forms."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from regimefolio.core.types import Float
from regimefolio.kernels import minimum_variance as least
from regimefolio.kernels import risk_budgeting as budgets
from regimefolio.kernels.bisection import bisect


def covariance_of(n_assets: int, n_returns: int, seed: int, common: float = 0.5) -> Float:
    """Of random returns with a common part; singular where there are fewer returns than assets."""
    random = np.random.default_rng(seed)
    market = random.normal(0.0, 0.01, (n_returns, 1))
    own = random.normal(0.0, 0.01, (n_returns, n_assets)) * random.uniform(0.5, 2.0, n_assets)
    return np.atleast_2d(np.cov((common * market + own).T))


def least_variance(covariance: Float, upper: Float | None = None, hint: list[int] | None = None) -> Float:
    n_assets = len(covariance)
    out, hinted = np.empty(n_assets), np.zeros(n_assets, dtype=bool)
    hinted[hint or []] = True
    limits = np.ones(n_assets) if upper is None else upper
    assert least.minimum_variance(covariance, limits, hinted, out) == least.SOLVED
    return out


def by_enumeration(covariance: Float, upper: Float) -> float:
    """The least variance over every way in which assets are at 0, at their limit, or free."""
    n_assets, best = len(covariance), float("inf")
    for places in product((0, 1, 2), repeat=n_assets):
        free = np.flatnonzero(np.array(places) == 1)
        weights = np.where(np.array(places) == 2, upper, 0.0)
        left = 1.0 - weights.sum()
        if free.size:
            system = np.zeros((free.size + 1, free.size + 1))
            system[:-1, :-1], system[-1, :-1], system[:-1, -1] = covariance[np.ix_(free, free)], 1.0, 1.0
            right = np.append(-covariance[free] @ weights, left)
            weights[free] = np.linalg.lstsq(system, right, rcond=None)[0][:-1]
        if abs(weights.sum() - 1.0) < 1e-9 and (weights > -1e-12).all() and (weights < upper + 1e-12).all():
            best = min(best, float(weights @ covariance @ weights))
    return best


def residual(covariance: Float, weights: Float, upper: Float) -> float:
    """How far gradients are on the wrong side of λ, as a fraction of it."""
    gradient = covariance @ weights
    inside = (weights > 0.0) & (weights < upper)
    level = gradient[inside].mean() if inside.any() else gradient[weights > 0.0].max()
    wrong = np.where(weights == 0.0, level - gradient, np.where(weights == upper, gradient - level, 0.0))
    return float(max(wrong.max(), np.abs(gradient[inside] - level).max(initial=0.0)) / level)


def test_without_correlation_weights_are_inverse_variances() -> None:
    assert least_variance(np.diag([1.0, 2.0, 4.0])) == pytest.approx([4 / 7, 2 / 7, 1 / 7], abs=1e-15)


def test_of_two_assets_that_move_together_the_calmer_one_is_held_alone() -> None:
    assert least_variance(np.array([[1.0, 1.2], [1.2, 2.0]])).tolist() == [1.0, 0.0]


def test_limits_that_leave_no_choice_are_the_weights() -> None:
    assert least_variance(covariance_of(4, 50, 1), np.full(4, 0.25)) == pytest.approx([0.25] * 4, abs=1e-15)


def test_two_calm_twins_at_their_limits_make_room_for_one_that_moves_otherwise() -> None:
    """The two least variances fill everything at first, with no asset between its limits."""
    covariance = np.array([[1.0, 0.99, 0.0], [0.99, 1.0, 0.0], [0.0, 0.0, 1.5]])
    weights = least_variance(covariance, np.full(3, 0.5))
    twin = 0.5 * 1.5 / (0.995 + 1.5)
    assert weights == pytest.approx([twin, twin, 1.0 - 2.0 * twin], abs=1e-14)


def test_limits_below_one_have_no_room() -> None:
    out = np.ones(3)
    assert least.minimum_variance(np.eye(3), np.full(3, 0.3), np.zeros(3, dtype=bool), out) == least.NO_ROOM
    assert out.tolist() == [0.0] * 3


@given(st.integers(1, 5), st.integers(2, 12), st.integers(0, 10_000), st.floats(0.25, 1.0))
def test_no_portfolio_within_the_limits_has_less_variance(n: int, n_returns: int, seed: int, limit: float) -> None:
    covariance = covariance_of(n, n_returns, seed)
    upper = np.full(n, max(limit, 1.0 / n))
    assume(upper.sum() >= 1.0)
    weights = least_variance(covariance, upper)
    assert (weights >= 0.0).all()
    assert (weights <= upper).all()
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    found = weights @ covariance @ weights
    assert found <= by_enumeration(covariance, upper) + 1e-10 * covariance.diagonal().max()


@given(st.integers(2, 40), st.integers(3, 80), st.integers(0, 10_000), st.sampled_from([1.0, 0.3, 0.1]))
def test_gradients_are_on_the_right_side(n: int, more: int, seed: int, limit: float) -> None:
    covariance, upper = covariance_of(n, n + more, seed), np.full(n, limit)
    assume(upper.sum() >= 1.0)
    assert residual(covariance, least_variance(covariance, upper), upper) <= 1e-8


@given(st.integers(20, 60), st.integers(2, 15), st.integers(0, 1000))
def test_with_fewer_returns_than_assets_risk_vanishes_or_gradients_agree(n: int, n_returns: int, seed: int) -> None:
    covariance = covariance_of(n, n_returns, seed)
    weights = least_variance(covariance)
    riskless = weights @ covariance @ weights <= 1e-12 * covariance.diagonal().min()
    assert riskless or residual(covariance, weights, np.ones(n)) <= 1e-8


@given(st.integers(2, 30), st.integers(0, 1000), st.lists(st.integers(0, 29), max_size=10), st.sampled_from([1.0, 0.2]))
def test_a_hint_changes_the_way_and_not_the_weights(n: int, seed: int, hint: list[int], limit: float) -> None:
    covariance, upper = covariance_of(n, 100, seed), np.full(n, max(limit, 1.0 / n))
    assume(upper.sum() >= 1.0)
    hinted = [each for each in hint if each < n]
    assert least_variance(covariance, upper, hinted).tobytes() == least_variance(covariance, upper).tobytes()


@given(st.integers(2, 20), st.integers(0, 1000))
def test_neither_scale_nor_order_matters(n: int, seed: int) -> None:
    covariance, order = covariance_of(n, 60, seed), np.random.default_rng(seed).permutation(n)
    shuffled = np.ascontiguousarray(covariance[np.ix_(order, order)])
    budget = np.full(n, 1.0 / n)
    for weigh in (least_variance, lambda each: budgeted(each, budget)):
        weights = weigh(covariance)
        assert weigh(4.0 * covariance).tobytes() == weights.tobytes()
        assert weigh(shuffled) == pytest.approx(weights[order], abs=1e-11)


def budgeted(covariance: Float, budget: Float) -> Float:
    out = np.empty(len(budget))
    assert budgets.risk_budgeting(covariance, budget, out) == budgets.SOLVED
    return out


def test_without_correlation_equal_risk_is_inverse_volatility() -> None:
    weights = budgeted(np.diag([1.0, 4.0, 16.0]), np.full(3, 1 / 3))
    assert weights == pytest.approx(np.array([4.0, 2.0, 1.0]) / 7.0, abs=1e-12)


def test_of_two_assets_equal_risk_is_inverse_volatility_whatever_the_correlation() -> None:
    weights = budgeted(np.array([[1.0, 1.4], [1.4, 4.0]]), np.full(2, 0.5))
    assert weights == pytest.approx([2 / 3, 1 / 3], abs=1e-12)


@given(st.integers(1, 40), st.integers(3, 80), st.integers(0, 10_000))
def test_every_asset_has_its_budget_of_the_risk(n: int, more: int, seed: int) -> None:
    covariance = covariance_of(n, n + more, seed)
    budget = np.random.default_rng(seed).dirichlet(np.full(n, 5.0))
    weights = budgeted(covariance, budget)
    part = weights * (covariance @ weights)
    assert (weights > 0.0).all()
    assert part / part.sum() == pytest.approx(budget, abs=1e-10)


def test_risk_that_some_weights_do_not_have_cannot_be_shared_out() -> None:
    out = np.empty(2)
    assert budgets.risk_budgeting(np.array([[1.0, -1.0], [-1.0, 1.0]]), np.full(2, 0.5), out) == budgets.NOT_CONVERGED
    assert out.tolist() == [0.5, 0.5]


def test_bisection_by_hand() -> None:
    """Variances 1 | 1, 4: the second half is an inverse-variance portfolio of 1 and 4, whose variance is 0.8."""
    out = np.empty(3)
    bisect(np.diag([1.0, 1.0, 4.0]), np.array([0, 1, 2]), out)
    first = 1.0 - 1.0 / 1.8
    assert out == pytest.approx([first, (1.0 - first) * 0.8, (1.0 - first) * 0.2], abs=1e-15)


@given(st.integers(1, 30), st.integers(0, 1000))
def test_bisection_invests_everything(n: int, seed: int) -> None:
    out = np.empty(n)
    bisect(covariance_of(n, 60, seed), np.random.default_rng(seed).permutation(n), out)
    assert (out > 0.0).all()
    assert out.sum() == pytest.approx(1.0, abs=1e-12)
