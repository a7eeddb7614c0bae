"""Bollinger mean reversion by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from regimefolio.strategies import BollingerMeanReversion
from regimefolio.strategies.bollinger_mean_reversion import _reversion
from regimefolio.testing import market_of, synthetic_market

FIVE = BollingerMeanReversion(lookback=5, width=1.5)


def scores(z: list[float], width: float, saturation: float) -> tuple[list[float], list[float]]:
    panel = np.array([z])
    panel.flags.writeable = False
    alpha, confidence = np.empty(panel.shape, np.float32), np.empty(panel.shape, np.float32)
    _reversion(panel.ravel(), width, saturation, alpha.ravel(), confidence.ravel())
    return alpha[0].tolist(), confidence[0].tolist()


def test_a_fall_to_the_band_is_bought_and_a_rise_sold() -> None:
    """10, 10, 10, 10, 6: mean 9.2, deviation 1.6, z = -2, half a deviation beyond a width of 1.5."""
    signals = FIVE.signals(market_of([[10.0, 10.0], [10.0, 10.0], [10.0, 10.0], [10.0, 10.0], [6.0, 14.0]]))
    assert not signals.alpha[:4].any()
    assert not signals.confidence[:4].any()
    np.testing.assert_allclose(signals.alpha[4], [0.5, -0.5], rtol=1e-6)
    np.testing.assert_allclose(signals.confidence[4], [0.8, 0.8], rtol=1e-6)


def test_alpha_and_confidence_over_the_distance() -> None:
    z = [-9.0, -3.0, -2.5, -2.0, -1.0, 0.0, 2.0, 2.25, 4.0, math.nan]
    alpha, confidence = scores(z, 2.0, 1.0)
    assert alpha == [1.0, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0, -0.25, -1.0, 0.0]
    np.testing.assert_allclose(confidence, [1.0, 1.0, 5 / 6, 0.0, 0.0, 0.0, 0.0, 0.75, 1.0, 0.0], rtol=1e-6)


def test_saturation_stretches_alpha() -> None:
    alpha, confidence = scores([-3.0, 4.0, 7.0], 2.0, 4.0)
    assert alpha == [0.25, -0.5, -1.0]
    np.testing.assert_allclose(confidence, [0.5, 4 / 6, 1.0], rtol=1e-6)


@pytest.mark.parametrize("width", [0.1, 0.3, 0.7, 2.1])
def test_the_edge_is_where_float64_says(width: float) -> None:
    """In float32 some of these widths lie above, some below themselves."""
    edge = [width, -width, math.nextafter(width, 9.0), -math.nextafter(width, 9.0)]
    _, confidence = scores(edge, width, 1.0)
    assert [c > 0.0 for c in confidence] == (np.abs(edge) > width).tolist() == [False, False, True, True]


def test_a_price_that_never_moves_has_no_opinion() -> None:
    assert not FIVE.signals(market_of(np.full((30, 2), 0.1))).confidence.any()


@pytest.mark.parametrize("lookback", [2, 5, 20])
def test_warmup_is_exact(lookback: int) -> None:
    strategy = BollingerMeanReversion(lookback=lookback, width=0.01)
    confidence = strategy.signals(synthetic_market(60, complete=True)).confidence
    assert strategy.warmup == lookback - 1
    assert not confidence[: strategy.warmup].any()
    assert confidence[strategy.warmup].any()


def test_what_the_signals_say_of_themselves() -> None:
    signals = BollingerMeanReversion(horizon=3).signals(synthetic_market(60))
    assert (signals.strategy, signals.horizon, signals.volatility_adjusted) == ("bollinger_mean_reversion", 3, True)
    assert signals.metadata == {
        "lookback": 20,
        "width": 2.0,
        "saturation": 1.0,
        "horizon": 3,
        "rsi_period": None,
        "oversold": 30.0,
    }


def test_rsi_confirms_what_it_also_finds_extreme() -> None:
    """A fall out of a rise leaves the band at the bottom, but an RSI of 56; a fall at the end of a fall has 0."""
    dip = [100.0, 110.0, 120.0, 130.0, 140.0, 150.0, 111.0]
    slide = [100.0, 99.0, 98.0, 97.0, 96.0, 95.0, 80.0]
    market = market_of(np.column_stack([dip, slide, 200.0 - np.array(dip), 200.0 - np.array(slide)]))
    alone = BollingerMeanReversion(lookback=5, width=1.0)
    assert np.sign(alone.signals(market).alpha[6]).tolist() == [1.0, 1.0, -1.0, -1.0]
    rsi = market.rsi(6)[6]
    np.testing.assert_allclose(rsi, [100 * 50 / 89, 0.0, 100 * 39 / 89, 100.0])
    confirmed = alone.with_parameters({"rsi_period": 6}).signals(market)
    assert np.sign(confirmed.alpha[6]).tolist() == [0.0, 1.0, 0.0, -1.0]
    assert (confirmed.confidence[6] > 0.0).tolist() == [False, True, False, True]


def test_confirmation_only_takes_away() -> None:
    market = synthetic_market(300)
    alone = BollingerMeanReversion(width=1.5)
    plain, confirmed = alone.signals(market), alone.with_parameters({"rsi_period": 14}).signals(market)
    kept = confirmed.confidence > 0.0
    assert 0 < kept.sum() < (plain.confidence > 0.0).sum()
    assert confirmed.alpha[kept].tobytes() == plain.alpha[kept].tobytes()
    assert confirmed.confidence[kept].tobytes() == plain.confidence[kept].tobytes()
    rsi = market.rsi(14)
    spoken = np.isfinite(rsi) & (plain.confidence > 0.0)
    expected = spoken & np.where(plain.alpha > 0.0, rsi < 30.0, rsi > 70.0)
    np.testing.assert_array_equal(kept, expected)


def test_warmup_is_that_of_the_slower_witness() -> None:
    assert BollingerMeanReversion(lookback=20, rsi_period=14).warmup == 19
    assert BollingerMeanReversion(lookback=10, rsi_period=14).warmup == 14
