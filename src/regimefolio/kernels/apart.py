"""One account an asset, each filled from its own equity.

A bar is one loop over all assets that values them and marks those whose order is more than dust, and one over the
marked ones, few where targets rest, that fills them.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import lean, piece, summing
from regimefolio.kernels.fills import (
    DUST,
    ROUNDING,
    add_shares,
    borrow_fees,
    keep_changed,
    list_marked,
    rate_at,
    row_due,
    take_events,
    turn,
    write_close,
)
from regimefolio.kernels.guards import close_after_fill, close_before_fill, end_bar, has_stops, hold_back, holds_back
from regimefolio.kernels.ledger import Account, Ledger, Orders, Prices
from regimefolio.kernels.terms import Execution

Float: TypeAlias = NDArray[np.float64]


@summing
def _value(price: Float, account: Account) -> tuple[float, float, float, int]:
    """Value every account at the prices of a bar.

    Returns the cash, the holdings and their sizes, summed, and how many accounts are worth nothing.
    """
    cash, value, shares = account.cash, account.value, account.shares
    total, net, gross, worthless = 0.0, 0.0, 0.0, 0
    for n in range(value.size):
        value[n] = shares[n] * price[n]
        worthless += cash[n] + value[n] <= 0.0
        total += cash[n]
        net += value[n]
        gross += abs(value[n])
    return total, net, gross, worthless


@summing
def _value_and_mark(price: Float, target: Float, least: float, account: Account) -> tuple[float, float, float, int]:
    """As `_value`; marks the accounts that are at least `least` of their equity away from their targets."""
    cash, value, shares, mark = account.cash, account.value, account.shares, account.mark
    total, net, gross, worthless = 0.0, 0.0, 0.0, 0
    for n in range(value.size):
        value[n] = shares[n] * price[n]
        equity = cash[n] + value[n]
        mark[n] = abs(target[n] * equity - value[n]) >= least * equity  # False where there is no target
        worthless += equity <= 0.0
        total += cash[n]
        net += value[n]
        gross += abs(value[n])
    return total, net, gross, worthless


@lean
def _close_worthless(account: Account, trips: Float) -> tuple[float, float, float]:
    """Close the accounts that hold something and are worth nothing; returns cash, holdings and sizes, summed."""
    total, net, gross = 0.0, 0.0, 0.0
    for n in range(account.value.size):
        worth = account.cash[n] + account.value[n]
        if worth <= 0.0 and account.value[n] != 0.0:
            account.cash[n] = worth
            account.shares[n] = account.value[n] = 0.0
            trips[5] += 1.0
        total += account.cash[n]
        net += account.value[n]
        gross += abs(account.value[n])
    return total, net, gross


@piece
def _fill_marked(
    t: int, target: Float, price: Float, cost: float, account: Account, out: Ledger
) -> tuple[float, float, float, float, bool]:
    """Fill the orders of the marked accounts; below 0, their cash is rounding.

    Alone, the equation of a fill has one slope: with s the sign of w·E − h, X = (E + s·c·h)/(1 + s·c·w), and the trade
    is w·X − h = (w·E − h)/(1 + s·c·w).

    Returns what is traded, by how much cash, holdings and their sizes grow, and whether costs ruined an account.
    """
    traded, paid, bought, grown, ruined = 0.0, 0.0, 0.0, 0.0, False
    for i in range(list_marked(account.mark, account.at)):
        n = account.at[i]
        held, cash = account.value[n], account.cash[n]
        equity = cash + held
        gap = target[n] * equity - held
        order = gap / (1.0 + (cost if gap > 0.0 else -cost) * target[n])
        if price[n] != price[n] or equity <= 0.0 or abs(order) < DUST * equity:
            continue
        if order * (1.0 + cost) > cash + ROUNDING * equity:  # a short that costs more to close than is left
            order = cash / (1.0 + cost)
        after, flow = held + order, order + cost * abs(order)
        left = max(cash - flow, min(cash, 0.0))
        account.flow[n] -= flow
        if held * after <= 0.0:
            turn(t, n, held, after, cost, DUST * equity, account, out.trips)
        account.shares[n] = after / price[n]
        account.value[n], account.cash[n] = after, left
        ruined = ruined or left + after <= 0.0
        if out.paid.size > 0:
            out.paid[t, n] = cost * abs(order)
        traded += abs(order)
        paid += left - cash
        bought += order
        grown += abs(after) - abs(held)
    return traded, paid, bought, grown, ruined


@piece
def _accrue(t: int, terms: Execution, account: Account, out: Ledger) -> None:
    """Add interest to the cash of the previous close, and take the fee on what was held short."""
    above, below = rate_at(t, terms.cash_rate), rate_at(t, terms.financing_rate)
    if above != 0.0 or below != 0.0:
        for n in range(account.cash.size):
            owed = min(account.cash[n], 0.0) if account.value[n] != 0.0 else 0.0  # a closed account's debt rests
            account.cash[n] += above * max(account.cash[n], 0.0) + below * owed
    if terms.borrow_rate.size > 0:
        fees = terms.borrow_rate[min(t, terms.borrow_rate.shape[0] - 1)]
        out.cost[t] = borrow_fees(fees, account.value, account.flow, account.order)
        for n in range(account.cash.size):
            account.cash[n] -= account.order[n]


@lean
def trade_apart(
    prices: Prices, orders: Orders, first: int, after: int, terms: Execution, account: Account, out: Ledger
) -> bool:
    """As `trade`, with one account an asset; the ledger holds their sums. False where they owe more than they have."""
    cost = terms.commission + terms.slippage
    least = 0.01 * DUST  # costs make a sale larger than its gap; `_fill_marked` looks at the order itself
    for t in range(first, after):
        _accrue(t, terms, account, out)
        take_events(t, prices.events, account, out)
        row, stops = row_due(t, orders, terms), has_stops(terms.guards)
        closed = close_before_fill(t, prices, terms, account, out) if stops else 0.0
        if row >= 0:
            if holds_back(terms.guards):
                _value(prices.at_fill[t], account)
                hold_back(t, t - 1 - terms.delay, orders.target[row], prices, terms, account, out)
            if terms.on_change:
                keep_changed(orders.target[row], prices.fill[t], account.ordered)
            cash, net, gross, worthless = _value_and_mark(prices.at_fill[t], orders.target[row], least, account)
        else:
            cash, net, gross, worthless = _value(prices.at_fill[t], account)
        if worthless > 0:
            cash, net, gross = _close_worthless(account, out.trips)
        equity = cash + net
        out.pre_fill[t] = equity
        if equity > 0.0 and row >= 0:
            add_shares(t, -1.0, account, out)
            traded, paid, bought, grown, ruined = _fill_marked(
                t, orders.target[row], prices.fill[t], cost, account, out
            )
            add_shares(t, 1.0, account, out)
            out.cost[t] += cost * traded
            out.turnover[t] = 0.5 * traded / equity
            cash, net, gross = cash + paid, net + bought, gross + grown
            if ruined:
                cash, net, gross = _close_worthless(account, out.trips)
        if equity > 0.0 and stops:
            closed += close_after_fill(t, prices, terms, account, out)
            out.turnover[t] += 0.5 * closed / equity
            cash, net, gross, worthless = _value(prices.at_fill[t], account)
            if worthless > 0:
                cash, net, gross = _close_worthless(account, out.trips)
        if equity > 0.0 and prices.at_fill is not prices.at_close:
            cash, net, gross, worthless = _value(prices.at_close[t], account)
            if worthless > 0:
                cash, net, gross = _close_worthless(account, out.trips)
        equity = cash + net
        if equity <= 0.0:
            out.equity[t] = out.cash[t] = equity
            return False
        write_close(t, equity, cash, gross, account, out)
        if stops:
            end_bar(t, terms, account)
    return True
