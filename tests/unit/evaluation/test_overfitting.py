import math
import tracemalloc

import numpy as np
import pytest

from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Float, Int
from regimefolio.evaluation import (
    bootstrap_quantiles,
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    minimum_track_record_length,
    overfitting,
    paired_sharpe_difference,
    probabilistic_sharpe_ratio,
    return_moments,
    sharpe_interval,
    stationary_bootstrap,
)

RETURNS = np.random.default_rng(0).normal(0.0005, 0.01, 600)


def stacked(n_bars: int, n_resamples: int, mean_block: float, seed: int) -> Int:
    return np.concatenate(list(stationary_bootstrap(n_bars, n_resamples, mean_block, seed)))


def test_a_sharpe_ratio_at_the_benchmark_has_even_odds() -> None:
    assert probabilistic_sharpe_ratio(0.05, 100, -1.0, 6.0, benchmark=0.05) == 0.5


def test_negative_skew_and_fat_tails_lower_the_odds() -> None:
    odds = [probabilistic_sharpe_ratio(0.1, 250, skew, kurt) for skew, kurt in [(0, 3), (-1, 3), (-1, 9)]]
    assert odds == sorted(odds, reverse=True)
    assert len(set(odds)) == 3


@pytest.mark.parametrize("given", [(math.nan, 10, 0, 3), (0.1, 1, 0, 3), (0.1, 10, math.nan, 3), (1.0, 10, 5, 3)])
def test_the_probabilistic_sharpe_ratio_may_be_undefined(given: tuple[float, int, float, float]) -> None:
    assert math.isnan(probabilistic_sharpe_ratio(*given))


def test_the_minimum_track_record_is_where_the_odds_reach_the_confidence() -> None:
    bars = minimum_track_record_length(0.1, -1.0, 6.0, 0.02, 0.9)
    assert probabilistic_sharpe_ratio(0.1, math.ceil(bars), -1.0, 6.0, 0.02) >= 0.9
    assert probabilistic_sharpe_ratio(0.1, math.floor(bars), -1.0, 6.0, 0.02) < 0.9
    assert math.isnan(minimum_track_record_length(0.1, 0.0, 3.0, 0.1))
    with pytest.raises(ConfigError, match=r"between 0\.5 and 1"):
        minimum_track_record_length(0.1, 0.0, 3.0, confidence=95)


def test_trials_without_a_sharpe_ratio_are_left_out() -> None:
    trials = np.array([0.01, 0.03, -0.02, 0.05])
    assert expected_maximum_sharpe([*trials, np.nan]) == expected_maximum_sharpe(trials) > 0.0
    assert expected_maximum_sharpe([0.1, 0.1, 0.1]) == 0.0
    with pytest.raises(DataError, match="1 have one"):
        deflated_sharpe_ratio(0.1, 100, 0.0, 3.0, [0.1, np.nan])


def test_more_trials_deflate_more() -> None:
    few, many = np.array([-0.05, 0.05]), np.array([-0.05, 0.05] * 50)
    odds = [deflated_sharpe_ratio(0.1, 500, 0.0, 3.0, trials) for trials in (few, many)]
    assert probabilistic_sharpe_ratio(0.1, 500, 0.0, 3.0) > odds[0] > odds[1]


def test_moments_of_a_hand_made_series() -> None:
    found = return_moments([0.0, 0.0, 0.0, 0.04])
    assert found == pytest.approx((0.5, 4, 2 / math.sqrt(3), 7 / 3))
    assert math.isnan(return_moments([0.1]).sharpe)
    assert all(math.isnan(value) for value in return_moments([0.1, 0.1, 0.1])[2:])


def test_indices_are_bars_and_blocks_run_around_the_end() -> None:
    index = stacked(10, 500, 4.0, 7)
    assert index.shape == (500, 10)
    assert index.min() == 0
    assert index.max() == 9
    follows = np.diff(index, axis=1)
    assert (follows == -9).sum() > 200, "after the last bar comes the first"


def test_a_block_of_one_bar_is_the_ordinary_bootstrap_and_endless_blocks_are_rotations() -> None:
    single = stacked(200, 200, 1.0, 1)
    assert ((np.diff(single, axis=1) % 200) == 1).mean() == pytest.approx(1 / 200, abs=0.002)
    endless = stacked(200, 50, 1e12, 1)
    assert (np.diff(endless, axis=1) % 200 == 1).all()
    assert len(set(endless[:, 0])) > 20


def test_a_resample_depends_on_seed_and_number_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = stacked(50, 40, 5.0, 3)
    assert np.array_equal(stacked(50, 40, 5.0, 3), whole)
    assert np.array_equal(stacked(50, 17, 5.0, 3), whole[:17])
    assert not np.array_equal(stacked(50, 40, 5.0, 4), whole)
    monkeypatch.setattr(overfitting, "CHUNK", 333)
    assert np.array_equal(stacked(50, 40, 5.0, 3), whole)


def test_memory_stays_bounded() -> None:
    tracemalloc.start()
    for chunk in stationary_bootstrap(20_000, 500, 21.0, 0):
        assert chunk.size <= overfitting.CHUNK
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80 * 2**20  # all at once would be 80 MB of indices and as much of draws


@pytest.mark.parametrize("given", [(0, 10, 5.0), (10, 0, 5.0), (10, 10, 0.5), (10, 10, math.nan)])
def test_a_bootstrap_of_nothing_is_refused_at_once(given: tuple[int, int, float]) -> None:
    with pytest.raises(ConfigError, match="a bootstrap needs"):
        stationary_bootstrap(*given)


def test_an_interval_holds_its_point_and_narrows_with_its_level() -> None:
    wide, narrow = (sharpe_interval(RETURNS, 252, seed=1, level=level) for level in (0.95, 0.5))
    assert wide.low < narrow.low < narrow.point < narrow.high < wide.high
    assert wide.point == pytest.approx(RETURNS.mean() / RETURNS.std(ddof=1) * math.sqrt(252), rel=1e-12)
    assert sharpe_interval(RETURNS, 252, seed=1) == wide
    assert sharpe_interval(RETURNS, 252, seed=2) != wide
    assert sharpe_interval(RETURNS + 0.001, 252, seed=1, risk_free=0.001) == pytest.approx(wide)


def test_a_risk_free_rate_of_each_bar_is_taken_from_the_mean_alone() -> None:
    free = 0.0002 + 0.004 * np.sin(np.arange(600))
    ratio = (RETURNS - free).mean() / RETURNS.std(ddof=1)
    assert return_moments(RETURNS, free).sharpe == pytest.approx(ratio, rel=1e-12)
    assert return_moments(RETURNS, free)[1:] == return_moments(RETURNS)[1:]
    found = sharpe_interval(RETURNS, 252, seed=1, risk_free=free)
    index = stacked(600, overfitting.RESAMPLES, overfitting.MEAN_BLOCK, 1)
    drawn = (RETURNS[index] - free[index]).mean(axis=1) / RETURNS[index].std(axis=1, ddof=1) * 252**0.5
    assert found.point == pytest.approx(ratio * 252**0.5, rel=1e-12)
    assert found[1:3] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), rel=1e-12)
    one = sharpe_interval(RETURNS, 252, seed=1, risk_free=np.full(600, 0.0002))
    assert one == pytest.approx(sharpe_interval(RETURNS, 252, seed=1, risk_free=0.0002), rel=1e-12)


def test_two_runs_are_measured_against_the_same_rates() -> None:
    free, other = 0.004 * np.sin(np.arange(600)), RETURNS[::-1].copy()
    found = paired_sharpe_difference(RETURNS, other, 252, seed=3, risk_free=free)
    a, b = (return_moments(each, free).sharpe for each in (RETURNS, other))
    assert found.point == pytest.approx((a - b) * 252**0.5, rel=1e-9)
    index = stacked(600, overfitting.RESAMPLES, overfitting.MEAN_BLOCK, 3)
    ours, theirs = (
        (each[index] - free[index]).mean(axis=1) / each[index].std(axis=1, ddof=1) for each in (RETURNS, other)
    )
    assert found.low == pytest.approx(np.quantile(ours - theirs, 0.025) * 252**0.5, rel=1e-9)
    with pytest.raises(
        DataError, match=r"risk_free must be one number, or one for each of 600 bars, but has shape \(5,\)"
    ):
        paired_sharpe_difference(RETURNS, other, 252, seed=3, risk_free=np.zeros(5))


def test_ninety_percent_starts_at_the_five_percent_quantile() -> None:
    def sharpe(x: Float) -> Float:
        return np.asarray(x.mean(axis=1) / x.std(axis=1, ddof=1) * math.sqrt(252))

    low, high = bootstrap_quantiles(RETURNS, sharpe, [0.05, 0.95], seed=9)
    assert sharpe_interval(RETURNS, 252, seed=9, level=0.9)[1:3] == pytest.approx((low, high), rel=1e-12)


def test_undefined_resamples_are_left_out() -> None:
    once = np.zeros(100)
    once[50] = 0.01
    found = sharpe_interval(once, 252, seed=0)  # a third of the resamples never see that bar
    assert 0.0 < found.low < found.high
    never = bootstrap_quantiles(once, lambda x: np.full(len(x), np.nan), [0.5], seed=0)
    assert np.isnan(never).all()


@pytest.mark.parametrize("returns", [[], [0.01], [0.01] * 50, [0.1 + 0.2] * 50])
def test_flat_or_short_returns_have_no_interval(returns: list[float]) -> None:
    found = sharpe_interval(returns, 252, seed=0)
    assert np.isnan(found[:3]).all()
    paired = paired_sharpe_difference(returns, returns, 252, seed=0)
    assert np.isnan([*paired[:3], paired.share_positive]).all()


def test_a_run_does_not_differ_from_itself() -> None:
    found = paired_sharpe_difference(RETURNS, RETURNS, 252, seed=0)
    assert (found.point, found.low, found.high, found.share_positive) == (0.0, 0.0, 0.0, 0.0)


def test_a_run_and_its_levered_twin_do_not_differ() -> None:
    """Only with the same bars in both resamples is the difference nought."""
    found = paired_sharpe_difference(RETURNS, 2.0 * RETURNS, 252, seed=0)
    assert np.abs(found[:3]).max() < 1e-12


def test_returns_must_be_finite_and_of_one_length() -> None:
    with pytest.raises(DataError, match="bar 1 is nan"):
        sharpe_interval([0.1, np.nan], 252, seed=0)
    with pytest.raises(DataError, match="a has 3 and b has 2"):
        paired_sharpe_difference([0.1, 0.2, 0.1], [0.1, 0.2], 252, seed=0)
    with pytest.raises(DataError, match=r"shape \(T,\)"):
        return_moments(np.zeros((3, 2)))
    with pytest.raises(ConfigError, match="level"):
        sharpe_interval(RETURNS, 252, seed=0, level=95)
