"""Fills of a shared account that cost more than a part of their value, or get less than they want.

docs/accounting.md has the rules, step by step. Orders are looked at one by one here: who asks for none of this takes
the fast way of kernels/simulate.py.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import lean, piece
from regimefolio.kernels.fills import DUST, ROUNDING, add_shares, keep_changed, list_marked, turn
from regimefolio.kernels.ledger import Account, Ledger, Prices
from regimefolio.kernels.terms import Execution, Frictions

Float: TypeAlias = NDArray[np.float64]

A_SHARE = 1e-9
"""Less of a traded share is rounding."""

STEPS = 120
"""In which a root is found; a handful are needed."""

NEWTON = 50
"""Of them may be Newton's; the others halve what is left."""

NEAR = 1e-15
"""A root is found where Newton's next step is no more than this part of the whole."""


@piece
def _money(t: int, n: int, frictions: Frictions) -> float:
    """What was traded at a bar; 0 where it is unknown."""
    if frictions.money.size == 0:
        return 0.0
    money = frictions.money[t, n]
    return money if money > 0.0 else 0.0


@piece
def _units(t: int, n: int, frictions: Frictions) -> float:
    """Traded shares in a unit."""
    return frictions.units[min(t, frictions.units.shape[0] - 1), n]


@piece
def _share(t: int, n: int, prices: Prices, frictions: Frictions) -> float:
    """The money that one traded share costs."""
    return prices.fill[t, n] / _units(t, n, frictions)


@piece
def _step(w: float, frictions: Frictions) -> float:
    """The part of the way to a target that an order goes; what is to be closed is closed."""
    return frictions.step if w != 0.0 else 1.0


@piece
def _least(closes: bool, dust: float, frictions: Frictions) -> float:
    """The money below which there is no order; one that closes a whole position has none but rounding."""
    return dust if closes else max(dust, frictions.min_value)


@piece
def quote(t: int, n: int, price: float, known: int, terms: Execution, account: Account) -> None:
    """Write the parts of its size, and of its power 3/2, that an order at a price costs.

    `known` is the bar of the volatility that scales its impact.
    """
    f = terms.frictions
    account.linear[n], account.convex[n] = terms.commission, 0.0
    if f.units.size > 0:
        account.linear[n] += f.per_share * _units(t, n, f) / price
        money = _money(t, n, f)
        if f.impact > 0.0 and money > 0.0:
            volatility = f.volatility[known, n]
            account.convex[n] = f.impact * volatility / math.sqrt(money) if volatility > 0.0 else 0.0


@piece
def _price(size: float, n: int, terms: Execution, account: Account) -> tuple[float, float]:
    """What an order of this size costs, and what one unit of money more would."""
    f = terms.frictions
    fee, steep = f.per_order + account.linear[n] * size, account.linear[n]
    for k in range(f.tiers.shape[1]):
        if size > f.tiers[0, k]:
            fee += f.tiers[1, k] * (size - f.tiers[0, k])
            steep += f.tiers[1, k]
    if fee < f.min_fee:
        fee, steep = f.min_fee, 0.0
    impact = account.convex[n] * math.sqrt(size)
    return fee + (terms.slippage + impact) * size, steep + terms.slippage + 1.5 * impact


@piece
def order_cost(d: float, n: int, terms: Execution, account: Account) -> float:
    """What an order of money `d` costs; nothing where there is none."""
    if d == 0.0:
        return 0.0
    cost, _ = _price(abs(d), n, terms, account)
    return cost


@piece
def _find_wishes(t: int, equity: float, dust: float, prices: Prices, terms: Execution, account: Account) -> None:
    """Mark the assets that have an order, and write the parts of its size, and of its power 3/2, that it costs."""
    f, price = terms.frictions, prices.fill[t]
    for n in range(price.size):
        w, has = account.aim[n], account.value[n]
        account.mark[n], account.order[n] = False, 0.0
        if w != w or price[n] != price[n]:
            continue
        if w != 0.0 and abs(w - has / equity) <= max(f.band, f.relative_band * abs(w)):
            continue
        account.mark[n] = abs(_step(w, f) * (w * equity - has)) >= _least(w == 0.0, dust, f)
        quote(t, n, price[n], int(account.since[n]), terms, account)


@piece
def _nearer(k: int, x: float, excess: float, slope: float, low: float, high: float) -> float:
    """The next point at which to look for the root of a rising function that is `excess` at x.

    Newton's, which may overshoot where the function is not convex: then, and where it takes long, the middle of where
    the root is known to lie. Nothing is known from below where `low` is less than 0.
    """
    after = x - excess / slope if slope > 0.0 else low
    if low < 0.0:
        return max(after, 0.0)
    return after if k < NEWTON and low < after < high else 0.5 * (low + high)


@lean
def _equity_after(equity: float, count: np.uint64, terms: Execution, account: Account) -> float:
    """The root X of X + Σ cost(step·(w·X − h)) = equity over the listed orders, or 0.

    The left side rises, and at X = equity it is not below the right side.
    """
    x, low, high = equity, -1.0, equity
    for k in range(STEPS):
        excess, slope = x - equity, 1.0
        for i in range(count):
            n = account.at[i]
            w = account.aim[n]
            step = _step(w, terms.frictions)
            d = step * (w * x - account.value[n])
            cost, steep = _price(abs(d), n, terms, account)
            excess += cost
            slope += steep * step * w if d > 0.0 else -steep * step * w
        if abs(excess) <= NEAR * slope * equity:
            return max(x - excess / slope, 0.0)
        if excess > 0.0:
            if x == 0.0 or (low < 0.0 and slope <= 0.0):  # a sale costs more than it brings
                return 0.0
            high = x
        else:
            low = x
        x = _nearer(k, x, excess, slope, low, high)
    return x


@lean
def _affordable(means: float, count: np.uint64, terms: Execution, account: Account) -> float:
    """The part s, at most 1, of all listed purchases d that cash pays for: Σ s·d + cost(s·d) = means; or 0."""
    x, low, high = 1.0, -1.0, 1.0
    for k in range(STEPS):
        excess, slope = -means, 0.0
        for i in range(count):
            n = account.at[i]
            d = account.order[n]
            if d > 0.0:
                cost, steep = _price(x * d, n, terms, account)
                excess += x * d + cost
                slope += d + steep * d
        if abs(excess) <= NEAR * slope:
            return max(x - excess / slope, 0.0)
        if excess > 0.0:
            if x == 0.0:
                return 0.0
            high = x
        else:
            low = x
        x = _nearer(k, x, excess, slope, low, high)
    return x


@piece
def _in_size(d: float, t: int, n: int, closes: bool, dust: float, prices: Prices, frictions: Frictions) -> float:
    """An order in whole shares, where they are asked for and it does not close a position, or 0 where it is small."""
    size = abs(d)
    if frictions.whole and not closes:
        lot = _share(t, n, prices, frictions)
        size = math.floor(size / lot + A_SHARE) * lot
    if size < _least(closes, dust, frictions):
        return 0.0
    return size if d > 0.0 else -size


@piece
def _write_orders(
    t: int, x: float, dust: float, count: np.uint64, prices: Prices, terms: Execution, account: Account
) -> None:
    """Write the orders that lead to the targets at the equity `x`, and keep the targets of those that are cut."""
    frictions = terms.frictions
    for i in range(count):
        n = account.at[i]
        w = account.aim[n]
        d = _step(w, frictions) * (w * x - account.value[n])
        closes = w == 0.0
        if frictions.participation < np.inf:
            room = frictions.participation * _money(t, n, frictions)
            if abs(d) > room:
                closes = False
                d = room if d > 0.0 else -room
                if frictions.carry:
                    account.carried[n] = w
                if terms.on_change:
                    account.ordered[n] = np.nan
        account.order[n] = _in_size(d, t, n, closes, dust, prices, frictions)


@piece
def _pay_from_cash(
    t: int, equity: float, dust: float, count: np.uint64, prices: Prices, terms: Execution, account: Account
) -> None:
    """Scale the purchases where the cash and what sales bring does not pay for them."""
    means, needs = account.cash[0], 0.0
    for i in range(count):
        n = account.at[i]
        d = account.order[n]
        cost = order_cost(d, n, terms, account)
        if d > 0.0:
            needs += d + cost
        else:
            means -= d + cost
    if needs <= means + ROUNDING * equity:
        return
    scale = _affordable(means, count, terms, account)
    for i in range(count):
        n = account.at[i]
        if account.order[n] > 0.0:
            account.order[n] = _in_size(account.order[n] * scale, t, n, False, dust, prices, terms.frictions)
            if terms.on_change:
                account.ordered[n] = np.nan


@piece
def _book_orders(
    t: int, equity: float, count: np.uint64, prices: Prices, terms: Execution, account: Account, out: Ledger
) -> None:
    """Carry out the orders."""
    frictions = terms.frictions
    cash, traded, costs = account.cash[0], 0.0, 0.0
    for i in range(count):
        n = account.at[i]
        d, held = account.order[n], account.value[n]
        if d == 0.0:
            continue
        cost = order_cost(d, n, terms, account)
        after = held + d
        if frictions.whole and abs(after) <= A_SHARE * _share(t, n, prices, frictions):
            after = 0.0
        account.flow[n] -= d + cost
        if held * after <= 0.0:
            turn(t, n, held, after, cost / abs(d), DUST * equity, account, out.trips)
        account.value[n] = after
        account.shares[n] = after / prices.fill[t, n]
        cash -= d + cost
        traded += abs(d)
        costs += cost
        if out.paid.size > 0:
            out.paid[t, n] = cost
    account.cash[0] = 0.0 if abs(cash) <= ROUNDING * equity else cash
    out.cost[t] += costs
    out.turnover[t] = 0.5 * traded / equity


@piece
def _take_aim(t: int, decided: int, target: Float, prices: Prices, terms: Execution, account: Account) -> None:
    """Take over the targets of a decision, or where there is none (decided < 0) those that are carried."""
    if decided >= 0:
        if terms.on_change:
            keep_changed(target, prices.fill[t], account.ordered)
        for n in range(target.size):
            account.aim[n], account.since[n] = target[n], decided
    else:
        for n in range(account.aim.size):
            account.aim[n] = account.carried[n]
    for n in range(account.carried.size):
        account.carried[n] = np.nan


@lean
def fill_with_frictions(
    t: int, decided: int, target: Float, prices: Prices, terms: Execution, account: Account, out: Ledger
) -> tuple[float, float]:
    """Fill the orders of a bar that has equity; returns the sum of the holdings, and that of their sizes.

    `decided` is the bar of the decision whose `target` (N,) this is; below 0, what was cut at the bar before is filled.
    """
    equity = out.pre_fill[t]
    dust = DUST * equity
    _take_aim(t, decided, target, prices, terms, account)
    _find_wishes(t, equity, dust, prices, terms, account)
    count = list_marked(account.mark, account.at)
    _write_orders(t, _equity_after(equity, count, terms, account), dust, count, prices, terms, account)
    _pay_from_cash(t, equity, dust, count, prices, terms, account)
    add_shares(t, -1.0, account, out)
    _book_orders(t, equity, count, prices, terms, account, out)
    add_shares(t, 1.0, account, out)
    net, gross = 0.0, 0.0
    for n in range(account.value.size):
        net += account.value[n]
        gross += abs(account.value[n])
    return net, gross
