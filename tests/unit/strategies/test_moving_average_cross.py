"""Crossing averages by hand, by pandas, and in random walks."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from regimefolio.core.types import Float
from regimefolio.strategies import MovingAverageCross
from regimefolio.strategies.moving_average_cross import _follow
from regimefolio.testing import market_of, synthetic_market

NAN = math.nan


@pytest.mark.parametrize(
    ("gap", "alpha", "confidence"),
    [
        (1.0, 0.5, 0.6826895),  # a normal deviate is nearer to 0 than that with 68%
        (-1.0, -0.5, 0.6826895),
        (0.5, 0.25, 0.3829249),
        (2.0, 1.0, 0.9544997),
        (-7.0, -1.0, 1.0),
        (math.inf, 1.0, 1.0),
        (0.0, 0.0, 0.0),
        (NAN, 0.0, 0.0),
    ],
)
def test_opinions(gap: float, alpha: float, confidence: float) -> None:
    gaps = np.array([[gap]])
    gaps.flags.writeable = False
    found_alpha, found_confidence = np.empty((1, 1), np.float32), np.empty((1, 1), np.float32)
    _follow(gaps, 2.0, found_alpha, found_confidence)
    assert (found_alpha.item(), found_confidence.item()) == pytest.approx((alpha, confidence), rel=1e-6, abs=0.0)


def test_by_hand() -> None:
    """Two of three bars: changes of now and of the bar before count 2/3 - 1/2 and 1/3, together √5 / 6.

    First asset: returns +10%, -10%, 0; means 99 and 308/3. Second: up 10% each time, but for rounding without
    deviation. Third: at rest.
    """
    close = [[100.0, 100.0, 7.0], [110.0, 110.0, 7.0], [99.0, 121.0, 7.0], [99.0, 133.1, 7.0]]
    signals = MovingAverageCross(fast=2, slow=3).signals(market_of(close))
    assert not signals.confidence[:3].any()
    z = (99.0 / (308.0 / 3.0) - 1.0) / (math.sqrt(0.02 / 3.0) * math.sqrt(5.0) / 6.0)
    assert z == pytest.approx(-1.17369, abs=1e-5)
    assert signals.alpha[3].tolist() == pytest.approx([z / 2.0, 1.0, 0.0], rel=1e-6)
    assert signals.confidence[3].tolist() == pytest.approx([math.erf(-z / math.sqrt(2.0)), 1.0, 0.0], rel=1e-6)
    assert signals.volatility_adjusted
    assert signals.horizon == 21


def test_the_close_itself_may_be_the_fast_average() -> None:
    """Half of the last change stands between a close and the mean of the last two."""
    found = market_of([[100.0], [110.0], [99.0]]).average_gap(1, 2)[:, 0]
    np.testing.assert_allclose(found, [NAN, NAN, (99.0 / 104.5 - 1.0) / (0.1 * 0.5)], rtol=1e-12)


def by_pandas(close: Float, fast: int, slow: int) -> Float:
    """The distance of one asset's averages on its own bars."""
    price = pd.Series(close)
    distance = price.rolling(fast).mean() / price.rolling(slow).mean() - 1.0
    change = np.eye(slow)  # each of the last changes alone, added up to a path that ends at 1
    paths = np.vstack([np.zeros(slow), np.cumsum(change, axis=0)])
    part = paths[-fast:].mean(axis=0) - paths[-slow:].mean(axis=0)
    chance = price.pct_change(fill_method=None).rolling(slow).std(ddof=0) * math.sqrt((part**2).sum())
    found: Float = (distance / chance).to_numpy()
    return found


@pytest.mark.parametrize(("fast", "slow"), [(1, 2), (5, 20), (19, 20), (50, 200)])
def test_the_distance_is_what_pandas_finds(fast: int, slow: int) -> None:
    market = synthetic_market(700, complete=True)
    found = market.average_gap(fast, slow)
    for n in range(market.panel.n_assets):
        expected = by_pandas(market.panel.close[:, n], fast, slow)
        np.testing.assert_allclose(found[:, n], expected, rtol=1e-5, atol=1e-7)


def test_signals_are_made_of_the_distance_of_own_bars() -> None:
    market = synthetic_market(500)
    signals = MovingAverageCross(fast=5, slow=20, saturation=1.5).signals(market)
    seen = 0
    for n in range(market.panel.n_assets):
        present = np.isfinite(market.panel.close[:, n])
        own = market.panel.close[present, n]
        z = by_pandas(own, 5, 20)
        moves = pd.Series(own).rolling(20).max() > pd.Series(own).rolling(20).min()
        moves = moves.to_numpy() & np.isfinite(z)
        seen += int(moves.sum())
        expected = np.clip(z[moves] / 1.5, -1.0, 1.0)
        np.testing.assert_allclose(signals.alpha[present, n][moves], expected, atol=1e-4)
        assert not signals.confidence[present, n][~moves].any()
    assert seen > 3000


def test_in_random_walks_the_distance_is_about_standard_normal() -> None:
    returns = np.random.default_rng(11).normal(0.0, 0.01, (201, 4000))
    z = market_of(100.0 * np.cumprod(1.0 + returns, axis=0)).average_gap(20, 100)[200]
    assert z.std() == pytest.approx(1.0, abs=0.05)
    assert (np.abs(z) < 1.0).mean() == pytest.approx(0.683, abs=0.03)


def test_trends_have_their_sign() -> None:
    wiggle = 1.0 + 0.001 * (np.arange(120) % 2)
    close = np.stack([wiggle * 1.01 ** np.arange(120), wiggle * 0.99 ** np.arange(120)], axis=1)
    signals = MovingAverageCross(fast=10, slow=40).signals(market_of(close))
    assert (signals.alpha[40:] == [1.0, -1.0]).all()


def test_averages_that_are_equal_but_for_rounding_are_no_opinion() -> None:
    """Prices that repeat every two bars have equal averages of 10 and of 40, whatever the sums are rounded to."""
    close = np.where(np.arange(500) % 2, 0.1, 0.3)[:, None] * np.array([[1.0, 1.7, 33.3, 1e-6]])
    assert not MovingAverageCross(fast=10, slow=40).signals(market_of(close)).confidence.any()


def test_prices_that_rest_are_no_opinion_as_soon_as_the_slow_window_is_full_of_them() -> None:
    close = np.array(synthetic_market(300, complete=True).panel.close)
    close[150:] = close[150]
    confidence = MovingAverageCross(fast=5, slow=20).signals(market_of(close)).confidence
    assert confidence[168].any()
    assert not confidence[169:].any()


def test_a_price_that_rests_after_a_fall_to_almost_nothing_is_no_opinion() -> None:
    """Sums that held the high prices keep their rounding until they are taken anew."""
    close = np.array(synthetic_market(300, complete=True).panel.close) * 1e9
    close[153:] = 0.1
    confidence = MovingAverageCross(fast=5, slow=20).signals(market_of(close)).confidence
    assert confidence[171].all()
    assert not confidence[172:].any()


def test_what_left_the_window_leaves_no_rounding_behind() -> None:
    quiet = synthetic_market(300, complete=True).panel.close
    crashed = np.array(quiet)
    crashed[:100] *= 1e9
    before, after = market_of(quiet).average_gap(5, 20), market_of(crashed).average_gap(5, 20)
    np.testing.assert_allclose(after[160:], before[160:], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("fast", "slow"), [(1, 2), (5, 20), (50, 200)])
def test_warmup_is_exact(fast: int, slow: int) -> None:
    strategy = MovingAverageCross(fast=fast, slow=slow)
    confidence = strategy.signals(synthetic_market(300, complete=True)).confidence
    assert strategy.warmup == slow
    assert not confidence[:slow].any()
    assert confidence[slow].all()


def test_fast_must_be_faster() -> None:
    with pytest.raises(ValidationError, match=r"`fast < slow` must hold, but got fast=200, slow=200"):
        MovingAverageCross(fast=200)
