"""A run, bar by bar: the order of the steps of docs/accounting.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

from tests.reference.twin.basics import Prices, Weights
from tests.reference.twin.history import Event, History
from tests.reference.twin.money import Account, Bar
from tests.reference.twin.risk import Risk
from tests.reference.twin.stops import Winner

NO_EVENTS: Mapping[int, Sequence[Event]] = MappingProxyType({})
UNHELD = Risk()


def simulate(
    fill: Sequence[Prices],
    close: Sequence[Prices],
    targets: Mapping[int, Weights],
    start: int,
    account: Account,
    delay: int = 0,
    events: Mapping[int, Sequence[Event]] = NO_EVENTS,
    risk: Risk = UNHELD,
) -> list[Bar]:
    """Trade from bar `start` on the targets decided 1 + delay bars before, until the end or bankruptcy."""
    history = History(fill, close, targets, start, delay, events)
    return run(history, account, risk, risk.stops.paper(history, account.commission + account.slippage))


def simulate_apart(
    fill: Sequence[Prices],
    close: Sequence[Prices],
    targets: Mapping[int, Weights],
    start: int,
    accounts: Mapping[str, Account],
    delay: int = 0,
    events: Mapping[int, Sequence[Event]] = NO_EVENTS,
    risk: Risk = UNHELD,
) -> list[Bar]:
    """Trade every asset from an account of its own; returns the sums.

    An account that is bankrupt is closed, and what it owes stays. All end where they owe more than they have. Paper
    trips know no accounts, so that all winners are known before one is traded.
    """
    history = History(fill, close, targets, start, delay, events)
    paper = [
        w
        for account in list(accounts.values())[:1]
        for w in risk.stops.paper(history, account.commission + account.slippage)
    ]
    alone = {s: run(history.of(s), account, risk, paper) for s, account in accounts.items()}
    bars: list[Bar] = []
    for i in range(len(close) - start):
        now = [bars_of[i] if i < len(bars_of) else closed(bars_of[-1]) for bars_of in alone.values()]
        bars.append(together(now))
        if bars[-1].equity <= 0:
            break
    return bars


def run(history: History, account: Account, risk: Risk, paper: Sequence[Winner]) -> list[Bar]:
    """One account from the first bar that trades to the end or bankruptcy."""
    h, capital, bars = history, account.cash, list[Bar]()

    def equity_at(bar: int) -> float:
        return capital if bar < h.start else bars[bar - h.start].equity

    def decide(bar: int) -> None:
        if bar in h.targets:
            account.wished[bar] = h.targets[bar]
            account.decisions[bar] = risk.decided(h.targets[bar], h.close, equity_at, bar)

    for t in range(h.start):
        decide(t)
    for t in range(h.start, len(h.close)):
        bars.append(one_bar(h, account, risk, paper, t))
        if bars[-1].equity <= 0:
            break
        decide(t)
    return bars


def one_bar(history: History, account: Account, risk: Risk, paper: Sequence[Winner], t: int) -> Bar:
    """The steps of a bar."""
    fill, close = history.fill[t], history.close[t]
    account.accrue(t)
    fee = account.pay_lenders(t)
    before, account.exits = dict(account.shares), {}
    for event in history.events.get(t, ()):
        account.receive(t, event)
    risk.stops.before_fill(account, t, fill)
    account.last.update(fill)
    pre_fill = account.equity
    traded_value, cost = 0.0, 0.0
    if pre_fill > 0:
        traded_value, cost = account.fill(t, history.decided(t), fill, risk.vetoes)
        risk.stops.after_fill(account, t, paper)
        account.last.update(close)
    equity = account.equity
    exits = [e for of_asset in account.exits.values() for e in of_asset]
    traded_value = math.fsum([traded_value, *(abs(e.shares * e.price) for e in exits)])
    cost = math.fsum([cost, *(e.cost for e in exits)]) + fee
    turnover = traded_value / 2 / pre_fill if pre_fill > 0 else 0.0
    after = account.shares
    traded = {s: after.get(s, 0.0) - before.get(s, 0.0) for s in {*before, *after, *account.exits}}
    paid = turnover, cost, pre_fill
    if equity <= 0:
        return Bar(equity, equity, 0.0, *paid, {}, traded, {}, account.exits, traded_value)
    risk.stops.after_close(account, t, close)
    weights = {s: account.value(s) / equity for s in after}
    gross = math.fsum(map(abs, weights.values()))
    return Bar(equity, account.cash, gross, *paid, dict(after), traded, weights, account.exits, traded_value)


def together(now: Sequence[Bar]) -> Bar:
    """One bar of all accounts."""
    pre_fill = math.fsum(bar.pre_fill for bar in now)
    equity = math.fsum(bar.equity for bar in now)
    traded_value = math.fsum(bar.traded_value for bar in now)
    return Bar(
        equity,
        math.fsum(bar.cash for bar in now),
        math.fsum(bar.gross * bar.equity for bar in now) / equity,
        traded_value / 2 / pre_fill if pre_fill > 0 else 0.0,
        math.fsum(bar.cost for bar in now),
        pre_fill,
        {s: shares for bar in now for s, shares in bar.shares.items()},
        {s: shares for bar in now for s, shares in bar.traded.items()},
        {s: w * bar.equity / equity for bar in now for s, w in bar.weights.items()},
        {s: exits for bar in now for s, exits in bar.exits.items()},
        traded_value,
    )


def closed(last: Bar) -> Bar:
    """The debt that a bankrupt account leaves."""
    return Bar(last.equity, last.equity, 0.0, 0.0, 0.0, last.equity, {}, {}, {})


def decision_returns(bars: Sequence[Bar], start: int, delay: int = 0) -> dict[int, float]:
    """Bar of decision t to the return from the fill at t + 1 + delay to the next bar's fill."""
    first = start - 1 - delay
    return {
        first + i: max(after.pre_fill, 0.0) / before.pre_fill - 1.0
        for i, (before, after) in enumerate(pairwise(bars))
        if before.pre_fill > 0 and first + i >= 0
    }
