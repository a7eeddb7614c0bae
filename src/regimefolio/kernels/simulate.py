"""What happens to the money: target weights filled some bars later, with costs, missing bars and round trips.

At a fill, E is the equity before it at fill prices, h the holdings in money, w the target weights and c the cost of a
unit of traded value. The equity after the fill, X, solves X + c·Σ|w·X − h| = E, so that a fully invested long-only
target never overdraws cash. An asset without a fill price is frozen: it counts at its last price and does not trade.

`trade` moves an account that all assets share over some bars, `trade_apart` one account an asset. `simulate` is a whole
history of given targets; kernels/replay.py decides the targets on its way and calls the same two.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel, lean, piece, summing
from regimefolio.kernels.ledger import (
    Account,
    Execution,
    Ledger,
    Orders,
    Prices,
    account_of,
    close_ledger,
    open_accounts,
    open_ledger,
)

Float: TypeAlias = NDArray[np.float64]
Bool: TypeAlias = NDArray[np.bool_]

DUST = 1e-10
"""A difference between target and holding below this fraction of equity is no order; such a profit is none."""

ROUNDING = 1e-12
"""Cash that would fall below zero by at most this fraction of equity is rounding, and set to 0."""


@summing
def _revalue(price: Float, shares: Float, last: Float, value: Float) -> tuple[float, float]:
    """Value the holdings at the prices of a bar, or the last ones seen; returns their sum, and that of their sizes."""
    net, gross = 0.0, 0.0
    for n in range(last.size):
        last[n] = price[n] if price[n] == price[n] else last[n]
        value[n] = shares[n] * last[n]
        net += value[n]
        gross += abs(value[n])
    return net, gross


@lean
def _keep_changed(target: Float, price: Float, ordered: Float) -> None:
    """Take away the targets that are those of the last orders, and remember the others that can be filled."""
    for n in range(target.size):
        changed = target[n] == target[n] and price[n] == price[n] and target[n] != ordered[n]
        ordered[n] = target[n] if changed else ordered[n]
        target[n] = target[n] if changed else np.nan


@summing
def _orders_at(
    target: Float, price: Float, held: Float, x: float, dust: float, order: Float
) -> tuple[float, float, float, float]:
    """Write the trades that lead to target·x; what is dust, or has no target or price, is no trade.

    Returns the sums of the targets and of the holdings, each with the sign of its trade, and what is bought and sold.
    """
    signed_target, signed_held, bought, sold = 0.0, 0.0, 0.0, 0.0
    for n in range(order.size):
        free = (price[n] == price[n]) & (target[n] == target[n])
        wish, has = target[n] if free else 0.0, held[n] if free else 0.0
        trade = wish * x - has
        signed_target += wish if trade > 0.0 else -wish
        signed_held += has if trade > 0.0 else -has
        order[n] = trade if abs(trade) >= dust else 0.0
        bought += max(order[n], 0.0)
        sold -= min(order[n], 0.0)
    return signed_target, signed_held, bought, sold


@lean
def set_orders(
    target: Float, price: Float, held: Float, cost: float, equity: float, order: Float
) -> tuple[float, float, float]:
    """Write the trades, in money, that lead to the targets; returns the equity after them, what is bought and sold.

    Solves X + cost·Σ|target·X − held| = equity over what has a target and a price. The left side is convex and
    piecewise linear in X, and at X = equity not below the right side: Newton's iterates fall towards the root, and the
    slope falls with each, or the last one lies on the root's own piece and is the root. There are at most N + 1 slopes,
    so the loop ends. Needs cost·Σ|target| < 1.
    """
    x, steepest, dust = equity, np.inf, DUST * equity
    while True:
        signed_target, signed_held, bought, sold = _orders_at(target, price, held, x, dust, order)
        slope = 1.0 + cost * signed_target
        if slope >= steepest or cost == 0.0:
            return x, bought, sold
        steepest = slope
        x = max((equity + cost * signed_held) / slope, 0.0)


@summing
def _scale_purchases(scale: float, dust: float, order: Float) -> float:
    """Scale what is bought, and return how much it is then."""
    bought = 0.0
    for n in range(order.size):
        if order[n] > 0.0:
            order[n] = order[n] * scale if order[n] * scale >= dust else 0.0
        bought += max(order[n], 0.0)
    return bought


@summing
def _settle(inverse: Float, cost: float, account: Account) -> tuple[int, float, float]:
    """Carry out the orders: change holdings, shares and the cash flows of the round trips.

    Returns how many positions became flat or left it, the sum of the holdings, and that of their sizes.
    """
    order, held, value, shares, flow = account.order, account.held, account.value, account.shares, account.flow
    turned, net, gross = 0, 0.0, 0.0
    for n in range(order.size):
        after = value[n] + order[n]
        turned += 1 if (order[n] != 0.0) & (value[n] * after <= 0.0) else 0
        shares[n] = after * inverse[n] if order[n] != 0.0 else shares[n]
        flow[n] -= order[n] + cost * abs(order[n])
        held[n], value[n] = value[n], after
        net += after
        gross += abs(after)
    return turned, net, gross


@summing
def _score_trips(
    t: float, held: Float, order: Float, equity: Float, cost: float, flow: Float, opened: Float
) -> tuple[float, float, float, float, float, float]:
    """Close the round trips that the orders of bar `t` end, and open those that they begin.

    Returns how many are closed, won, lost, the bars they were held, and the money won and lost. A position that turns
    over closes one and opens another.
    """
    closed, wins, losses, bars, gross_win, gross_loss = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for n in range(order.size):
        after = held[n] + order[n]
        turned = (order[n] != 0.0) & (held[n] * after <= 0.0)
        ends = turned & (held[n] != 0.0)
        opening = after + cost * abs(after)
        profit, dust = flow[n] + opening, DUST * equity[n]
        won, lost = ends & (profit >= dust), ends & (profit <= -dust)
        closed += 1.0 if ends else 0.0
        wins += 1.0 if won else 0.0
        losses += 1.0 if lost else 0.0
        bars += t - opened[n] if ends else 0.0
        gross_win += profit if won else 0.0
        gross_loss += profit if lost else 0.0
        flow[n] = -opening if turned else flow[n]
        opened[n] = t if turned else opened[n]
    return closed, wins, losses, bars, gross_win, gross_loss


@summing
def _borrow_fees(rate: float, value: Float, flow: Float, fee: Float) -> float:
    """Write the fees on what was held short, book them to the round trips, and return their sum."""
    total = 0.0
    for n in range(fee.size):
        fee[n] = rate * max(-value[n], 0.0)
        flow[n] -= fee[n]
        total += fee[n]
    return total


@piece
def _book(t: int, turned: int, traded: float, cost: float, account: Account, out: Ledger) -> None:
    """Write down what was traded at a bar, and the round trips that ended; `account.equity` is that before it."""
    if turned > 0:
        closed, wins, losses, bars, gross_win, gross_loss = _score_trips(
            float(t), account.held, account.order, account.equity, cost, account.flow, account.opened
        )
        trips = out.trips
        trips[0], trips[1], trips[6] = trips[0] + closed, trips[1] + wins, trips[6] + losses
        trips[2], trips[3], trips[4] = trips[2] + gross_win, trips[3] + gross_loss, trips[4] + bars
    out.cost[t] += cost * traded
    out.turnover[t] = 0.5 * traded / out.pre_fill[t]


@piece
def _add_shares(t: int, sign: float, account: Account, out: Ledger) -> None:
    """Add the shares held, with a sign, to those traded at a bar, where they are recorded."""
    if out.traded.size > 0:
        for n in range(account.shares.size):
            out.traded[t, n] += sign * account.shares[n]


@piece
def _rebalance(
    t: int, target: Float, prices: Prices, terms: Execution, account: Account, out: Ledger
) -> tuple[float, float]:
    """Fill the orders of a bar that has equity; returns the sum of the holdings, and that of their sizes."""
    equity, cost, cash, price = out.pre_fill[t], terms.commission + terms.slippage, account.cash[0], prices.fill[t]
    if terms.on_change:
        _keep_changed(target, price, account.ordered)
    _, bought, sold = set_orders(target, price, account.value, cost, equity, account.order)
    means, needs = cash + (1.0 - cost) * sold, (1.0 + cost) * bought
    if needs > means + ROUNDING * equity:
        if terms.on_change:  # what cash cuts short is ordered again at the next decision
            for n in range(account.order.size):
                account.ordered[n] = np.nan if account.order[n] > 0.0 else account.ordered[n]
        bought = _scale_purchases(max(means, 0.0) / needs, DUST * equity, account.order)
    _add_shares(t, -1.0, account, out)
    turned, net, gross = _settle(prices.inverse[t], cost, account)
    _add_shares(t, 1.0, account, out)
    account.equity[:] = equity
    _book(t, turned, bought + sold, cost, account, out)
    # Purchases were scaled: cash below 0, or below what it was there, is rounding.
    account.cash[0] = max(cash + sold - bought - cost * (bought + sold), min(cash, 0.0))
    return net, gross


@piece
def _write_close(t: int, equity: float, cash: float, gross: float, account: Account, out: Ledger) -> None:
    """Write what an account is worth at a close, `gross` being the sum of the sizes of its holdings."""
    out.equity[t], out.cash[t], out.gross[t] = equity, cash, gross / equity
    if out.weights.size > 0:
        for n in range(account.shares.size):
            out.shares_held[t, n] = account.shares[n]
            out.weights[t, n] = account.value[n] / equity


@piece
def _fills(t: int, orders: Orders, terms: Execution) -> int:
    """The row of the targets that bar `t` fills, or −1."""
    decided = t - 1 - terms.delay
    return decided - orders.first if decided >= 0 and orders.decide[decided] else -1


@lean
def trade(
    prices: Prices, orders: Orders, first: int, after: int, terms: Execution, account: Account, out: Ledger
) -> bool:
    """Move a shared account over the bars from `first` until before `after`; False where it went bankrupt.

    The order that bar t fills is the one that was decided at t − 1 − delay.
    """
    for t in range(first, after):
        account.cash[0] += terms.cash_rate * account.cash[0]
        if terms.borrow_rate != 0.0:
            out.cost[t] = _borrow_fees(terms.borrow_rate, account.value, account.flow, account.order)
            account.cash[0] -= out.cost[t]
        net, gross = _revalue(prices.fill[t], account.shares, account.last, account.value)
        equity = account.cash[0] + net
        out.pre_fill[t] = equity
        if equity > 0.0:
            row = _fills(t, orders, terms)
            if row >= 0:
                net, gross = _rebalance(t, orders.target[row], prices, terms, account, out)
            if prices.fill is not prices.close:
                net, gross = _revalue(prices.close[t], account.shares, account.last, account.value)
            equity = account.cash[0] + net
        if equity <= 0.0:
            out.equity[t] = out.cash[t] = equity
            return False
        _write_close(t, equity, account.cash[0], gross, account, out)
    return True


@summing
def _revalue_apart(price: Float, account: Account) -> tuple[float, float, float, int]:
    """Value every account at the prices of a bar, or the last ones seen.

    Returns the cash, the holdings and their sizes, summed, and how many accounts hold something and are worth nothing.
    """
    cash, last, value = account.cash, account.last, account.value
    total, net, gross, broke = 0.0, 0.0, 0.0, 0
    for n in range(last.size):
        last[n] = price[n] if price[n] == price[n] else last[n]
        value[n] = account.shares[n] * last[n]
        account.equity[n] = cash[n] + value[n]
        total += cash[n]
        net += value[n]
        gross += abs(value[n])
        broke += 1 if (cash[n] + value[n] <= 0.0) & (value[n] != 0.0) else 0
    return total, net, gross, broke


@summing
def _trade_apart(
    target: Float, price: Float, inverse: Float, cost: float, account: Account
) -> tuple[float, float, float, float, int, int]:
    """Fill the order of each account from its own equity; below 0, its cash is rounding.

    Alone, the equation of `set_orders` has one slope: with s the sign of w·E − h, X = (E + s·c·h)/(1 + s·c·w), and the
    trade is w·X − h = (w·E − h)/(1 + s·c·w).

    Returns what is traded, and as `_revalue_apart` and `_settle` do, cash, holdings, sizes, and numbers.
    """
    cash, value, shares, flow = account.cash, account.value, account.shares, account.flow
    traded, total, net, gross, broke, turned = 0.0, 0.0, 0.0, 0.0, 0, 0
    for n in range(value.size):
        has, equity = value[n], account.equity[n]
        gap = target[n] * equity - has
        trade = gap / (1.0 + (cost if gap > 0.0 else -cost) * target[n])
        # A trade that is NaN, for want of a target, is above nothing.
        free = (price[n] == price[n]) & (equity > 0.0) & (abs(trade) >= DUST * equity)
        order = trade if free else 0.0
        after, paid = has + order, order + cost * abs(order)
        left = max(cash[n] - paid, min(cash[n], 0.0))
        shares[n] = after * inverse[n] if free else shares[n]
        flow[n] -= paid
        account.held[n], account.order[n] = has, order
        value[n], cash[n] = after, left
        traded += abs(order)
        total += left
        net += after
        gross += abs(after)
        broke += 1 if (left + after <= 0.0) & (after != 0.0) else 0
        turned += 1 if free & (has * after <= 0.0) else 0
    return traded, total, net, gross, broke, turned


@lean
def _close_broke(account: Account, trips: Float) -> tuple[float, float, float]:
    """Close the accounts that hold something and are worth nothing; returns cash, holdings and sizes, summed."""
    total, net, gross = 0.0, 0.0, 0.0
    for n in range(account.value.size):
        worth = account.cash[n] + account.value[n]
        if worth <= 0.0 and account.value[n] != 0.0:
            account.cash[n] = account.equity[n] = worth
            account.shares[n] = account.value[n] = 0.0
            trips[5] += 1.0
        total += account.cash[n]
        net += account.value[n]
        gross += abs(account.value[n])
    return total, net, gross


@piece
def _value_apart(price: Float, account: Account, trips: Float) -> tuple[float, float, float]:
    """Value every account and close those without equity; returns cash, holdings and their sizes, summed."""
    cash, net, gross, broke = _revalue_apart(price, account)
    return _close_broke(account, trips) if broke > 0 else (cash, net, gross)


@piece
def _rebalance_apart(
    t: int, target: Float, prices: Prices, terms: Execution, account: Account, out: Ledger
) -> tuple[float, float, float]:
    """Fill the orders of a bar, each account from its own equity; returns as `_value_apart` does."""
    cost, price, inverse = terms.commission + terms.slippage, prices.fill[t], prices.inverse[t]
    _add_shares(t, -1.0, account, out)
    if terms.on_change:
        _keep_changed(target, price, account.ordered)
    traded, cash, net, gross, broke, turned = _trade_apart(target, price, inverse, cost, account)
    _add_shares(t, 1.0, account, out)
    _book(t, turned, traded, cost, account, out)
    return _close_broke(account, out.trips) if broke > 0 else (cash, net, gross)


@lean
def trade_apart(
    prices: Prices, orders: Orders, first: int, after: int, terms: Execution, account: Account, out: Ledger
) -> bool:
    """As `trade`, with one account an asset; the ledger holds their sums. False where they owe more than they have."""
    for t in range(first, after):
        if terms.cash_rate != 0.0:
            for n in range(account.cash.size):
                account.cash[n] += terms.cash_rate * max(account.cash[n], 0.0)
        if terms.borrow_rate != 0.0:
            out.cost[t] = _borrow_fees(terms.borrow_rate, account.value, account.flow, account.order)
            for n in range(account.cash.size):
                account.cash[n] -= account.order[n]
        cash, net, gross = _value_apart(prices.fill[t], account, out.trips)
        equity = cash + net
        out.pre_fill[t] = equity
        if equity > 0.0:
            row = _fills(t, orders, terms)
            if row >= 0:
                cash, net, gross = _rebalance_apart(t, orders.target[row], prices, terms, account, out)
            if prices.fill is not prices.close:
                cash, net, gross = _value_apart(prices.close[t], account, out.trips)
            equity = cash + net
        if equity <= 0.0:
            out.equity[t] = out.cash[t] = equity
            return False
        _write_close(t, equity, cash, gross, account, out)
    return True


@piece
def advance(
    prices: Prices, orders: Orders, first: int, after: int, terms: Execution, account: Account, out: Ledger
) -> bool:
    """`trade` or `trade_apart`, as the terms say."""
    if terms.apart:
        return trade_apart(prices, orders, first, after, terms, account, out)
    return trade(prices, orders, first, after, terms, account, out)


@kernel
def simulate(
    fill: Float,
    close: Float,
    target: Float,
    decide: Bool,
    start: int,
    initial: float,
    terms: Execution,
    out: Ledger,
) -> int:
    """Trade a history of target weights and write the ledger.

    Parameters
    ----------
    fill, close : ndarray of shape (T, N)
        Prices at which orders are filled and holdings valued; NaN = no bar. An asset without a fill price at a fill is
        frozen: its order lapses. Holdings without a price are valued at the last one seen.
    target : ndarray of shape (T, N)
        Fractions of equity decided at t and filled at t + 1 + delay; NaN = no order. The last rows are pending and
        never trade.
    decide : ndarray of shape (T,), bool
        Whether `target[t]` is an order. That of start − 1 − delay always is.
    start : int
        First bar that trades. Interest on the cash of the previous close is added before every fill, this one too.
    initial : float
        Capital in money.
    terms : Execution
    out : Ledger
        Overwritten as a whole.

    Returns
    -------
    int
        `OK`, or `BANKRUPT` where equity at a fill or a close was at or below 0, which ends the run.
    """
    open_ledger(start, initial, out)
    account = account_of(*open_accounts(1, close.shape[1], initial, terms.apart), 0)
    deciding, first = decide.copy(), start - 1 - terms.delay
    if first >= 0:
        deciding[first] = True
    orders = Orders(target.copy(), 0, deciding)
    alive = advance(Prices(fill, close, 1.0 / fill), orders, start, close.shape[0], terms, account, out)
    return close_ledger(alive, account, out)


def decision_return(pre_fill: Float, start: int, delay: int = 0) -> Float:
    """Return from the fill of what bar t decides to the fill of what bar t + 1 decides, costs included.

    Parameters
    ----------
    pre_fill : ndarray of shape (T,)
        Of the ledger.
    start : int
        First bar that trades.
    delay : int
        Bars by which a fill comes later than the bar after the decision.

    Returns
    -------
    ndarray of shape (T,)
        For start − 1 − delay ≤ t ≤ T − 3 − delay; NaN elsewhere, and where nothing was left to earn a return on. −1 is
        the least.
    """
    out = np.full(pre_fill.size, np.nan)
    first = max(start - 1 - delay, 0)
    before, after = pre_fill[first + 1 + delay : -1], pre_fill[first + 2 + delay :]
    alive = before > 0.0
    out[first : first + before.size][alive] = np.maximum(after[alive], 0.0) / before[alive] - 1.0
    return out
