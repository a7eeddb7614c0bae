"""What closes positions while a run goes on, and what keeps orders back: stops, vetoes and the drawdown brake.

docs/accounting.md has the rules. Assets are looked at one by one; a run that asks for none of this calls nothing here
but `has_stops` and `holds_back`.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import lean, piece
from regimefolio.kernels.fills import DUST, turn
from regimefolio.kernels.frictions import order_cost, quote
from regimefolio.kernels.ledger import (
    ALLOWANCE,
    ALLOWED,
    BEFORE,
    BEGUN,
    BEST,
    CLOSED,
    COUNTED,
    DUE,
    ENTRY,
    FIRST,
    KNOWN,
    SIDE,
    UNTIL,
    WORST,
    Account,
    Ledger,
    Prices,
)
from regimefolio.kernels.selection import smallest
from regimefolio.kernels.terms import Execution, Guards

Float: TypeAlias = NDArray[np.float64]

STOP_LOSS, TRAILING_STOP, MAE_STOP, TAKE_PROFIT, TIME_STOP = 2, 3, 4, 5, 6
"""Places in `core.types.REASONS`."""

LONGS, SHORTS = 1, 2
"""What a veto forbids; 3 = both."""


@piece
def has_stops(guards: Guards) -> bool:
    """Whether positions are closed by anything but orders and events."""
    return guards.open.size > 0


@piece
def holds_back(guards: Guards) -> bool:
    """Whether the targets of a decision may be changed at its fill."""
    return guards.open.size > 0 or guards.veto.size > 0 or guards.begin < np.inf


@piece
def _sign(x: float) -> float:
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else 0.0)


@piece
def _level(n: int, s: float, guards: Guards, guard: Float) -> tuple[float, float]:
    """The price at which a position of side `s` is closed with a loss, ∓inf where there is none, and the reason."""
    level, reason = -s * np.inf, 0.0
    stop = guard[ENTRY, n] * (1.0 - s * guards.loss)
    if s * (stop - level) > 0.0:
        level, reason = stop, STOP_LOSS
    stop = guard[BEST, n] * (1.0 - s * guards.fall)
    if s * (stop - level) > 0.0:
        level, reason = stop, TRAILING_STOP
    stop = guard[ENTRY, n] * (1.0 - s * guard[ALLOWANCE, n])
    if s * (stop - level) > 0.0:
        level, reason = stop, MAE_STOP
    return level, reason


@piece
def _goal(n: int, s: float, guards: Guards, guard: Float) -> float:
    """The price at which a position of side `s` is closed with a gain; ±inf where there is none."""
    return guard[ENTRY, n] * (1.0 + s * guards.gain) if guards.gain < np.inf else s * np.inf


@piece
def _close(
    t: int, n: int, when: int, price: float, reason: float, terms: Execution, account: Account, out: Ledger
) -> float:
    """Close a position at a price, before (`when` = 0) or after (1) the fill of a bar; returns the money traded."""
    units, s = account.shares[n], _sign(account.shares[n])
    value = units * price
    quote(t, n, price, max(t - 1, 0), terms, account)
    cost = order_cost(value, n, terms, account)
    own = n if terms.apart else 0
    worth = account.cash[own] + value if terms.apart else out.equity[max(t - 1, 0)]
    account.cash[own] += value - cost
    account.flow[n] += value - cost
    turn(t, np.uint64(n), value, 0.0, 0.0, DUST * worth, account, out.trips)
    account.shares[n] = account.value[n] = 0.0
    account.carried[n] = np.nan
    account.guard[CLOSED, n], account.guard[DUE, n] = s, 0.0
    account.guard[UNTIL, n] = np.inf if terms.guards.wait < 0 else t + terms.guards.wait
    out.cost[t] += cost
    if out.exits.size > 0:
        out.exits[when, 0, t, n], out.exits[when, 1, t, n] = -units, price
        out.exits[when, 2, t, n], out.exits[when, 3, t, n] = cost, reason
    return abs(value)


@piece
def _close_in_bar(t: int, n: int, when: int, terms: Execution, account: Account, out: Ledger) -> float:
    """Close a position whose level or goal lies in the range of a bar; returns the money traded."""
    guards, s = terms.guards, _sign(account.shares[n])
    level, reason = _level(n, s, guards, account.guard)
    goal = _goal(n, s, guards, account.guard)
    high, low = guards.high[t, n], guards.low[t, n]
    worst, best = (low, high) if s > 0.0 else (high, low)
    if s * (worst - level) <= 0.0:
        return _close(t, n, when, level, reason, terms, account, out)
    if s * (best - goal) >= 0.0:
        return _close(t, n, when, goal, float(TAKE_PROFIT), terms, account, out)
    return 0.0


@piece
def _close_at_open(t: int, n: int, terms: Execution, account: Account, out: Ledger) -> float:
    """Close a position beyond whose level or goal a bar opens; returns the money traded."""
    guards, s, price = terms.guards, _sign(account.shares[n]), terms.guards.open[t, n]
    level, reason = _level(n, s, guards, account.guard)
    if s * (price - level) <= 0.0:
        return _close(t, n, 0, price, reason, terms, account, out)
    if s * (price - _goal(n, s, guards, account.guard)) >= 0.0:
        return _close(t, n, 0, price, float(TAKE_PROFIT), terms, account, out)
    return 0.0


@lean
def close_before_fill(t: int, prices: Prices, terms: Execution, account: Account, out: Ledger) -> float:
    """Close what is stopped before the fill of a bar, and remember what is held then; returns the money traded."""
    guards, guard, traded = terms.guards, account.guard, 0.0
    _allow(guards, account.winners)
    for n in range(account.shares.size):
        if account.shares[n] != 0.0 and guards.ranged:
            traded += _close_at_open(t, n, terms, account, out)
            if account.shares[n] != 0.0 and not guards.at_open:
                traded += _close_in_bar(t, n, 0, terms, account, out)
        price = prices.fill[t, n]
        if account.shares[n] != 0.0 and price == price:
            if guard[DUE, n] > 0.0:
                traded += _close(t, n, 0, price, guard[DUE, n], terms, account, out)
            elif guards.bars > 0 and t - account.opened[n] >= guards.bars:
                traded += _close(t, n, 0, price, float(TIME_STOP), terms, account, out)
        guard[BEFORE, n] = account.shares[n]
        if not guards.at_open:
            _widen(t, n, guards, guard)
    return traded


@lean
def close_after_fill(t: int, prices: Prices, terms: Execution, account: Account, out: Ledger) -> float:
    """Take over what a fill changed, and close what is stopped after it; returns the money traded."""
    guards, guard, traded = terms.guards, account.guard, 0.0
    for n in range(account.shares.size):
        before, after, price = guard[BEFORE, n], account.shares[n], prices.fill[t, n]
        if after != 0.0 and before * after <= 0.0:
            guard[ENTRY, n] = guard[BEST, n] = price
            guard[ALLOWANCE, n], guard[DUE, n] = account.winners[ALLOWED], 0.0
        elif abs(after) > abs(before):
            guard[ENTRY, n] = (abs(before) * guard[ENTRY, n] + (abs(after) - abs(before)) * price) / abs(after)
        if after != 0.0 and guards.ranged and guards.at_open:
            traded += _close_in_bar(t, n, 1, terms, account, out)
        if guards.at_open:
            _widen(t, n, guards, guard)
    return traded


@lean
def end_bar(t: int, terms: Execution, account: Account) -> None:
    """Look at closes where stops are seen at them alone, and move the best prices of what is held."""
    guards, guard = terms.guards, account.guard
    for n in range(account.shares.size):
        s = _sign(account.shares[n])
        high, low = guards.high[t, n], guards.low[t, n]
        if s == 0.0 or high != high:
            continue
        if not guards.ranged and guard[DUE, n] == 0.0:
            level, reason = _level(n, s, guards, guard)
            if s * (low - level) <= 0.0:
                guard[DUE, n] = reason
            elif s * (high - _goal(n, s, guards, guard)) >= 0.0:
                guard[DUE, n] = TAKE_PROFIT
        if guards.at_open or not guards.ranged or account.opened[n] < t:
            guard[BEST, n] = max(guard[BEST, n], high) if s > 0.0 else min(guard[BEST, n], low)


@piece
def _widen(t: int, n: int, guards: Guards, guard: Float) -> None:
    """Let a paper trip see the range of a bar."""
    if guard[SIDE, n] > 0.0 and guards.low[t, n] < guard[WORST, n]:
        guard[WORST, n] = guards.low[t, n]
    if guard[SIDE, n] < 0.0 and guards.high[t, n] > guard[WORST, n]:
        guard[WORST, n] = guards.high[t, n]


@piece
def _allow(guards: Guards, winners: Float) -> None:
    """Write what a position that is opened at this bar may lose: a quantile of the winners known before it."""
    if guards.quantile != guards.quantile or winners[KNOWN] < max(guards.winners, 1):
        winners[ALLOWED] = np.inf
    elif winners[COUNTED] != winners[KNOWN]:
        count = int(min(winners[KNOWN], guards.memory))
        memory = winners[FIRST + guards.memory : FIRST + guards.memory + count]
        for i in range(count):
            memory[i] = winners[FIRST + i]
        place = (count - 1) * guards.quantile
        below = math.floor(place)
        value = after = smallest(memory, below)
        for i in range(below + 1, count):
            after = min(memory[i], after) if i > below + 1 else memory[i]
        winners[ALLOWED] = value + (place - below) * (after - value)
        winners[COUNTED] = winners[KNOWN]


@piece
def _follow(n: int, w: float, price: float, rate: float, guards: Guards, account: Account) -> None:
    """Open, close or go on with the paper trip of an asset, as a target that is filled at a price asks for."""
    guard, winners = account.guard, account.winners
    s, wanted = guard[SIDE, n], _sign(w)
    if wanted == s:
        return
    if s != 0.0 and s * (price / guard[BEGUN, n] - 1.0) > 2.0 * rate:
        worst = min(guard[WORST, n], price) if s > 0.0 else max(guard[WORST, n], price)
        winners[FIRST + int(winners[KNOWN]) % guards.memory] = max(s * (guard[BEGUN, n] - worst) / guard[BEGUN, n], 0.0)
        winners[KNOWN] += 1.0
    guard[SIDE, n], guard[BEGUN, n], guard[WORST, n] = wanted, price, price


@piece
def brake_at(t: int, equity: Float, guards: Guards) -> float:
    """What the brake leaves of the targets that are decided at a bar."""
    highest = equity[t]
    for i in range(max(t + 1 - guards.window, 0), t):
        highest = max(highest, equity[i])
    fall = 1.0 - equity[t] / highest
    if fall <= guards.begin:
        return 1.0
    if fall >= guards.full:
        return guards.floor
    return 1.0 - (1.0 - guards.floor) * (fall - guards.begin) / (guards.full - guards.begin)


@piece
def _allowed(w: float, held: float, equity: float, veto: int) -> float:
    """A target as a veto leaves it; NaN is no order."""
    if (veto & LONGS) != 0 and w > 0.0:
        w = 0.0 if held < 0.0 else (np.nan if w * equity > held else w)
    elif (veto & SHORTS) != 0 and w < 0.0:
        w = 0.0 if held > 0.0 else (np.nan if w * equity < held else w)
    return w


@piece
def _worth(n: int, total: float, terms: Execution, account: Account) -> float:
    """Equity of the account that an asset is in."""
    return account.cash[n] + account.value[n] if terms.apart else total


@lean
def hold_back(
    t: int, decided: int, target: Float, prices: Prices, terms: Execution, account: Account, out: Ledger
) -> None:
    """Change the targets (N,) of a decision before bar `t` fills them; holdings are valued at its fill prices."""
    guards, guard = terms.guards, account.guard
    factor = brake_at(decided, out.equity, guards) if guards.begin < np.inf else 1.0
    veto = guards.veto[decided] if guards.veto.size > 0 else 0
    for n in range(target.size):
        if target[n] != target[n]:
            continue
        price = prices.fill[t, n]
        if guards.memory > 0 and price == price:
            _follow(n, target[n], price, terms.commission + terms.slippage, guards, account)
        if has_stops(guards) and guard[CLOSED, n] != 0.0:
            if _sign(target[n]) != guard[CLOSED, n]:
                guard[CLOSED, n] = 0.0
            elif t <= guard[UNTIL, n]:
                target[n] = np.nan
        target[n] *= factor
        if veto != 0:
            target[n] = _allowed(target[n], account.value[n], _worth(n, out.pre_fill[t], terms, account), veto)


@lean
def hold_back_carried(account: Account, equity: float, guards: Guards) -> None:
    """Look again at what participation cut and goes on, where a veto forbids it."""
    for n in range(account.carried.size):
        if account.carried[n] == account.carried[n]:
            veto = guards.veto[int(account.since[n])]
            account.carried[n] = _allowed(account.carried[n], account.value[n], equity, veto)


@piece
def _is_due(t: int, n: int, guards: Guards, account: Account) -> bool:
    """Whether what is held is closed at the fill of bar `t` whatever is ordered."""
    timed = guards.bars > 0 and t - account.opened[n] >= guards.bars
    return account.shares[n] != 0.0 and (account.guard[DUE, n] > 0.0 or timed)


@lean
def hold_back_pending(decided: int, terms: Execution, account: Account, out: Ledger, pending: Float) -> None:
    """Change targets (N,) that are filled after the last bar as their fill would, were its prices the last closes.

    What is due to be closed by then has the target 0, or one on the other side.
    """
    guards, guard, n_bars = terms.guards, account.guard, out.equity.size
    factor = brake_at(decided, out.equity, guards) if guards.begin < np.inf else 1.0
    veto = guards.veto[decided] if guards.veto.size > 0 else 0
    for n in range(pending.size):
        sign, held = _sign(pending[n]), account.value[n]
        pending[n] *= factor
        if has_stops(guards):
            due = _is_due(n_bars, n, guards, account)
            lapses = sign != 0.0 and sign == guard[CLOSED, n] and decided + 1 + terms.delay <= guard[UNTIL, n]
            if lapses or (due and pending[n] != pending[n]):
                pending[n] = 0.0 if due else np.nan
            elif due:
                held = 0.0
                pending[n] = 0.0 if sign == _sign(account.shares[n]) else pending[n]
        if veto != 0:
            equity = _worth(n, out.equity[n_bars - 1], terms, account)
            pending[n] = _allowed(pending[n], held, equity, veto)


@lean
def write_levels(terms: Execution, account: Account, out: Ledger) -> None:
    """Write the level and the goal of what is held after the last bar, and the reason that the level has.

    What is closed at the next bar in any case has no level any more.
    """
    for n in range(out.levels.shape[1]):
        s = _sign(account.shares[n])
        if s != 0.0 and _is_due(out.equity.size, n, terms.guards, account):
            out.levels[2, n] = account.guard[DUE, n] if account.guard[DUE, n] > 0.0 else TIME_STOP
        elif s != 0.0:
            level, reason = _level(n, s, terms.guards, account.guard)
            goal = _goal(n, s, terms.guards, account.guard)
            out.levels[0, n] = level if abs(level) < np.inf else np.nan
            out.levels[1, n] = goal if abs(goal) < np.inf else np.nan
            out.levels[2, n] = reason if abs(level) < np.inf else np.nan
