"""The types that flow from bars to results: frozen, checked once, their arrays read-only.

T is the number of bars, N of assets, K of regimes. A NaN price means that there is no bar.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from regimefolio.core.errors import DataError

Float: TypeAlias = NDArray[np.float64]
Float32: TypeAlias = NDArray[np.float32]
Int: TypeAlias = NDArray[np.int64]
Bool: TypeAlias = NDArray[np.bool_]
Times: TypeAlias = NDArray[np.datetime64]
Json: TypeAlias = JsonValue

A = TypeVar("A", bound=np.generic)

UNKNOWN = -1
"""The regime label of a bar before the first fit."""


def read_only(array: NDArray[A]) -> NDArray[A]:
    """A C-ordered view that cannot be written: kernels are compiled for this one kind of array."""
    flags = array.flags
    if flags.c_contiguous and not flags.writeable:
        return array
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


_TYPES = {name: np.dtype(name) for name in ("float64", "float32", "int64", "bool", "datetime64[ns]")}


def _set(instance: object, name: str, shape: tuple[int, ...], dtype: str) -> None:
    """Check the shape and the type of a field that is an array, if it is one, and keep it as `read_only` has it."""
    array = getattr(instance, name)
    if array is None:
        return
    if array.shape != shape:
        raise DataError(f"{type(instance).__name__}.{name} must have shape {shape}, but has {array.shape}")
    if array.dtype != _TYPES[dtype]:
        raise DataError(f"{type(instance).__name__}.{name} must be {dtype}, but is {array.dtype}")
    object.__setattr__(instance, name, read_only(array))


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
        _set(self, "timestamps", (t,), "datetime64[ns]")
        for name in ("close", "open", "high", "low", "volume", "split", "dividend"):
            _set(self, name, (t, n), "float64")
        _set(self, "member", (t, n), "bool")
        _set(self, "delisted_at", (n,), "int64")
        _set(self, "delisting_return", (n,), "float64")
        _set(self, "session", (t,), "datetime64[ns]")
        _set(self, "bars_left", (t,), "int64")
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
        _set(self, "timestamps", (t,), "datetime64[ns]")
        _set(self, "alpha", (t, n), "float32")
        _set(self, "confidence", (t, n), "float32")

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
        _set(self, "timestamps", (t,), "datetime64[ns]")
        _set(self, "probability", (t, len(self.names)), "float64")
        _set(self, "label", (t,), "int64")
        if t and not ((self.label >= UNKNOWN) & (self.label < len(self.names))).all():
            raise DataError(f"RegimePath.label must lie in -1 … {len(self.names) - 1}")

    def until(self, n_bars: int) -> RegimePath:
        """The first `n_bars` bars."""
        return RegimePath(self.timestamps[:n_bars], self.names, self.probability[:n_bars], self.label[:n_bars])


_TRADED = ("shares", "price", "value", "cost")
TRADE = np.dtype(
    [("bar", "i8"), ("asset", "i8"), *((name, "f8") for name in _TRADED), ("reason", "i8"), ("after_fill", "?")]
)
"""One filled order, or what closed a position without one.

value = shares · price, negative for a sale; cost is positive; the reason is a place in `REASONS`. What stops closed
after the bar's orders were filled is told apart from what they closed before.
"""

REASONS = ("order", "delisting", "stop_loss", "trailing_stop", "mae_stop", "take_profit", "time_stop")
"""Why something was traded."""

ORDER, DELISTING = REASONS.index("order"), REASONS.index("delisting")


class Position(NamedTuple):
    """One symbol after the last bar; weights are fractions of equity, and a target of None is no order."""

    symbol: str
    held: float
    target: float | None


class InFlight(NamedTuple):
    """An order that a delay keeps from being filled: decided before the last bar, filled `fills_in` bars after it."""

    symbol: str
    decided_at: np.datetime64
    target: float
    fills_in: int


def _none(value: float) -> float | None:
    """NaN as None."""
    return None if math.isnan(value) else value


class Resting(NamedTuple):
    """What closes a position without an order, at prices as they are traded; None where there is none.

    With a reason alone it is closed at the next bar in any case.
    """

    symbol: str
    stop: float | None
    reason: str | None
    goal: float | None


@dataclass(frozen=True, eq=False)
class Simulation:
    """What happened to the money, bar by bar.

    Bars before `start` did not trade and belong to no result: equity and cash are the initial capital, all else is 0.

    Parameters
    ----------
    start : int
        The first bar that could trade.
    initial_capital : float
    equity, cash, turnover, cost : ndarray of shape (T,), float64
        At the bar's close; turnover is half the traded value over the equity before the fill.
    decision_return : ndarray of shape (T,), float64
        Return from the fill that follows bar t to the fill that follows bar t+1, costs included;
        NaN where there is no such exit or no decision.
    weights : ndarray of shape (T, N), float64, or None
        Holdings over equity at the bar's close; None where the run was not recorded.
    shares : ndarray of shape (N,), float64
        Held after the last bar.
    pending : ndarray of shape (N,), float64
        Target weights, of the whole, decided at the last bar and not filled yet; NaN is no order.
    trades : structured ndarray of dtype TRADE, or None
        In order of bar and asset; None where the run was not recorded.
    status : str
        `ok` or `bankrupt`.
    late : ndarray of shape (delay, N), float64, or None
        Target weights decided at the `delay` bars before the last one and not filled yet; NaN is no order. Where every
        asset has an account of its own they are fractions of that. None where the run was not recorded.
    levels : ndarray of shape (3, N), float64, or None
        After the last bar: the price below (above) which what is held long (short) is closed, the price at which its
        profit is taken, both as traded then, and the place in `REASONS` of the first; NaN is none. None where nothing
        has stops, or the run was not recorded.
    """

    timestamps: Times
    symbols: tuple[str, ...]
    start: int
    initial_capital: float
    equity: Float
    cash: Float
    turnover: Float
    cost: Float
    decision_return: Float
    shares: Float
    pending: Float
    weights: Float | None = None
    trades: NDArray[np.void] | None = None
    status: str = "ok"
    late: Float | None = None
    levels: Float | None = None

    def __post_init__(self) -> None:
        t, n = len(self.timestamps), len(self.symbols)
        _set(self, "late", (0 if self.late is None else len(self.late), n), "float64")
        for name in ("equity", "cash", "turnover", "cost", "decision_return"):
            _set(self, name, (t,), "float64")
        _set(self, "weights", (t, n), "float64")
        _set(self, "levels", (3, n), "float64")
        for name in ("shares", "pending"):
            _set(self, name, (n,), "float64")

    def positions(self) -> list[Position]:
        """Every symbol with the weight held after the last bar and the one ordered there, of a recorded run."""
        assert self.weights is not None
        rows = zip(self.symbols, self.weights[-1].tolist(), self.pending.tolist(), strict=True)
        return [Position(symbol, held, None if math.isnan(target) else target) for symbol, held, target in rows]

    def in_flight(self) -> list[InFlight]:
        """What was ordered before the last bar and is filled after it, of a recorded run; the next to be filled first.

        With sizing `on_change` those that do not differ from the order before them come to nothing.
        """
        assert self.late is not None
        first = len(self.timestamps) - 1 - len(self.late)
        return [
            InFlight(self.symbols[n], self.timestamps[first + row], float(self.late[row, n]), int(row) + 1)
            for row, n in np.argwhere(~np.isnan(self.late))
        ]

    def resting(self) -> list[Resting]:
        """The stops and goals of what is held after the last bar, of a recorded run."""
        if self.levels is None:
            return []
        found = []
        for symbol, (stop, goal, reason) in zip(self.symbols, self.levels.T.tolist(), strict=True):
            if not (math.isnan(stop) and math.isnan(goal) and math.isnan(reason)):
                why = None if math.isnan(reason) else REASONS[int(reason)]
                found.append(Resting(symbol, _none(stop), why, _none(goal)))
        return found

    @property
    def returns(self) -> Float:
        """Simple returns of shape (T - start,): the first is equity over the initial capital, minus 1."""
        equity = self.equity[self.start :]
        before = np.concatenate([[self.initial_capital], equity[:-1]])
        return np.divide(equity, before, out=np.full_like(equity, np.nan), where=before > 0) - 1.0


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
