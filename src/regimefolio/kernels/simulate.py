"""What happens to the money: target weights filled one bar later, with costs, missing bars and round trips.

At a fill, E is the equity before it at fill prices, h the holdings in money, w the target weights and c the cost of a
unit of traded value. The equity after the fill, X, solves X + c·Σ|w·X − h| = E, so that a fully invested long-only
target never overdraws cash. An asset without a fill price is frozen: it counts at its last price and does not trade.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]
Bool: TypeAlias = NDArray[np.bool_]

OK = 0
BANKRUPT = 1

DUST = 1e-10
"""A difference between target and holding below this fraction of equity is no order; such a profit is none."""

ROUNDING = 1e-12
"""Cash that would fall below zero by at most this fraction of equity is rounding, and set to 0."""

TRIPS = ("closed", "wins", "gross_win", "gross_loss", "bars_held", "open", "losses")
"""What `Ledger.trips` holds: numbers of trips and bars; money after costs, gross_loss ≤ 0."""


class Costs(NamedTuple):
    """Commission and slippage as fractions of traded value (5 bp = 0.0005); interest on cash per bar."""

    commission: float
    slippage: float
    cash_rate: float


class Ledger(NamedTuple):
    """What `simulate` writes.

    Before `start` equity and cash are the initial capital, `pre_fill` is NaN and everything else is 0. At the bar of a
    bankruptcy equity and cash are what was found, at or below 0, and nothing is held; after it everything is 0.

    Attributes
    ----------
    equity, cash : ndarray of shape (T,)
        At the bar's close, in money.
    turnover, cost : ndarray of shape (T,)
        Half the traded value over the equity before the fill; commission and slippage paid, in money.
    pre_fill : ndarray of shape (T,)
        Equity at fill prices, interest included, before the fill.
    gross : ndarray of shape (T,)
        Absolute value of the holdings over equity, at the bar's close.
    shares : ndarray of shape (N,)
        Held after the last bar.
    trips : ndarray of shape (7,)
        The round trips, in the order of `TRIPS`; the open ones are counted, not scored.
    shares_held, traded, weights : ndarray of shape (T, N), or (0, 0) where they are not recorded
        Shares after the fill; shares bought less sold; holdings over equity at the bar's close.
    """

    equity: Float
    cash: Float
    turnover: Float
    cost: Float
    pre_fill: Float
    gross: Float
    shares: Float
    trips: Float
    shares_held: Float
    traded: Float
    weights: Float


def empty_ledger(n_bars: int, n_assets: int, record: bool) -> Ledger:
    """A ledger to be written by `simulate`; `record` keeps the three (T, N) histories."""
    bars = np.zeros((6, n_bars))
    histories = np.zeros((3, n_bars, n_assets) if record else (3, 0, 0))
    return Ledger(
        equity=bars[0],
        cash=bars[1],
        turnover=bars[2],
        cost=bars[3],
        pre_fill=bars[4],
        gross=bars[5],
        shares=np.zeros(n_assets),
        trips=np.zeros(len(TRIPS)),
        shares_held=histories[0],
        traded=histories[1],
        weights=histories[2],
    )


@kernel
def _sides(x: Float) -> tuple[float, float]:
    """Sum of the positive numbers, and of the negative ones without their sign, each in four lanes.

    Four sums that do not wait for each other are several times as fast as one; the length alone fixes their order.
    """
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    e, f, g, h = 0.0, 0.0, 0.0, 0.0
    whole = x.size - x.size % 4
    for n in range(0, whole, 4):
        a += max(x[n], 0.0)
        b += max(x[n + 1], 0.0)
        c += max(x[n + 2], 0.0)
        d += max(x[n + 3], 0.0)
        e -= min(x[n], 0.0)
        f -= min(x[n + 1], 0.0)
        g -= min(x[n + 2], 0.0)
        h -= min(x[n + 3], 0.0)
    for n in range(whole, x.size):
        a += max(x[n], 0.0)
        e -= min(x[n], 0.0)
    return (a + b) + (c + d), (e + f) + (g + h)


@kernel
def _revalue(price: Float, shares: Float, last: Float, value: Float) -> tuple[float, float]:
    """Value the holdings at the prices of a bar, or the last ones seen; returns what is held long, and short."""
    for n in range(last.size):
        last[n] = price[n] if price[n] == price[n] else last[n]
    for n in range(last.size):
        value[n] = shares[n] * last[n]
    return _sides(value)


@kernel
def _signed(target: Float, held: Float, x: float) -> tuple[float, float]:
    """Sums of the targets and of the holdings, each with the sign of target·x − holding, in four lanes."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    e, f, g, h = 0.0, 0.0, 0.0, 0.0
    whole = target.size - target.size % 4
    for n in range(0, whole, 4):
        p = 1.0 if target[n] * x > held[n] else -1.0
        q = 1.0 if target[n + 1] * x > held[n + 1] else -1.0
        r = 1.0 if target[n + 2] * x > held[n + 2] else -1.0
        s = 1.0 if target[n + 3] * x > held[n + 3] else -1.0
        a += p * target[n]
        b += q * target[n + 1]
        c += r * target[n + 2]
        d += s * target[n + 3]
        e += p * held[n]
        f += q * held[n + 1]
        g += r * held[n + 2]
        h += s * held[n + 3]
    for n in range(whole, target.size):
        p = 1.0 if target[n] * x > held[n] else -1.0
        a += p * target[n]
        e += p * held[n]
    return (a + b) + (c + d), (e + f) + (g + h)


@kernel
def equity_after(target: Float, held: Float, cost: float, equity: float) -> float:
    """Solve X + cost·Σ|target·X − held| = equity.

    The left side is convex and piecewise linear in X, and at X = equity not below the right side: Newton's iterates
    fall towards the root, and the slope falls with each, or the last one lies on the root's own piece and is the root.
    There are at most N + 1 slopes, so the loop ends. Needs cost·Σ|target| < 1.
    """
    x, steepest = equity, np.inf
    while cost > 0.0:
        signed_target, signed_held = _signed(target, held, x)
        slope = 1.0 + cost * signed_target
        if slope >= steepest:
            break
        steepest = slope
        x = (equity + cost * signed_held) / slope
    return max(x, 0.0)


@kernel
def _set_orders(
    target: Float, price: Float, value: Float, cash: float, cost: float, equity: float, held: Float, order: Float
) -> tuple[float, float]:
    """Write what can be traded and what to trade, in money, and return what is bought and what is sold.

    What is frozen, and dust, is not traded; purchases are scaled to what cash and sales allow.
    """
    for n in range(order.size):
        free = price[n] == price[n] and target[n] == target[n]
        order[n] = target[n] if free else 0.0
        held[n] = value[n] if free else 0.0
    x = equity_after(order, held, cost, equity)
    dust = DUST * equity
    for n in range(order.size):
        difference = order[n] * x - held[n]
        order[n] = difference if abs(difference) >= dust else 0.0
    bought, sold = _sides(order)
    means, needs = cash + (1.0 - cost) * sold, (1.0 + cost) * bought
    if needs > means + ROUNDING * equity:
        scale = max(means, 0.0) / needs
        for n in range(order.size):
            if order[n] > 0.0:
                order[n] = order[n] * scale if order[n] * scale >= dust else 0.0
        bought, sold = _sides(order)
    return bought, sold


@kernel
def _fill_orders(price: Float, held: Float, order: Float, shares: Float) -> None:
    """Shares after the fill."""
    for n in range(order.size):
        shares[n] = (held[n] + order[n]) / price[n] if order[n] != 0.0 else shares[n]


@kernel
def _score_trips(
    t: int, held: Float, order: Float, cost: float, dust: float, flow: Float, opened: Float, trips: Float
) -> None:
    """Book the orders of bar `t` to the open trips (their cash flow so far, their first bar), and count the closed."""
    for n in range(order.size):
        flow[n] -= order[n] + cost * abs(order[n])
    for n in range(order.size):
        after = held[n] + order[n]
        if held[n] * after > 0.0 or order[n] == 0.0:
            continue
        # The position became flat, left flat, or turned over: a trip is closed, or opened, or both.
        opening = after + cost * abs(after)
        if held[n] != 0.0:
            profit = flow[n] + opening
            trips[0] += 1.0
            trips[4] += t - opened[n]
            if profit >= dust:
                trips[1] += 1.0
                trips[2] += profit
            elif profit <= -dust:
                trips[6] += 1.0
                trips[3] += profit
        flow[n] = -opening
        opened[n] = t


@kernel
def _clear(out: Ledger, start: int, initial: float) -> None:
    """Everything before the first bar that trades, and an empty account."""
    out.equity[:], out.cash[:], out.pre_fill[:] = 0.0, 0.0, 0.0
    out.equity[:start], out.cash[:start], out.pre_fill[:start] = initial, initial, np.nan
    out.turnover[:], out.cost[:], out.gross[:] = 0.0, 0.0, 0.0
    out.shares[:], out.trips[:] = 0.0, 0.0
    out.shares_held[:], out.traded[:], out.weights[:] = 0.0, 0.0, 0.0


@kernel
def simulate(
    fill: Float,
    close: Float,
    target: Float,
    decide: Bool,
    start: int,
    initial: float,
    costs: Costs,
    out: Ledger,
) -> int:
    """Trade a history of target weights and write the ledger.

    Parameters
    ----------
    fill, close : ndarray of shape (T, N)
        Prices at which orders are filled and holdings valued; NaN = no bar. An asset without a fill price at a fill is
        frozen: its order lapses. Holdings without a price are valued at the last one seen.
    target : ndarray of shape (T, N)
        Fractions of equity decided at t and filled at t + 1; NaN = no order. The last row is pending and never trades.
    decide : ndarray of shape (T,), bool
        Whether `target[t]` is an order. That of start − 1 always is.
    start : int
        First bar that trades. Interest on the cash of the previous close is added before every fill, this one too.
    initial : float
        Capital in money.
    costs : Costs
    out : Ledger
        Overwritten as a whole.

    Returns
    -------
    int
        `OK`, or `BANKRUPT` where equity at a fill or a close was at or below 0, which ends the run.
    """
    n_bars, n_assets = close.shape
    _clear(out, start, initial)
    work = np.zeros((6, n_assets))
    last, value, held, order, flow, opened = work[0], work[1], work[2], work[3], work[4], work[5]
    shares, trips, record = out.shares, out.trips, out.weights.size > 0
    cost, cash, status = costs.commission + costs.slippage, initial, OK
    for t in range(start, n_bars):
        cash += costs.cash_rate * cash
        long, short = _revalue(fill[t], shares, last, value)
        equity = cash + long - short
        out.pre_fill[t] = equity
        if equity > 0.0:
            if t > 0 and (t == start or decide[t - 1]):
                bought, sold = _set_orders(target[t - 1], fill[t], value, cash, cost, equity, held, order)
                if record:
                    for n in range(n_assets):
                        out.traded[t, n] = -shares[n]
                _fill_orders(fill[t], held, order, shares)
                if record:
                    for n in range(n_assets):
                        out.traded[t, n] += shares[n]
                _score_trips(t, held, order, cost, DUST * equity, flow, opened, trips)
                out.cost[t] = cost * (bought + sold)
                out.turnover[t] = 0.5 * (bought + sold) / equity
                cash = max(cash + sold - bought - out.cost[t], 0.0)  # purchases were scaled: below 0 is rounding
            long, short = _revalue(close[t], shares, last, value)
            equity = cash + long - short
        out.equity[t] = equity
        if equity <= 0.0:
            status = BANKRUPT
            out.cash[t] = equity
            break
        out.cash[t] = cash
        out.gross[t] = (long + short) / equity
        if record:
            for n in range(n_assets):
                out.shares_held[t, n] = shares[n]
                out.weights[t, n] = value[n] / equity
    for n in range(n_assets):
        if shares[n] != 0.0:
            out.trips[5] += 1.0
    if status == BANKRUPT:
        shares[:] = 0.0
    return status


def decision_return(pre_fill: Float, start: int) -> Float:
    """Return from the fill that follows bar t to the fill that follows bar t + 1, costs included.

    Parameters
    ----------
    pre_fill : ndarray of shape (T,)
        Of the ledger.
    start : int
        First bar that trades.

    Returns
    -------
    ndarray of shape (T,)
        For start − 1 ≤ t ≤ T − 3; NaN elsewhere, and where nothing was left to earn a return on. −1 is the least.
    """
    out = np.full(pre_fill.size, np.nan)
    first = max(start - 1, 0)
    before, after = pre_fill[first + 1 : -1], pre_fill[first + 2 :]
    alive = before > 0.0
    out[first : first + before.size][alive] = np.maximum(after[alive], 0.0) / before[alive] - 1.0
    return out
