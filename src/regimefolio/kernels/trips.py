"""Every round trip of a recorded run: what was traded is walked through once more, from flat to flat.

docs/accounting.md says what a round trip is, what belongs to it, and to which bars it was exposed.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel, piece
from regimefolio.kernels.fills import DUST, rate_at
from regimefolio.kernels.ledger import Prices
from regimefolio.kernels.terms import Execution

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]
Bool: TypeAlias = NDArray[np.bool_]

NO_FILL = -1

FLAT = 1e-9
"""What is left of a position below this part of it is rounding, where nothing is held at the close."""


class Fills(NamedTuple):
    """What was traded, in the order of bars, of assets, and of what came first within a bar; all of shape (M,).

    Attributes
    ----------
    bar, asset : ndarray of int64
    shares : ndarray
        Bought, or sold where negative.
    price, cost : ndarray
        For a share, and for the whole of it.
    closes : ndarray of bool
        Whether it closed the position whatever its size was, as what is no order does.
    """

    bar: Int
    asset: Int
    shares: Float
    price: Float
    cost: Float
    closes: Bool


class History(NamedTuple):
    """What else is known of a recorded run.

    Attributes
    ----------
    start, end : int
        The first bar that trades, and the bar after the last one of the record: that of a ruin is the last one.
    early : bool
        Whether the last bar ended in ruin before its fill.
    initial : float
        Capital in money.
    equity : ndarray of shape (T,)
    shares : ndarray of shape (T, N)
        Held at each close; none after a ruin.
    low, high : ndarray of shape (T, N)
        Between which prices a bar was; NaN = no bar.
    at_open : bool
        Whether what is bought at a bar is exposed to it.
    """

    start: int
    end: int
    early: bool
    initial: float
    equity: Float
    shares: Float
    low: Float
    high: Float
    at_open: bool


class Trips(NamedTuple):
    """Round trips in the order in which they were opened, one an entry, of shape (M,).

    Attributes
    ----------
    opened_by, closed_by : ndarray of int64
        Numbers of fills; `NO_FILL` while it is open.
    last_bar : ndarray of int64
        At which it was closed, or else the last one of the record, or of its ruined account.
    side : ndarray of int64
        1 long, −1 short.
    result : ndarray of int64
        1 won, −1 lost, 0 neither, as of closed ones.
    entry_price, exit_price : ndarray
        Means over what was bought into it, and over what reduced and closed it; NaN where nothing did.
    size, invested : ndarray
        The largest number of shares, and their largest value at the entry price, in money.
    costs, dividends, borrow_fees, profit : ndarray
        In money; a profit is after all of them, that of an open one at the last price.
    mae, mfe : ndarray
        Worst and best move, as fractions of the entry price; ≤ 0 and ≥ 0.
    """

    opened_by: Int
    closed_by: Int
    last_bar: Int
    side: Int
    result: Int
    entry_price: Float
    exit_price: Float
    size: Float
    invested: Float
    costs: Float
    dividends: Float
    borrow_fees: Float
    profit: Float
    mae: Float
    mfe: Float


def empty_trips(n_fills: int) -> Trips:
    """Room for the trips of so many fills, of which each opens one at most."""
    rows = np.zeros((5, n_fills), np.int64)
    columns = np.zeros((10, n_fills))
    return Trips(*rows, *columns)


class _Open(NamedTuple):
    """What is held between two bars, all of shape (N,).

    Attributes
    ----------
    row : ndarray of int64
        Of the open trip; only where shares are held.
    shares, entry : ndarray
        Held, and their entry price.
    before : ndarray
        The entry price at the previous close; 0 where the trip is of this bar.
    left : ndarray
        Shares by which the trip was reduced so far.
    cash : ndarray
        Of the asset's own account; unused in a shared one.
    """

    row: Int
    shares: Float
    entry: Float
    before: Float
    left: Float
    cash: Float


@piece
def _move(price: float, entry: float, r: int, out: Trips) -> None:
    """Widen the excursions of a trip by a price; none where it is NaN."""
    move = out.side[r] * (price - entry) / entry
    if move < out.mae[r]:
        out.mae[r] = move
    elif move > out.mfe[r]:
        out.mfe[r] = move


@piece
def _carry(t: int, history: History, prices: Prices, terms: Execution, now: _Open, out: Trips) -> None:
    """What happens before a bar's fill: interest of accounts apart, fees on what is short, dividends."""
    above, below = rate_at(t, terms.cash_rate), rate_at(t, terms.financing_rate)
    for n in range(now.shares.size):
        if terms.apart:
            cash, invested = now.cash[n], now.shares[n] != 0.0
            now.cash[n] += above * max(cash, 0.0) + (below * min(cash, 0.0)) * invested
        if now.shares[n] < 0.0 and terms.borrow_rate.size > 0:
            rate = terms.borrow_rate[min(t, terms.borrow_rate.shape[0] - 1), n]
            r, fee = now.row[n], -rate * now.shares[n] * prices.at_close[t - 1, n]
            out.borrow_fees[r] += fee
            out.profit[r] -= fee
            now.cash[n] -= fee
    events = prices.events
    for i in range(events.due[t], events.due[t + 1]):
        n = int(events.asset[i])
        if now.shares[n] != 0.0 and not events.ends[i]:  # what an end pays is a fill
            r, paid = now.row[n], now.shares[n] * events.pay[i]
            out.dividends[r] += paid
            out.profit[r] += paid
            now.cash[n] += paid


@piece
def _after(i: int, fills: Fills, history: History, now: _Open) -> float:
    """The shares that are held after a fill: those of the close, to the bit, where it is the last of its bar."""
    t, n = fills.bar[i], fills.asset[i]
    if fills.closes[i]:
        return 0.0
    last = i + 1 == fills.bar.size or fills.bar[i + 1] != t or fills.asset[i + 1] != n
    if last and history.shares[t, n] != 0.0:
        return history.shares[t, n]
    after = now.shares[n] + fills.shares[i]
    return 0.0 if last and abs(after) <= FLAT * abs(now.shares[n]) else after


@piece
def _leave(
    i: int, shares: float, cost: float, closes: bool, equity: float, fills: Fills, now: _Open, out: Trips
) -> None:
    """Take some shares (with their sign) out of a trip, and score it where they were all of it."""
    n, price = fills.asset[i], fills.price[i]
    r = now.row[n]
    out.costs[r] += cost
    out.profit[r] += shares * price - cost
    out.exit_price[r] += abs(shares) * price
    now.left[n] += abs(shares)
    if closes:
        out.closed_by[r], out.last_bar[r] = i, fills.bar[i]
        out.exit_price[r] /= now.left[n]
        if abs(out.profit[r]) >= DUST * equity:
            out.result[r] = 1 if out.profit[r] > 0.0 else -1


@piece
def _enter(i: int, shares: float, cost: float, opens: bool, count: int, fills: Fills, now: _Open, out: Trips) -> None:
    """Put some shares (with their sign) into a trip, or open the trip number `count` with them."""
    n, price = fills.asset[i], fills.price[i]
    if opens:
        now.row[n], now.entry[n], now.before[n], now.left[n] = count, price, 0.0, 0.0
        out.opened_by[count], out.closed_by[count] = i, NO_FILL
        out.side[count] = 1 if shares > 0.0 else -1
        size = abs(shares)
    else:
        size = abs(now.shares[n] + shares)
        now.entry[n] += (price - now.entry[n]) * (abs(shares) / size)
    r = now.row[n]
    out.costs[r] += cost
    out.profit[r] -= shares * price + cost
    out.entry_price[r] = now.entry[n]
    out.size[r] = max(out.size[r], size)
    out.invested[r] = max(out.invested[r], size * now.entry[n])


@piece
def _take(
    i: int, count: int, history: History, prices: Prices, apart: bool, fills: Fills, now: _Open, out: Trips
) -> int:
    """Take one fill into the trips of its asset; returns how many trips there are."""
    t, n, price, cost, traded = fills.bar[i], fills.asset[i], fills.price[i], fills.cost[i], fills.shares[i]
    held, after = now.shares[n], _after(i, fills, history, now)
    equity = history.equity[t - 1] if t > history.start else history.initial
    if apart:
        equity = now.cash[n] + held * prices.at_fill[t, n]
    turns = held * after <= 0.0
    leaving = held if turns else -traded if held * traded < 0.0 else 0.0
    entering = after if turns else traded if held * traded > 0.0 else 0.0
    share = cost / (abs(leaving) + abs(entering))
    if held != 0.0:
        if turns and not history.at_open and now.before[n] > 0.0 and price == prices.fill[t, n]:
            _move(history.low[t, n], now.before[n], now.row[n], out)  # the bar's range was made before its fill
            _move(history.high[t, n], now.before[n], now.row[n], out)
        _move(price, now.entry[n], now.row[n], out)
    if leaving != 0.0:
        _leave(i, leaving, share * abs(leaving), turns, equity, fills, now, out)
    if entering != 0.0:
        _enter(i, entering, share * abs(entering), turns, count, fills, now, out)
        count += 1 if turns else 0
    now.shares[n] = after
    now.cash[n] -= traded * price + cost
    return count


@piece
def _close(t: int, history: History, prices: Prices, apart: bool, now: _Open, out: Trips) -> None:
    """What a bar's close does to what is held: excursions, ruin, and at the end of the record the last price."""
    ends = t == history.end - 1
    for n in range(now.shares.size):
        if now.shares[n] == 0.0:
            continue
        r, held = now.row[n], history.shares[t, n]
        if held == 0.0:  # ruined: the account of its own, or all of it
            worth = now.cash[n] + now.shares[n] * prices.at_fill[t, n]
            early = (ends and history.early) or (apart and worth <= 0.0)
            value = now.shares[n] * (prices.at_fill[t, n] if early else prices.at_close[t, n])
            out.profit[r] += value
            out.last_bar[r] = t
            now.cash[n] += value
            now.shares[n] = 0.0
            continue
        now.shares[n] = held
        exposed = now.entry[n] if history.at_open else now.before[n]
        if exposed > 0.0:
            _move(history.low[t, n], exposed, r, out)
            _move(history.high[t, n], exposed, r, out)
        now.before[n] = now.entry[n]
        if ends:
            out.profit[r] += held * prices.at_close[t, n]
            out.last_bar[r] = t


@kernel
def walk_trips(fills: Fills, history: History, prices: Prices, terms: Execution, out: Trips) -> int:
    """Write every round trip of a run.

    Parameters
    ----------
    fills : Fills
    history : History
    prices : Prices
        What it was traded at.
    terms : Execution
        Rates, and whether accounts are apart.
    out : Trips
        As `empty_trips` makes them; the first ones are written.

    Returns
    -------
    int
        How many round trips there are.
    """
    n_assets = history.shares.shape[1]
    room = np.zeros((4, n_assets))
    now = _Open(
        np.zeros(n_assets, np.int64), room[0], room[1], room[2], room[3], np.full(n_assets, history.initial / n_assets)
    )
    count, i = 0, 0
    for t in range(history.start, history.end):
        _carry(t, history, prices, terms, now, out)
        while i < fills.bar.size and fills.bar[i] == t:
            count = _take(i, count, history, prices, terms.apart, fills, now, out)
            i += 1
        _close(t, history, prices, terms.apart, now, out)
    for r in range(count):
        if out.closed_by[r] == NO_FILL:
            out.exit_price[r] = np.nan
    return count
