"""The market's indicators: each asset on its own bars, computed once, compiled once."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from regimefolio.core.types import Float
from regimefolio.market.view import Market
from regimefolio.testing import market_of, synthetic_market

NAN = math.nan
INDICATORS: dict[str, tuple[Callable[[Market], Float], int]] = {
    "zscore": (lambda market: market.zscore(20), 19),
    "macd_histogram": (lambda market: market.macd_histogram(12, 26, 9), 33),
    "macd_strength": (lambda market: market.macd_strength(12, 26, 9, 30), 62),
    "rsi": (lambda market: market.rsi(14), 14),
    "volatility": (lambda market: market.volatility(20), 20),
    "average_gap": (lambda market: market.average_gap(7, 30), 30),
    "momentum": (lambda market: market.momentum(40, 5), 45),
}
"""Each with the number of an asset's bars that pass before its first value."""


@pytest.mark.parametrize("name", INDICATORS)
def test_every_asset_lives_on_its_own_bars(name: str) -> None:
    """A hole in the data is as if the bar had never been: equal, to the bit, to the asset alone without holes."""
    indicator, warmup = INDICATORS[name]
    market = synthetic_market(400)
    found = indicator(market)
    for n in range(market.panel.n_assets):
        present = np.isfinite(market.panel.close[:, n])
        alone = indicator(market_of(market.panel.close[present, n : n + 1]))[:, 0]
        assert found[present, n].tobytes() == alone.tobytes(), market.symbols[n]
        assert np.isnan(found[~present, n]).all()
        assert np.isnan(alone[:warmup]).all()
        assert not np.isnan(alone[warmup:]).any()


@pytest.mark.parametrize("name", INDICATORS)
def test_an_indicator_is_computed_once_and_cannot_be_changed(name: str) -> None:
    indicator, _ = INDICATORS[name]
    market = synthetic_market(200)
    found = indicator(market)
    assert indicator(market) is found
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 1.0


@pytest.mark.parametrize("name", INDICATORS)
def test_a_short_market_has_no_value_yet(name: str) -> None:
    indicator, _ = INDICATORS[name]
    for bars in (1, 2, 7):
        assert np.isnan(indicator(market_of(np.full((bars, 2), 3.0)))).all()


@pytest.mark.parametrize("name", INDICATORS)
def test_a_market_with_a_missing_bar_before_the_cut_and_one_without_agree(name: str) -> None:
    indicator, _ = INDICATORS[name]
    close = np.array(synthetic_market(200, complete=True).panel.close)
    close[150, 2] = NAN
    assert indicator(market_of(close))[:150].tobytes() == indicator(market_of(close[:150])).tobytes()


def test_volatility_by_hand() -> None:
    """Returns +10%, -10%, +10%, 0: deviations 0.1, 0.1, 0.05."""
    found = market_of([[100.0], [110.0], [99.0], [108.9], [108.9]]).volatility(2)[:, 0]
    np.testing.assert_allclose(found, [NAN, NAN, 0.1, 0.1, 0.05], rtol=1e-12)


def test_momentum_by_hand() -> None:
    """Two bars up 10% and 20%, one skipped: +32% over a deviation of 5%, times √2."""
    found = market_of([[100.0], [110.0], [132.0], [1.0], [132.0]]).momentum(2, 1)[:, 0]
    np.testing.assert_allclose(found[:4], [NAN, NAN, NAN, 0.32 / (0.05 * math.sqrt(2.0))], rtol=1e-12)
    assert found[4] < -1.0


def test_momentum_without_deviation_is_zero_or_infinite() -> None:
    found = market_of([[2.0, 2.0, 8.0], [2.0, 4.0, 4.0], [2.0, 8.0, 2.0]]).momentum(2, 0)
    assert found[2].tolist() == [0.0, math.inf, -math.inf]


def test_momentum_ranks_are_among_members_with_a_bar() -> None:
    close = np.array([[1.0, 1.0, 1.0, 1.0], [1.1, 1.2, 1.3, 1.4], [1.2, 1.5, 1.9, 2.0], [1.0, 1.9, 2.2, NAN]])
    member = np.ones(close.shape, np.bool_)
    member[2, 1] = False
    momentum = market_of(close).momentum(2, 0)
    assert momentum[2, 3] > momentum[2, 0] > momentum[2, 1] > momentum[2, 2]
    found = market_of(close, member).momentum_rank(2, 0)
    np.testing.assert_array_equal(found[:2], np.full((2, 4), NAN))
    np.testing.assert_array_equal(found[2], [0.0, NAN, -1.0, 1.0])
    assert np.isnan(found[3, 3])
    assert sorted(found[3, :3]) == [-1.0, 0.0, 1.0]


def test_histogram_strength_is_the_histogram_over_its_own_deviation() -> None:
    market = synthetic_market(300, complete=True)
    histogram, strength = market.macd_histogram(5, 10, 4), market.macd_strength(5, 10, 4, 8)
    first = 10 + 4 - 2 + 8 - 1
    assert np.isnan(strength[:first]).all()
    for t in (first, first + 1, 200, 299):
        expected = histogram[t] / histogram[t - 7 : t + 1].std(axis=0)
        np.testing.assert_allclose(strength[t], expected, rtol=1e-9)


def test_nothing_compiles_at_import_and_each_kernel_compiles_for_one_kind_of_input() -> None:
    program = """
from regimefolio.kernels import normalise, oscillators, rolling
from regimefolio.strategies import (
    BollingerMeanReversion, MacdRsiConfluence, MomentumRank, MovingAverageCross, Normalise, Overlaid, Smoothing,
    bollinger_mean_reversion, macd_rsi_confluence, momentum_rank, moving_average_cross,
)
from regimefolio.strategies.overlays import smoothing
rooms = (
    normalise, rolling, smoothing, bollinger_mean_reversion, macd_rsi_confluence, momentum_rank, moving_average_cross
)
kernels = [f for room in rooms for f in vars(room).values() if hasattr(f, "signatures")] + [oscillators.strength_index]
inside = "_settled", "_between", "_slide", "_find_spread", "_sum_anew", "_standardise", "_deviate"
kernels = [f for f in kernels if f.__name__ not in inside]  # those are called by kernels alone
assert len(kernels) == 16, kernels
assert not any(f.signatures for f in kernels)
from regimefolio.testing import synthetic_market
for complete in (True, False):
    market = synthetic_market(300, complete=complete)
    for strategy in (BollingerMeanReversion(), MacdRsiConfluence(), MomentumRank(), MovingAverageCross()):
        strategy.signals(market)
        strategy.signals(market.until(100))
    BollingerMeanReversion(rsi_period=14).signals(market)
    for method in ("zscore", "min_max", "rank", "tanh"):
        for over in ("cross_section", "own_history"):
            overlays = (Normalise(method=method, over=over), Smoothing())
            Overlaid(strategy=MomentumRank(lookback=8), overlays=overlays).signals(market)
    market.volatility(20), market.macd_histogram(12, 26, 9)
assert [len(f.signatures) for f in kernels] == [1] * 16, [(f.__name__, f.signatures) for f in kernels]
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
