"""Interest rates and borrow fees from files beside the prices, as known at each bar."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from regimefolio.core.errors import MissingDataError
from regimefolio.core.types import Bool, Float, Int, Panel, Times
from regimefolio.market.listings import known_at
from regimefolio.market.notes import counted, used
from regimefolio.market.sources.dated import DatedTable

DEFAULT = "default"
"""What stands for every symbol that has no rate of its own."""

NAMED = 3
"""Symbols without a rate that an error names; the others are counted."""


class Rates(NamedTuple):
    """Rates a year as known at each bar, (T,), (T, N) or (1, N), and what a person should know of their file."""

    known: Float
    cautions: tuple[str, ...] = ()


def read_rates(path: Path, timestamps: Times) -> Rates:
    """The rate a year that is known at each bar, from a table with the columns date and rate, in any order.

    A rate is known at the last bar of its date, or at the next bar where its date has none, and holds until the next.
    That the last one holds for longer than any before it is a caution.

    Raises
    ------
    MissingDataError
        There is no such file, or it begins after the first bar.
    DataError
        A row is wrong, or a date is given twice: with the line.
    """
    table = DatedTable(path, ("date", "rate"))
    rate, date = _fractions(table), table.times("date")
    order = np.argsort(date, kind="stable")
    table.refuse(_repeated(order, date[:, None]), "date", "a second rate of this date")
    bar = known_at(timestamps, date[order])
    found = _held(rate[order], bar, timestamps.size)
    if np.isnan(found[0]):
        begins = f"begins {_day(date[order[0]])}" if date.size else "is empty"
        raise MissingDataError(
            f"{path}: {begins}, but the data begins {_day(timestamps[0])}, when a rate must be known; add an earlier "
            "one, or a later data.start"
        )
    return Rates(found, _ends_early(path, timestamps, date[order], bar))


def read_borrow_rates(path: Path, panel: Panel) -> Rates:
    """The fee a year on what is short, from a table with the columns symbol, rate and perhaps date, in any order.

    The rate of the symbol `default` is that of all that have none of their own (yet). Rates of symbols that the panel
    has not are ignored, and a caution counts them. Dates are as in `read_rates`; without them a rate always holds, and
    there is one row for all bars. Before a symbol's first bar, where nothing is known, its rate is 0.

    Raises
    ------
    MissingDataError
        There is no such file, or a symbol has no rate at one of its bars.
    DataError
        A row is wrong, a fee is below 0, a symbol (and date) is given twice: with the line; or no symbol is known.
    """
    table = DatedTable(path, ("symbol", "rate"), ("date",))
    rate, dated = _fractions(table), "date" in table
    table.refuse(rate < 0.0, "rate", "a fee below 0")
    date = table.times("date") if dated else np.full(table.n_rows, panel.timestamps[0])
    order = np.lexsort((date, table.asset))
    again = _repeated(order, np.stack([table.asset, date.astype(np.int64)], axis=1))
    table.refuse(again, "symbol", f"a second rate of this symbol{' and date' * dated}")
    known = {DEFAULT, *panel.symbols}
    table.refuse_strangers(symbol for symbol in table.symbols if symbol in known)
    strange = np.array([symbol not in known for symbol in table.symbols], dtype=bool)
    bars = panel.n_bars if dated else 1
    bar = known_at(panel.timestamps, date[order]) if dated else np.zeros(table.n_rows, np.int64)

    def of(symbol: str) -> Float:
        code = table.symbols.index(symbol) if symbol in table.symbols else -1
        own = table.asset[order] == code
        return _held(rate[order][own], bar[own], bars)

    found = np.stack([of(symbol) for symbol in panel.symbols], axis=1)
    found = np.where(np.isnan(found), of(DEFAULT)[:, None], found)
    listed = np.logical_or.accumulate(np.isfinite(panel.close), axis=0) if dated else np.ones(found.shape, dtype=bool)
    _must_be_whole(path, panel, np.isnan(found) & listed)
    ignored = {"of symbols without prices": int(strange[table.asset].sum())}
    told = (used(f"{path.name}: {counted(table.n_rows, 'rate')}", ignored),) if strange.any() else ()
    return Rates(np.nan_to_num(found), told + (_ends_early(path, panel.timestamps, date[order], bar) if dated else ()))


def _ends_early(path: Path, timestamps: Times, date: Times, bar: Int) -> tuple[str, ...]:
    """A caution where the last rate holds for more bars than any before it; `bar` is that from which on each holds."""
    since = np.unique(bar[bar < timestamps.size])
    held = timestamps.size - 1 - since[-1]
    if held <= np.diff(since).max(initial=0):
        return ()
    last = date.max()
    return (
        f"{path.name}: ends {_day(last)}; its last rate holds for {counted(int(held), 'bar')} more, up to "
        f"{_day(timestamps[-1])}",
    )


def _must_be_whole(path: Path, panel: Panel, lacking: Bool) -> None:
    """Refuse symbols that have no rate at a bar, (T, N) or (1, N)."""
    symbols = [panel.symbols[n] for n in np.flatnonzero(lacking.any(axis=0))]
    if not symbols:
        return
    more = f" and {len(symbols) - NAMED:,} more" if len(symbols) > NAMED else ""
    first = panel.symbols.index(symbols[0])
    when = f" ({symbols[0]} on {_day(panel.timestamps[lacking[:, first].argmax()])})" if len(lacking) > 1 else ""
    raise MissingDataError(
        f"{path}: has no rate for {', '.join(symbols[:NAMED])}{more} of {panel.n_assets:,} symbols{when}; add a row "
        f"for each, or one with the symbol {DEFAULT} for all others"
    )


def _fractions(table: DatedTable) -> Float:
    """The column of rates."""
    rate = table.numbers("rate")
    table.refuse((rate > 1.0) | (rate <= -1.0), "rate", "a rate is a fraction a year, 0.02 is 2%: divide by 100")
    return rate


def _held(rate: Float, bar: Int, n_bars: int) -> Float:
    """Rates in the order of their dates, each from its bar on until the next; NaN before the first one."""
    last = np.searchsorted(bar, np.arange(n_bars), side="right") - 1
    if rate.size == 0:
        return np.full(n_bars, np.nan)
    return np.where(last >= 0, rate[np.maximum(last, 0)], np.nan)


def _repeated(order: Int, keys: NDArray[np.generic]) -> Bool:
    """The rows whose key, of those (R, K), an earlier row has; `order` sorts them."""
    again = np.zeros(len(keys), dtype=bool)
    again[order[1:][(keys[order[1:]] == keys[order[:-1]]).all(axis=1)]] = True
    return again


def _day(moment: np.datetime64) -> str:
    return str(moment.astype("datetime64[D]"))
