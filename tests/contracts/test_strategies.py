"""Every strategy of ours keeps the public contract, at its defaults and elsewhere; and the contract bites."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from pydantic import Field

from regimefolio.core.component import registered
from regimefolio.core.types import Float, SignalBuffer, Signals
from regimefolio.market.view import Market
from regimefolio.strategies import (
    BollingerMeanReversion,
    MacdRsiConfluence,
    MomentumRank,
    MovingAverageCross,
    Strategy,
    TechnicalRating,
)
from regimefolio.testing import StrategyContract, synthetic_market
from tests.contracts.biting import failures


class TestBollinger(StrategyContract):
    strategy: ClassVar[Strategy] = BollingerMeanReversion()


class TestBollingerOfTwoBars(StrategyContract):
    strategy: ClassVar[Strategy] = BollingerMeanReversion(lookback=2, width=0.5, saturation=0.1)


class TestBollingerOfAHundredBars(StrategyContract):
    strategy: ClassVar[Strategy] = BollingerMeanReversion(lookback=100, width=1.5)


class TestBollingerThatRsiConfirms(StrategyContract):
    strategy: ClassVar[Strategy] = BollingerMeanReversion(lookback=10, width=1.0, rsi_period=14, oversold=45.0)


class TestConfluence(StrategyContract):
    strategy: ClassVar[Strategy] = MacdRsiConfluence()


class TestConfluenceLedByRsi(StrategyContract):
    strategy: ClassVar[Strategy] = MacdRsiConfluence(fast=3, slow=6, signal=2, rsi_period=40, scale_window=5)


class TestMomentum(StrategyContract):
    strategy: ClassVar[Strategy] = MomentumRank()


class TestMomentumOfEightBars(StrategyContract):
    strategy: ClassVar[Strategy] = MomentumRank(lookback=8, skip=0)


class TestCross(StrategyContract):
    strategy: ClassVar[Strategy] = MovingAverageCross()


class TestCrossOfTheCloseItself(StrategyContract):
    strategy: ClassVar[Strategy] = MovingAverageCross(fast=1, slow=2, saturation=0.5)


class TestTechnicalRating(StrategyContract):
    strategy: ClassVar[Strategy] = TechnicalRating()


class TestTechnicalRatingOfOscillatorsSoon(StrategyContract):
    strategy: ClassVar[Strategy] = TechnicalRating(rating="other", rule_set="2020", history=12, threshold=0.0)


class TestStrategyUnderThreeOverlays(StrategyContract):
    strategy: ClassVar[Strategy] = Strategy.of(
        {
            "kind": "moving_average_cross",
            "fast": 3,
            "slow": 10,
            "overlays": [
                {"kind": "smoothing", "window": 4},
                {"kind": "normalise", "method": "tanh", "over": "own_history", "window": 30},
                {"kind": "confidence_floor", "floor": 0.1},
            ],
        }
    )


OWN = (TestBollinger, TestConfluence, TestMomentum, TestCross, TestTechnicalRating)
PLACED_ANYWHERE = (*OWN, TestBollingerThatRsiConfirms, TestStrategyUnderThreeOverlays)


def test_every_strategy_of_ours_is_under_contract() -> None:
    ours = {
        kind for kind, part in registered("strategy").items() if part.__module__.startswith("regimefolio.strategies.")
    }
    assert ours == {suite.strategy.kind for suite in OWN}


@pytest.mark.parametrize("suite", OWN)
def test_a_readme_stands_beside_every_strategy(suite: type[StrategyContract]) -> None:
    """It names the kind in its title and every parameter."""
    import regimefolio.strategies as room

    strategy = suite.strategy
    text = (Path(str(room.__file__)).parent / f"{strategy.kind}.md").read_text("utf-8")
    assert text.startswith(f"# {strategy.kind}\n")
    assert [name for name in type(strategy).model_fields if f"`{name}`" not in text] == []


@pytest.mark.parametrize("suite", PLACED_ANYWHERE)
def test_each_asset_may_be_scaled_alone_and_placed_anywhere(suite: type[StrategyContract]) -> None:
    """More than the contract asks: one factor an asset, and any order of symbols, to the bit."""
    market = synthetic_market(500)
    panel = market.panel
    order = np.random.default_rng(1).permutation(panel.n_assets)
    factor = 2.0 ** np.random.default_rng(2).integers(-8, 9, panel.n_assets)
    cells = {name: getattr(panel, name) * factor for name in ("open", "high", "low", "close")}
    cells |= {"member": panel.member, "volume": panel.volume}
    moved: dict[str, Any] = {name: np.ascontiguousarray(cell[:, order]) for name, cell in cells.items()}
    changed = replace(panel, **moved)
    expected, found = suite.strategy.signals(market), suite.strategy.signals(Market(changed))
    assert found.alpha.tobytes() == expected.alpha[:, order].tobytes()
    assert found.confidence.tobytes() == expected.confidence[:, order].tobytes()


@pytest.mark.parametrize("suite", PLACED_ANYWHERE)
def test_a_late_listing_has_its_own_warmup(suite: type[StrategyContract]) -> None:
    market = synthetic_market(900)
    signals = suite.strategy.signals(market)
    own_bar = np.cumsum(np.isfinite(market.panel.close), axis=0) - 1
    assert not signals.confidence[own_bar < suite.strategy.warmup].any()
    late = np.argmax(np.isfinite(market.panel.close[:, 8]))
    assert late > 100
    assert signals.confidence[late + suite.strategy.warmup :, 8].any()


# The contract bites: each of these strategies breaks one promise, and one test says so.


def panels(market: Market, value: Float) -> SignalBuffer:
    """What an honest strategy makes of `value`: its sign, where there is a value."""
    known = np.isfinite(value) & (value != 0.0)
    alpha = np.where(known, np.clip(value, -1.0, 1.0), 0.0).astype(np.float32)
    return SignalBuffer(alpha, np.where(known, np.abs(alpha), 0.0).astype(np.float32))


def honest(market: Market) -> SignalBuffer:
    return panels(market, market.zscore(5) / 4.0)


def whole_history(market: Market) -> SignalBuffer:
    z = market.zscore(5)
    return panels(market, z / np.max(np.abs(z), initial=1.0, where=np.isfinite(z)))


def next_bar(market: Market) -> SignalBuffer:
    z = market.zscore(5)
    return panels(market, np.where(np.isnan(z), np.nan, np.roll(z, -1, axis=0)))


def price_level(market: Market) -> SignalBuffer:
    return panels(market, market.zscore(5) * np.where(market.panel.close > 50.0, 0.25, 0.2))


def first_symbol(market: Market) -> SignalBuffer:
    return panels(market, market.zscore(5) / 4.0 * (1.0 - 0.5 * (np.arange(market.panel.n_assets) == 0)))


def early(market: Market) -> SignalBuffer:
    return panels(market, market.zscore(4) / 4.0)


def silent(market: Market) -> SignalBuffer:
    return panels(market, np.zeros(market.panel.close.shape))


def stale(market: Market) -> SignalBuffer:
    given = honest(market)
    missing = np.isnan(market.panel.close)
    return SignalBuffer(
        np.where(missing, np.float32(0.5), given.alpha), np.where(missing, np.float32(0.5), given.confidence)
    )


def too_sure(market: Market) -> SignalBuffer:
    given = honest(market)
    return SignalBuffer(given.alpha, given.confidence * np.float32(3.0))


def alpha_without_confidence(market: Market) -> SignalBuffer:
    given = honest(market)
    return SignalBuffer(given.alpha, np.where(given.alpha > 0, given.confidence, np.float32(0.0)))


def nan_alpha(market: Market) -> SignalBuffer:
    given = honest(market)
    return SignalBuffer(np.where(np.isnan(market.zscore(5)), np.float32(np.nan), given.alpha), given.confidence)


CALLS = iter(range(10**6))


def moody(market: Market) -> SignalBuffer:
    return panels(market, market.zscore(5) / (4.0 + next(CALLS)))


class Suspect(Strategy):
    """A strategy that does what its maker tells it."""

    lookback: int = Field(5, ge=2)
    _make: Callable[[Market], SignalBuffer]
    _fills: bool = True

    @property
    def warmup(self) -> int:
        return self.lookback - 1

    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        buffer = self.buffer(market, out)
        made = self._make(market)
        where = np.ones(made.alpha.shape, np.bool_) if self._fills or out is None else made.confidence > 0
        for to, value in zip(buffer, made, strict=True):
            to[where] = value[where]
        return self.emit(market, buffer, horizon=1)


def verdicts(make: Callable[[Market], SignalBuffer], fills: bool = True) -> set[str]:
    """The contract's tests that a strategy fails."""
    suspect = Suspect()
    suspect._make, suspect._fills = make, fills
    return failures(StrategyContract, strategy=suspect)


def test_an_honest_strategy_fails_nothing() -> None:
    assert verdicts(honest) == set()


@pytest.mark.parametrize(
    ("make", "failed"),
    [
        (whole_history, "the_future_changes_nothing"),
        (next_bar, "the_future_changes_nothing"),
        (price_level, "the_price_level_changes_nothing"),
        (first_symbol, "the_order_of_symbols_changes_nothing"),
        (early, "nothing_is_said_before_the_warmup"),
        (silent, "something_is_said_after_the_warmup"),
        (stale, "missing_bars_have_no_opinion"),
        (too_sure, "alpha_and_confidence_keep_their_ranges"),
        (alpha_without_confidence, "no_opinion_has_no_alpha"),
        (nan_alpha, "alpha_and_confidence_keep_their_ranges"),
        (moody, "equal_markets_give_equal_signals"),
    ],
)
def test_a_broken_promise_is_found(make: Callable[[Market], SignalBuffer], failed: str) -> None:
    assert failed in verdicts(make)


def test_a_buffer_that_is_not_filled_is_found() -> None:
    assert verdicts(honest, fills=False) == {"a_lent_buffer_is_overwritten"}
