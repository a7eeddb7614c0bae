"""The promises of every strategy, as tests that a user's own strategy inherits.

    class TestReversal(StrategyContract):
        strategy = Reversal(lookback=5)

pytest then runs each of them on a market that is made to be unpleasant.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regimefolio.core.types import Bool, Float, Float32, Int, Panel, SignalBuffer, Signals, Times
from regimefolio.market.view import Market
from regimefolio.strategies.base import Strategy

SOON = 252
"""Bars after the warm-up within which some asset must have an opinion."""

ORDER_TOLERANCE = 1e-6
"""Sums over assets may round differently in another order of symbols."""

PRICES = ("open", "high", "low", "close")
CUT = (*PRICES, "volume", "member")


class StrategyContract:
    """Checks what is promised of any strategy; inherit it in a test file and set `strategy`.

    The market has late listings, a delisting, missing bars, a long pause, prices that never move or stop
    moving, coarse ticks, assets that tie, and a late member. Prefixes and scaled prices must give equal
    signals to the bit.
    """

    strategy: ClassVar[Strategy]

    def test_signals_carry_the_markets_axes(self) -> None:
        market = self._market()
        signals = self.strategy.signals(market)
        shape = market.panel.close.shape
        assert signals.strategy == self.strategy.kind, "Signals.strategy must be the strategy's kind"
        assert signals.symbols == market.symbols
        assert np.array_equal(signals.timestamps, market.timestamps)
        assert signals.horizon >= 1, "the horizon is a number of bars, at least 1"
        for panel in (signals.alpha, signals.confidence):
            assert panel.shape == shape
            assert panel.dtype == np.float32

    def test_alpha_and_confidence_keep_their_ranges(self) -> None:
        signals = self.strategy.signals(self._market())
        assert np.isfinite(signals.alpha).all(), f"alpha is not finite at {_where(~np.isfinite(signals.alpha))}"
        assert np.isfinite(signals.confidence).all(), (
            f"confidence is not finite at {_where(~np.isfinite(signals.confidence))}"
        )
        assert np.abs(signals.alpha).max() <= 1.0, "alpha must lie in [-1, 1]"
        assert signals.confidence.min() >= 0.0, "confidence must lie in [0, 1]"
        assert signals.confidence.max() <= 1.0, "confidence must lie in [0, 1]"

    def test_no_opinion_has_no_alpha(self) -> None:
        signals = self.strategy.signals(self._market())
        wrong = (signals.confidence == 0.0) & (signals.alpha != 0.0)
        assert not wrong.any(), f"confidence 0 means no opinion, but alpha is not 0 at {_where(wrong)}"

    def test_missing_bars_have_no_opinion(self) -> None:
        market = self._market()
        signals = self.strategy.signals(market)
        wrong = np.isnan(market.panel.close) & ((signals.alpha != 0.0) | (signals.confidence != 0.0))
        assert not wrong.any(), f"there is no bar, but an opinion, at {_where(wrong)}"

    def test_nothing_is_said_before_the_warmup(self) -> None:
        opinion, warmup = self._opinions(), self.strategy.warmup
        early = opinion[:warmup]
        assert not early.any(), f"an opinion before the warm-up of {warmup} bars has passed, at {_where(early)}"

    def test_something_is_said_after_the_warmup(self) -> None:
        opinion, warmup = self._opinions(), self.strategy.warmup
        assert opinion[warmup : warmup + SOON].any(), f"no opinion in {SOON} bars after a warm-up of {warmup}"

    def test_equal_markets_give_equal_signals(self) -> None:
        market = self._market()
        once = self.strategy.signals(market)
        _equal(once, self.strategy.signals(market), "the same market, asked again")
        _equal(once, self.strategy.signals(self._market()), "an equal market")

    def test_the_future_changes_nothing(self) -> None:
        market = self._market()
        whole = self.strategy.signals(market)
        bars, warmup = market.panel.n_bars, self.strategy.warmup
        for cut in (1, 2, warmup, warmup + 1, warmup + 60, 2 * bars // 3, bars - 1):
            if 0 < cut < bars:
                part = self.strategy.signals(market.until(cut))
                expected = replace(
                    whole,
                    timestamps=whole.timestamps[:cut],
                    alpha=whole.alpha[:cut],
                    confidence=whole.confidence[:cut],
                )
                _equal(expected, part, f"the market cut after {cut} of {bars} bars")

    def test_the_price_level_changes_nothing(self) -> None:
        market = self._market()
        whole = self.strategy.signals(market)
        for exponent in (-9, 3, 30):
            _equal(whole, self.strategy.signals(_scaled(market, 2.0**exponent)), f"prices times 2^{exponent}")

    def test_the_order_of_symbols_changes_nothing(self) -> None:
        market = self._market()
        whole = self.strategy.signals(market)
        order = np.random.default_rng(5).permutation(market.panel.n_assets)
        shuffled = self.strategy.signals(reordered(market, order))
        for name in ("alpha", "confidence"):
            gap = np.abs(getattr(whole, name)[:, order] - getattr(shuffled, name))
            wrong = ~(gap <= ORDER_TOLERANCE)
            assert not wrong.any(), f"{name} depends on the order of symbols at {_where(wrong)}"

    def test_a_lent_buffer_is_overwritten(self) -> None:
        market = self._market()
        shape = market.panel.close.shape
        lent = SignalBuffer(np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32))
        signals = self.strategy.signals(market, out=lent)
        assert np.shares_memory(signals.alpha, lent.alpha), "the lent alpha panel was not used"
        assert np.shares_memory(signals.confidence, lent.confidence), "the lent confidence panel was not used"
        _equal(self.strategy.signals(self._market()), signals, "a lent buffer full of NaN")

    def test_the_description_gives_the_strategy_back(self) -> None:
        described = json.loads(json.dumps(self.strategy.spec(), allow_nan=False))
        again = type(self.strategy).of(described)
        assert again == self.strategy
        assert again.fingerprint == self.strategy.fingerprint

    def test_adapting_leaves_the_strategy_as_it_is(self) -> None:
        before = self.strategy.spec()
        taken_over = self.strategy.adapt_to_regime("calm", {})
        assert taken_over.kind == self.strategy.kind
        assert self.strategy.spec() == before

    def _opinions(self) -> Bool:
        signals = self.strategy.signals(self._market(complete=True))
        return (signals.alpha != 0.0) | (signals.confidence != 0.0)

    def _market(self, complete: bool = False) -> Market:
        return synthetic_market(self.strategy.warmup + SOON + 120, complete=complete)


def synthetic_market(n_bars: int, *, complete: bool = False) -> Market:
    """A seeded market of twelve assets with an index, for tests.

    Parameters
    ----------
    n_bars : int
        At least 60.
    complete : bool
        Every asset has every bar and moves; otherwise the market has everything that `StrategyContract`
        names.

    Returns
    -------
    Market
        Daily bars with open, high, low, close and volume; a fresh one with an empty memo at each call.
    """
    panel, index = _panel(n_bars, complete)
    return Market(panel, index, index)


def market_of(close: ArrayLike, member: ArrayLike = True) -> Market:
    """A market of a few closes written by hand.

    Parameters
    ----------
    close : array_like of shape (T, N)
        NaN where there is no bar.
    member : array_like of bool, broadcast to (T, N)

    Returns
    -------
    Market
        Close-only daily bars of the assets A0, A1, …
    """
    prices = np.array(close, np.float64)
    bars, assets = prices.shape
    return Market(
        Panel(
            timestamps=_sessions(bars),
            symbols=tuple(f"A{n}" for n in range(assets)),
            close=prices,
            member=np.broadcast_to(np.asarray(member, np.bool_), prices.shape),
            periods_per_year=252.0,
        )
    )


def _sessions(n_bars: int) -> Times:
    days = np.busday_offset("2001-01-01", np.arange(n_bars), roll="forward")
    return days.astype("datetime64[ns]")


@lru_cache(maxsize=8)
def _panel(n_bars: int, complete: bool) -> tuple[Panel, Float]:
    rng = np.random.default_rng(20240229)
    assets = 12
    turbulence = np.where(np.arange(n_bars) // 90 % 3 == 2, 2.5, 1.0)
    market = turbulence * (0.0004 + 0.007 * rng.standard_normal(n_bars))
    own = turbulence[:, None] * 0.012 * rng.standard_t(5, (n_bars, assets))
    growth = np.exp(market[:, None] * rng.uniform(0.5, 1.5, assets) + own)
    close = rng.uniform(4.0, 400.0, assets) * np.cumprod(growth, axis=0)
    if not complete:
        close = _unpleasant(close, rng)
    open_ = close * np.exp(0.004 * rng.standard_normal(close.shape))
    high = np.maximum(open_, close) * np.exp(0.004 * rng.random(close.shape))
    low = np.minimum(open_, close) * np.exp(-0.004 * rng.random(close.shape))
    volume = np.where(np.isnan(close), np.nan, np.floor(rng.lognormal(12.0, 0.5, close.shape)))
    member = np.ones(close.shape, np.bool_)
    if not complete:
        member[: n_bars // 2, 10] = False
    panel = Panel(
        timestamps=_sessions(n_bars),
        symbols=tuple("HYDRAGENSTOK"),
        close=close,
        member=member,
        periods_per_year=252.0,
        open=open_,
        high=high,
        low=low,
        volume=volume,
        sectors=("Energy", "Health", "Utilities") * 4,
    )
    return panel, 1000.0 * np.exp(np.cumsum(market))


def _unpleasant(close: Float, rng: np.random.Generator) -> Float:
    """The same prices with what real data do to them."""
    bars = len(close)
    close = close.copy()
    close[:, 1] = close[:, 0]  # two that tie,
    close[:, 2] = 4.0 * close[:, 0]  # and a third at another price level
    close[:, 3] = 37.5  # never moves
    close[bars // 2 :, 4] = close[bars // 2, 4]  # stops moving
    close[:, 5] = np.maximum(np.round(close[:, 5] / close[0, 5] * 8.0), 1.0) * 0.25  # coarse ticks
    close[:, 6:10][rng.random((bars, 4)) < 0.03] = np.nan  # missing bars
    close[bars // 2 : bars // 2 + 40, 7] = np.nan  # a long pause
    close[: bars // 8, 8] = np.nan  # listed late
    close[: 2 * bars // 3, 9] = np.nan  # listed later than most warm-ups end
    close[3 * bars // 4 :, 11] = np.nan  # delisted
    return close


def _scaled(market: Market, factor: float) -> Market:
    panel, index = market.panel, market.index
    prices: dict[str, Any] = {name: getattr(panel, name) * factor for name in PRICES}
    index = None if index is None else index * factor
    return Market(replace(panel, **prices), index, index)


def reordered(market: Market, order: Int) -> Market:
    """The same market with its assets in another order."""
    panel = market.panel
    cells: dict[str, Any] = {name: np.ascontiguousarray(getattr(panel, name)[:, order]) for name in CUT}
    symbols = tuple(panel.symbols[n] for n in order)
    sectors = None if panel.sectors is None else tuple(panel.sectors[n] for n in order)
    return Market(replace(panel, symbols=symbols, sectors=sectors, **cells), market.index, market.benchmark)


def _equal(expected: Signals, found: Signals, what: str) -> None:
    """Fail unless both have the same axes and the same bits."""
    assert found.symbols == expected.symbols, what
    assert np.array_equal(found.timestamps, expected.timestamps), what
    for name in ("alpha", "confidence"):
        differs = _bits(getattr(found, name)) != _bits(getattr(expected, name))
        assert not differs.any(), f"{what}: {name} differs in {differs.sum()} cells, first {_where(differs)}"


def _bits(panel: Float32) -> NDArray[np.uint32]:
    return np.ascontiguousarray(panel).view(np.uint32)


def _where(wrong: Bool) -> str:
    bar, asset = np.argwhere(wrong)[0]
    return f"bar {bar}, asset {asset}"
