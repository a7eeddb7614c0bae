"""What happened to the money: the result of a simulation, and what is held and ordered at its end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from regimefolio.core.arrays import Float, Times, set_array

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
        set_array(self, "late", (0 if self.late is None else len(self.late), n), "float64")
        for name in ("equity", "cash", "turnover", "cost", "decision_return"):
            set_array(self, name, (t,), "float64")
        set_array(self, "weights", (t, n), "float64")
        set_array(self, "levels", (3, n), "float64")
        for name in ("shares", "pending"):
            set_array(self, name, (n,), "float64")

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
