"""What a strategy or a detector is given: a Panel, the market's own series, and indicators computed once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from threading import Lock
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from regimefolio.core.component import did_you_mean
from regimefolio.core.errors import ConfigError, MissingDataError, must_be
from regimefolio.core.types import Allocation, Bool, Float, Float32, Int, Panel, Times, last_seen, read_only
from regimefolio.kernels import oscillators, own_bars, rolling

MEMO_MEGABYTES = 128

EQUAL = 1e-12
"""Averages whose ratio is nearer to 1 than this are equal: rounding leaves less."""


class Market:
    """A Panel with what belongs to it, cut on the right only.

    Indicators are panels of shape (T, N), float64, read-only, computed from closes once and shared. Each
    asset lives on its own bars: a missing bar counts for nothing, has the indicator NaN, and the next bar
    carries on where the last one stood; a late listing starts at its first bar. So a window of 20 is
    always the asset's last 20 bars.

    Parameters
    ----------
    panel : Panel
    index : ndarray of shape (T,), float64, or None
        Closes of the market's index on the panel's clock; NaN where it has no bar.
    benchmark : ndarray of shape (T,), float64, or None
        Closes of what results are compared with.
    files : mapping of source to ndarray of shape (T,), (T, N) or (1, N)
        What files beside the prices tell, as known at each bar: interest or borrow fees a year, or page views.
    """

    def __init__(
        self,
        panel: Panel,
        index: Float | None = None,
        benchmark: Float | None = None,
        files: Mapping[str, Float] = MappingProxyType({}),
    ) -> None:
        must_be(Panel, panel, "panel", "load_market gives a Market, load_data(…).panel a Panel")
        self.panel = panel
        self.index = index
        self.benchmark = benchmark
        self.files = MappingProxyType(dict(files))
        self._memo: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self._lock = Lock()

    def until(self, n_bars: int) -> Market:
        """The market as it was known when the first `n_bars` bars had closed."""
        return Market(
            self.panel.until(n_bars),
            None if self.index is None else self.index[:n_bars],
            None if self.benchmark is None else self.benchmark[:n_bars],
            {source: known[:n_bars] for source, known in self.files.items()},
        )

    def with_file(self, source: str, known: Float) -> Market:
        """The market that also knows what a file tells at each bar."""
        return Market(self.panel, self.index, self.benchmark, {**self.files, source: read_only(known)})

    @property
    def files_fingerprint(self) -> str:
        """SHA-256 of what each file told."""
        digest = hashlib.sha256()
        for source in sorted(self.files):
            digest.update(f"{source} {self.files[source].shape} ".encode())
            digest.update(np.ascontiguousarray(self.files[source]).tobytes())
        return digest.hexdigest()

    @property
    def timestamps(self) -> Times:
        return self.panel.timestamps

    @property
    def symbols(self) -> tuple[str, ...]:
        return self.panel.symbols

    def memo(self, key: Hashable, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The array that `compute` returns, computed once and shared, read-only, while memory allows."""
        with self._lock:
            if key in self._memo:
                self._memo.move_to_end(key)
                return self._memo[key]
        array = compute()
        array.flags.writeable = False
        with self._lock:
            self._memo[key] = array
            while self._memo_bytes() > MEMO_MEGABYTES * 2**20 and len(self._memo) > 1:
                self._memo.popitem(last=False)
        return array

    def _memo_bytes(self) -> int:
        """What the memo holds; an array that stands under two keys counts once."""
        return sum({id(array): array.nbytes for array in self._memo.values()}.values())

    def series(self, on: str) -> Float:
        """One price series of shape (T,): `benchmark`, `index`, `equal_weight`, or a symbol.

        Raises
        ------
        MissingDataError
            The data has no index, or no benchmark was chosen.
        ConfigError
            The symbol is not in the panel.
        """
        if on == "equal_weight":
            return self.memo("equal_weight", lambda: equal_weight_index(self.panel))
        if on in ("index", "benchmark"):
            found = self.index if on == "index" else self.benchmark
            if found is None:
                raise MissingDataError(f"this data has no {on}; use `equal_weight` or one of its symbols")
            return found
        if on not in self.symbols:
            own = {"index": self.index, "benchmark": self.benchmark}
            known = [*(name for name, values in own.items() if values is not None), "equal_weight", *self.symbols]
            raise ConfigError(f"unknown series {on!r}; {did_you_mean(on, known)}")
        column: Float = np.ascontiguousarray(self.panel.close[:, self.symbols.index(on)])
        return column

    def extremes(self, on: str) -> tuple[Float, Float]:
        """The highs and lows (T,) of a series that `series` knows: its closes twice where it has no others.

        A bar whose high or low is missing, or inside the close, has the close for it.
        """
        close, panel = self.series(on), self.panel
        if on not in self.symbols or panel.high is None or panel.low is None:
            return close, close
        column = self.symbols.index(on)
        return np.fmax(panel.high[:, column], close), np.fmin(panel.low[:, column], close)

    def zscore(self, lookback: int) -> Float:
        """How many deviations the close lies above the mean of the last `lookback` closes, itself included.

        Population deviation; 0 where all of them are equal; NaN before an asset's bar `lookback` - 1,
        counted from 0.
        Source: Bollinger (2001), Bollinger on Bollinger Bands.
        """
        return self._indicator(("zscore", lookback), lambda: _rolling(self._own_bars, lookback, standardise=True))

    def macd_histogram(self, fast: int, slow: int, signal: int) -> Float:
        """MACD line (fast minus slow exponential average) minus its average of span `signal`.

        In units of price. Averages are seeded by their first value; NaN before an asset's bar `slow` + `signal` - 2.
        Source: Appel (2005), Technical Analysis: Power Tools for Active Investors.
        """
        key = ("macd_histogram", fast, slow, signal)
        return self._indicator(key, lambda: self._own_histogram(fast, slow, signal))

    def macd_strength(self, fast: int, slow: int, signal: int, window: int) -> Float:
        """The MACD histogram over its population deviation of the last `window` bars; 0 where that is 0.

        NaN before an asset's bar `slow` + `signal` + `window` - 3.
        """

        def compute() -> Float:
            histogram = self._own_histogram(fast, slow, signal)
            first = slow + signal - 2
            deviation = np.full(histogram.shape, np.nan)
            deviation[first:] = _rolling(histogram[first:], window, standardise=False)
            strength = np.zeros(histogram.shape)
            return np.divide(histogram, deviation, out=strength, where=deviation != 0.0)

        return self._indicator(("macd_strength", fast, slow, signal, window), compute)

    def rsi(self, period: int) -> Float:
        """Relative strength index in 0 … 100: smoothed gains over gains and losses; 50 where nothing moved.

        Wilder's smoothing, seeded by the simple mean of the first `period` changes; NaN before an asset's
        bar `period`. It is that of the technical rating.
        Source: Wilder (1978), New Concepts in Technical Trading Systems.
        """

        def compute() -> Float:
            out = np.empty(self.panel.close.shape)
            oscillators.strength_index(self._own_bars, period, out)
            out[:period] = np.nan
            return out

        return self._indicator(("rsi", period), compute)

    def volatility(self, window: int) -> Float:
        """Population deviation of the last `window` simple returns, per bar.

        NaN before an asset's bar `window`.
        """
        return self._indicator(("volatility", window), lambda: self._own_volatility(window))

    def average_gap(self, fast: int, slow: int) -> Float:
        """Distance of the fast from the slow simple average, in units of what it would be by chance.

        With m the means of the last `fast` and `slow` closes and σ the volatility over `slow` bars it is
        (m_fast / m_slow - 1) / (σ √Σ c²), c_i = (slow-1-i)⁺ / slow - (fast-1-i)⁺ / fast the part of a change i
        bars ago that stands between the averages: about standard normal in a random walk. Equal averages have
        0; different ones without volatility are infinitely far. NaN before an asset's bar `slow`.
        Source: Brock, Lakonishok and LeBaron (1992), Simple Technical Trading Rules and the Stochastic
        Properties of Stock Returns; the weights as in Zakamulin (2017), Market Timing with Moving Averages.
        """

        def compute() -> Float:
            ago = np.arange(slow)
            part = (slow - 1 - ago) / slow - np.maximum(fast - 1 - ago, 0) / fast
            distance = self._own_average(fast) / self._own_average(slow) - 1.0
            distance[np.abs(distance) < EQUAL] = 0.0
            chance = self._own_volatility(slow) * np.sqrt((part**2).sum())
            out = distance + 0.0 * chance  # 0 or NaN, as they are
            with np.errstate(divide="ignore"):
                return np.divide(distance, chance, out=out, where=distance != 0.0)

        return self._indicator(("average_gap", fast, slow), compute)

    def momentum(self, window: int, skip: int) -> Float:
        """Return over `window` bars that ended `skip` bars ago, in units of its volatility.

        With p the closes and σ the population deviation of the same `window` one-bar returns it is
        (p[t-skip] / p[t-skip-window] - 1) / (σ √window). An unchanged price has 0; one that grew without
        deviation is infinite, and still has its rank. NaN before an asset's bar `window` + `skip`.
        Source: Jegadeesh and Titman (1993), Returns to Buying Winners and Selling Losers; over risk as in
        Rachev, Jašić, Stoyanov and Fabozzi (2007), Momentum strategies based on reward-risk stock selection.
        """

        def compute() -> Float:
            price, volatility = self._own_bars, self._own_volatility(window)
            out = np.full(price.shape, np.nan)
            last = max(len(price) - skip, 0)
            grown = price[window:last] / price[: max(last - window, 0)] - 1.0
            risk = volatility[window:last] * np.sqrt(window)
            with np.errstate(divide="ignore"):
                np.divide(grown, risk, out=out[window + skip :], where=grown != 0.0)
            out[window + skip :][grown == 0.0] = 0.0
            return out

        return self._indicator(("momentum", window, skip), compute)

    def momentum_rank(self, window: int, skip: int) -> Float:
        """Average rank of `momentum` among the members with a bar, from -1 (weakest) to 1 (strongest).

        Equal momenta share their mean rank. NaN where an asset is no member or has no momentum, and at
        bars with fewer than two that have.
        """

        def compute() -> Float:
            momentum = np.where(self.panel.member, self.momentum(window, skip), np.nan)
            out = np.empty(momentum.shape)
            rolling.rank_across(_readonly(momentum), out)
            return out

        return self.memo(("momentum_rank", window, skip), compute)

    def _own_histogram(self, fast: int, slow: int, signal: int) -> Float:
        def compute() -> Float:
            out = np.empty(self.panel.close.shape)
            rolling.macd_histogram(self._own_bars, fast, slow, signal, out)
            return out

        return self.memo(("own macd_histogram", fast, slow, signal), compute)

    def _own_average(self, window: int) -> Float:
        def compute() -> Float:
            out = np.empty(self.panel.close.shape)
            rolling.rolling_mean(self._own_bars, window, out)
            return out

        return self.memo(("own average", window), compute)

    def _own_volatility(self, window: int) -> Float:
        def compute() -> Float:
            price = self._own_bars
            out = np.full(price.shape, np.nan)
            out[1:] = _rolling(_readonly(price[1:] / price[:-1] - 1.0), window, standardise=False)
            return out

        return self.memo(("own volatility", window), compute)

    @cached_property
    def own_row(self) -> Int | None:
        """At each bar its number among the asset's own bars, -1 where it is missing; None if none is."""
        present = np.isfinite(self.panel.close)
        if present.all():
            return None
        rows = np.empty(present.shape, np.int64)
        own_bars.number_own_bars(read_only(present), 0, rows)
        return rows

    @cached_property
    def _own_bars(self) -> Float:
        return self.on_own_bars(self.panel.close)

    def on_own_bars(self, values: Float) -> Float:
        """Values (T, N) with each asset's bars moved up to the top of its column, NaN below them; read-only."""
        if self.own_row is None:
            return read_only(values)
        out = np.empty(values.shape)
        own_bars.to_own_bars(read_only(values), self.own_row, 0, out)
        return _readonly(out)

    def on_clock(self, own: Float) -> Float:
        """The way back from `on_own_bars`: NaN where an asset has no bar."""
        if self.own_row is None:
            return own
        out = np.empty(own.shape)
        own_bars.to_clock(own, self.own_row, 0, np.nan, out)
        return out

    def _indicator(self, key: Hashable, compute: Callable[[], Float]) -> Float:
        """What `compute` makes of the assets' own bars, on the panel's clock."""
        return self.memo(key, lambda: self.on_clock(compute()))


def _rolling(values: Float, window: int, standardise: bool) -> Float:
    out = np.empty(values.shape)
    rolling.rolling_deviation(values, window, standardise, out)
    return out


def _readonly(array: Float) -> Float:
    """The array, read-only: kernels are compiled for such input alone, once."""
    array.flags.writeable = False
    return array


NO_ALPHAS: Float32 = read_only(np.empty((0, 0), np.float32))
"""The alphas of earlier bars, where nobody told them."""


class View(NamedTuple):
    """What is known at one bar, as an allocator sees it; it contains no future.

    Parameters
    ----------
    market : Market
        Its last bar is this one.
    alpha : ndarray of shape (N,), float32
        The strategies' combined alpha at this bar.
    tradable : ndarray of shape (N,), bool
        Members that have a bar, and were selected where a selection says who may be held.
    side : int
        1, or −1 where what the allocator gives is sold short: alpha is turned round already, returns are not.
    past : tuple of Allocation
        What the same allocator decided at earlier bars of this run, the oldest first.
    alphas : ndarray of shape (T, N), float32
        The combined alphas of all bars up to this one, of which `alpha` is the last; (0, 0) where nobody told them.
    """

    market: Market
    alpha: Float32
    tradable: Bool
    side: int = 1
    past: tuple[Allocation, ...] = ()
    alphas: Float32 = NO_ALPHAS


def equal_weight_index(panel: Panel) -> Float:
    """Growth of 1 held in equal parts of all members, rebalanced at every bar, before costs.

    A return runs from the last price seen and counts at the bar that ends it; it needs membership at the bar before
    that one. A delisting that is known is a return too. Where no asset has one, the index rests.

    Returns
    -------
    ndarray of shape (T,), float64
        Starts at 1; each value depends on earlier bars only.
    """
    previous, current = last_seen(panel.close)[:-1], panel.close[1:].copy()
    if panel.delisted_at is not None and panel.delisting_return is not None:
        bar, asset = np.maximum(panel.delisted_at - 1, 0), np.arange(panel.n_assets)
        gone = (panel.delisted_at > 0) & np.isnan(current[bar, asset])
        paid = previous[bar, asset] * (1.0 + panel.delisting_return)
        current[bar[gone], asset[gone]] = paid[gone]
    held = panel.member[:-1] & np.isfinite(previous) & np.isfinite(current)
    ratio = np.where(held, current / np.where(held, previous, 1.0), 0.0)
    count = held.sum(axis=1)
    growth = np.where(count > 0, ratio.sum(axis=1) / np.maximum(count, 1), 1.0)
    return np.concatenate([[1.0], np.cumprod(growth)])
