"""Opinions become weights: each step on rows small enough to be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from regimefolio.kernels.constraints import Limits, constrain_row
from regimefolio.kernels.weights import (
    CONFIDENCE_WEIGHTED,
    EQUAL_WEIGHT,
    PROPORTIONAL,
    WEIGHTED,
    allocate_row,
    combine_row,
    keep_top_row,
)

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

INF = np.inf
NAN = np.nan

UNUSED = np.empty(0)


def f32(values: ArrayLike) -> Float32:
    return np.array(values, dtype=np.float32)


def combine(alpha: ArrayLike, confidence: ArrayLike, weights: ArrayLike, method: int) -> Float32:
    out = np.full(np.shape(alpha)[1], NAN, np.float32)
    combine_row(f32(alpha), f32(confidence), f32(weights), method, out)
    return out


def constrain(weights: ArrayLike, limits: Limits, sector: ArrayLike | None = None) -> Float:
    wished = np.array(weights, dtype=np.float64)
    codes = np.zeros(wished.size, np.int64) if sector is None else np.array(sector, dtype=np.int64)
    out = np.full_like(wished, NAN)
    constrain_row(wished, codes, limits, out)
    return out


def test_weighted_is_the_sum_of_weighted_alphas() -> None:
    alpha, confidence = [[0.5, -0.5, 0.0], [0.25, 0.5, 1.0]], [[0.1, 0.9, 0.0], [1.0, 1.0, 1.0]]
    assert combine(alpha, confidence, [0.75, 0.25], WEIGHTED).tolist() == [0.4375, -0.25, 0.25]


def test_confidence_weighted_asks_only_those_with_an_opinion() -> None:
    alpha = [[0.5, -0.5, 0.0, 0.75], [0.25, 0.5, 0.0, 0.0]]
    confidence = [[0.5, 1.0, 0.0, 0.25], [0.5, 0.5, 0.0, 0.0]]
    assert combine(alpha, confidence, [0.5, 0.5], CONFIDENCE_WEIGHTED) == pytest.approx([0.375, -0.5 / 3.0, 0.0, 0.75])


@pytest.mark.parametrize("method", [WEIGHTED, CONFIDENCE_WEIGHTED])
def test_a_strategy_without_weight_is_not_there(method: int) -> None:
    rng = np.random.default_rng(0)
    alpha, confidence = f32(rng.uniform(-1, 1, (4, 50))), f32(rng.random((4, 50)))
    weights = f32([0.2, 0.0, 0.5, 0.3])
    alpha[1], confidence[1] = NAN, NAN
    kept = [0, 2, 3]
    with_it = combine(alpha, confidence, weights, method)
    assert with_it.tobytes() == combine(alpha[kept], confidence[kept], weights[kept], method).tobytes()
    assert np.isfinite(with_it).all()


def test_combining_is_float32_arithmetic_in_the_order_of_the_strategies() -> None:
    rng = np.random.default_rng(1)
    alpha, weights = f32(rng.uniform(-1, 1, (5, 200))), f32(rng.dirichlet(np.ones(5)))
    expected = np.zeros(200, np.float32)
    for s in range(5):
        expected += weights[s] * alpha[s]
    assert combine(alpha, alpha, weights, WEIGHTED).tobytes() == expected.tobytes()


def test_the_best_alphas_are_kept_and_ties_stay() -> None:
    def kept(top_n: int, tradable: list[bool] | None = None) -> list[int]:
        keep = np.array(tradable or [True] * 5)
        keep_top_row(f32([0.3, 0.1, 0.3, -0.2, 0.9]), top_n, keep)
        return np.flatnonzero(keep).tolist()

    assert kept(0) == kept(5) == kept(9) == [0, 1, 2, 3, 4]
    assert kept(1) == [4]
    assert kept(2) == kept(3) == [0, 2, 4]
    assert kept(4) == [0, 1, 2, 4]
    assert kept(1, [True, True, True, True, False]) == [0, 2]


def test_proportional_shares_the_gross_among_positive_alphas() -> None:
    def weights(alpha: list[float], gross: float = 1.0) -> list[float]:
        out = np.full(len(alpha), NAN)
        allocate_row(f32(alpha), np.array([True] * (len(alpha) - 1) + [False]), UNUSED, PROPORTIONAL, 0.0, gross, out)
        return out.tolist()

    assert weights([0.25, -1.0, 0.75, 0.5]) == [0.25, 0.0, 0.75, 0.0]
    assert weights([0.25, -1.0, 0.75, 0.5], 0.5) == [0.125, 0.0, 0.375, 0.0]
    assert weights([0.25, 0.0, 0.75, 0.5], INF) == [0.25, 0.0, 0.75, 0.0]
    assert weights([0.0, -0.5, -1.0, 0.5]) == [0.0, 0.0, 0.0, 0.0]


def test_equal_weight_ignores_alpha() -> None:
    out = np.full(4, NAN)
    allocate_row(f32([-1.0, 0.0, NAN, 1.0]), np.array([True, True, True, False]), UNUSED, EQUAL_WEIGHT, 0.0, 0.9, out)
    assert out == pytest.approx([0.3, 0.3, 0.3, 0.0])
    allocate_row(f32([1.0] * 4), np.zeros(4, np.bool_), UNUSED, EQUAL_WEIGHT, 0.0, 0.9, out)
    assert not out.any()


def test_what_a_position_limit_cuts_is_cash() -> None:
    assert constrain([0.6, 0.4, 0.0], Limits(0.5, INF, 1.0)).tolist() == [0.5, 0.4, 0.0]


def test_a_full_sector_is_scaled_alone() -> None:
    limits = Limits(INF, 0.5, 1.0)
    assert constrain([0.4, 0.2, 0.4], limits, [0, 0, 1]) == pytest.approx([1.0 / 3.0, 0.5 / 3.0, 0.4])


def test_a_sector_barely_too_large_is_cut_to_its_limit() -> None:
    held = constrain([0.3, 0.2001], Limits(INF, 0.5, 1.0))
    assert held == pytest.approx([0.3 * 0.5 / 0.5001, 0.2001 * 0.5 / 0.5001], rel=1e-14)


def test_a_gross_limit_scales_everything_but_what_is_smaller_already() -> None:
    assert constrain([0.5, -0.3, 0.2], Limits(INF, INF, 0.5)) == pytest.approx([0.25, -0.15, 0.1])
    assert constrain([0.9, 0.3, 0.2], Limits(0.2, INF, 0.5)) == pytest.approx([0.2, 0.18, 0.12])


def test_limits_hold_together() -> None:
    """Sector 0 is cut to 0.3 by b = 0.5, then the gross of 0.6 by a = 0.6, which does not touch sector 0 again."""
    wished, sector = [0.4, 0.2, 0.3, 0.2], [0, 0, 1, 2]
    assert constrain(wished, Limits(0.25, 0.3, 0.6), sector) == pytest.approx([0.2, 0.1, 0.18, 0.12])


def test_rounding_above_a_limit_is_left_alone() -> None:
    w = np.full(10, 0.1)
    w[0] += 1e-15
    assert np.array_equal(constrain(w, Limits(INF, 1.0, 1.0)), w)
