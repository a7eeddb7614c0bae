"""Daily page views of each symbol from a file beside the prices, as known at each bar."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from regimefolio.core.types import Bool, Float, Int, Panel, Times
from regimefolio.market.notes import counted, used
from regimefolio.market.sessions import is_daily
from regimefolio.market.sources.dated import DatedTable
from regimefolio.market.sources.table import Table, read_table

COLUMNS = ("date", "symbol", "views")

NAMED = 3
"""Symbols without views that a caution names; the others are counted."""


class PageViews(NamedTuple):
    """Views a day as known at each bar, (T, N), NaN where they are not, and what a person should know of the file."""

    known: Float
    cautions: tuple[str, ...] = ()


def read_page_views(path: Path, panel: Panel) -> PageViews:
    """The mean daily views of the days that ended since the bar before, of each asset at each bar.

    A day's views are complete when that day has ended in UTC. So they are known at the first bar after it: a daily bar
    of that day closes before the day ends, and the next one knows them; Monday's bar has the mean of Friday, Saturday
    and Sunday. At a bar since which no day ended, as most intraday ones are, what was known holds. The first bar has
    the last day before it. Where the file lacks those days it is NaN.

    Parameters
    ----------
    path : Path
        Long, with the columns date, symbol and views, or wide, with the column date and one a symbol, where an empty
        cell is a day without a count. The days of a symbol stand in the order of time.

    Raises
    ------
    MissingDataError
        There is no such file.
    DataError
        A row is wrong, views are below 0, a day is given twice or too late: with the line; or no symbol is known.
    """
    table = _dated_table(path)
    views, date = table.numbers("views"), table.times("date")
    day = date.astype("datetime64[D]")
    table.refuse(views < 0.0, "views", "views below 0")
    table.refuse(date != day, "date", "a time of day, where views are of a whole day in UTC")
    again, early = _out_of_order(table.asset, day)
    table.refuse(again, "date", "a second count of this symbol and day")
    table.refuse(early, "date", "a day before the one above it of this symbol; sort the file by date")
    number = {symbol: column for column, symbol in enumerate(panel.symbols)}
    table.refuse_strangers(symbol for symbol in table.symbols if symbol in number)
    column = np.array([number.get(symbol, -1) for symbol in table.symbols], dtype=np.int64)[table.asset]
    ours = column >= 0
    known = _on_bars(views[ours], day[ours], column[ours], panel)
    ignored = {"of symbols without prices": int((~ours).sum())}
    told = (used(f"{path.name}: {counted(table.n_rows, 'day')} of views", ignored),) if not ours.all() else ()
    return PageViews(known, (*told, *_lacking(path, known, panel)))


def _dated_table(path: Path) -> DatedTable:
    """The rows of a file, one a symbol and day; a wide one is turned into such rows."""
    table = read_table(path)
    names = [text.strip().lower() for text in table.header]
    if "date" in names and len(names) > 1 and not {"symbol", "ticker", "views"} & set(names):
        table = _long(table, names.index("date"))
    return DatedTable(path, COLUMNS, table=table)


def _long(table: Table, date: int) -> Table:
    """The cells of a wide table that hold something, one a row."""
    import polars as pl

    dates, symbols, views, places = [], [], [], []
    every = np.arange(table.n_rows) + (1 if table.unit == "row" else 2) if table.lines is None else table.lines
    for name, cells in zip(table.header, table.columns, strict=True):
        if name == table.header[date]:
            continue
        held = np.flatnonzero((cells.fill_nan(None) if cells.dtype.is_float() else cells).is_not_null().to_numpy())
        dates.append(table.columns[date].gather(held))
        symbols.append(pl.Series([name.strip()]).new_from_index(0, len(held)))
        views.append(cells.gather(held).cast(pl.Float64 if cells.dtype.is_numeric() else cells.dtype))
        places.append(every[held])
    columns = (pl.concat(each).alias(name) for each, name in zip((dates, symbols, views), COLUMNS, strict=True))
    return Table(table.path, table.format, COLUMNS, tuple(columns), np.concatenate(places), table.defects)


def _out_of_order(asset: Int, day: Times) -> tuple[Bool, Bool]:
    """The rows whose day an earlier row of the asset has, and those whose day is before that of the row above."""
    order = np.argsort(asset, kind="stable")
    follows = asset[order][1:] == asset[order][:-1]
    later = np.diff(day[order]).astype(np.int64)
    again, early = np.zeros(asset.size, dtype=bool), np.zeros(asset.size, dtype=bool)
    again[order[1:][follows & (later == 0)]] = True
    early[order[1:][follows & (later < 0)]] = True
    return again, early


def _on_bars(views: Float, day: Times, column: Int, panel: Panel) -> Float:
    """The means (T, N) of what became known at each bar."""
    shape = panel.close.shape
    ended = _days_ended(panel.timestamps)
    number = day.astype("datetime64[D]").astype(np.int64)
    bar = np.searchsorted(ended, number, side="right")
    fresh = (bar < shape[0]) & ((bar > 0) | (number == ended[0] - 1))
    cell = bar[fresh] * shape[1] + column[fresh]
    count = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    total = np.bincount(cell, views[fresh], minlength=shape[0] * shape[1]).reshape(shape)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    since = np.where(np.diff(ended, prepend=ended[0] - 1) > 0, np.arange(shape[0]), 0)
    known: Float = mean[np.maximum.accumulate(since)]
    return known


def _days_ended(timestamps: Times) -> Int:
    """The first day, as a number, that has not ended at each bar; a daily bar closes within the day of its stamp."""
    last = timestamps if is_daily(timestamps) else timestamps - np.timedelta64(1, "ns")
    days: Int = last.astype("datetime64[D]").astype(np.int64)
    return days


def _lacking(path: Path, known: Float, panel: Panel) -> tuple[str, ...]:
    """Cautions about symbols and bars without views."""
    has = np.isfinite(known)
    told: list[str] = []
    without = [panel.symbols[n] for n in np.flatnonzero(~has.any(axis=0))]
    if without:
        more = f" and {len(without) - NAMED:,} more" if len(without) > NAMED else ""
        told.append(f"{path.name}: no views of {', '.join(without[:NAMED])}{more} of {panel.n_assets:,} symbols")
    bars = np.flatnonzero(has.any(axis=1))
    if bars.size and bars[0] > 0:
        told.append(f"{path.name}: no views before {_day(panel, bars[0])}, {counted(int(bars[0]), 'bar')} late")
    after = panel.n_bars - 1 - int(bars[-1]) if bars.size else 0
    if after:
        told.append(f"{path.name}: no views after {_day(panel, bars[-1])}, for the last {counted(after, 'bar')}")
    return tuple(told)


def _day(panel: Panel, bar: np.int64) -> str:
    return str(panel.timestamps[bar].astype("datetime64[D]"))
