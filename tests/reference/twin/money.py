"""What becomes of the money of an account: fills, closings and events of docs/accounting.md, step by step."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.reference.twin.basics import Prices, Weights, lowest, root
from tests.reference.twin.history import Event


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

    def is_small(self, order: float, equity: float, closes: bool = False) -> bool:
        """Whether an order is too small to be one; what closes a whole position may be as small as it is."""
        return abs(order) < 1e-10 * equity or (abs(order) < self.min_value and not closes)

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
    """One position from flat to flat, and what its stops look at.

    An allowance without limit is none; `due` is why it is to be closed before the next fill.
    """

    opened: int
    side: int
    entry: float
    best: float
    allowance: float = math.inf
    due: str | None = None
    profit: float = 0.0
    dust: float = 0.0
    closed: int | None = None


@dataclass(frozen=True)
class Exit:
    """What a stop closed: the units traded, those of a long position below 0."""

    shares: float
    price: float
    cost: float
    reason: str


@dataclass(frozen=True)
class Lapse:
    """The side whose orders lapse after a stop closed it, and the last bar at which they do."""

    side: int
    until: float


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
    exits: dict[str, tuple[Exit, ...]] = field(default_factory=dict)
    traded_value: float = 0.0


@dataclass
class Account:
    """An account that trades target weights.

    `commission`, that of the first tier where there are more, and `slippage` are fractions of traded value. Interest on
    cash above and below 0, and the fee on what is held short, by symbol, are those of each bar; the last one goes on.
    With `on_change` an asset is ordered where its target is another than that of its last order. `decisions` are the
    targets after volatility target and brake, by the bar that decided them, and `wished` those before; `exits` is what
    stops closed at the present bar.
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
    wished: dict[int, Weights] = field(default_factory=dict)
    decisions: dict[int, Weights] = field(default_factory=dict)
    decided: int = -1
    lapses: dict[str, Lapse] = field(default_factory=dict)
    exits: dict[str, tuple[Exit, ...]] = field(default_factory=dict)
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

    def due(self, bar: int, decided: int, prices: Prices, vetoes: Mapping[int, Collection[int]]) -> dict[str, float]:
        """Targets to be filled now: a decision's, which ends what is carried, or what is carried; without a price none.

        Step 1 of a fill, on change, is a decision's alone: what is carried is the same order, not another one.
        """
        decides = decided in self.decisions
        if decides:
            self.decided = decided
        weights = self.after_stops(bar, decided) if decides else self.carried
        weights = {s: w for s, w in weights.items() if s in prices}
        weights = self.permitted(weights, vetoes.get(self.decided, ()))
        if decides and self.on_change:
            weights = {s: w for s, w in weights.items() if w != self.ordered.get(s, 0.0)}
            self.ordered.update(weights)
        return weights

    def after_stops(self, bar: int, decided: int) -> Weights:
        """A decision's targets but those that lapse because a stop closed their side; another target ends that."""
        for s, w in self.wished[decided].items():
            if s in self.lapses and w * self.lapses[s].side <= 0.0:
                self.lapses.pop(s)
        weights = self.decisions[decided]
        return {s: w for s, w in weights.items() if s not in self.lapses or bar > self.lapses[s].until}

    def permitted(self, weights: Weights, forbidden: Collection[int]) -> dict[str, float]:
        """Targets that open and enlarge nothing on a forbidden side; one of the other side is closed by them."""
        equity, kept = self.equity, {}
        for s, w in weights.items():
            side, held = (w > 0.0) - (w < 0.0), self.value(s)
            if side not in forbidden:
                kept[s] = w
            elif side * held < 0.0:
                kept[s] = 0.0
            elif side * w * equity <= side * held:
                kept[s] = w
        return kept

    def wishes(self, weights: Weights, quotes: Mapping[str, Quote]) -> dict[str, float]:
        """Steps 2 to 5 of a fill: money to buy (or sell, negative) that gives what is left after costs the targets."""
        f, equity = self.frictions, self.equity
        held = {s: self.value(s) for s in weights}

        def wish(symbol: str, after: float) -> float:
            step = f.step if weights[symbol] != 0.0 else 1.0  # what is to be closed is closed
            return step * (weights[symbol] * after - held[symbol])

        ordered = [s for s, w in weights.items() if not f.within_band(w, held[s] / equity)]
        ordered = [s for s in ordered if not f.is_small(wish(s, equity), equity, weights[s] == 0.0)]

        def too_much(after: float) -> float:
            return after - equity + math.fsum(self.charge(wish(s, after), quotes[s]) for s in ordered)

        if too_much(equity) <= 0.0:
            return {s: wish(s, equity) for s in ordered}
        low = 0.0
        if too_much(low) > 0.0:  # then there is no solution, or two, of which the larger counts
            least = lowest(too_much, 0.0, equity)
            low = least if too_much(least) <= 0.0 else 0.0
        after = root(too_much, low, equity)
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
        closings = {s for s, w in weights.items() if w == 0.0} - cut
        return {s: d for s, d in orders.items() if not f.is_small(d, equity, s in closings)}

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
        price, held, added = self.last[symbol], self.shares.get(symbol, 0.0), money / self.last[symbol]
        trip = self.open_trips.setdefault(symbol, Trip(bar, 1 if money > 0.0 else -1, price, price))
        if held * added > 0.0:
            trip.entry = (held * trip.entry + added * price) / (held + added)
        trip.profit -= money + cost
        self.cash -= money + cost
        if money == -self.value(symbol):
            self.shares.pop(symbol)
            trip.closed, trip.dust = bar, 1e-10 * equity
            self.closed_trips.append(self.open_trips.pop(symbol))
        else:
            self.shares[symbol] = (self.value(symbol) + money) / price

    def fill(
        self, bar: int, decided: int, prices: Prices, vetoes: Mapping[int, Collection[int]]
    ) -> tuple[float, float]:
        """Fill every order, in two pieces where it turns a position over; returns the traded value and what it cost."""
        weights = self.due(bar, decided, prices, vetoes)
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

    def close(self, bar: int, symbol: str, price: float, reason: str, until: float) -> None:
        """Close a position because of a stop, whatever it costs; until a bar its orders on this side lapse."""
        self.last[symbol] = price
        shares, money, side = self.shares[symbol], self.value(symbol), self.open_trips[symbol].side
        cost = self.charge(money, self.frictions.quote(symbol, price, bar, bar - 1))
        self.trade(bar, symbol, -money, cost, self.equity)
        self.carried.pop(symbol, None)
        self.lapses[symbol] = Lapse(side, until)
        self.exits[symbol] = (*self.exits.get(symbol, ()), Exit(-shares, price, cost, reason))

    def receive(self, bar: int, event: Event) -> None:
        """What an event pays for the shares held; a short position pays it."""
        if event.ends:
            self.ordered.pop(event.symbol, None)
            self.lapses.pop(event.symbol, None)
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
