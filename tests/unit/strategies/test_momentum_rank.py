"""Momentum ranks by hand, and by plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import rankdata

from regimefolio.core.types import Float
from regimefolio.strategies import MomentumRank
from regimefolio.strategies.momentum_rank import _agreement
from regimefolio.testing import market_of, synthetic_market

NAN = math.nan


@pytest.mark.parametrize(
    ("ranks", "alpha", "confidence"),
    [
        ((1.0, 1.0, 1.0), 1.0, 1.0),
        ((-0.25, -0.5, -0.75), -0.5, 1.0),  # one side of the middle: sure
        ((1.0, 0.5, -0.5), 1 / 3, 0.5),  # less so where they contradict each other
        ((0.5, -0.5, 0.0), 0.0, 0.0),  # they cancel
        ((1 / 3, 1 / 3, -2 / 3), 0.0, 0.0),
        ((0.1, 0.2, -0.3), 0.0, 0.0),  # 5e-17 in float64
        ((0.0, 0.0, 0.0), 0.0, 0.0),
        ((NAN, 1.0, 1.0), 0.0, 0.0),
        ((1.0, 1.0, NAN), 0.0, 0.0),
    ],
)
def test_agreement(ranks: tuple[float, float, float], alpha: float, confidence: float) -> None:
    windows = np.array(ranks).reshape(3, 1, 1)
    windows.flags.writeable = False
    found_alpha, found_confidence = np.empty((1, 1), np.float32), np.empty((1, 1), np.float32)
    _agreement(windows[0], windows[1], windows[2], found_alpha, found_confidence)
    found = (found_alpha.item(), found_confidence.item())
    assert found == pytest.approx((alpha, confidence), rel=1e-6, abs=0.0)


def test_winners_lead_and_losers_trail() -> None:
    wiggle = 1.0 + 0.001 * (np.arange(40) % 2)
    close = np.stack([wiggle * 1.01 ** np.arange(40), np.full(40, 7.0), wiggle * 0.99 ** np.arange(40)], axis=1)
    signals = MomentumRank(lookback=16, skip=2).signals(market_of(close))
    assert not signals.confidence[:18].any()
    assert (signals.alpha[18:] == [1.0, 0.0, -1.0]).all()
    assert (signals.confidence[18:] == [1.0, 0.0, 1.0]).all()


def test_what_happened_in_the_skipped_bars_is_not_seen() -> None:
    close = np.array(synthetic_market(120, complete=True).panel.close)
    strategy = MomentumRank(lookback=40, skip=10)
    before = strategy.signals(market_of(close))
    close[110:, :6] *= 3.0
    after = strategy.signals(market_of(close))
    assert after.alpha.tobytes() == before.alpha.tobytes()
    close[109, :6] *= 3.0
    assert (strategy.signals(market_of(close)).alpha[119] != before.alpha[119]).any()


def slowly(close: Float, lookback: int, skip: int, t: int) -> tuple[Float, Float]:
    """Alpha and confidence at one bar of a panel without holes."""
    total, size = np.zeros(close.shape[1]), np.zeros(close.shape[1])
    for window in (lookback, lookback // 2, lookback // 4):
        path = close[t - skip - window : t - skip + 1]
        returns = path[1:] / path[:-1] - 1.0
        momentum = (path[-1] / path[0] - 1.0) / (returns.std(axis=0) * math.sqrt(window))
        rank = (2.0 * rankdata(momentum) - len(momentum) - 1.0) / (len(momentum) - 1.0)
        total += rank
        size += np.abs(rank)
    return total / 3.0, np.abs(total) / size


def test_signals_are_what_plain_loops_find() -> None:
    market = synthetic_market(200, complete=True)
    signals = MomentumRank(lookback=63, skip=21).signals(market)
    for t in (84, 85, 150, 199):
        alpha, confidence = slowly(market.panel.close, 63, 21, t)
        np.testing.assert_allclose(signals.alpha[t], alpha, atol=1e-6)
        np.testing.assert_allclose(signals.confidence[t], confidence, atol=1e-6)


def test_ties_share_their_opinion_and_non_members_have_none() -> None:
    market = synthetic_market(400)
    signals = MomentumRank(lookback=40, skip=5).signals(market)
    assert signals.alpha[:, 0].any()
    assert (signals.alpha[:, :3] == signals.alpha[:, :1]).all()
    outside = ~market.panel.member
    assert outside.any()
    assert not signals.confidence[outside].any()


def test_one_asset_cannot_be_ranked() -> None:
    close = synthetic_market(120, complete=True).panel.close[:, :1]
    assert not MomentumRank(lookback=40, skip=5).signals(market_of(close)).confidence.any()


@pytest.mark.parametrize(("lookback", "skip"), [(8, 0), (9, 3), (252, 21)])
def test_warmup_is_exact(lookback: int, skip: int) -> None:
    strategy = MomentumRank(lookback=lookback, skip=skip)
    confidence = strategy.signals(synthetic_market(300, complete=True)).confidence
    assert strategy.warmup == lookback + skip
    assert not confidence[: strategy.warmup].any()
    assert confidence[strategy.warmup].any()
