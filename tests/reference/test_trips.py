"""Round trips as they are told are those that simulator and twin count, and what a slow reader finds in the trades."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from regimefolio.backtest import Traded
from regimefolio.core.types import DELISTING, ORDER, TRADE, Simulation, read_only
from regimefolio.evaluation.round_trips import walk
from regimefolio.kernels import ledger as ledgers
from regimefolio.kernels.simulate import decision_return
from regimefolio.kernels.terms import NO_FRICTIONS
from regimefolio.kernels.trips import NO_FILL, Trips
from tests.reference import twin
from tests.reference.examples import examples
from tests.reference.test_frictions import FRICTION_CASES, markets
from tests.reference.test_twin import CAPITAL, CASES, Case, happening, run_kernel, run_twin, same
from tests.terms import for_assets, rate, terms_of

Float = NDArray[np.float64]

EVERY = {**CASES, **FRICTION_CASES}


def traded_at(c: Case, at_open: bool, low: Float | None = None, high: Float | None = None) -> Traded:
    """What a case is traded at; ranges are its closes, if not said."""
    prices = ledgers.prices_of(c.fill, c.close, happening(c) if c.events else None)
    low, high = (c.close if each is None else read_only(each) for each in (low, high))
    return Traded(prices, low, high, at_open, for_assets(c.costs, c.close.shape[1]))


def simulation_of(c: Case, ledger: ledgers.Ledger, prices: ledgers.Prices) -> Simulation:
    """A recorded run as a backtest writes it."""
    bar, asset = np.nonzero(ledger.traded)
    trades = np.zeros(bar.size, TRADE)
    trades["bar"], trades["asset"], trades["shares"] = bar, asset, ledger.traded[bar, asset]
    trades["price"], trades["cost"] = prices.at_fill[bar, asset], ledger.paid[bar, asset]
    trades["value"] = trades["shares"] * trades["price"]
    trades["reason"] = np.where(np.isnan(prices.fill[bar, asset]), DELISTING, ORDER)
    bars, assets = c.close.shape
    days = (np.datetime64("2020-01-01") + np.arange(bars)).astype("datetime64[ns]")
    returned = decision_return(ledger.pre_fill, c.start, c.costs.delay)
    columns = (ledger.equity, ledger.cash, ledger.turnover, ledger.cost, returned, ledger.shares, np.zeros(assets))
    symbols = tuple(map(str, range(assets)))
    return Simulation(days, symbols, c.start, c.capital, *columns, ledger.weights, trades)


@dataclass(frozen=True)
class Told:
    """A case's run, and its trips as the kernel tells them."""

    status: int
    ledger: ledgers.Ledger
    simulation: Simulation
    traded: Traded
    trips: Trips

    @property
    def opened(self) -> NDArray[np.int64]:
        return self.fill("bar")

    def fill(self, column: str) -> NDArray[np.int64]:
        """Of the fills that opened the trips."""
        assert self.simulation.trades is not None
        found: NDArray[np.int64] = self.simulation.trades[column][self.trips.opened_by]
        return found

    @property
    def profit(self) -> float:
        """Of the whole run, as its equity has it."""
        record = self.simulation.equity[self.simulation.start :]
        ruined = np.flatnonzero(record <= 0.0)
        return float(record[ruined[0] if ruined.size else -1]) - self.simulation.initial_capital


def tell(c: Case, at_open: bool = True, low: Float | None = None, high: Float | None = None) -> Told:
    traded = traded_at(c, at_open, low, high)
    status, ledger = run_kernel(c)
    simulation = simulation_of(c, ledger, traded.prices)
    return Told(status, ledger, simulation, traded, walk(simulation, traded))


def counts_agree(t: Told) -> None:
    """Trips are as many as the simulator counted, and made as much."""
    trips, closed = t.trips, t.trips.closed_by != NO_FILL
    counted = dict(zip(ledgers.TRIPS, t.ledger.trips.tolist(), strict=True))
    held = (trips.last_bar - t.opened)[closed]
    found = (closed.sum(), (trips.result > 0).sum(), (trips.result < 0).sum(), held.sum(), (~closed).sum())
    assert found == tuple(counted[name] for name in ("closed", "wins", "losses", "bars_held", "open"))
    for name, sign in (("gross_win", 1), ("gross_loss", -1)):
        assert trips.profit[trips.result == sign].sum() == pytest.approx(counted[name], rel=1e-9, abs=1e-9 * CAPITAL)


def twin_agrees(t: Told, account: twin.Account) -> None:
    """Each closed trip has its like in the twin."""
    trips = t.trips
    rows = zip(t.opened.tolist(), trips.last_bar.tolist(), trips.profit.tolist(), trips.closed_by.tolist(), strict=True)
    ours = sorted((opened, last, profit) for opened, last, profit, by in rows if by != NO_FILL)
    theirs = sorted((each.opened, each.closed or 0, each.profit) for each in account.closed_trips)
    assert [each[:2] for each in ours] == [each[:2] for each in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        same(mine[2] / CAPITAL, other[2] / CAPITAL, mine)


def interest(c: Case, t: Told) -> float:
    """What the cash of a shared account earned, and what it cost to owe."""
    end = c.start + int(np.count_nonzero(np.cumprod(np.append(1.0, t.ledger.equity[c.start :])[:-1] > 0.0)))
    before = np.concatenate([[c.capital], t.ledger.cash[c.start : end - 1]])
    above, below = (
        np.broadcast_to(each, len(c.close))[c.start : end] for each in (c.costs.cash_rate, c.costs.financing_rate)
    )
    return float((before * np.where(before > 0.0, above, below)).sum())


@pytest.mark.parametrize("name", EVERY)
def test_trips_are_those_that_are_counted(name: str) -> None:
    t = tell(EVERY[name])
    counts_agree(t)
    twin_agrees(t, run_twin(EVERY[name])[0])


@examples(100)
@given(markets())
def test_what_trips_made_is_the_profit_but_for_interest(c: Case) -> None:
    t = tell(c)
    counts_agree(t)
    twin_agrees(t, run_twin(c)[0])
    scale = max(CAPITAL, float(np.abs(t.trips.invested).max(initial=0.0)))
    assert t.trips.profit.sum() == pytest.approx(t.profit - interest(c, t), abs=1e-11 * scale)


@examples(100)
@given(markets(), st.booleans())
def test_so_it_is_where_every_asset_has_an_account(c: Case, charged: bool) -> None:
    terms = c.costs._replace(apart=True)
    if not charged:  # interest of an account that is closed is looked at below
        terms = terms._replace(cash_rate=rate(0.0), financing_rate=rate(0.0))
    c = replace(c, costs=terms, frictions=NO_FRICTIONS)
    t = tell(c)
    counts_agree(t)
    if t.status == ledgers.OK:
        twin_agrees(t, run_twin(c)[0])
    if not charged:
        scale = max(CAPITAL, float(np.abs(t.trips.invested).max(initial=0.0)))
        assert t.trips.profit.sum() == pytest.approx(t.profit, abs=1e-11 * scale)


def test_an_account_that_is_closed_ends_its_trip_at_the_price_of_its_ruin() -> None:
    close = np.array([[100.0, 50.0], [100.0, 50.0], [250.0, 50.0], [260.0, 55.0], [260.0, 60.0]])
    close.setflags(write=False)
    terms = terms_of(0.0005, 0.0005, 0.001, 0.0002, apart=True)
    t = tell(Case(close, close, np.array([[-0.9, 1.0]] * 5), np.ones(5, np.bool_), 1, terms))
    counts_agree(t)
    assert t.trips.last_bar.tolist() == [2, 4]
    assert t.trips.closed_by.tolist() == [NO_FILL, NO_FILL]
    half = CAPITAL / 2
    at_first = half * 1.001  # after interest
    sold = 0.9 * at_first / (1.0 + 0.001 * 0.9)  # X + c·0.9·X = E
    fee = 0.0002 * sold
    same(t.trips.profit[0] / CAPITAL, (sold - 0.001 * sold - fee - 2.5 * sold) / CAPITAL, "short")
    bought = at_first / 1.001
    same(t.trips.profit[1] / CAPITAL, (1.2 * bought - bought * 1.001) / CAPITAL, "long")


@pytest.mark.parametrize(
    ("fill", "close", "price"),
    [
        (230.0, 190.0, 230.0),  # at the fill it was ruined already
        (216.0, 230.0, 230.0),  # then the interest on what was sold, 5% a bar, still carried it
    ],
)
def test_the_price_of_a_ruin_is_that_at_which_it_was_found(fill: float, close: float, price: float) -> None:
    closes = np.array([[100.0, 50.0], [100.0, 50.0], [close, 50.0], [260.0, 55.0]])
    fills = closes.copy()
    fills[2, 0] = fill
    for array in (closes, fills):
        array.setflags(write=False)
    decide = np.array([True, False, False, False])
    terms = terms_of(0.0, 0.0, 0.05, apart=True)
    t = tell(Case(fills, closes, np.array([[-0.9, 0.5]] * 4), decide, 1, terms))
    counts_agree(t)
    sold = 0.9 * 1.05 * CAPITAL / 2
    assert t.trips.last_bar.tolist() == [2, 3]
    same(t.trips.profit[0] / CAPITAL, sold * (1.0 - price / 100.0) / CAPITAL, "profit")


@dataclass
class Read:
    """One trip as a person reads it off the trades."""

    asset: int
    side: int
    opened: int
    price: float
    entries: list[tuple[float, float]] = field(default_factory=list)
    """Size and price of what was bought into it."""
    exits: list[tuple[float, float]] = field(default_factory=list)
    size: float = 0.0
    largest: float = 0.0
    invested: float = 0.0
    costs: float = 0.0
    dividends: float = 0.0
    fees: float = 0.0
    worst: float = 0.0
    best: float = 0.0
    marked: float = 0.0

    def goes_to(self, price: float) -> None:
        if not math.isnan(price):
            move = self.side * (price / self.price - 1.0)
            self.worst, self.best = min(self.worst, move), max(self.best, move)

    def buys(self, size: float, price: float, cost: float) -> None:
        self.price = (self.size * self.price + size * price) / (self.size + size)
        self.size += size
        self.entries.append((size, price))
        self.largest = max(self.largest, self.size)
        self.invested = max(self.invested, self.size * self.price)
        self.costs += cost

    def sells(self, size: float, price: float, cost: float) -> None:
        self.size -= size
        self.exits.append((size, price))
        self.costs += cost

    @property
    def profit(self) -> float:
        moved = math.fsum([*(-s * p for s, p in self.entries), *(s * p for s, p in self.exits), self.marked])
        return self.side * moved - self.costs + self.dividends - self.fees


def read_off(c: Case, t: Told, n: int) -> list[Read]:
    """The trips of one asset, one bar after the other; for accounts that live to the end."""
    done: list[Read] = []
    trip: Read | None = None
    held, paid = t.ledger.shares_held[:, n], t.ledger.paid[:, n]
    for bar in range(c.start, len(c.close)):
        if trip:
            if not t.traded.at_open:  # the bar's range is made before its fill
                trip.goes_to(float(t.traded.low[bar, n]))
                trip.goes_to(float(t.traded.high[bar, n]))
            fees = t.traded.terms.borrow_rate
            charged = float(fees[min(bar, len(fees) - 1), n]) if fees.size else 0.0
            trip.fees += charged * max(-trip.side, 0) * trip.size * float(t.traded.prices.at_close[bar - 1, n])
            events = [e for e in c.events.get(bar, ()) if e.symbol == str(n) and not e.ends]
            trip.dividends += math.fsum(trip.side * trip.size * e.pay for e in events)
        traded, price = float(t.ledger.traded[bar, n]), float(t.traded.prices.at_fill[bar, n])
        if traded and trip:
            trip.goes_to(price)
        after = float(held[bar])
        if traded:
            flat = trip is None or trip.side * after <= 0.0
            if trip and flat:
                trip.sells(trip.size, price, float(paid[bar]) * trip.size / abs(traded))
                done.append(trip)
                trip = None
            elif trip and trip.side * traded < 0.0:
                trip.sells(abs(traded), price, float(paid[bar]))
            elif trip:
                trip.buys(abs(traded), price, float(paid[bar]))
            if flat and after:
                trip = Read(n, 1 if after > 0 else -1, bar, price)
                trip.buys(abs(after), price, float(paid[bar]) * abs(after) / abs(traded))
        if trip and t.traded.at_open:
            trip.goes_to(float(t.traded.low[bar, n]))
            trip.goes_to(float(t.traded.high[bar, n]))
    if trip:
        trip.marked = trip.size * float(t.traded.prices.at_close[-1, n])
        done.append(trip)
    return done


@examples(100)
@given(markets(), st.booleans(), st.booleans(), st.integers(0, 2**32 - 1))
def test_every_number_is_what_a_reader_finds(c: Case, apart: bool, at_open: bool, seed: int) -> None:
    if apart:
        c = replace(c, costs=c.costs._replace(apart=True), frictions=NO_FRICTIONS)
    rng = np.random.default_rng(seed)
    low, high = c.close * rng.uniform(0.8, 1.0, c.close.shape), c.close * rng.uniform(1.0, 1.3, c.close.shape)
    t = tell(c, at_open, low, high)
    lived = (t.ledger.shares_held != 0.0) | (np.cumsum(t.ledger.traded, axis=0) == 0.0) | (t.ledger.traded != 0.0)
    if t.status != ledgers.OK or (apart and not lived.all()):
        return
    trips, price = t.trips, float(np.nan_to_num(c.close).max())
    found = sorted(
        (each for n in range(c.close.shape[1]) for each in read_off(c, t, n)), key=lambda e: (e.opened, e.asset)
    )
    assert [(e.opened, e.asset, e.side) for e in found] == list(
        zip(t.opened.tolist(), t.fill("asset").tolist(), trips.side.tolist(), strict=True)
    )
    for r, each in enumerate(found):
        same(trips.entry_price[r] / price, each.price / price, "entry price")
        same(trips.size[r] * price / CAPITAL, each.largest * price / CAPITAL, "size")
        for name, value in (
            ("invested", each.invested),
            ("costs", each.costs),
            ("dividends", each.dividends),
            ("borrow_fees", each.fees),
            ("profit", each.profit),
        ):
            scale = max(CAPITAL, each.invested)
            assert getattr(trips, name)[r] / scale == pytest.approx(value / scale, rel=1e-10, abs=1e-11), name
        assert trips.mae[r] == pytest.approx(each.worst, rel=1e-9, abs=1e-9)
        assert trips.mfe[r] == pytest.approx(each.best, rel=1e-9, abs=1e-9)
        if trips.closed_by[r] != NO_FILL:
            mean = math.fsum(s * p for s, p in each.exits) / math.fsum(s for s, _ in each.exits)
            assert trips.exit_price[r] == pytest.approx(mean, rel=1e-9)
