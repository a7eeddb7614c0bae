"""The best mixture of a few series, against a second solver."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, minimize

from regimefolio.core.types import Float
from regimefolio.portfolio.mixture import best_mixture


def returns(seed: int, count: int) -> Float:
    rng = np.random.default_rng(seed)
    common = 0.01 * rng.standard_normal((120, 1))
    return common + rng.uniform(0.0, 0.01, count) * rng.standard_normal((120, count)) + 0.001 * rng.random(count)


def moments(series: Float) -> tuple[Float, Float]:
    centred = series - series.mean(axis=0)
    return series.mean(axis=0), centred.T @ centred / len(series)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 12), aversion=st.sampled_from([0.1, 5.0, 200.0]))
def test_no_second_solver_finds_better(seed: int, count: int, aversion: float) -> None:
    expected, covariance = moments(returns(seed, count))

    def worth(w: Float) -> float:
        return float(w @ expected - 0.5 * aversion * (w @ covariance @ w))

    def loss(w: Float) -> float:
        return -1e3 * worth(w)

    def slope(w: Float) -> Float:
        return -1e3 * (expected - aversion * covariance @ w)

    found = best_mixture(expected, covariance, aversion)
    assert (found >= 0.0).all()
    assert found.sum() == pytest.approx(1.0, abs=1e-14)
    other = minimize(
        loss,
        np.full(count, 1.0 / count),
        jac=slope,
        bounds=Bounds(0.0, 1.0),
        constraints=LinearConstraint(np.ones((1, count)), 1.0, 1.0),
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    scale = np.abs(expected).max() + aversion * covariance.diagonal().max()
    assert worth(found) >= worth(other.x / other.x.sum()) - 1e-6 * scale
    gain = expected - aversion * covariance @ found
    assert gain.max() - gain @ found <= 2e-6 * scale  # Frank and Wolfe's gap bounds what is lost


def test_two_that_do_not_move_together_are_mixed_by_the_formula() -> None:
    # w = (Δμ/λ + σ₂²)/(σ₁² + σ₂²) = (0.0001/5 + 0.0004)/0.0005
    found = best_mixture(np.array([0.0004, 0.0003]), np.diag([0.0001, 0.0004]), 5.0)
    np.testing.assert_allclose(found, [0.84, 0.16], atol=1e-5)


def test_without_risk_the_best_has_all() -> None:
    assert best_mixture(np.array([0.1, 0.3, 0.2]), np.zeros((3, 3)), 5.0).tolist() == [0.0, 1.0, 0.0]


def test_equal_series_have_equal_parts() -> None:
    series = returns(1, 2)[:, [0, 0, 1, 0]]
    found = best_mixture(*moments(series), 5.0)
    np.testing.assert_allclose(found[[0, 1]], found[3], rtol=1e-6)
    assert best_mixture(np.zeros(4), np.zeros((4, 4)), 5.0).tolist() == [0.25] * 4
