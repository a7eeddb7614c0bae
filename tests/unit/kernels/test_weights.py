"""Opinions become weights: each step on rows small enough to be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from regimefolio.core.types import read_only
from regimefolio.kernels.constraints import Limits, constrain_row
from regimefolio.kernels.weights import (
    BEST,
    BEST_STRATEGY,
    CONFIDENCE_WEIGHTED,
    EQUAL_WEIGHT,
    FLAT,
    LONG_SHORT,
    NET,
    PROPORTIONAL,
    RANK_AVERAGE,
    RISK_PARITY,
    WEIGHTED,
    Settings,
    allocate_row,
    combine_row,
    combined_row,
    keep_top_row,
    rank_row,
)

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

INF = np.inf
NAN = np.nan

UNUSED = np.empty(0)


def f32(values: ArrayLike) -> Float32:
    return read_only(np.array(values, dtype=np.float32))


def combine(alpha: ArrayLike, confidence: ArrayLike, weights: ArrayLike, method: int) -> Float32:
    out = np.full(np.shape(alpha)[1], NAN, np.float32)
    combine_row(f32(alpha), f32(confidence), f32(weights), np.ones(out.size, np.bool_), method, out)
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


@pytest.mark.parametrize("method", [WEIGHTED, CONFIDENCE_WEIGHTED, RANK_AVERAGE, BEST_STRATEGY])
def test_a_strategy_without_weight_is_not_there(method: int) -> None:
    rng = np.random.default_rng(0)
    alpha, confidence = f32(rng.uniform(-1, 1, (4, 50))), f32(rng.random((4, 50)))
    weights = f32([0.2, 0.0, 0.5, 0.3])
    alpha[1], confidence[1] = NAN, NAN
    kept = [0, 2, 3]
    with_it = combine(alpha, confidence, weights, method)
    assert with_it.tobytes() == combine(alpha[kept], confidence[kept], weights[kept], method).tobytes()
    assert np.isfinite(with_it).all()


def ranks(alpha: list[float], confidence: list[float]) -> list[float]:
    out = np.full(len(alpha), NAN, np.float32)
    rank_row(f32(alpha), f32(confidence), np.ones(out.size, np.bool_), out)
    found: list[float] = out.tolist()
    return found


def test_ranks_go_from_minus_one_to_one_among_the_opinions_and_ties_share_theirs() -> None:
    assert ranks([0.3, -0.9, 0.1, 0.2, 0.9], [1, 0, 1, 1, 0.1]) == f32([1 / 3, 0, -1, -1 / 3, 1]).tolist()
    assert ranks([0.5, 0.5, -0.1, 0.5], [1, 1, 1, 1]) == f32([1 / 3, 1 / 3, -1, 1 / 3]).tolist()
    assert ranks([0.5, 0.5], [1, 1]) == [0.0, 0.0]
    assert ranks([0.9, -0.1], [1, 1]) == [1.0, -1.0]


def test_a_single_opinion_has_the_middle_rank_and_none_has_none() -> None:
    assert ranks([0.9, 0.5, -0.2], [1, 0, 0]) == [0.0, 0.0, 0.0]
    assert ranks([0.9, 0.5, -0.2], [0, 0, 0]) == [0.0, 0.0, 0.0]
    assert ranks([], []) == []


def test_what_cannot_be_traded_has_no_rank_and_is_no_rival() -> None:
    alpha, confidence = f32([[0.9, 0.1, 0.2, -0.5]]), f32([[1.0, 1.0, 1.0, 1.0]])
    tradable = np.array([False, True, True, False])
    expected = f32([0.0, -1.0, 1.0, 0.0])
    out = np.full(4, NAN, np.float32)
    rank_row(alpha[0], confidence[0], tradable, out)
    assert out.tolist() == expected.tolist()
    combine_row(alpha, confidence, f32([1.0]), tradable, RANK_AVERAGE, out)
    assert out.tolist() == expected.tolist()
    opposed = f32([[0.9, 0.1, 0.2, -0.5], [0.9, 0.2, -0.1, -0.5]])
    settings = Settings(RANK_AVERAGE, PROPORTIONAL, 0, np.zeros(4, np.int64), Limits(INF, INF, 1.0), on_conflict=BEST)
    combined_row(opposed, f32([[1.0] * 4, [0.5] * 4]), f32([0.5, 0.5]), tradable, settings, out)
    assert out.tolist() == [0.0, 0.0, 1.0, 0.0]  # of asset 1 both think well, and one ranks it first, one last


def test_rank_average_is_the_weighted_mean_over_those_with_an_opinion() -> None:
    alpha = [[0.9, 0.1, -0.5, 0.0], [-0.2, 0.0, 0.4, 0.0]]
    confidence = [[1.0, 0.2, 0.5, 0.0], [1.0, 0.0, 0.1, 0.0]]
    # ranks: 1, 0, −1, none; −1, none, 1, none
    found = combine(alpha, confidence, [0.75, 0.25], RANK_AVERAGE)
    assert found.tolist() == [0.5, 0.0, -0.5, 0.0]


def test_the_best_strategy_is_the_first_with_the_largest_weight_times_confidence() -> None:
    alpha = [[0.9, 0.1, -0.5, 0.3], [-0.2, 0.6, 0.4, 0.8]]
    confidence = [[0.5, 0.2, 0.5, 0.0], [1.0, 0.8, 1.5, 0.0]]
    assert combine(alpha, confidence, [0.75, 0.25], BEST_STRATEGY) == pytest.approx([0.9, 0.6, -0.5, 0.0])


def settled(method: int, on_conflict: int, weights: ArrayLike = (0.75, 0.25)) -> list[float]:
    """Asset 0 opposed, 1 agreed, 2 with one opinion, 3 opposed by 0, 4 opposed by an alpha without confidence."""
    alpha = f32([[0.5, 0.5, 0.5, 0.5, 0.5], [-1.0, 0.25, 0.0, 0.0, -0.5]])
    confidence = f32([[0.25, 0.5, 0.5, 0.5, 0.5], [1.0, 0.5, 0.0, 0.5, 0.0]])
    settings = Settings(method, PROPORTIONAL, 0, np.zeros(5, np.int64), Limits(INF, INF, 1.0), on_conflict=on_conflict)
    out = np.full(5, NAN, np.float32)
    combined_row(alpha, confidence, f32(weights), np.ones(5, np.bool_), settings, out)
    found: list[float] = out.tolist()
    return found


def test_a_conflict_is_netted_or_flat_or_left_to_the_strongest() -> None:
    assert settled(WEIGHTED, NET) == [0.125, 0.4375, 0.375, 0.375, 0.25]
    assert settled(WEIGHTED, FLAT) == [0.0, 0.4375, 0.375, 0.375, 0.25]
    assert settled(WEIGHTED, BEST) == [-0.25, 0.4375, 0.375, 0.375, 0.25]  # 0.25·1 beats 0.75·0.25
    assert settled(WEIGHTED, BEST, (0.8, 0.2)) == pytest.approx([0.4, 0.45, 0.4, 0.4, 0.3])  # equals: the first
    assert settled(CONFIDENCE_WEIGHTED, BEST)[0] == settled(BEST_STRATEGY, BEST)[0] == -1.0
    assert settled(RANK_AVERAGE, BEST)[0] == -1.0
    assert settled(RANK_AVERAGE, FLAT)[0] == settled(BEST_STRATEGY, FLAT)[0] == 0.0
    for method in (CONFIDENCE_WEIGHTED, RANK_AVERAGE, BEST_STRATEGY):
        assert settled(method, FLAT)[1:] == settled(method, BEST)[1:] == settled(method, NET)[1:]


def test_a_strategy_without_weight_is_in_no_conflict() -> None:
    for method in (WEIGHTED, CONFIDENCE_WEIGHTED, RANK_AVERAGE, BEST_STRATEGY):
        assert (
            settled(method, FLAT, (1.0, 0.0)) == settled(method, BEST, (1.0, 0.0)) == settled(method, NET, (1.0, 0.0))
        )


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


def allocated(alpha: list[float], allocator: int, risk: ArrayLike = (), tilt: float = 0.0, gross: float = 1.0) -> Float:
    out = np.full(len(alpha), NAN)
    everything = np.ones(len(alpha), np.bool_)
    allocate_row(f32(alpha), everything, np.array(risk, dtype=np.float64), allocator, tilt, gross, out)
    return out


def test_long_short_shares_the_gross_among_all_alphas() -> None:
    assert allocated([0.5, -0.25, 0.0, 0.25], LONG_SHORT).tolist() == [0.5, -0.25, 0.0, 0.25]
    assert allocated([0.5, -0.25, 0.0, 0.25], LONG_SHORT, gross=1.5).tolist() == [0.75, -0.375, 0.0, 0.375]
    assert not allocated([0.0, 0.0], LONG_SHORT).any()


def test_risk_parity_holds_less_of_what_moves_more_and_leans_towards_alpha() -> None:
    assert allocated([0.9, -0.9], RISK_PARITY, [0.01, 0.03]) == pytest.approx([0.75, 0.25])
    assert allocated([1.0, 0.0, -1.0], RISK_PARITY, [0.01] * 3, tilt=1.0) == pytest.approx([2 / 3, 1 / 3, 0.0])
    assert allocated([1.0, 0.0, -1.0], RISK_PARITY, [0.01] * 3, tilt=0.5) == pytest.approx([0.5, 1 / 3, 1 / 6])
    assert allocated([1.0, 0.0, 0.0], RISK_PARITY, [NAN, 0.0, 0.02], tilt=1.0).tolist() == [0.0, 0.0, 1.0]
    assert not allocated([1.0, 0.5], RISK_PARITY, [NAN, 0.0], tilt=1.0).any()


def test_a_net_limit_moves_both_sides_alike() -> None:
    """0.6 and −0.4 become neutral with 1 − 0.2 and 1 + 0.2; 0.8 and −0.8 become 130/30 with 1 ± 0.625."""
    assert constrain([0.6, -0.4], Limits(INF, INF, 1.0, 0.0, 0.0)) == pytest.approx([0.48, -0.48], abs=1e-15)
    held = constrain([0.5, 0.3, -0.8], Limits(INF, INF, 1.6, 1.0, 1.0))
    assert held == pytest.approx([0.8125, 0.4875, -0.3], abs=1e-14)
    assert constrain([0.7, -0.1], Limits(INF, INF, 1.0, max_net=0.5)) == pytest.approx([0.6125, -0.1125], abs=1e-15)


def test_a_net_that_is_out_of_reach_is_approached() -> None:
    assert constrain([-0.6, -0.4], Limits(INF, INF, 1.0, 0.2)).tolist() == [0.0, 0.0]
    assert constrain([0.2, -0.4, 0.0], Limits(0.3, INF, 1.0, 0.5)).tolist() == [0.3, 0.0, 0.0]
    assert constrain([0.4, 0.2, -0.4], Limits(INF, 0.3, 1.0, 0.9), [0, 0, 1]) == pytest.approx([0.2, 0.1, 0.0])
    assert np.signbit(constrain([-0.6, -0.4], Limits(INF, INF, 1.0, 0.2))).sum() == 0


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
