"""MACD and RSI in agreement, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.strategies import MacdRsiConfluence
from regimefolio.strategies.macd_rsi_confluence import _confluence
from regimefolio.testing import synthetic_market

NAN = math.nan


@pytest.mark.parametrize(
    ("strength", "rsi", "alpha", "confidence"),
    [
        (1.0, 60.0, 0.5, 0.5),  # both votes are a half
        (1.0, 65.0, 0.625, 0.5),  # alpha is their mean, confidence the weaker
        (-0.5, 30.0, -0.625, 0.25),
        (3.0, 90.0, 1.0, 1.0),  # votes are clipped
        (-7.0, 1.0, -1.0, 1.0),
        (1.0, 40.0, 0.0, 0.0),  # they contradict each other
        (-1.0, 60.0, 0.0, 0.0),
        (0.0, 60.0, 0.0, 0.0),  # one has no sign
        (1.0, 50.0, 0.0, 0.0),
        (NAN, 60.0, 0.0, 0.0),  # one is not known
        (1.0, NAN, 0.0, 0.0),
    ],
)
def test_votes(strength: float, rsi: float, alpha: float, confidence: float) -> None:
    histogram, strengths = np.array([[strength]]), np.array([[rsi]])
    histogram.flags.writeable = strengths.flags.writeable = False
    found_alpha, found_confidence = np.empty((1, 1), np.float32), np.empty((1, 1), np.float32)
    _confluence(histogram, strengths, found_alpha, found_confidence)
    assert (found_alpha.item(), found_confidence.item()) == (alpha, confidence)


def test_signals_are_the_votes_of_the_markets_indicators() -> None:
    market = synthetic_market(400)
    strategy = MacdRsiConfluence(fast=8, slow=17, signal=5, rsi_period=10, scale_window=30)
    signals = strategy.signals(market)
    m = np.clip(market.macd_strength(8, 17, 5, 30) / 2.0, -1.0, 1.0)
    r = np.clip((market.rsi(10) - 50.0) / 20.0, -1.0, 1.0)
    agree = m * r > 0.0
    np.testing.assert_array_equal(signals.alpha, np.where(agree, (m + r) / 2.0, 0.0).astype(np.float32))
    weaker = np.minimum(np.abs(m), np.abs(r))
    np.testing.assert_array_equal(signals.confidence, np.where(agree, weaker, 0.0).astype(np.float32))
    assert 0.3 < agree[strategy.warmup :].mean() < 0.9


@pytest.mark.parametrize(("rsi_period", "warmup"), [(14, 95), (120, 120)])
def test_warmup_is_the_longer_of_the_two(rsi_period: int, warmup: int) -> None:
    strategy = MacdRsiConfluence(rsi_period=rsi_period)
    confidence = strategy.signals(synthetic_market(200, complete=True)).confidence
    assert strategy.warmup == warmup
    assert not confidence[:warmup].any()
    assert confidence[warmup].any()


def test_fast_must_be_faster() -> None:
    with pytest.raises(ValidationError, match=r"`fast < slow` must hold, but got fast=26, slow=26"):
        MacdRsiConfluence(fast=26)
