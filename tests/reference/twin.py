"""The slow, readable twin of the kernels: what a target, a fill and a metric mean, in plain Python.

It is written from the definitions of the documentation, one asset and one bar at a time, with dictionaries and floats;
the simulation from docs/accounting.md, whose steps its methods name.
Roots are found by bisection, quantiles by sorting. Nothing here is fast, and nothing is shared with the kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType

import numpy as np

Prices = Mapping[str, float]
"""Symbol to price; a symbol without a bar is absent."""

Weights = Mapping[str, float]
"""Symbol to fraction of equity; a symbol without an order is absent."""


def root(rising: Callable[[float], float], low: float, high: float) -> float:
    """Where a rising function crosses zero, to the last bit."""
    for _ in range(2000):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if rising(middle) <= 0.0:
            low = middle
        else:
            high = middle
    return low


# --- targets


@dataclass(frozen=True)
class Opinion:
    """One strategy's alpha and confidence in one asset at one bar, as float32 numbers."""

    alpha: float
    confidence: float


@dataclass(frozen=True)
class Rules:
    """How opinions become weights."""

    method: str = "weighted"
    on_conflict: str = "net"
    allocator: str = "proportional"
    tilt: float = 1.0
    top_n: int = 0
    sector: Mapping[str, str] = field(default_factory=dict)
    max_position: float = math.inf
    max_sector: float = math.inf
    max_gross: float = 1.0
    min_net: float = -math.inf
    max_net: float = math.inf


def ranks(alpha: Mapping[str, float]) -> dict[str, np.float32]:
    """From -1 to 1 in equal steps; equal alphas share the mean of theirs, and one alone is in the middle."""
    if len(alpha) < 2:
        return dict.fromkeys(alpha, np.float32(0))
    below = {s: sum(other < a for other in alpha.values()) for s, a in alpha.items()}
    equal = {s: sum(other == a for other in alpha.values()) for s, a in alpha.items()}
    return {s: np.float32((2 * below[s] + equal[s] - 1 - (len(alpha) - 1)) / (len(alpha) - 1)) for s in alpha}


def combined_alphas(
    opinions: Mapping[str, Sequence[Opinion]], weights: Sequence[float], rules: Rules
) -> dict[str, float]:
    """Every tradable asset's alpha: strategies in order, every operation in float32, as signals are saved."""
    f = np.float32
    rank = [
        ranks({s: o[i].alpha for s, o in opinions.items() if o[i].confidence > 0}) if w > 0 else {}
        for i, w in enumerate(weights)
    ]
    found = {}
    for symbol, views in opinions.items():
        held = [i for i, view in enumerate(views) if weights[i] > 0 and view.confidence > 0]
        strength = {i: f(weights[i]) * f(views[i].confidence) for i in held}
        best = [i for i in held if strength[i] == max(strength.values())][:1]
        signs = {np.sign(views[i].alpha) for i in held} - {0.0}
        if len(signs) == 2 and rules.on_conflict == "flat":
            held = []
        if (len(signs) == 2 and rules.on_conflict == "best") or rules.method == "best_strategy":
            held = [i for i in held if i in best]
        # Without an opinion alpha is 0, so that in `weighted` those who have none count as 0, with their weight.
        score = {i: rank[i][symbol] if rules.method == "rank_average" else f(views[i].alpha) for i in held}
        share = {i: strength[i] if rules.method == "confidence_weighted" else f(weights[i]) for i in held}
        total, belief = f(0), f(0)
        for i in held:
            total += share[i] * score[i]
            belief += share[i]
        if rules.method in ("confidence_weighted", "rank_average"):
            found[symbol] = float(total / belief if held else 0.0)
        else:
            found[symbol] = float(total if rules.method == "weighted" else sum(score.values()))
    return found


def wished_weights(alpha: Mapping[str, float], risk: Mapping[str, float], rules: Rules) -> dict[str, float]:
    """Weights of the tradable assets before any limit."""
    chosen = dict(alpha)
    if rules.top_n and len(alpha) > rules.top_n:
        strength = {symbol: abs(a) if rules.allocator == "long_short" else a for symbol, a in alpha.items()}
        worst = sorted(strength.values(), reverse=True)[rules.top_n - 1]
        chosen = {symbol: a for symbol, a in alpha.items() if strength[symbol] >= worst}
    gross = rules.max_gross if math.isfinite(rules.max_gross) else 1.0
    if rules.allocator == "equal_weight":
        wish = dict.fromkeys(chosen, 1.0)
    elif rules.allocator == "risk_parity":
        wish = {s: max(1.0 + rules.tilt * a, 0.0) / risk[s] if risk.get(s, 0.0) > 0 else 0.0 for s, a in chosen.items()}
    else:
        wish = {s: a if rules.allocator == "long_short" else max(a, 0.0) for s, a in chosen.items()}
    total = math.fsum(map(abs, wish.values()))
    return {symbol: gross * s / total if total > 0.0 else 0.0 for symbol, s in wish.items()}


def filled(size: Mapping[str, float], ceiling: Mapping[str, float], rules: Rules) -> dict[str, float]:
    """Scale a sector that is too large, then everything, each at most its ceiling; the rest is cash."""

    def excess(symbols: Sequence[str], most: float) -> Callable[[float], float]:
        return lambda x: math.fsum(min(ceiling[s], size[s] * min(x, scale[s])) for s in symbols) - most

    scale = dict.fromkeys(size, math.inf)
    for sector in sorted(set(rules.sector.values())):
        inside = [symbol for symbol in size if rules.sector.get(symbol) == sector]
        if math.fsum(ceiling[s] for s in inside) > rules.max_sector:
            b = root(excess(inside, rules.max_sector), 0.0, 1e6)
            scale.update(dict.fromkeys(inside, b))
    if math.fsum(min(ceiling[s], size[s] * scale[s]) if size[s] else 0.0 for s in size) > rules.max_gross:
        a = root(excess([s for s in size if size[s]], rules.max_gross), 0.0, 1e6)
        scale = {s: min(a, b) for s, b in scale.items()}
    return {s: min(ceiling[s], size[s] * scale[s]) if size[s] else 0.0 for s in size}


def with_net(size: Mapping[str, float], up: set[str], least: float, rules: Rules) -> dict[str, float]:
    """Positions whose net, those of `up` less the others, is at least `least`: the nearest ones, or the utmost."""
    utmost = {s: rules.max_position if s in up and size[s] else 0.0 for s in size}
    utmost = filled({s: size[s] if s in up else 0.0 for s in size}, utmost, rules)
    if math.fsum(utmost.values()) <= least + 1e-13:
        return utmost

    def positions(pressure: float, x: float) -> dict[str, float]:
        factor = {s: 1.0 + pressure - x if s in up else 1.0 - pressure - x for s in size}

        def shifted(y: float, symbols: Sequence[str]) -> dict[str, float]:
            return {s: min(max(size[s] * (factor[s] - y), 0.0), rules.max_position) for s in symbols}

        found = {}

        def room(symbols: Sequence[str]) -> Callable[[float], float]:
            return lambda y: rules.max_sector - math.fsum(shifted(y, symbols).values())

        for sector in sorted(set(rules.sector.values())):
            inside = [s for s in size if rules.sector.get(s) == sector]
            y = root(room(inside), 0.0, 1.0 + pressure) if room(inside)(0.0) < 0.0 else 0.0
            found.update(shifted(y, inside))
        return found

    def within_gross(pressure: float) -> dict[str, float]:
        x = 0.0
        if math.fsum(positions(pressure, 0.0).values()) > rules.max_gross:
            x = root(lambda x: rules.max_gross - math.fsum(positions(pressure, x).values()), 0.0, 1.0 + pressure)
        return positions(pressure, x)

    def net(pressure: float) -> float:
        return math.fsum(w if s in up else -w for s, w in within_gross(pressure).items())

    high = 1.0
    while net(high) < least:
        high *= 2.0
    return within_gross(root(lambda pressure: net(pressure) - least, 0.0, high))


def constrained_weights(wished: Weights, rules: Rules) -> dict[str, float]:
    """The nearest weights that keep every limit; the rest is cash."""
    size = {s: abs(w) for s, w in wished.items()}
    found = filled(size, {s: min(rules.max_position, u) for s, u in size.items()}, rules)
    net = math.fsum(math.copysign(found[s], w) for s, w in wished.items())
    slack = 1e-13 * math.fsum(found.values())
    if net < rules.min_net - slack:
        found = with_net(size, {s for s, w in wished.items() if w > 0}, rules.min_net, rules)
    elif net > rules.max_net + slack:
        found = with_net(size, {s for s, w in wished.items() if w < 0}, -rules.max_net, rules)
    return {s: math.copysign(found[s], w) for s, w in wished.items()}


def target(
    opinions: Mapping[str, Sequence[Opinion]],
    weights: Sequence[float],
    tradable: set[str],
    risk: Mapping[str, float],
    rules: Rules,
) -> dict[str, float]:
    """Target weights of every asset; one that cannot be traded now gets 0."""
    alpha = combined_alphas({s: o for s, o in opinions.items() if s in tradable}, weights, rules)
    weight = constrained_weights(wished_weights(alpha, risk, rules), rules)
    return {symbol: weight.get(symbol, 0.0) for symbol in opinions}


# --- simulation


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

    `units`, `money` and `volatility` are by bar and symbol: traded shares in a unit, 1 where absent; money traded; and
    the volatility known at the bar. What is unknown is absent.
    """

    per_order: float = 0.0
    per_share: float = 0.0
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

    `cost` is a fraction of traded value; interest on cash above and below 0, and the fee on what is held short, are per
    bar. With `on_change` an asset is ordered where its target is another than that of its last order.
    """

    cash: float
    cost: float = 0.0
    interest: float = 0.0
    borrow: float = 0.0
    on_change: bool = False
    financing: float = 0.0
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
        fees = f.per_share * at.units * size / at.price + f.per_order
        impact = f.impact * at.volatility * math.sqrt(size / at.money) * size if f.impact and at.money > 0.0 else 0.0
        return self.cost * size + fees + impact

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
        needs = math.fsum(d + self.charge(d, quotes[s]) for s, d in purchases.items())
        if not purchases or needs <= means + 1e-12 * equity:
            return dict(orders)
        if self.on_change:  # ordered again at the next decision
            self.ordered.update(dict.fromkeys(purchases, math.nan))
        fees = f.per_order * len(purchases)
        scale = max((means - fees) / (needs - fees), 0.0)
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

    def pay_lenders(self) -> float:
        """Pay for what was held short at the last prices; returns the fee."""
        fees = {s: self.borrow * max(-self.value(s), 0.0) for s in self.shares}
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
        account.cash *= 1.0 + (account.interest if account.cash > 0.0 else account.financing)
        fee = account.pay_lenders()
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


# --- metrics


def mean(x: Sequence[float]) -> float:
    return math.fsum(x) / len(x)


def deviation(x: Sequence[float]) -> float:
    """Sample standard deviation."""
    m = mean(x)
    return math.sqrt(math.fsum((v - m) ** 2 for v in x) / (len(x) - 1))


def ratio(above: float, below: float) -> float:
    """A quotient, undefined where its denominator is no more than rounding."""
    return above / below if below > 1e-14 else math.nan


def linear_quantile(x: Sequence[float], share: float) -> float:
    ordered = sorted(x)
    place = share * (len(x) - 1)
    low = ordered[math.floor(place)]
    high = ordered[math.ceil(place)]
    return low + (place - math.floor(place)) * (high - low)


def drawdown(values: Sequence[float]) -> tuple[float, int]:
    """The worst fall from a peak, and bars from that peak until it is reached again or the values end."""
    worst, length = 0.0, 0
    for i, value in enumerate(values):
        peak = max(values[: i + 1])
        if value / peak - 1.0 < worst:
            worst = value / peak - 1.0
            top = max(j for j in range(i) if values[j] == peak)
            recovery = [j for j in range(i, len(values)) if values[j] >= peak]
            length = (recovery[0] if recovery else len(values) - 1) - top
    return worst, length


def equity_metrics(equity: Sequence[float], initial: float, ppy: float, rf: float) -> dict[str, float]:
    """Metrics of at least two bars of equity, the capital before them being the first peak."""
    curve = [initial, *(max(e, 0.0) for e in equity)]
    r = [after / before - 1.0 for before, after in pairwise(curve)]
    n, year = len(r), math.sqrt(ppy)
    excess = [x - rf for x in r]
    total, (worst, length) = curve[-1] / initial - 1.0, drawdown(curve)
    cagr = (1.0 + total) ** (ppy / n) - 1.0
    centred = [x - mean(r) for x in r]
    m2, m3, m4 = (mean([c**k for c in centred]) for k in (2, 3, 4))
    varies = deviation(r) > 1e-14
    skew = m3 / m2**1.5 if varies else math.nan
    kurtosis = m4 / m2**2 - 3.0 if varies else math.nan
    s = ratio(mean(excess), deviation(r))
    error = math.sqrt((1.0 + 0.5 * s**2 - skew * s + kurtosis / 4.0 * s**2) / n)
    value_at_risk = linear_quantile(r, 0.05)
    return {
        "total_return": total,
        "cagr": cagr,
        "volatility": deviation(r) * year,
        "sharpe": s * year,
        "sharpe_low": (s - 1.959963984540054 * error) * year,
        "sharpe_high": (s + 1.959963984540054 * error) * year,
        "sortino": ratio(mean(excess), math.sqrt(mean([min(x, 0.0) ** 2 for x in excess]))) * year,
        "calmar": ratio(cagr, -worst),
        "max_drawdown": worst,
        "max_drawdown_bars": length,
        "var_95": value_at_risk,
        "cvar_95": mean([x for x in r if x <= value_at_risk]),
        "skew": skew,
        "kurtosis": kurtosis,
    }


def benchmark_metrics(
    equity: Sequence[float], initial: float, benchmark: Sequence[float], ppy: float, rf: float
) -> dict[str, float]:
    """Metrics against the returns per bar of a benchmark, over the bars where it has one (NaN = none)."""
    curve = [initial, *(max(e, 0.0) for e in equity)]
    r = [after / before - 1.0 for before, after in pairwise(curve)]
    pairs = [(x, b) for x, b in zip(r, benchmark, strict=True) if not math.isnan(b)]
    x, b = [p[0] for p in pairs], [p[1] for p in pairs]
    covariance = math.fsum((p - mean(x)) * (q - mean(b)) for p, q in pairs) / (len(pairs) - 1)
    beta = covariance / deviation(b) ** 2
    active = [p - q for p, q in pairs]
    return {
        "alpha": ppy * mean([(p - rf) - beta * (q - rf) for p, q in pairs]),
        "beta": beta,
        "information_ratio": ratio(mean(active), deviation(active)) * math.sqrt(ppy),
    }


def ledger_metrics(bars: Sequence[Bar], account: Account, initial: float, ppy: float) -> dict[str, float]:
    """Metrics of orders and round trips."""
    trading = [i for i, bar in enumerate(bars) if bar.turnover > 0]
    rebalancing = [bar.turnover for i, bar in enumerate(bars) if trading and i > trading[0]]
    costs = math.fsum(bar.cost for bar in bars)
    profits = [trip.profit for trip in account.closed_trips]
    wins = [trip.profit for trip in account.closed_trips if trip.profit >= trip.dust]
    losses = [trip.profit for trip in account.closed_trips if trip.profit <= -trip.dust]
    holding = [trip.closed - trip.opened for trip in account.closed_trips if trip.closed is not None]
    return {
        "exposure": mean([bar.gross for bar in bars]),
        "turnover": math.fsum(rebalancing) / len(bars) * ppy,
        "costs": costs,
        "cost_fraction": costs / initial,
        "win_rate": len(wins) / len(profits) if profits else math.nan,
        "profit_factor": math.fsum(wins) / -math.fsum(losses) if losses else math.nan,
        "average_win": mean(wins) if wins else math.nan,
        "average_loss": mean(losses) if losses else math.nan,
        "average_holding_bars": mean(holding) if holding else math.nan,
        "round_trips": len(profits),
        "open_trips": len(account.open_trips),
    }


def episodes(returns: Mapping[int, float], label: Sequence[int], regime: int) -> list[list[float]]:
    """Returns of each maximal run of bars that have this label and a return."""
    runs: list[list[float]] = []
    for t in range(len(label)):
        if label[t] != regime or t not in returns:
            continue
        continues = t > 0 and label[t - 1] == regime and t - 1 in returns
        if not continues:
            runs.append([])
        runs[-1].append(returns[t])
    return runs


def regime_metrics(
    returns: Mapping[int, float], label: Sequence[int], regime: int, ppy: float, rf: float
) -> dict[str, float]:
    """Metrics of the decision returns of a regime of at least two bars."""
    runs = episodes(returns, label, regime)
    r = [x for run in runs for x in run]
    excess, year = [x - rf for x in r], math.sqrt(ppy)
    total = math.prod(1.0 + x for x in r) - 1.0
    cagr = (1.0 + total) ** (ppy / len(r)) - 1.0
    curves = [[math.prod(1.0 + x for x in run[:i]) for i in range(len(run) + 1)] for run in runs]
    worst = min(drawdown(curve)[0] for curve in curves)
    return {
        "bars": len(r),
        "episodes": len(runs),
        "mean_return": mean(r) * ppy,
        "volatility": deviation(r) * year,
        "sharpe": ratio(mean(excess), deviation(r)) * year,
        "sortino": ratio(mean(excess), math.sqrt(mean([min(x, 0.0) ** 2 for x in excess]))) * year,
        "total_return": total,
        "cagr": cagr,
        "calmar": ratio(cagr, -worst),
        "max_drawdown": worst,
        "hit_rate": mean([1.0 if x > 0 else 0.0 for x in r]),
    }
