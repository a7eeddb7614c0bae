"""What a shared account and accounts apart do alike at a bar: which orders are due, and what becomes of round trips."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import lean, piece, summing
from regimefolio.kernels.ledger import CLOSED, Account, Events, Ledger, Orders, Places
from regimefolio.kernels.terms import Execution

Float: TypeAlias = NDArray[np.float64]
Bool: TypeAlias = NDArray[np.bool_]

DUST = 1e-10
"""A difference between target and holding below this fraction of equity is no order; such a profit is none."""


ROUNDING = 1e-12
"""Cash that would fall below zero by at most this fraction of equity is rounding, and set to 0."""


@piece
def row_due(t: int, orders: Orders, terms: Execution) -> int:
    """The row of the targets that bar `t` fills, or −1."""
    decided = t - 1 - terms.delay
    return decided - orders.first if decided >= 0 and orders.decide[decided] else -1


@lean
def keep_changed(target: Float, price: Float, ordered: Float) -> None:
    """Take away the targets that are those of the last orders, and remember the others that can be filled."""
    for n in range(target.size):
        changed = target[n] == target[n] and price[n] == price[n] and target[n] != ordered[n]
        ordered[n] = target[n] if changed else ordered[n]
        target[n] = target[n] if changed else np.nan


@piece
def list_marked(mark: Bool, at: Places) -> np.uint64:
    """Write the numbers of the marked assets into `at`, in order, and return how many there are.

    Without a branch: a few of a hundred are marked, and nobody could guess which.
    """
    count = np.uint64(0)
    for n in range(mark.size):
        at[count] = n
        count += np.uint64(mark[n])
    return count


@piece
def turn(
    t: int, n: np.uint64, held: float, after: float, cost: float, dust: float, account: Account, trips: Float
) -> None:
    """Close the round trip of asset `n` that ends at bar `t`, and open the one that begins; `flow` has booked the fill.

    A position that turns over closes one and opens another, whose own cost is that of what is held `after`. A profit
    below `dust` is neither won nor lost.
    """
    opening = after + cost * abs(after)
    if held != 0.0:
        profit = account.flow[n] + opening
        trips[0] += 1.0
        trips[4] += t - account.opened[n]
        if profit >= dust:
            trips[1] += 1.0
            trips[2] += profit
        elif profit <= -dust:
            trips[6] += 1.0
            trips[3] += profit
    account.flow[n] = -opening
    account.opened[n] = t


@piece
def rate_at(t: int, rate: Float) -> float:
    """The rate of a bar, of (T,) rates or of one, (1,), for all bars."""
    return rate[min(t, rate.size - 1)]


@summing
def borrow_fees(rate: Float, value: Float, flow: Float, fee: Float) -> float:
    """Write the fees on what was held short, book them to the round trips, and return their sum; all are (N,)."""
    total = 0.0
    for n in range(fee.size):
        fee[n] = rate[n] * max(-value[n], 0.0)
        flow[n] -= fee[n]
        total += fee[n]
    return total


@piece
def take_events(t: int, events: Events, account: Account, out: Ledger) -> None:
    """Pay what is due for the shares held, before the fill of a bar, and take away those that end."""
    for i in range(events.due[t], events.due[t + 1]):
        n = events.asset[i]
        shares = account.shares[n]
        if events.ends[i]:
            account.ordered[n] = 0.0
            if account.guard.size > 0:
                account.guard[CLOSED, n] = 0.0
        if shares != 0.0:
            own = n if account.cash.size > 1 else np.uint64(0)
            paid = shares * events.pay[i]
            account.cash[own] += paid
            account.flow[n] += paid
            if events.ends[i]:
                equity = account.cash[n] if account.cash.size > 1 else out.equity[t - 1]
                turn(t, n, account.value[n], 0.0, 0.0, DUST * equity, account, out.trips)
                account.shares[n] = account.value[n] = 0.0
                if out.traded.size > 0:
                    out.traded[t, n] -= shares


@piece
def add_shares(t: int, sign: float, account: Account, out: Ledger) -> None:
    """Add the shares held, with a sign, to those traded at a bar, where they are recorded."""
    if out.traded.size > 0:
        for n in range(account.shares.size):
            out.traded[t, n] += sign * account.shares[n]


@piece
def write_close(t: int, equity: float, cash: float, gross: float, account: Account, out: Ledger) -> None:
    """Write what an account is worth at a close, `gross` being the sum of the sizes of its holdings."""
    out.equity[t], out.cash[t], out.gross[t] = equity, cash, gross / equity
    if out.weights.size > 0:
        for n in range(account.shares.size):
            out.shares_held[t, n] = account.shares[n]
            out.weights[t, n] = account.value[n] / equity
