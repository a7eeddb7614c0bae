"""What becomes of the money: docs/accounting.md, step by step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType

from tests.reference.twin.basics import Prices, Weights, root


@dataclass(frozen=True)
class Event:
    """Cash that every share of an asset is paid before a bar's fill; with the last of it the shares may be gone."""

    symbol: str
    pay: float
    ends: bool = False


@dataclass(frozen=True)
class Quote:
    """What an order of an asset meets at the bar of its fill; unknown money is NaN, unknown volatility 0."""

    price: float
    units: float
    money: float
    volatility: float


@dataclass(frozen=True)
class Frictions:
    """What makes a fill more than a cost in proportion to its value; the defaults are those of a fill without any.

    `tiers` are sizes, ascending, and the commission of what an order is larger than each, up to the next one.
    `units`, `money` and `volatility` are by bar and symbol: traded shares in a unit, 1 where absent; money traded; and
    the volatility known at the bar. What is unknown is absent.
    """

    per_order: float = 0.0
    per_share: float = 0.0
    min_fee: float = 0.0
    tiers: Sequence[tuple[float, float]] = ()
    impact: float = 0.0
    participation: float = math.inf
    carry: bool = False
    whole: bool = False
    min_value: float = 0.0
    band: float = 0.0
    relative_band: float = 0.0
    step: float = 1.0
    units: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    money: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    volatility: Mapping[int, Mapping[str, float]] = field(default_factory=dict)

    def quote(self, symbol: str, price: float, bar: int, decided: int) -> Quote:
        """What is met at a bar by an order that was decided at an earlier one."""
        return Quote(
            price,
            self.units.get(bar, {}).get(symbol, 1.0),
            self.money.get(bar, {}).get(symbol, math.nan),
            self.volatility.get(decided, {}).get(symbol, 0.0),
        )

    def within_band(self, weight: float, share: float) -> bool:
        """Whether an asset is near enough to its target to be left alone; what is to be closed never is."""
        if weight == 0.0 or (self.band == 0.0 and self.relative_band == 0.0):
            return False
        return abs(weight - share) <= max(self.band, self.relative_band * abs(weight))

    def is_small(self, order: float, equity: float) -> bool:
        """Whether an order is too small to be one."""
        return abs(order) < 1e-10 * equity or abs(order) < self.min_value

    def limit(self, at: Quote) -> float:
        """The largest order, in money, that participation allows."""
        if self.participation == math.inf:
            return math.inf
        return self.participation * at.money if at.money > 0.0 else 0.0

    def in_whole_shares(self, order: float, held: float, at: Quote) -> float:
        """An order of whole traded shares; what it leaves of a position, if no more than rounding, goes with it."""
        if not self.whole:
            return order
        share = at.price / at.units
        rounded = math.copysign(math.floor(abs(order) / share + 1e-9) * share, order)
        return -held if abs(held + rounded) <= 1e-9 * share else rounded


@dataclass
class Trip:
    """One position from flat to flat."""

    opened: int
    profit: float = 0.0
    dust: float = 0.0
    closed: int | None = None


@dataclass
class Bar:
    """What the account looked like at a bar's close."""

    equity: float
    cash: float
    gross: float
    turnover: float
    cost: float
    pre_fill: float
    shares: dict[str, float]
    traded: dict[str, float]
    weights: dict[str, float]


@dataclass
class Account:
    """An account that trades target weights.

    `commission`, that of the first tier where there are more, and `slippage` are fractions of traded value. Interest on
    cash above and below 0, and the fee on what is held short, by symbol, are those of each bar; the last one goes on.
    With `on_change` an asset is ordered where its target is another than that of its last order.
    """

    cash: float
    commission: float = 0.0
    slippage: float = 0.0
    interest: Sequence[float] = (0.0,)
    borrow: Sequence[Mapping[str, float]] = ({},)
    on_change: bool = False
    financing: Sequence[float] = (0.0,)
    frictions: Frictions = field(default_factory=Frictions)
    ordered: dict[str, float] = field(default_factory=dict)
    carried: dict[str, float] = field(default_factory=dict)
    decided: int = -1
    shares: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    open_trips: dict[str, Trip] = field(default_factory=dict)
    closed_trips: list[Trip] = field(default_factory=list)

    def value(self, symbol: str) -> float:
        """Money held in an asset at the last price seen."""
        return self.shares[symbol] * self.last[symbol] if symbol in self.shares else 0.0

    @property
    def equity(self) -> float:
        return math.fsum([self.cash, *(self.value(s) for s in self.shares)])

    def charge(self, order: float, at: Quote) -> float:
        """What an order costs."""
        f, size = self.frictions, abs(order)
        sizes = [0.0, *(above for above, _ in f.tiers), math.inf]
        rates = [self.commission, *(rate for _, rate in f.tiers)]
        inside = [max(min(size, end) - begin, 0.0) for begin, end in pairwise(sizes)]
        commission = math.fsum(rate * part for rate, part in zip(rates, inside, strict=True))
        fees = max(f.min_fee, commission + f.per_share * at.units * size / at.price + f.per_order)
        impact = f.impact * at.volatility * math.sqrt(size / at.money) * size if f.impact and at.money > 0.0 else 0.0
        return fees + self.slippage * size + impact

    def due(self, targets: Mapping[int, Weights], decided: int, prices: Prices) -> dict[str, float]:
        """Targets to be filled now: a decision's, which ends what is carried, or what is carried; without a price none.

        Step 1 of a fill, on change, is a decision's alone: what is carried is the same order, not another one.
        """
        if decided not in targets:
            return {s: w for s, w in self.carried.items() if s in prices}
        self.decided = decided
        weights = {s: w for s, w in targets[decided].items() if s in prices}
        if self.on_change:
            weights = {s: w for s, w in weights.items() if w != self.ordered.get(s, 0.0)}
            self.ordered.update(weights)
        return weights

    def wishes(self, weights: Weights, quotes: Mapping[str, Quote]) -> dict[str, float]:
        """Steps 2 to 5 of a fill: money to buy (or sell, negative) that gives what is left after costs the targets."""
        f, equity = self.frictions, self.equity
        held = {s: self.value(s) for s in weights}

        def wish(symbol: str, after: float) -> float:
            step = f.step if weights[symbol] != 0.0 else 1.0  # what is to be closed is closed
            return step * (weights[symbol] * after - held[symbol])

        ordered = [s for s, w in weights.items() if not f.within_band(w, held[s] / equity)]
        ordered = [s for s in ordered if not f.is_small(wish(s, equity), equity)]

        def too_much(after: float) -> float:
            return after - equity + math.fsum(self.charge(wish(s, after), quotes[s]) for s in ordered)

        after = root(too_much, 0.0, equity) if too_much(equity) > 0.0 else equity
        return {s: wish(s, after) for s in ordered}

    def sized(self, wishes: Mapping[str, float], weights: Weights, quotes: Mapping[str, Quote]) -> dict[str, float]:
        """Step 6 of a fill: what participation, whole shares and the smallest order leave; keeps what is carried on."""
        f, equity, orders = self.frictions, self.equity, {}
        cut = {s for s, d in wishes.items() if abs(d) > f.limit(quotes[s])}
        self.carried = {s: weights[s] for s in cut} if f.carry else {}
        if self.on_change:  # ordered again at the next decision
            self.ordered.update(dict.fromkeys(cut, math.nan))
        for s, d in wishes.items():
            order = math.copysign(f.limit(quotes[s]), d) if s in cut else d
            closes = weights[s] == 0.0 and s not in cut
            orders[s] = order if closes else f.in_whole_shares(order, self.value(s), quotes[s])
        return {s: d for s, d in orders.items() if not f.is_small(d, equity)}

    def affordable(self, orders: Mapping[str, float], quotes: Mapping[str, Quote]) -> dict[str, float]:
        """Step 7 of a fill: purchases scaled to the cash and to what sales bring."""
        f, equity = self.frictions, self.equity
        sales = {s: d for s, d in orders.items() if d < 0.0}
        purchases = {s: d for s, d in orders.items() if d > 0.0}
        means = math.fsum([self.cash, *(-d - self.charge(d, quotes[s]) for s, d in sales.items())])

        def lacks(part: float) -> float:
            return math.fsum(part * d + self.charge(part * d, quotes[s]) for s, d in purchases.items()) - means

        if not purchases or lacks(1.0) <= 1e-12 * equity:
            return dict(orders)
        if self.on_change:  # ordered again at the next decision
            self.ordered.update(dict.fromkeys(purchases, math.nan))
        scale = root(lacks, 0.0, 1.0)
        scaled = {s: f.in_whole_shares(d * scale, self.value(s), quotes[s]) for s, d in purchases.items()}
        return sales | {s: d for s, d in scaled.items() if not f.is_small(d, equity)}

    def trade(self, bar: int, symbol: str, money: float, cost: float, equity: float) -> None:
        """One piece of an order, which does not pass through flat, and what it costs."""
        trip = self.open_trips.setdefault(symbol, Trip(bar))
        trip.profit -= money + cost
        self.cash -= money + cost
        if money == -self.value(symbol):
            self.shares.pop(symbol)
            trip.closed, trip.dust = bar, 1e-10 * equity
            self.closed_trips.append(self.open_trips.pop(symbol))
        else:
            self.shares[symbol] = (self.value(symbol) + money) / self.last[symbol]

    def fill(self, bar: int, targets: Mapping[int, Weights], decided: int, prices: Prices) -> tuple[float, float]:
        """Fill every order, in two pieces where it turns a position over; returns the traded value and what it cost."""
        weights = self.due(targets, decided, prices)
        quotes = {s: self.frictions.quote(s, prices[s], bar, self.decided) for s in weights}
        orders = self.affordable(self.sized(self.wishes(weights, quotes), weights, quotes), quotes)
        costs, equity = {s: self.charge(d, quotes[s]) for s, d in orders.items()}, self.equity
        for symbol, money in orders.items():
            held = self.value(symbol)
            turns = held * (held + money) < 0.0
            for piece in [-held, held + money] if turns else [money]:
                self.trade(bar, symbol, piece, costs[symbol] * abs(piece) / abs(money), equity)
        if abs(self.cash) < 1e-11 * self.equity:
            self.cash = max(self.cash, 0.0)
        return math.fsum(map(abs, orders.values())), math.fsum(costs.values())

    def receive(self, bar: int, event: Event) -> None:
        """What an event pays for the shares held; a short position pays it."""
        if event.ends:
            self.ordered.pop(event.symbol, None)
        if event.symbol not in self.shares:
            return
        trip = self.open_trips[event.symbol]
        trip.profit += self.shares[event.symbol] * event.pay
        self.cash += self.shares[event.symbol] * event.pay
        if event.ends:
            self.shares.pop(event.symbol)
            trip.closed, trip.dust = bar, 1e-10 * self.equity
            self.closed_trips.append(self.open_trips.pop(event.symbol))

    def accrue(self, bar: int) -> None:
        """Interest on the cash of the previous close."""
        rates = self.interest if self.cash > 0.0 else self.financing
        self.cash *= 1.0 + rates[min(bar, len(rates) - 1)]

    def pay_lenders(self, bar: int) -> float:
        """Pay for what was held short at the last prices; returns the fee."""
        rates = self.borrow[min(bar, len(self.borrow) - 1)]
        fees = {s: rates.get(s, 0.0) * max(-self.value(s), 0.0) for s in self.shares}
        for symbol, fee in fees.items():
            self.open_trips[symbol].profit -= fee
        self.cash -= math.fsum(fees.values())
        return math.fsum(fees.values())


def simulate(
    fill: Sequence[Prices],
    close: Sequence[Prices],
    targets: Mapping[int, Weights],
    start: int,
    account: Account,
    delay: int = 0,
    events: Mapping[int, Sequence[Event]] = MappingProxyType({}),
) -> list[Bar]:
    """Trade from bar `start` on the targets decided 1 + delay bars before, until the end or bankruptcy."""
    bars = []
    for t in range(start, len(close)):
        account.accrue(t)
        fee = account.pay_lenders(t)
        before = dict(account.shares)
        for event in events.get(t, ()):
            account.receive(t, event)
        account.last.update(fill[t])
        pre_fill = account.equity
        if pre_fill <= 0:
            ended = {s: -shares for s, shares in before.items() if s not in account.shares}
            bars.append(Bar(pre_fill, pre_fill, 0.0, 0.0, fee, pre_fill, {}, ended, {}))
            break
        traded_value, cost = account.fill(t, targets, t - 1 - delay, fill[t])
        traded = {s: account.shares.get(s, 0.0) - before.get(s, 0.0) for s in {*before, *account.shares}}
        account.last.update(close[t])
        equity = account.equity
        turnover, cost = traded_value / 2 / pre_fill, cost + fee
        if equity <= 0:
            bars.append(Bar(equity, equity, 0.0, turnover, cost, pre_fill, {}, traded, {}))
            break
        weights = {s: account.value(s) / equity for s in account.shares}
        gross = math.fsum(map(abs, weights.values()))
        bars.append(Bar(equity, account.cash, gross, turnover, cost, pre_fill, dict(account.shares), traded, weights))
    return bars


def simulate_apart(
    fill: Sequence[Prices],
    close: Sequence[Prices],
    targets: Mapping[int, Weights],
    start: int,
    accounts: Mapping[str, Account],
    delay: int = 0,
    events: Mapping[int, Sequence[Event]] = MappingProxyType({}),
) -> list[Bar]:
    """Trade every asset from an account of its own; returns the sums.

    An account that is bankrupt is closed, and what it owes stays. All end where they owe more than they have.
    """
    alone = {
        s: simulate(
            [only(row, s) for row in fill],
            [only(row, s) for row in close],
            {t: only(row, s) for t, row in targets.items()},
            start,
            account,
            delay,
            {t: [event for event in now if event.symbol == s] for t, now in events.items()},
        )
        for s, account in accounts.items()
    }
    bars: list[Bar] = []
    for i in range(len(close) - start):
        now = {s: history[i] if i < len(history) else closed(history[-1]) for s, history in alone.items()}
        pre_fill = math.fsum(bar.pre_fill for bar in now.values())
        equity = math.fsum(bar.equity for bar in now.values())
        traded_value = math.fsum(2 * bar.turnover * bar.pre_fill for bar in now.values())
        bars.append(
            Bar(
                equity,
                math.fsum(bar.cash for bar in now.values()),
                math.fsum(bar.gross * bar.equity for bar in now.values()) / equity,
                traded_value / 2 / pre_fill,
                math.fsum(bar.cost for bar in now.values()),
                pre_fill,
                {s: shares for bar in now.values() for s, shares in bar.shares.items()},
                {s: shares for bar in now.values() for s, shares in bar.traded.items()},
                {s: w * bar.equity / equity for bar in now.values() for s, w in bar.weights.items()},
            )
        )
        if equity <= 0:
            break
    return bars


def only(row: Mapping[str, float], symbol: str) -> dict[str, float]:
    """What a row says of one asset."""
    return {symbol: row[symbol]} if symbol in row else {}


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
