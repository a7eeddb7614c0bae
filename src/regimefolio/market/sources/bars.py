"""From a table of cells to bars on one clock, and the list of everything that is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from regimefolio.core.arrays import time_text
from regimefolio.core.errors import DataError, MissingDataError, placed
from regimefolio.core.types import Bool, Float, Int, Panel, Times
from regimefolio.market.actions import (
    ACTIONS,
    Actions,
    Placed,
    action_problems,
    actions_of,
    adjust_forward,
    place_actions,
    told,
    unpayable,
)
from regimefolio.market.calendar import periods_per_year
from regimefolio.market.deliveries import last_deliveries
from regimefolio.market.quality import Problem, bar_order, bar_problems, is_price
from regimefolio.market.sources.base import AS_IT_IS, LATE, Defect, OnBad, Reading, refusal
from regimefolio.market.sources.dated import read_actions, read_mask
from regimefolio.market.sources.table import Table

TIMES = ("date", "timestamp")
FIELDS = ("open", "high", "low", "close", "volume", "adj_close")
DELIVERED = "delivered"
LONG = (*TIMES, "symbol", *FIELDS, *ACTIONS, DELIVERED)
ELSEWHERE = {
    "ticker": "symbol",
    "time": "timestamp",
    "datetime": "timestamp",
    "adjusted_close": "adj_close",
    "price": "close",
    "vol": "volume",
    "splits": "split",
    "stock_splits": "split",
    "dividends": "dividend",
    "delivered_at": "delivered",
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
        close, and open, high, low, volume where the table has them, adjusted; NaN where no bar is usable. And split
        and dividend where they are known.
    defects : tuple of Defect
        In the order of the file.
    cells : Cells
        All bars, before any of that.
    notes : tuple of str
        What was done to them, a sentence each.
    """

    table: Table
    layout: str
    timestamps: Times
    symbols: tuple[str, ...]
    fields: Mapping[str, Float]
    defects: tuple[Defect, ...]
    cells: Cells
    notes: tuple[str, ...] = ()

    @property
    def form(self) -> str:
        """Kind and layout of the file, such as `csv.gz, long`."""
        return f"{self.table.format}, {self.layout}"

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
        split=fields.get("split"),
        dividend=fields.get("dividend"),
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


def read_bars(table: Table, reading: Reading = AS_IT_IS) -> Bars:
    """Check every bar of a table, long or wide, and put the sound ones on one clock.

    A table with a `symbol` or a `close` is long: date or timestamp, symbol, close, and where they are known
    open, high and low (together), volume, adj_close, split, dividend, delivered. Any other is wide: date or timestamp,
    and a close for every symbol. Names are read in any case, with spaces, underscores or neither. Bars are checked as
    delivered and then adjusted: with an adj_close, prices times adj_close/close, volume divided by it; with splits and
    dividends, of the table or of a file of their own, forward. A row whose numbers of a bar are all empty is no bar,
    nor is an empty cell of a wide table. Of a bar with several times in `delivered` the last one counts, and rows stand
    in any order. A bar that a mask names is none, whatever its numbers are. Symbols are in the order of their names.

    Raises
    ------
    DataError
        The columns are not such, there is not one bar, good or bad, or the file of actions or the mask cannot be used.
    """
    names = [_name(text) for text in table.header]
    if {"symbol", "close", "adj_close", "ticker"}.isdisjoint(names):
        at = _wide_columns(table, names)
        table, notes = _masked_wide(table, at, reading.mask)
        bars = _read_wide(table, at)
    else:
        at = _long_columns(table, names)
        table, notes = _masked_long(table, at, reading.mask)
        bars = _read_long(table, at, reading.as_of)
    bars = replace(bars, notes=(*notes, *bars.notes))
    if reading.as_of is not None and DELIVERED not in at:
        raise DataError(
            f"{table.path}: `as_of` asks when each bar was delivered, and there is no column `delivered`; take it out"
        )
    if not len(bars.timestamps) and not bars.defects:
        raise DataError(f"{table.path}: holds no bar: no row has a number; fetch or write the file again")
    if reading.actions is None:
        return bars
    if bars.layout == "long" and (known := {"adj_close", *ACTIONS} & set(at)):
        columns = " and ".join(f"`{name}`" for name in sorted(known))
        raise DataError(
            f"{table.path}: prices are adjusted by the column {columns}, and {reading.actions} would adjust them "
            "again; drop one of the two"
        )
    with placed("data", "actions"):
        return _with_actions(bars, reading.actions)


def _masked_long(table: Table, at: Mapping[str, int], path: Path | None) -> tuple[Table, tuple[str, ...]]:
    """The table without the numbers of the bars that a file names, and what was done; their actions stay."""
    if path is None:
        return table, ()
    asset, symbols = table.symbols(at["symbol"])
    with placed("data", "mask"):
        mask = read_mask(path, symbols, asset, table.times(at["date"] if "date" in at else at["timestamp"]))
    return table.without(mask.bars, [at[name] for name in FIELDS if name in at]), (mask.note,)


def _masked_wide(table: Table, at: Mapping[str, int], path: Path | None) -> tuple[Table, tuple[str, ...]]:
    """The same of a table with a column a symbol."""
    if path is None:
        return table, ()
    stamp, *columns = at.values()
    _, *symbols = at
    asset = np.repeat(np.arange(len(columns)), table.n_rows)
    with placed("data", "mask"):
        mask = read_mask(path, symbols, asset, np.tile(table.times(stamp), len(columns)))
    for column, cells in zip(columns, mask.bars.reshape(len(columns), -1), strict=True):
        table = table.without(cells, [column])
    return table, (mask.note,)


def _with_actions(bars: Bars, path: Path) -> Bars:
    """Raw bars adjusted by the splits and dividends of a file."""
    actions, file = read_actions(path, bars.symbols)
    close = bars.fields["close"]
    placed = place_actions(actions, bars.timestamps, close)
    excessive = np.zeros(file.n_rows, dtype=bool)
    excessive[actions.row[unpayable(actions, placed, close)]] = True
    file.refuse(excessive, "dividend", "not below the close before it")
    return _adjusted_forward(bars, placed, f"{path.name}: {told(actions, placed)}")


def _adjusted_forward(bars: Bars, placed: Placed, note: str) -> Bars:
    fields = adjust_forward(bars.fields, placed)
    absurd = ~is_price(fields["close"]) & np.isfinite(fields["close"])
    if absurd.any():
        bar, asset = np.argwhere(absurd)[0].tolist()
        raise DataError(
            f"{bars.table.path}: splits and dividends of {bars.symbols[asset]} up to {bars.time(bar)} carry its price "
            f"to {fields['close'][bar, asset]:.3g}, beyond what prices are; look at its actions"
        )
    fields |= {"split": placed.split, "dividend": placed.dividend}
    return replace(bars, fields=fields, notes=(*bars.notes, note))


NO_SYMBOLS = ("price", "volume", "vol")
"""Names that no symbol has, unlike LOW and OPEN."""


def _name(text: str) -> str:
    """A column's name as it is written here."""
    name = re.sub(r"[\s_-]+", "_", text.strip().lower())
    return next((known for known in LONG if known.replace("_", "") == name.replace("_", "")), name)


def _refuse_columns(table: Table, mistakes: list[str]) -> NoReturn:
    raise DataError(
        f"{table.path}: {'; '.join(mistakes)}\n  Expected one bar a row (date or timestamp, symbol, open, high, "
        "low, close, volume, perhaps adj_close or split and dividend) or one symbol a column (date or "
        "timestamp, then closes)."
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
    if "adj_close" in names and (raw := [f"`{name}`" for name in ACTIONS if name in names]):
        mistakes.append(
            f"there are both `adj_close` and {' and '.join(raw)}, which adjust for the same: drop `adj_close` where "
            f"`close` is raw, and {' and '.join(raw)} where it is adjusted already"
        )
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


def _read_long(table: Table, at: Mapping[str, int], as_of: date | None) -> Bars:
    stamp = at["date"] if "date" in at else at["timestamp"]
    table, notes = _that_count(table, at, stamp, as_of)
    time, (asset, symbols) = table.times(stamp), table.symbols(at["symbol"])
    fields: dict[str, Float] = {}
    unreadable: dict[str, Bool] = {}
    for name in FIELDS:
        if name in at:
            fields[name], unreadable[name] = table.numbers(at[name])
    present = np.any([~np.isnan(values) | unreadable[name] for name, values in fields.items()], axis=0)
    found = _Findings(table, stamp, at["symbol"])
    bad = np.zeros(table.n_rows, dtype=bool)
    for problem in _problems(fields, unreadable, present):
        found.add(problem.rows, at[problem.column], problem.text, {name: at[name] for name in problem.beside})
        bad |= problem.rows
    found.add(present & (asset < 0), at["symbol"], "missing symbol")
    _check_times(table, found, stamp, time, present)
    if DELIVERED in at:
        bad |= _check_times(table, found, at[DELIVERED], table.times(at[DELIVERED]), present)
    rows = np.flatnonzero(present & (asset >= 0) & ~np.isnat(time))
    clock, bar = np.unique(time[rows], return_inverse=True)
    own = _check_order(table, found, stamp, rows, asset[rows], bar, any_order=DELIVERED in at)
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
    bars = Bars(table, "long", clock, symbols, grids, (), cells, notes)
    if set(ACTIONS) & set(at):
        again = np.zeros(table.n_rows, dtype=bool)
        again[rows[~own]] = True
        bars = _with_own_actions(bars, found, at, time, np.where(again, -1, asset))
    return replace(bars, defects=found.defects())


def _that_count(table: Table, at: Mapping[str, int], stamp: int, as_of: date | None) -> tuple[Table, tuple[str, ...]]:
    """The rows of which no later delivery of their bar exists, and what was left out."""
    if DELIVERED not in at:
        return table, ()
    asset, _ = table.symbols(at["symbol"])
    last = last_deliveries(asset, table.times(stamp), table.times(at[DELIVERED]), as_of)
    if not last.counts.any():
        raise MissingDataError(f"{table.path}: nothing had been delivered by {as_of}; `as_of` must be later")
    return (table if last.counts.all() else table.where(last.counts)), last.told(as_of)


def _with_own_actions(bars: Bars, found: _Findings, at: Mapping[str, int], time: Times, asset: Int) -> Bars:
    """Raw bars adjusted by the splits and dividends in columns of their table; bad ones are blamed and left out."""
    table = bars.table
    values = {name: np.full(table.n_rows, np.nan) for name in ACTIONS}
    sound = (asset >= 0) & ~np.isnat(time)
    for name in ACTIONS:
        if name in at:
            values[name], unreadable = table.numbers(at[name])
            found.add(unreadable, at[name], UNREADABLE)
            sound &= ~unreadable
    for problem in action_problems(values["split"], values["dividend"]):
        if problem.column in at:
            found.add(problem.rows, at[problem.column], problem.text)
            sound &= ~problem.rows
    rows = np.arange(table.n_rows)
    actions = actions_of(Actions(rows, asset, time, values["split"], values["dividend"]).where(sound))
    close = bars.fields["close"]
    placed = place_actions(actions, bars.timestamps, close)
    excessive = unpayable(actions, placed, close)
    if excessive.any():
        blamed = np.isin(rows, actions.row[excessive])
        found.add(blamed, at["dividend"], "not below the close before it")
        actions = actions.where(~excessive)
        placed = place_actions(actions, bars.timestamps, close)
    return _adjusted_forward(bars, placed, f"adjusted for {told(actions, placed)}")


def _read_wide(table: Table, at: Mapping[str, int]) -> Bars:
    stamp, *columns = at.values()
    _, *symbols = at
    time = table.times(stamp)
    found = _Findings(table, stamp)
    closes = np.empty((table.n_rows, len(columns)))
    present = np.zeros(table.n_rows, dtype=bool)
    no_row = np.zeros(table.n_rows, dtype=bool)
    for number, column in enumerate(columns):
        values, unreadable = table.numbers(column)
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


def _check_times(table: Table, found: _Findings, column: int, time: Times, present: Bool) -> Bool:
    """Blame times that are missing or none; True where one is."""
    given = table.columns[column].is_not_null().to_numpy()
    wrong, missing = np.isnat(time) & given, ~given & present
    found.add(wrong, column, "not an ISO date or time (write dates as 2015-01-31)")
    found.add(missing, column, "missing date")
    return wrong | missing


def _check_order(
    table: Table, found: _Findings, stamp: int, rows: Int, asset: Int, bar: Int, any_order: bool = False
) -> Bool:
    """Blame bars that are given twice, and where order matters those that stand too late; True where one is new."""
    order = bar_order(asset, bar)
    own = order.first == np.arange(len(rows))
    for again in np.flatnonzero(~own).tolist():
        first = table.place(int(rows[order.first[again]]))
        found.blame(int(rows[again]), stamp, "duplicate bar", f"first in {table.unit} {first}")
    for late in [] if any_order else np.flatnonzero(order.unsorted).tolist():
        found.blame(int(rows[late]), stamp, LATE)
    return own


def _adjust(fields: dict[str, Float]) -> None:
    """Carry splits and dividends into prices and volume; one factor a bar, so that high stays above low."""
    factor = fields.pop("adj_close") / fields["close"]
    for name in fields:
        fields[name] = fields[name] / factor if name == "volume" else fields[name] * factor
