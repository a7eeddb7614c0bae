"""What a simulation is given of a market, what it keeps between two bars, and what it writes."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel, lean
from regimefolio.kernels.terms import Execution

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]
Bool: TypeAlias = NDArray[np.bool_]

A = TypeVar("A", bound=np.generic)

Places: TypeAlias = NDArray[np.uint64]
"""Numbers of assets; without a sign, since a number that may be below 0 is looked at before each use."""

OK = 0
BANKRUPT = 1

TRIPS = ("closed", "wins", "gross_win", "gross_loss", "bars_held", "open", "losses")
"""What `Ledger.trips` holds: numbers of trips and bars; money after costs, gross_loss ≤ 0."""


class Events(NamedTuple):
    """What happens to holdings without an order, before the fill of a bar.

    Attributes
    ----------
    due : ndarray of shape (T + 1,), uint64
        Those of bar t are numbered due[t] … due[t + 1] − 1.
    asset : ndarray of shape (M,), uint64
    pay : ndarray of shape (M,)
        Cash for each share held, in money; who is short pays it.
    ends : ndarray of shape (M,), bool
        Whether the shares are gone with it.
    """

    due: Places
    asset: Places
    pay: Float
    ends: Bool


def events_of(n_bars: int, bar: Int, asset: Int, pay: Float, ends: Bool) -> Events:
    """Events (M,) in the order of their bars; several of one bar and asset stay as they are."""
    order = np.argsort(bar, kind="stable")
    due = np.searchsorted(bar[order], np.arange(n_bars + 1))
    return Events(
        _kept(due.astype(np.uint64)), _kept(asset[order].astype(np.uint64)), _kept(pay[order]), _kept(ends[order])
    )


def event_bars(events: Events) -> Int:
    """The bar of every event (M,)."""
    counts: Int = np.diff(events.due.astype(np.int64)).astype(np.int64)
    return np.repeat(np.arange(counts.size), counts)


def no_events(n_bars: int) -> Events:
    """A market in which nothing happens to holdings."""
    none = np.zeros(0, np.int64)
    return events_of(n_bars, none, none, np.zeros(0), np.zeros(0, np.bool_))


class Prices(NamedTuple):
    """Prices (T, N) of a market, as `prices_of` makes them.

    Attributes
    ----------
    fill : ndarray of shape (T, N)
        At which orders are filled, NaN = no bar.
    at_fill, at_close : ndarray of shape (T, N)
        At which holdings are valued before a fill, and at the close: the last price seen, 0 before the first one. Where
        the two are one array, what a fill leaves is valued already.
    events : Events
    """

    fill: Float
    at_fill: Float
    at_close: Float
    events: Events


def prices_of(fill: Float, close: Float, events: Events | None = None) -> Prices:
    """The prices of a market that fills at `fill` and closes at `close`, both (T, N); NaN = no bar.

    Without holes they are used as they are. An asset that ends counts at what it paid from then on.

    Raises
    ------
    ValueError
        An asset ends at a bar at which it has a price to be filled at.
    """
    happening = no_events(len(fill)) if events is None else events
    both = np.stack([fill, close], axis=1).reshape(2 * len(fill), -1) if fill is not close else close
    present = np.isfinite(both)
    if present.all():
        if happening.ends.any():
            raise ValueError("an asset ends at a bar at which it has a price")
        return Prices(fill, fill, close, happening)
    slots = 1 if fill is close else 2
    if happening.ends.any():
        where = slots * event_bars(happening)[happening.ends], happening.asset[happening.ends].astype(np.int64)
        if present[where].any():
            raise ValueError("an asset ends at a bar at which it has a price")
        both = both.copy()
        both[where], present[where] = happening.pay[happening.ends], True
    row = np.maximum.accumulate(np.where(present, np.arange(len(both))[:, None], -1), axis=0)
    seen = np.where(row >= 0, np.take_along_axis(both, np.maximum(row, 0), axis=0), 0.0)
    at_close = _kept(seen[slots - 1 :: slots])
    at_fill = at_close if fill is close else _kept(seen[::2])
    return Prices(fill, at_fill, at_close, happening)


def _kept(values: NDArray[A]) -> NDArray[A]:
    """C-ordered and read-only: kernels are compiled for such panels alone."""
    values = np.ascontiguousarray(values)
    values.flags.writeable = False
    return values


class Orders(NamedTuple):
    """Target weights (rows, N) of the bars from `first` on, and which bars of all, (T,), decide; NaN = no order.

    The targets are used up: with `Execution.on_change` those that are no orders become NaN.
    """

    target: Float
    first: int
    decide: Bool


ENTRY, BEST, ALLOWANCE = 0, 1, 2
"""Rows of `Account.guard`: entry price, best price, and the loss that a `mae_stop` allows a position; inf = any."""

CLOSED, UNTIL, DUE = 3, 4, 5
"""The side whose orders lapse, 0 = none, and the last bar at which they do; and why a position is due to be closed."""

SIDE, BEGUN, WORST = 6, 7, 8
"""Of the open paper trip: its side, 0 = none; the price at which it began; and the worst one since."""

BEFORE = 9
"""Units held before the fill of the bar."""

KNOWN, ALLOWED, COUNTED, FIRST = 0, 1, 2, 3
"""Places in `Account.winners`: how many were ever known, the allowance, from how many it follows, and the last ones.

Behind them there is room to sort them.
"""


class Account(NamedTuple):
    """What an account is between two bars, and its memory in between.

    Attributes
    ----------
    cash : ndarray of shape (1,), or (N,) where every asset has an account of its own
    shares, value : ndarray of shape (N,)
        Held; and their value at the last price seen.
    ordered : ndarray of shape (N,)
        Target weight of the last order that could be filled.
    flow, opened : ndarray of shape (N,)
        Cash flow and first bar of each open round trip.
    held, order : ndarray of shape (N,)
        Memory of a fill: the holdings before it; the trades, in money.
    linear, convex, aim, since : ndarray of shape (N,)
        Memory of a fill with frictions: commission of the first tier and fees of shares, as a part of an order's size,
        and impact, as one of its power 3/2; the target, and the bar at which it was decided.
    carried : ndarray of shape (N,)
        Targets of orders that were cut and go on; NaN = none.
    mark, at : ndarray of shape (N,), bool and uint64
        Memory of a fill: which assets need more than the others; their numbers.
    guard : ndarray of shape (10, N), or (0, 0) without stops
        What stops know of each asset; the rows are named above.
    winners : ndarray of shape (3 + 2 · memory,)
        The excursions of winners; the places are named above.
    """

    cash: Float
    shares: Float
    value: Float
    ordered: Float
    flow: Float
    opened: Float
    held: Float
    order: Float
    linear: Float
    convex: Float
    aim: Float
    since: Float
    carried: Float
    mark: Bool
    at: Places
    guard: Float
    winners: Float


class Ledger(NamedTuple):
    """What a simulation writes.

    Before `start` equity and cash are the initial capital, `pre_fill` is NaN and everything else is 0. At the bar of a
    bankruptcy equity and cash are what was found, at or below 0, and nothing is held; after it everything is 0.

    Attributes
    ----------
    equity, cash : ndarray of shape (T,)
        At the bar's close, in money.
    turnover, cost : ndarray of shape (T,)
        Half the traded value over the equity before the fill; what orders cost and the borrow fee, in money.
    pre_fill : ndarray of shape (T,)
        Equity at fill prices, interest and borrow fee included, before the fill.
    gross : ndarray of shape (T,)
        Absolute value of the holdings over equity, at the bar's close.
    shares : ndarray of shape (N,)
        Held after the last bar.
    trips : ndarray of shape (7,)
        The round trips, in the order of `TRIPS`; the open ones are counted, not scored.
    shares_held, traded, weights, paid : ndarray of shape (T, N), or (0, 0) where they are not recorded
        Shares after the fill; shares bought less sold, or gone with an event; holdings over equity at the bar's close;
        what the orders cost, in money.
    exits : ndarray of shape (2, 4, T, N), or (2, 4, 0, 0) where they are not recorded, or nothing has stops
        What stops closed before the fill of a bar, and after it: shares bought less sold, price, cost in money, and
        reason, 0 = nothing.
    levels : ndarray of shape (3, N), or (3, 0)
        After the last bar: the level and the goal of what is held, and the reason that the level has, or, without both,
        that it is closed at the next bar; NaN = none.
    """

    equity: Float
    cash: Float
    turnover: Float
    cost: Float
    pre_fill: Float
    gross: Float
    shares: Float
    trips: Float
    shares_held: Float
    traded: Float
    weights: Float
    paid: Float
    exits: Float
    levels: Float


def empty_ledger(n_bars: int, n_assets: int, record: bool, stops: bool = False) -> Ledger:
    """A ledger to be written by `simulate`; `record` keeps the (T, N) histories, and with `stops` what they closed."""
    return ledger_of(empty_books(1, n_bars, n_assets, record, stops), 0)


class Books(NamedTuple):
    """The ledgers of K runs on one market, with their targets.

    Attributes
    ----------
    bars : ndarray of shape (K, 6, T)
    shares, trips : ndarray of shape (K, N) and (K, 7)
    histories : ndarray of shape (K, 4, T, N), or (K, 4, 0, 0) where they are not recorded
    exits : ndarray of shape (K, 2, 4, T, N), or (K, 2, 4, 0, 0)
    levels : ndarray of shape (K, 3, N), or (K, 3, 0)
        All of these in the order of `Ledger`.
    target : ndarray of shape (K, T, N), or (K, 0, 0) where it is not recorded
        What was decided at each bar, NaN = no order.
    late : ndarray of shape (K, delay, N), or (K, 0, N) where it is not recorded
        What was decided at the bars before the last one and is filled after it.
    pending : ndarray of shape (K, N)
        What was decided at the last bar.
    status : ndarray of shape (K,), int64
    """

    bars: Float
    shares: Float
    trips: Float
    histories: Float
    exits: Float
    levels: Float
    target: Float
    late: Float
    pending: Float
    status: Int


def empty_books(n_runs: int, n_bars: int, n_assets: int, record: bool, stops: bool = False, delay: int = 0) -> Books:
    """Books to be written; `record` keeps the (T, N) histories and the targets, and with `stops` what they closed."""
    kept = record and stops
    return Books(
        bars=np.zeros((n_runs, 6, n_bars)),
        shares=np.zeros((n_runs, n_assets)),
        trips=np.zeros((n_runs, len(TRIPS))),
        histories=np.zeros((n_runs, 4, n_bars, n_assets) if record else (n_runs, 4, 0, 0)),
        exits=np.zeros((n_runs, 2, 4, n_bars, n_assets) if kept else (n_runs, 2, 4, 0, 0)),
        levels=np.full((n_runs, 3, n_assets) if kept else (n_runs, 3, 0), np.nan),
        target=np.full((n_runs, n_bars, n_assets) if record else (n_runs, 0, 0), np.nan),
        late=np.full((n_runs, delay if record else 0, n_assets), np.nan),
        pending=np.full((n_runs, n_assets), np.nan),
        status=np.zeros(n_runs, np.int64),
    )


@kernel
def ledger_of(books: Books, k: int) -> Ledger:
    """The ledger of one run."""
    bars, histories = books.bars[k], books.histories[k]
    return Ledger(
        bars[0],
        bars[1],
        bars[2],
        bars[3],
        bars[4],
        bars[5],
        books.shares[k],
        books.trips[k],
        histories[0],
        histories[1],
        histories[2],
        histories[3],
        books.exits[k],
        books.levels[k],
    )


class Accounts(NamedTuple):
    """Those of K runs.

    Cash (K, 1) or (K, N), other rows of `Account` (K, 12, N), and memory that all share, (N,); what stops know,
    (K, 10, N) or (K, 0, 0), and of winners, (K, 3 + 2 · memory).
    """

    cash: Float
    rows: Float
    mark: Bool
    at: Places
    guard: Float
    winners: Float


@kernel
def account_of(accounts: Accounts, k: int) -> Account:
    """The account of one run."""
    row = accounts.rows[k]
    return Account(
        accounts.cash[k],
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        row[6],
        row[7],
        row[8],
        row[9],
        row[10],
        row[11],
        accounts.mark,
        accounts.at,
        accounts.guard[k],
        accounts.winners[k],
    )


@kernel
def open_accounts(n_runs: int, n_assets: int, initial: float, terms: Execution) -> Accounts:
    """Accounts that hold cash alone; apart, one an asset, each with its share of the capital."""
    n_accounts = n_assets if terms.apart else 1
    stops = terms.guards.open.size > 0
    rows = np.zeros((n_runs, 12, n_assets))
    rows[:, 11] = np.nan  # nothing is carried
    return Accounts(
        np.full((n_runs, n_accounts), initial / n_accounts),
        rows,
        np.zeros(n_assets, np.bool_),
        np.zeros(n_assets, np.uint64),
        np.zeros((n_runs, 10 if stops else 0, n_assets if stops else 0)),
        np.zeros((n_runs, FIRST + 2 * terms.guards.memory)),
    )


@lean
def open_ledger(start: int, initial: float, out: Ledger) -> None:
    """Write what stands before the first bar that trades, and zeros everywhere else."""
    out.equity[:], out.cash[:], out.pre_fill[:] = 0.0, 0.0, 0.0
    out.equity[:start], out.cash[:start], out.pre_fill[:start] = initial, initial, np.nan
    out.turnover[:], out.cost[:], out.gross[:] = 0.0, 0.0, 0.0
    out.shares[:], out.trips[:] = 0.0, 0.0
    out.shares_held[:], out.traded[:], out.weights[:], out.paid[:] = 0.0, 0.0, 0.0, 0.0
    out.exits[:], out.levels[:] = 0.0, np.nan


@lean
def close_ledger(alive: bool, account: Account, out: Ledger) -> int:
    """Write what is held after the last bar, nothing after a bankruptcy; count the round trips that are still open."""
    for n in range(account.shares.size):
        out.trips[5] += 1.0 if account.shares[n] != 0.0 else 0.0
        out.shares[n] = account.shares[n] if alive else 0.0
    return OK if alive else BANKRUPT
