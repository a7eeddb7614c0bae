"""From a table of cells to bars on one clock, and the list of everything that is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple, NoReturn

import numpy as np

from regimefolio.core.errors import DataError
from regimefolio.core.types import Bool, Float, Int, Panel, Times
from regimefolio.market.calendar import periods_per_year, time_text
from regimefolio.market.quality import Problem, bar_order, bar_problems
from regimefolio.market.sources.base import LATE, Defect, OnBad, refusal
from regimefolio.market.sources.table import Table, read_numbers, read_times

TIMES = ("date", "timestamp")
FIELDS = ("open", "high", "low", "close", "volume", "adj_close")
LONG = (*TIMES, "symbol", *FIELDS)
ELSEWHERE = {
    "ticker": "symbol",
    "time": "timestamp",
    "datetime": "timestamp",
    "adjusted_close": "adj_close",
    "price": "close",
    "vol": "volume",
}
"""What others call these columns."""

UNREADABLE = "not a number"


class Cells(NamedTuple):
    """The bars of a table as they were delivered, bad ones among them; of a bar given twice the first.

    Parameters
    ----------
    row, asset, bar : ndarray of shape (C,), int64
        Where each bar stands in the table and in the panel.
    fields : mapping of name to ndarray of shape (C,), float64
        Neither masked nor adjusted; NaN where a cell is no number.
    columns : mapping of str to int
        Where in the table each field stands, or each symbol where the layout is wide.
    stamp : int
        Where the times stand.
    """

    row: Int
    asset: Int
    bar: Int
    fields: Mapping[str, Float]
    columns: Mapping[str, int]
    stamp: int


@dataclass(frozen=True, eq=False)
class Bars:
    """The bars of a table, bad ones missing.

    Parameters
    ----------
    layout : str
        `long`, one bar a row, or `wide`, closes alone, one symbol a column.
    fields : mapping of name to ndarray of shape (T, N), float64
        close, and open, high, low, volume where the table has them, adjusted; NaN where no bar is usable.
    defects : tuple of Defect
        In the order of the file.
    cells : Cells
        All bars, before any of that.
    """

    table: Table
    layout: str
    timestamps: Times
    symbols: tuple[str, ...]
    fields: Mapping[str, Float]
    defects: tuple[Defect, ...]
    cells: Cells

    def time(self, bar: int) -> str:
        """A bar's time: the date alone where it is midnight."""
        return time_text(self.timestamps[bar])

    def panel(self, on_bad: OnBad) -> Panel:
        """The bars as a Panel.

        Raises
        ------
        DataError
            There are defects and `on_bad` is "error", or no usable bar is left.
        """
        if self.defects and on_bad == "error":
            raise refusal(self.table.path, self.table.unit, self.defects)
        if not self.symbols or not np.isfinite(self.fields["close"]).any():
            error = refusal(self.table.path, self.table.unit, self.defects) if self.defects else None
            raise DataError(f"{self.table.path}: holds no usable bar") from error
        return panel_of(self.timestamps, self.symbols, self.fields)


def panel_of(timestamps: Times, symbols: tuple[str, ...], fields: Mapping[str, Float]) -> Panel:
    """Bars on one clock as a Panel: all of them members, and as many a year as the times tell."""
    return Panel(
        timestamps=timestamps,
        symbols=symbols,
        member=np.ones((len(timestamps), len(symbols)), dtype=bool),
        periods_per_year=periods_per_year(timestamps),
        close=fields["close"],
        open=fields.get("open"),
        high=fields.get("high"),
        low=fields.get("low"),
        volume=fields.get("volume"),
    )


class _Findings:
    """Collects what is wrong with a table, cell by cell."""

    def __init__(self, table: Table, stamp: int, symbol: int | None = None) -> None:
        self._table, self._stamp, self._symbol = table, stamp, symbol
        self._found = [(defect.row or 0, -1, defect) for defect in table.defects]

    def add(self, rows: Bool, column: int, problem: str, beside: Mapping[str, int] | None = None) -> None:
        """Blame a cell in each of these rows; `beside` names the columns whose values explain it."""
        for row in np.flatnonzero(rows).tolist():
            shown = [f"{name} {self._table.text(row, at)}" for name, at in (beside or {}).items()]
            self.blame(row, column, problem, ", ".join(shown))

    def blame(self, row: int, column: int, problem: str, shown: str = "") -> None:
        """Blame one cell; `shown` explains its value."""
        table, place, name = self._table, self._table.place(row), self._table.header[column].strip()
        if problem == UNREADABLE and re.fullmatch(r"-?[\d.]+,\d+", table.text(row, column).strip()):
            problem += " (write decimals with a point)"
        symbol = "" if column == self._stamp else name
        if self._symbol is not None:
            symbol = table.text(row, self._symbol)
        value = table.text(row, column) + (f" ({shown})" if shown else "")
        defect = Defect(place, name, symbol, table.text(row, self._stamp), value, problem)
        self._found.append((place, column, defect))

    def defects(self) -> tuple[Defect, ...]:
        """All of them, in the order of the file."""
        return tuple(defect for *_, defect in sorted(self._found, key=lambda found: found[:2]))


def read_bars(table: Table) -> Bars:
    """Check every bar of a table, long or wide, and put the sound ones on one clock.

    A table with a `symbol` or a `close` is long: date or timestamp, symbol, close, and where they are known
    open, high and low (together), volume, adj_close. Any other is wide: date or timestamp, and a close for
    every symbol. Names are read in any case, with spaces, underscores or neither. With an adj_close, bars are
    checked as delivered and then adjusted: prices times adj_close/close, volume divided by it. A row whose
    numbers are all empty is no bar, nor is an empty cell of a wide table. Symbols are in the order of their names.

    Raises
    ------
    DataError
        The columns are not such, or there is not one bar, good or bad.
    """
    names = [_name(text) for text in table.header]
    if {"symbol", "close", "adj_close", "ticker"}.isdisjoint(names):
        bars = _read_wide(table, _wide_columns(table, names))
    else:
        bars = _read_long(table, _long_columns(table, names))
    if not len(bars.timestamps) and not bars.defects:
        raise DataError(f"{table.path}: holds no bar: no row has a number; fetch or write the file again")
    return bars


NO_SYMBOLS = ("price", "volume", "vol")
"""Names that no symbol has, unlike LOW and OPEN."""


def _name(text: str) -> str:
    """A column's name as it is written here."""
    name = re.sub(r"[\s_-]+", "_", text.strip().lower())
    return next((known for known in LONG if known.replace("_", "") == name.replace("_", "")), name)


def _refuse_columns(table: Table, mistakes: list[str]) -> NoReturn:
    raise DataError(
        f"{table.path}: {'; '.join(mistakes)}\n  Expected one bar a row (date or timestamp, symbol, open, high, "
        "low, close, volume, perhaps adj_close) or one symbol a column (date or timestamp, then closes)."
    )


def _time_mistakes(names: list[str]) -> Iterator[str]:
    given = [name for name in TIMES if name in names]
    if not given:
        yield "there is no column `date` or `timestamp`"
    if len(given) > 1:
        yield "there are both a `date` and a `timestamp`; keep one of them"


def _meant(name: str) -> str:
    """A hint at the column that was meant; empty where none is near."""
    near = [ELSEWHERE[name]] if name in ELSEWHERE else get_close_matches(name, LONG, n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def _long_columns(table: Table, names: list[str]) -> dict[str, int]:
    """Where each column of a long table stands."""
    unknown = [number for number, name in enumerate(names) if name not in LONG]
    meant = {at: _meant(names[at]) for at in unknown}
    mistakes = [f"unknown column {table.header[at]!r}; {hint}" for at, hint in meant.items() if hint]
    other = [repr(table.header[at]) for at, hint in meant.items() if not hint]
    if other:
        mistakes.append(f"unknown column{'s' if len(other) > 1 else ''} {', '.join(other)}: take out what is no bar's")
    mistakes += [f"column `{name}` is given twice" for name in LONG if names.count(name) > 1]
    mistakes += _time_mistakes(names)
    mistakes += [f"there is no column `{name}`" for name in ("symbol", "close") if name not in names]
    if "symbol" not in names and not any("'symbol'" in hint for hint in meant.values()):
        mistakes.append("if these are the bars of one symbol, add a column `symbol` with its name in every row")
    bounds = [name for name in ("open", "high", "low") if name not in names]
    if 0 < len(bounds) < 3:
        mistakes += [f"there is no column `{name}`, which belongs to the others" for name in bounds]
    if mistakes:
        _refuse_columns(table, mistakes)
    return {name: names.index(name) for name in LONG if name in names}


def _wide_columns(table: Table, names: list[str]) -> dict[str, int]:
    """Where the time, under the empty name, and each symbol of a wide table stand."""
    times = [at for at, name in enumerate(names) if ELSEWHERE.get(name) == "timestamp" and not set(TIMES) & set(names)]
    mistakes = [f"unknown column {table.header[at]!r}; {_meant(names[at])}" for at in times]
    mistakes += _time_mistakes(names)
    symbols = [name.strip() for name in table.header]
    mistakes += [f"column {number + 1} has no name" for number, symbol in enumerate(symbols) if not symbol]
    mistakes += [f"column {symbol!r} is given twice" for symbol in sorted(set(symbols)) if symbols.count(symbol) > 1]
    if len(symbols) == 1:
        mistakes.append("there is no column of prices")
    if parts := [name for name in names if name in NO_SYMBOLS]:
        mistakes.append(f"{', '.join(parts)} belong to the bars of one symbol: name its price `close`, add a `symbol`")
    if mistakes:
        _refuse_columns(table, mistakes)
    stamp = next(names.index(name) for name in TIMES if name in names)
    places = {symbol: number for number, symbol in enumerate(symbols) if number != stamp}
    return {"": stamp, **dict(sorted(places.items()))}


def _numbers(table: Table, column: int) -> tuple[Float, Bool]:
    try:
        return read_numbers(table.columns[column])
    except TypeError as error:
        raise DataError(f"{table.path}: column {table.header[column]} {error}") from error


def _times(table: Table, column: int) -> Times:
    try:
        return read_times(table.columns[column])
    except TypeError as error:
        raise DataError(f"{table.path}: column {table.header[column]} {error}") from error


def _symbols(table: Table, column: int) -> tuple[Int, tuple[str, ...]]:
    """Each row's symbol as a number, -1 where there is none, and the names in order."""
    import polars as pl

    texts = table.columns[column]
    if not isinstance(texts.dtype, pl.String | pl.Categorical | pl.Enum):
        raise DataError(f"{table.path}: column {table.header[column]} holds {texts.dtype}, not text")
    texts = texts.cast(pl.String)
    written = texts.drop_nulls().unique()
    if written.is_empty():  # polars would hand the texts back
        return np.full(len(texts), -1), ()
    stripped = written.str.strip_chars().to_list()
    symbols = tuple(sorted(set(stripped) - {""}))
    number = {symbol: at for at, symbol in enumerate(symbols)}
    codes = pl.Series([number.get(symbol, -1) for symbol in stripped], dtype=pl.Int64)
    return texts.replace_strict(written, codes, return_dtype=pl.Int64).fill_null(-1).to_numpy(), symbols


def _read_long(table: Table, at: Mapping[str, int]) -> Bars:
    stamp = at["date"] if "date" in at else at["timestamp"]
    time, (asset, symbols) = _times(table, stamp), _symbols(table, at["symbol"])
    fields: dict[str, Float] = {}
    unreadable: dict[str, Bool] = {}
    for name in FIELDS:
        if name in at:
            fields[name], unreadable[name] = _numbers(table, at[name])
    present = np.any([~np.isnan(values) | unreadable[name] for name, values in fields.items()], axis=0)
    found = _Findings(table, stamp, at["symbol"])
    bad = np.zeros(table.n_rows, dtype=bool)
    for problem in _problems(fields, unreadable, present):
        found.add(problem.rows, at[problem.column], problem.text, {name: at[name] for name in problem.beside})
        bad |= problem.rows
    found.add(present & (asset < 0), at["symbol"], "missing symbol")
    _check_times(table, found, stamp, time, present)
    rows = np.flatnonzero(present & (asset >= 0) & ~np.isnat(time))
    clock, bar = np.unique(time[rows], return_inverse=True)
    own = _check_order(table, found, stamp, rows, asset[rows], bar)
    first = rows[own]
    given = {name: values[first] for name, values in fields.items()}
    cells = Cells(first, asset[first], bar[own], given, at, stamp)
    keep = own & ~bad[rows]
    fields = {name: values[rows[keep]] for name, values in fields.items()}
    if "adj_close" in fields:
        _adjust(fields)
    cell = (bar * len(symbols) + asset[rows])[keep]
    grids: dict[str, Float] = {}
    for name, values in fields.items():
        grids[name] = np.full((len(clock), len(symbols)), np.nan)
        grids[name].ravel()[cell] = values
    return Bars(table, "long", clock, symbols, grids, found.defects(), cells)


def _read_wide(table: Table, at: Mapping[str, int]) -> Bars:
    stamp, *columns = at.values()
    _, *symbols = at
    time = _times(table, stamp)
    found = _Findings(table, stamp)
    closes = np.empty((table.n_rows, len(columns)))
    present = np.zeros(table.n_rows, dtype=bool)
    no_row = np.zeros(table.n_rows, dtype=bool)
    for number, column in enumerate(columns):
        values, unreadable = _numbers(table, column)
        closes[:, number] = values
        present |= ~np.isnan(values) | unreadable
        for problem in _problems({"close": values}, {"close": unreadable}, present=no_row):
            found.add(problem.rows, column, problem.text)
            closes[problem.rows, number] = np.nan
    _check_times(table, found, stamp, time, present)
    rows = np.flatnonzero(present & ~np.isnat(time))
    clock, bar = np.unique(time[rows], return_inverse=True)
    keep = _check_order(table, found, stamp, rows, np.zeros_like(bar), bar)
    grid = np.full((len(clock), len(columns)), np.nan)
    grid[bar[keep]] = closes[rows[keep]]
    row, asset = np.nonzero(np.isfinite(closes[rows[keep]]))
    cells = Cells(rows[keep][row], asset, bar[keep][row], {"close": closes[rows[keep]][row, asset]}, at, stamp)
    return Bars(table, "wide", clock, tuple(symbols), {"close": grid}, found.defects(), cells)


def _problems(fields: Mapping[str, Float], unreadable: Mapping[str, Bool], present: Bool) -> Iterator[Problem]:
    """What is wrong with the numbers of the rows that are bars."""
    for name, values in fields.items():
        yield Problem(name, UNREADABLE, unreadable[name])
        yield Problem(name, "missing value", present & np.isnan(values) & ~unreadable[name])
    yield from bar_problems(fields)


def _check_times(table: Table, found: _Findings, stamp: int, time: Times, present: Bool) -> None:
    given = table.columns[stamp].is_not_null().to_numpy()
    found.add(np.isnat(time) & given, stamp, "not an ISO date or time (write dates as 2015-01-31)")
    found.add(~given & present, stamp, "missing date")


def _check_order(table: Table, found: _Findings, stamp: int, rows: Int, asset: Int, bar: Int) -> Bool:
    """Blame bars that are given twice or stand too late; True for those that are given here first."""
    order = bar_order(asset, bar)
    own = order.first == np.arange(len(rows))
    for again in np.flatnonzero(~own).tolist():
        first = table.place(int(rows[order.first[again]]))
        found.blame(int(rows[again]), stamp, "duplicate bar", f"first in {table.unit} {first}")
    for late in np.flatnonzero(order.unsorted).tolist():
        found.blame(int(rows[late]), stamp, LATE)
    return own


def _adjust(fields: dict[str, Float]) -> None:
    """Carry splits and dividends into prices and volume; one factor a bar, so that high stays above low."""
    factor = fields.pop("adj_close") / fields["close"]
    for name in fields:
        fields[name] = fields[name] / factor if name == "volume" else fields[name] * factor
