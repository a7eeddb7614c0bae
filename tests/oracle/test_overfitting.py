"""The overfitting statistics against simulation, against a resampler that is written bar by bar, and against theory."""

import math

import numpy as np
import pytest
from scipy import stats

from regimefolio.core.types import Float, Int
from regimefolio.evaluation import (
    expected_maximum_sharpe,
    paired_sharpe_difference,
    probabilistic_sharpe_ratio,
    return_moments,
    sharpe_interval,
    stationary_bootstrap,
)


def stacked(n_bars: int, n_resamples: int, mean_block: float, seed: int = 1) -> Int:
    return np.concatenate(list(stationary_bootstrap(n_bars, n_resamples, mean_block, seed)))


def test_moments_are_scipys() -> None:
    r = np.random.default_rng(3).standard_t(5, 700) * 0.01 + 0.001
    found = return_moments(r, risk_free=0.0002)
    assert found.n_bars == 700
    assert found.sharpe == pytest.approx((r - 0.0002).mean() / r.std(ddof=1), rel=1e-12)
    assert found.skew == pytest.approx(stats.skew(r), rel=1e-12)
    assert found.kurtosis == pytest.approx(stats.kurtosis(r, fisher=False), rel=1e-12)


def test_the_probabilistic_sharpe_ratio_is_the_share_of_samples_below() -> None:
    """Of 20,000 samples of 250 bars with true Sharpe ratio 0.1, PSR(benchmark 0.1) is uniform."""
    rng = np.random.default_rng(5)
    r = rng.normal(0.1, 1.0, (20_000, 250))
    sharpes = r.mean(axis=1) / r.std(axis=1, ddof=1)
    share = np.mean([probabilistic_sharpe_ratio(s, 250, 0.0, 3.0, benchmark=0.1) < 0.05 for s in sharpes])
    assert share == pytest.approx(0.05, abs=0.006)  # 4 standard errors of the share


@pytest.mark.parametrize("n", [10, 50, 400])
def test_the_expected_maximum_is_that_of_normal_samples(n: int) -> None:
    """The formula is an approximation: the paper's error is below 2% from ten trials on."""
    draws = np.random.default_rng(n).normal(size=(4000, n))
    x = np.linspace(-1, 1, n)
    unit = (x - x.mean()) / x.std(ddof=1)
    assert expected_maximum_sharpe(unit) == pytest.approx(draws.max(axis=1).mean(), rel=0.03)


def test_every_bar_is_drawn_equally_often() -> None:
    n_bars, n_resamples = 50, 20_000
    index = stacked(n_bars, n_resamples, 5.0)
    for position in (0, 1, 25, 49):
        counts = np.bincount(index[:, position], minlength=n_bars)
        assert stats.chisquare(counts).pvalue > 1e-4


def test_block_lengths_are_geometric() -> None:
    """A bar follows its neighbour with probability 1 - 1/block, and by chance 1/n_bars of the other times."""
    n_bars, block = 400, 8.0
    index = stacked(n_bars, 500, block)
    follows = (np.diff(index, axis=1) - 1) % n_bars == 0
    share = (1 - 1 / block) + 1 / block / n_bars
    assert follows.mean() == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / follows.size))

    ends = ~follows
    lengths = np.concatenate([np.diff(np.flatnonzero(row)) for row in ends])  # whole blocks only
    lengths = lengths[lengths > 0]
    counts = np.array([(lengths == k).sum() for k in range(1, 25)])
    expected = stats.geom.pmf(np.arange(1, 25), 1 - share) * len(lengths)
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected) + 0.03 * expected)


def plain_resample(n_bars: int, mean_block: float, rng: np.random.Generator) -> list[int]:
    """One resample, bar by bar, as the paper words it."""
    bars = [int(rng.integers(n_bars))]
    while len(bars) < n_bars:
        fresh = rng.random() < 1.0 / mean_block
        bars.append(int(rng.integers(n_bars)) if fresh else (bars[-1] + 1) % n_bars)
    return bars


def autocorrelated(n_bars: int, seed: int) -> Float:
    noise = np.random.default_rng(seed).normal(0.0005, 0.01, n_bars + 20)
    return np.asarray(np.convolve(noise, np.full(20, 0.2), mode="valid")[:n_bars])


def test_the_interval_agrees_with_a_resampler_written_bar_by_bar() -> None:
    r, rng = autocorrelated(300, 2), np.random.default_rng(11)
    slow = np.array([plain_resample(300, 10.0, rng) for _ in range(4000)])
    sharpes = r[slow].mean(axis=1) / r[slow].std(axis=1, ddof=1) * math.sqrt(252)
    found = sharpe_interval(r, 252, seed=3, n_resamples=4000, mean_block=10.0)
    width = found.high - found.low
    assert found.low == pytest.approx(np.quantile(sharpes, 0.025), abs=0.04 * width)
    assert found.high == pytest.approx(np.quantile(sharpes, 0.975), abs=0.04 * width)
    single = sharpe_interval(r, 252, seed=3, n_resamples=4000, mean_block=1.0)
    assert width > 1.5 * (single.high - single.low), "blocks keep the dependence that single bars lose"


def test_of_independent_returns_the_interval_has_the_theoretical_width() -> None:
    r = np.random.default_rng(8).normal(0.0004, 0.01, 2500)
    found = sharpe_interval(r, 252, seed=0, n_resamples=4000, mean_block=1.0)
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(252 / 2500), rel=0.06)


def test_pairing_removes_what_two_runs_share() -> None:
    rng = np.random.default_rng(4)
    market = rng.normal(0.0004, 0.01, 1500)
    a, b = market + rng.normal(0.0003, 0.001, 1500), market + rng.normal(0.0, 0.001, 1500)
    found = paired_sharpe_difference(a, b, 252, seed=1)
    assert found.low > 0.0
    assert found.share_positive > 0.97
    alone = sharpe_interval(a, 252, seed=1)
    assert found.high - found.low < 0.35 * (alone.high - alone.low)
    back = paired_sharpe_difference(b, a, 252, seed=1)
    assert (back.point, back.low, back.high) == pytest.approx((-found.point, -found.high, -found.low), rel=1e-9)
