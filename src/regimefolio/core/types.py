"""The types that flow from bars to results: frozen, checked once, their arrays read-only.

T is the number of bars, N of assets, F of features, K of regimes. A NaN price means that there is no bar. The arrays'
own types live in `arrays.py`, what was decided in `allocation.py` and what happened to the money in `simulation.py`;
all are taken from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from regimefolio.core.allocation import FAILED, OK, Allocation
from regimefolio.core.arrays import Bool, Float, Float32, Int, Json, Times, read_only, set_array, time_text
from regimefolio.core.component import did_you_mean
from regimefolio.core.errors import ConfigError, DataError, LookAheadError
from regimefolio.core.simulation import (
    DELISTING,
    ORDER,
    REASONS,
    TRADE,
    InFlight,
    Position,
    Resting,
    Simulation,
)

__all__ = [
    "Bool",
    "Float",
    "Float32",
    "Int",
    "Json",
    "Times",
    "read_only",
    "UNKNOWN",
    "Panel",
    "Adjustment",
    "last_seen",
    "Features",
    "Action",
    "StrategySignal",
    "SignalBuffer",
    "Signals",
    "RegimePath",
    "Allocation",
    "OK",
    "FAILED",
    "TRADE",
    "REASONS",
    "ORDER",
    "DELISTING",
    "Position",
    "InFlight",
    "Resting",
    "Simulation",
    "Outcome",
]

UNKNOWN = -1
"""The regime label of a bar before the first fit."""


@dataclass(frozen=True, eq=False)
class Panel:
    """Price bars of N assets on one clock.

    Parameters
    ----------
    timestamps : ndarray of shape (T,), datetime64[ns]
        Strictly increasing times at which the bars closed.
    symbols : tuple of N str
        Unique names.
    close : ndarray of shape (T, N), float64
        NaN where an asset has no bar.
    member : ndarray of shape (T, N), bool
        The dated universe.
    periods_per_year : float
        Bars in a year, used to annualise.
    open, high, low, volume : ndarray of shape (T, N), float64, or None
        Absent as a whole in close-only data.
    sectors : tuple of N str, or None
    split, dividend : ndarray of shape (T, N), float64, or None
        Corporate actions that took effect before a bar's open: shares after per share before, 1 where none; and
        cash per share as of that bar's shares, 0 where none. None on an asset's first bar. Prices and volumes are
        adjusted for them, forward from an asset's first bar; `adjustment` leads back to the raw ones. None where
        they are not known.
    delisted_at : ndarray of shape (N,), int64, or None
        The bar at which a delisting is known; -1 where there is none.
    delisting_return : ndarray of shape (N,), float64, or None
        On the last close; NaN where there is none.
    session : ndarray of shape (T,), datetime64[ns], or None
        The date of the session of a calendar that each intraday bar belongs to; where it belongs to none, its own.
    bars_left : ndarray of shape (T,), int64, or None
        Bars of the usual length that end that session after this one, as the calendar has it; -1 on no session.

    Raises
    ------
    DataError
        Shapes, types, order of timestamps or repeated symbols.
    """

    timestamps: Times
    symbols: tuple[str, ...]
    close: Float
    member: Bool
    periods_per_year: float
    open: Float | None = None
    high: Float | None = None
    low: Float | None = None
    volume: Float | None = None
    sectors: tuple[str, ...] | None = None
    split: Float | None = None
    dividend: Float | None = None
    delisted_at: Int | None = None
    delisting_return: Float | None = None
    session: Times | None = None
    bars_left: Int | None = None

    def __post_init__(self) -> None:
        t, n = self.close.shape
        set_array(self, "timestamps", (t,), "datetime64[ns]")
        for name in ("close", "open", "high", "low", "volume", "split", "dividend"):
            set_array(self, name, (t, n), "float64")
        set_array(self, "member", (t, n), "bool")
        set_array(self, "delisted_at", (n,), "int64")
        set_array(self, "delisting_return", (n,), "float64")
        set_array(self, "session", (t,), "datetime64[ns]")
        set_array(self, "bars_left", (t,), "int64")
        if t > 1 and not (self.timestamps[1:] > self.timestamps[:-1]).all():
            raise DataError("Panel.timestamps must be strictly increasing")
        if len(self.symbols) != n or len(set(self.symbols)) != n:
            raise DataError(f"Panel.symbols must be {n} different names, but are {self.symbols}")
        if self.sectors is not None and len(self.sectors) != n:
            raise DataError(f"Panel.sectors must name {n} sectors, but names {len(self.sectors)}")
        self._check_pairs()

    def _check_pairs(self) -> None:
        """Splits come with dividends, a delisting's bar with its return, and sessions with the bars left in them."""
        if (self.session is None) != (self.bars_left is None):
            raise DataError("Panel.session and Panel.bars_left must be known together")
        if (self.split is None) != (self.dividend is None):
            raise DataError("Panel.split and Panel.dividend must be known together")
        if (self.delisted_at is None) != (self.delisting_return is None):
            raise DataError("Panel.delisted_at and Panel.delisting_return must be known together")
        if self.delisted_at is not None and self.delisting_return is not None:
            if not ((self.delisted_at >= -1) & (self.delisted_at < self.n_bars)).all():
                raise DataError(f"Panel.delisted_at must lie in -1 … {self.n_bars - 1}")
            if not np.array_equal(self.delisted_at >= 0, self.delisting_return >= -1.0):
                raise DataError(
                    "Panel.delisting_return must be at least -1 where there is a delisting, and NaN elsewhere"
                )

    @property
    def n_bars(self) -> int:
        return self.close.shape[0]

    @property
    def n_assets(self) -> int:
        return self.close.shape[1]

    @property
    def by_bar(self) -> dict[str, NDArray[Any]]:
        """The arrays that have a row a bar; those that are not known are left out."""
        prices = ("timestamps", "close", "open", "high", "low", "volume")
        names = (*prices, "member", "split", "dividend", "session", "bars_left")
        return {name: array for name in names if (array := getattr(self, name)) is not None}

    def until(self, n_bars: int) -> Panel:
        """The first `n_bars` bars: what was known when the last of them closed."""
        cut = {name: array[:n_bars] for name, array in self.by_bar.items()}
        if self.delisted_at is not None:
            known = self.delisted_at < n_bars
            cut["delisted_at"] = np.where(known, self.delisted_at, -1)
            cut["delisting_return"] = np.where(known, self.delisting_return, np.nan)  # type: ignore[arg-type]
        return replace(self, **cut)  # type: ignore[arg-type]

    def only(self, assets: Int) -> Panel:
        """The assets at some places, in that order, on the same clock."""
        cut: dict[str, Any] = {name: array[:, assets] for name, array in self.by_bar.items() if array.ndim == 2}
        if self.delisted_at is not None and self.delisting_return is not None:
            cut |= {"delisted_at": self.delisted_at[assets], "delisting_return": self.delisting_return[assets]}
        if self.sectors is not None:
            cut["sectors"] = tuple(self.sectors[n] for n in assets.tolist())
        return replace(self, symbols=tuple(self.symbols[n] for n in assets.tolist()), **cut)

    @property
    def traded_value(self) -> Float | None:
        """Raw close times raw volume, of shape (T, N); None where volumes are not known."""
        if self.volume is None:
            return None
        price, shares = self.adjustment
        return read_only((self.close / price) * (self.volume * shares))

    @property
    def adjustment(self) -> Adjustment:
        """What prices and volumes were adjusted by; all ones where no corporate action is known.

        With s the product of the splits so far and d a dividend, the factor of prices is s / (1 - Σ s·d / p), p the
        adjusted close before the dividend's bar.
        """
        if self.split is None or self.dividend is None:
            return Adjustment(np.ones(self.close.shape), np.ones(self.close.shape))
        shares: Float = np.multiply.accumulate(self.split, axis=0)
        paid = np.zeros(self.close.shape)
        np.divide(shares[1:] * self.dividend[1:], last_seen(self.close)[:-1], out=paid[1:], where=self.dividend[1:] > 0)
        price: Float = shares / (1.0 - np.cumsum(paid, axis=0))
        return Adjustment(price, shares)


class Adjustment(NamedTuple):
    """What raw prices were multiplied by, and raw volumes divided by, for corporate actions.

    Parameters
    ----------
    price, shares : ndarray of shape (T, N), float64
        1 at an asset's first bar. `close / price` is the close as it was traded at, `volume * shares` the volume.
    """

    price: Float
    shares: Float


def last_seen(prices: Float) -> Float:
    """The last price up to each bar that is not NaN, of shape (T, N); NaN before the first."""
    rows = np.where(np.isfinite(prices), np.arange(len(prices))[:, None], 0)
    seen: Float = np.take_along_axis(prices, np.maximum.accumulate(rows, axis=0), axis=0)
    return seen


@dataclass(frozen=True, eq=False)
class Features:
    """What was known of every asset at every bar, in named columns.

    Parameters
    ----------
    timestamps : ndarray of shape (T,), datetime64[ns]
        Strictly increasing.
    symbols : tuple of N str
        Unique names.
    names : tuple of F str
        Unique names of the columns, such as `Recommend.All`.
    values : ndarray of shape (T, N, F), float32
        NaN where a column is not available: in its warm-up, and where an asset has no bar.

    Raises
    ------
    DataError
        Shapes, types, order of timestamps, repeated symbols or names.
    """

    timestamps: Times
    symbols: tuple[str, ...]
    names: tuple[str, ...]
    values: Float32

    def __post_init__(self) -> None:
        t, n, f = len(self.timestamps), len(self.symbols), len(self.names)
        set_array(self, "timestamps", (t,), "datetime64[ns]")
        set_array(self, "values", (t, n, f), "float32")
        if t > 1 and not (self.timestamps[1:] > self.timestamps[:-1]).all():
            raise DataError("Features.timestamps must be strictly increasing")
        for name, given in (("symbols", self.symbols), ("names", self.names)):
            if len(set(given)) != len(given):
                raise DataError(f"Features.{name} must be different names, but are {given}")

    def as_of(self, when: np.datetime64) -> Features:
        """What was known at a time: the rows that are not later, without a copy."""
        rows = int(np.searchsorted(self.timestamps, when, side="right"))
        return replace(self, timestamps=self.timestamps[:rows], values=self.values[:rows])

    def at(self, t: int) -> Float32:
        """The row of bar `t`, of shape (N, F).

        Raises
        ------
        LookAheadError
            There is no such row: it is later than what is known here.
        """
        if not 0 <= t < len(self.timestamps):
            known = len(self.timestamps)
            last = f"the last is bar {known - 1}, {time_text(self.timestamps[-1])}" if known else "there is none"
            raise LookAheadError(f"the features of bar {t} are not known here: {last}; ask for a bar up to it")
        return self.values[t]

    def index(self, name: str) -> int:
        """The place of a column among the names.

        Raises
        ------
        ConfigError
            There is no column of this name.
        """
        if name not in self.names:
            raise ConfigError(f"unknown feature {name!r}; {did_you_mean(name, self.names)}")
        return self.names.index(name)

    def column(self, name: str) -> Float32:
        """One column at all bars, of shape (T, N).

        Raises
        ------
        ConfigError
            There is no column of this name.
        """
        return read_only(self.values[:, :, self.index(name)])


class StrategySignal(NamedTuple):
    """One strategy's opinion of one asset at one bar."""

    timestamp: np.datetime64
    symbol: str
    alpha_score: float
    confidence: float
    horizon_days: int
    volatility_adjusted: bool
    metadata: Mapping[str, Json]


class Action(StrEnum):
    """What an opinion amounts to in plain words."""

    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"


class SignalBuffer(NamedTuple):
    """Two panels of shape (T, N), float32, that a strategy may write its signals into."""

    alpha: Float32
    confidence: Float32


@dataclass(frozen=True, eq=False)
class Signals:
    """What a strategy thinks of every asset at every bar.

    Parameters
    ----------
    alpha : ndarray of shape (T, N), float32
        In [-1, 1]; 0 where there is no opinion.
    confidence : ndarray of shape (T, N), float32
        In [0, 1]; 0 means no opinion.
    horizon : int
        Bars over which the alpha is meant to come true.
    volatility_adjusted : bool
        Whether the alpha was divided by a volatility.

    Raises
    ------
    DataError
        Shapes or types. Ranges are checked by `regimefolio.testing`, not at every construction.
    """

    timestamps: Times
    symbols: tuple[str, ...]
    strategy: str
    alpha: Float32
    confidence: Float32
    horizon: int
    volatility_adjusted: bool = False
    metadata: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        t, n = len(self.timestamps), len(self.symbols)
        set_array(self, "timestamps", (t,), "datetime64[ns]")
        set_array(self, "alpha", (t, n), "float32")
        set_array(self, "confidence", (t, n), "float32")

    def records(self, t: int) -> Iterator[StrategySignal]:
        """The opinions at bar `t`, one an asset."""
        for n, symbol in enumerate(self.symbols):
            yield StrategySignal(
                self.timestamps[t],
                symbol,
                float(self.alpha[t, n]),
                float(self.confidence[t, n]),
                self.horizon,
                self.volatility_adjusted,
                self.metadata,
            )


@dataclass(frozen=True, eq=False)
class RegimePath:
    """The market's regime at every bar, as it was known at that bar.

    Parameters
    ----------
    names : tuple of K str
        The regimes, in the detector's order.
    probability : ndarray of shape (T, K), float64
        Rows sum to 1; NaN before the first fit.
    label : ndarray of shape (T,), int64
        Index into `names`, or UNKNOWN (-1) before the first fit.

    Raises
    ------
    DataError
        Shapes, types, or a label outside the names.
    """

    timestamps: Times
    names: tuple[str, ...]
    probability: Float
    label: Int

    def __post_init__(self) -> None:
        t = len(self.timestamps)
        set_array(self, "timestamps", (t,), "datetime64[ns]")
        set_array(self, "probability", (t, len(self.names)), "float64")
        set_array(self, "label", (t,), "int64")
        if t and not ((self.label >= UNKNOWN) & (self.label < len(self.names))).all():
            raise DataError(f"RegimePath.label must lie in -1 … {len(self.names) - 1}")

    def until(self, n_bars: int) -> RegimePath:
        """The first `n_bars` bars."""
        return RegimePath(self.timestamps[:n_bars], self.names, self.probability[:n_bars], self.label[:n_bars])


@dataclass(frozen=True)
class Outcome:
    """The result of one piece of work, as it is written to JSON.

    Parameters
    ----------
    fingerprint : str
        SHA-256 of what was asked for: the identity of the work.
    status : str
        `ok`, `bankrupt` or `failed`.
    parameters : mapping
        What was run.
    metrics : mapping of str to float
        Undefined ones are NaN.
    reasons : mapping of str to str
        Why a metric is NaN.
    regime_metrics : mapping of regime to metrics
    message : str
        Type and text of the error of a failed piece of work.
    """

    fingerprint: str
    status: str
    parameters: Mapping[str, Json]
    metrics: Mapping[str, float]
    reasons: Mapping[str, str] = field(default_factory=dict)
    regime_metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    artifacts: tuple[str, ...] = ()
    message: str = ""
