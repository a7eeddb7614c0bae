"""What happens to the money: target weights filled some bars later, with costs, missing bars and round trips.

At a fill, E is the equity before it at fill prices, h the holdings in money, w the target weights and c the cost of a
unit of traded value. The equity after the fill, X, solves X + c·Σ|w·X − h| = E, so that a fully invested long-only
target never overdraws cash. An asset without a fill price is frozen: it counts at its last price and does not trade.

`trade` moves an account that all assets share over some bars; kernels/apart.py one account an asset. `simulate` is a
whole history of given targets; kernels/replay.py decides the targets on its way and calls the same two.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel, lean, piece, summing
from regimefolio.kernels.apart import trade_apart
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
from regimefolio.kernels.frictions import fill_with_frictions
from regimefolio.kernels.guards import (
    close_after_fill,
    close_before_fill,
    end_bar,
    has_stops,
    hold_back,
    hold_back_carried,
    holds_back,
    write_levels,
)
from regimefolio.kernels.ledger import (
    Account,
    Ledger,
    Orders,
    Prices,
    account_of,
    close_ledger,
    open_accounts,
    open_ledger,
)
from regimefolio.kernels.terms import Execution

Float: TypeAlias = NDArray[np.float64]
Bool: TypeAlias = NDArray[np.bool_]


@summing
def _revalue(price: Float, shares: Float, value: Float) -> tuple[float, float]:
    """Value the holdings at the prices of a bar; returns their sum, and that of their sizes."""
    net, gross = 0.0, 0.0
    for n in range(value.size):
        value[n] = shares[n] * price[n]
        net += value[n]
        gross += abs(value[n])
    return net, gross


@summing
def _worth(price: Float, shares: Float) -> float:
    """The sum of the holdings at the prices of a bar."""
    net = 0.0
    for n in range(shares.size):
        net += shares[n] * price[n]
    return net


@summing
def _is_long(shares: Float) -> bool:
    """Whether nothing is held short."""
    short = 0.0
    for n in range(shares.size):
        short += min(shares[n], 0.0)
    return short == 0.0


@summing
def _signs_at(target: Float, price: Float, held: Float, x: float) -> tuple[float, float]:
    """The sums of the targets and of the holdings, each with the sign of the trade that leads to target·x."""
    signed_target, signed_held = 0.0, 0.0
    for n in range(target.size):
        free = (price[n] == price[n]) & (target[n] == target[n])
        wish, has = target[n] if free else 0.0, held[n] if free else 0.0
        buys = wish * x - has > 0.0
        signed_target += wish if buys else -wish
        signed_held += has if buys else -has
    return signed_target, signed_held


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
    if cost > 0.0:
        signed_target, signed_held = _signs_at(target, price, held, x)
        steepest = 1.0 + cost * signed_target
        x = max((equity + cost * signed_held) / steepest, 0.0)
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
def _settle(price: Float, cost: float, account: Account) -> tuple[float, float, float]:
    """Carry out the orders: change holdings, shares and the cash flows of the round trips.

    Marks the positions that became flat or left it; returns the sum of the holdings, that of their sizes, and how many
    were marked.
    """
    order, held, value, shares, flow = account.order, account.held, account.value, account.shares, account.flow
    mark, net, gross, marked = account.mark, 0.0, 0.0, 0.0
    for n in range(order.size):
        after = value[n] + order[n]
        mark[n] = (order[n] != 0.0) & (value[n] * after <= 0.0)
        marked += 1.0 if mark[n] else 0.0
        # A division costs less than reading inverse prices of a wide market from memory.
        shares[n] = after / price[n] if order[n] != 0.0 else shares[n]
        flow[n] -= order[n] + cost * abs(order[n])
        held[n], value[n] = value[n], after
        net += after
        gross += abs(after)
    return net, gross, marked


@piece
def _rebalance(
    t: int, target: Float, prices: Prices, terms: Execution, account: Account, out: Ledger
) -> tuple[float, float]:
    """Fill the orders of a bar that has equity; returns the sum of the holdings, and that of their sizes."""
    equity, cost, cash, price = out.pre_fill[t], terms.commission + terms.slippage, account.cash[0], prices.fill[t]
    if terms.on_change:
        keep_changed(target, price, account.ordered)
    _, bought, sold = set_orders(target, price, account.value, cost, equity, account.order)
    means, needs = cash + (1.0 - cost) * sold, (1.0 + cost) * bought
    if needs > means + ROUNDING * equity:
        if terms.on_change:  # what cash cuts short is ordered again at the next decision
            for n in range(account.order.size):
                account.ordered[n] = np.nan if account.order[n] > 0.0 else account.ordered[n]
        bought = _scale_purchases(max(means, 0.0) / needs, DUST * equity, account.order)
    add_shares(t, -1.0, account, out)
    net, gross, marked = _settle(price, cost, account)
    add_shares(t, 1.0, account, out)
    if marked > 0.0:
        for i in range(list_marked(account.mark, account.at)):
            n = account.at[i]
            turn(t, n, account.held[n], account.value[n], cost, DUST * equity, account, out.trips)
    if out.paid.size > 0:
        for n in range(account.order.size):
            out.paid[t, n] = cost * abs(account.order[n])
    out.cost[t] += cost * (bought + sold)
    out.turnover[t] = 0.5 * (bought + sold) / equity
    # Purchases were scaled: cash below 0, or below what it was there, is rounding.
    account.cash[0] = max(cash + sold - bought - cost * (bought + sold), min(cash, 0.0))
    return net, gross


@lean
def trade(
    prices: Prices, orders: Orders, first: int, after: int, terms: Execution, account: Account, out: Ledger
) -> bool:
    """Move a shared account over the bars from `first` until before `after`; False where it went bankrupt.

    The order that bar t fills is the one that was decided at t − 1 − delay.
    """
    # Where nobody asks what each asset is worth, bars without a fill need the sum alone.
    quiet = terms.borrow_rate.size == 0 and not has_stops(terms.guards) and not terms.frictions.carry
    quiet = quiet and prices.at_fill is prices.at_close
    long = quiet and _is_long(account.shares)
    for t in range(first, after):
        interest = rate_at(t, terms.cash_rate) if account.cash[0] > 0.0 else rate_at(t, terms.financing_rate)
        account.cash[0] += account.cash[0] * interest
        if terms.borrow_rate.size > 0:
            fees = terms.borrow_rate[min(t, terms.borrow_rate.shape[0] - 1)]
            out.cost[t] = borrow_fees(fees, account.value, account.flow, account.order)
            account.cash[0] -= out.cost[t]
        take_events(t, prices.events, account, out)
        stops = has_stops(terms.guards)
        closed = close_before_fill(t, prices, terms, account, out) if stops else 0.0
        row = row_due(t, orders, terms)
        if long and row < 0 and t + 1 < out.equity.size:
            if out.weights.size > 0:  # a record asks; its sums have the same bits as without it
                _revalue(prices.at_fill[t], account.shares, account.value)
            net = gross = _worth(prices.at_fill[t], account.shares)
        else:
            net, gross = _revalue(prices.at_fill[t], account.shares, account.value)
        equity = account.cash[0] + net
        out.pre_fill[t] = equity
        if equity > 0.0:
            if row >= 0 and holds_back(terms.guards):
                hold_back(t, t - 1 - terms.delay, orders.target[row], prices, terms, account, out)
            if terms.frictions.units.size > 0:
                if row < 0 and terms.guards.veto.size > 0:
                    hold_back_carried(account, equity, terms.guards)
                if row >= 0 or terms.frictions.carry:
                    decided, used = (t - 1 - terms.delay, row) if row >= 0 else (-1, 0)
                    net, gross = fill_with_frictions(t, decided, orders.target[used], prices, terms, account, out)
            elif row >= 0:
                net, gross = _rebalance(t, orders.target[row], prices, terms, account, out)
            if row >= 0:
                long = quiet and net == gross
            if stops:
                closed += close_after_fill(t, prices, terms, account, out)
                out.turnover[t] += 0.5 * closed / out.pre_fill[t]
            if prices.at_fill is not prices.at_close:
                net, gross = _revalue(prices.at_close[t], account.shares, account.value)
            equity = account.cash[0] + net
        if equity <= 0.0:
            out.equity[t] = out.cash[t] = equity
            return False
        write_close(t, equity, account.cash[0], gross, account, out)
        if stops:
            end_bar(t, terms, account)
    return True


@piece
def advance(
    prices: Prices, orders: Orders, first: int, after: int, terms: Execution, account: Account, out: Ledger
) -> bool:
    """`trade` or `trade_apart`, as the terms say."""
    if terms.apart:
        return trade_apart(prices, orders, first, after, terms, account, out)
    return trade(prices, orders, first, after, terms, account, out)


def simulate(
    prices: Prices, target: Float, decide: Bool, start: int, initial: float, terms: Execution, out: Ledger
) -> int:
    """Trade a history of target weights and write the ledger.

    Parameters
    ----------
    prices : Prices
        As `prices_of` makes them. An asset without a fill price at a fill is frozen: its order lapses. Holdings without
        a price are valued at the last one seen.
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
    deciding, first = decide.copy(), start - 1 - terms.delay
    if first >= 0:
        deciding[first] = True
    used_up = terms.on_change or holds_back(terms.guards) or not target.flags.writeable
    orders = Orders(target.copy() if used_up else target, 0, deciding)
    return _simulate(prices, orders, start, initial, terms, out)


@summing
def _gross(target: Float) -> tuple[float, float]:
    """The sum of the sizes of targets (N,), and how many there are; NaN is none."""
    gross, count = 0.0, 0.0
    for n in range(target.size):
        known = target[n] == target[n]
        gross += abs(target[n]) if known else 0.0
        count += 1.0 if known else 0.0
    return gross, count


@kernel
def find_orders(target: Float, look: Bool, cost: float, decide: Bool) -> int:
    """Write which rows of targets (T, N) that are looked at hold any; returns the first that cannot be traded, or −1.

    It cannot where a target is infinite, or where `cost` times the sum of their sizes is not below 1.
    """
    for t in range(decide.size):
        decide[t] = False
        if look[t]:
            gross, count = _gross(target[t])
            decide[t] = count > 0.0
            if not (gross < np.inf and cost * gross < 1.0):
                return t
    return -1


@kernel
def _simulate(prices: Prices, orders: Orders, start: int, initial: float, terms: Execution, out: Ledger) -> int:
    open_ledger(start, initial, out)
    n_bars, n_assets = prices.fill.shape
    account = account_of(open_accounts(1, n_assets, initial, terms), 0)
    alive = advance(prices, orders, start, n_bars, terms, account, out)
    if alive:
        write_levels(terms, account, out)
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
    earned = out[first : first + before.size]
    np.divide(np.maximum(after, 0.0), before, out=earned, where=before > 0.0)
    earned -= 1.0
    return out


def of_decisions(rate: Float, delay: int = 0) -> Float:
    """The rates of bars, (T,), at the decisions in whose `decision_return` they are earned; (1,) stays as it is."""
    if rate.size == 1:
        return rate
    later = rate[np.minimum(np.arange(rate.size) + 2 + delay, rate.size - 1)]
    later.flags.writeable = False
    return later
