"""Small files beside the prices, one dated fact a row, most of a symbol; every row must be right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from regimefolio.core.component import did_you_mean
from regimefolio.core.errors import DataError
from regimefolio.core.types import Bool, Float, Int, Times
from regimefolio.market.actions import ACTIONS, Actions, action_problems, actions_of
from regimefolio.market.notes import counted, used
from regimefolio.market.sources.table import Table, read_table

ELSEWHERE = {
    "ticker": "symbol",
    "ex_date": "date",
    "timestamp": "date",
    "time": "date",
    "dividends": "dividend",
    "amount": "dividend",
    "splits": "split",
    "stock_splits": "split",
    "ratio": "split",
    "start": "from",
    "end": "to",
    "dlret": "return",
    "fee": "rate",
}
"""What others call these columns."""


class DatedTable:
    """The rows of such a file.

    Parameters
    ----------
    path : Path
        Named .csv, .csv.gz or .parquet.
    needed, optional : sequence of str
        Its columns, in any order and any case.
    may_be_empty : bool
        Whether it may hold the names of its columns alone.
    table : Table, optional
        Its cells, where they were read already.

    Raises
    ------
    MissingDataError
        There is no such file.
    DataError
        It cannot be read, has other columns, or a row of another width, or one without its symbol.
    """

    def __init__(
        self,
        path: Path,
        needed: Sequence[str],
        optional: Sequence[str] = (),
        may_be_empty: bool = False,
        table: Table | None = None,
    ) -> None:
        self.path = path
        self._table = read_table(path, may_be_empty) if table is None else table
        known = (*needed, *optional)
        names = [text.strip().lower().replace(" ", "_") for text in self._table.header]
        mistakes = [f"there is no column `{name}`" for name in needed if name not in names]
        mistakes += [f"column `{name}` is given twice" for name in known if names.count(name) > 1]
        for text, name in zip(self._table.header, names, strict=True):
            if name not in known:
                meant = ELSEWHERE.get(name, "")
                hint = f"did you mean {meant!r}?" if meant in known else did_you_mean(name, known)
                mistakes.append(f"unknown column {text!r}; {hint}")
        if mistakes:
            raise DataError(f"{path}: {'; '.join(mistakes)}\n  Expected the columns {', '.join(known)}.")
        self._column = {name: names.index(name) for name in known if name in names}
        if self._table.defects:
            first = self._table.defects[0]
            raise DataError(f"{path}: line {first.row}: {first.problem}, found {first.value!r}; mend the file")
        self.asset, self.symbols = np.zeros(self.n_rows, np.int64), tuple[str, ...]()
        if "symbol" in known:
            self.asset, self.symbols = self._table.symbols(self._column["symbol"])
            self.refuse(self.asset < 0, "symbol", "missing symbol")

    def __contains__(self, name: str) -> bool:
        return name in self._column

    def times(self, name: str, or_empty: bool = False) -> Times:
        """A column of dates; NaT where a cell may be empty and is."""
        times, column = self._table.times(self._column[name]), self._table.columns[self._column[name]]
        given = column.is_not_null().to_numpy()
        self.refuse(np.isnat(times) & given, name, "not an ISO date or time (write dates as 2015-01-31)")
        if not or_empty:
            self.refuse(~given, name, "missing date")
        return times

    def numbers(self, name: str, or_empty: bool = False) -> Float:
        """A column of finite numbers; NaN where a cell may be empty and is."""
        values, unreadable = self._table.numbers(self._column[name])
        self.refuse(unreadable, name, "not a number")
        self.refuse(np.isinf(values), name, "not a finite number")
        if not or_empty:
            self.refuse(np.isnan(values), name, "missing value")
        return values

    def texts(self, name: str, if_empty: str | None = None) -> tuple[str, ...]:
        """A column of text without blanks around it; where a cell may be empty and is, `if_empty`."""
        texts = [self._table.text(row, self._column[name]).strip() for row in range(self.n_rows)]
        if if_empty is None:
            self.refuse(np.array([not text for text in texts], dtype=bool), name, f"missing {name}")
        return tuple(text or if_empty or "" for text in texts)

    @property
    def n_rows(self) -> int:
        return self._table.n_rows

    @property
    def rows(self) -> Int:
        return np.arange(self.n_rows)

    def refuse_strangers(self, known: Iterable[str]) -> None:
        """Raise an error where it has rows, and none of its symbols is known."""
        if self.n_rows and not any(True for _ in known):
            few = f"{', '.join(self.symbols[:3])}{', …' * (len(self.symbols) > 3)}"
            raise DataError(f"{self.path}: the prices have none of its symbols ({few})")

    def refuse(self, rows: Bool, name: str, problem: str) -> None:
        """Raise an error that names the first of these rows, if there is any, and how many more there are."""
        found = np.flatnonzero(rows).tolist()
        if not found:
            return
        table, row = self._table, found[0]
        others = f", and in {len(found) - 1:,} more" if len(found) > 1 else ""
        symbol = table.text(row, self._column["symbol"]) if "symbol" in self._column else ""
        raise DataError(
            f"{self.path}: {table.unit} {table.place(row)}, column {name}: {problem}, "
            f"found {table.text(row, self._column[name])!r}{f' for {symbol}' if symbol else ''}{others}; mend the file"
        )


def read_actions(path: Path, symbols: Sequence[str]) -> tuple[Actions, DatedTable]:
    """The splits and dividends of a file, for the assets of these symbols, and the file to blame for them.

    Raises
    ------
    MissingDataError, DataError
        It is no such file, a row is wrong, a split is given twice, or no symbol is known.
    """
    table = DatedTable(path, ("symbol", "date"), ACTIONS, may_be_empty=True)
    if not any(name in table for name in ACTIONS):
        raise DataError(f"{path}: there is neither a column `split` nor a column `dividend`")
    values = {
        name: table.numbers(name, or_empty=True) if name in table else np.full(len(table.asset), np.nan)
        for name in ACTIONS
    }
    for problem in action_problems(values["split"], values["dividend"]):
        table.refuse(problem.rows, problem.column, problem.text)
    number = {symbol: at for at, symbol in enumerate(symbols)}
    asset = np.array([number.get(symbol, -1) for symbol in table.symbols], dtype=np.int64)[table.asset]
    table.refuse_strangers(symbol for symbol in table.symbols if symbol in number)
    found = actions_of(Actions(table.rows, asset, table.times("date"), values["split"], values["dividend"]))
    splits = found.where(found.split != 1.0)
    again = np.zeros(table.n_rows, dtype=bool)
    order = np.lexsort((splits.time, table.asset[splits.row]))
    same = (np.diff(table.asset[splits.row][order]) == 0) & (np.diff(splits.time[order]) == np.timedelta64(0))
    again[splits.row[order[1:][same]]] = True
    table.refuse(again, "split", "a second split of this symbol and date")
    return found, table


class Mask(NamedTuple):
    """Bars that cannot be right: where in a table they stand, (R,), and what is told of them."""

    bars: Bool
    note: str


def read_mask(path: Path, symbols: Sequence[str], asset: Int, time: Times) -> Mask:
    """The bars that a file with the columns symbol and date names; a date alone means all bars of its day.

    Parameters
    ----------
    symbols : sequence of str
        Those of the prices.
    asset : ndarray of shape (R,), int64
        Place of each bar's symbol among them; below 0 where it has none.
    time : ndarray of shape (R,), datetime64[ns]
        As the prices stamp each bar.

    Raises
    ------
    MissingDataError, DataError
        It is no such file, a row is wrong, or no symbol is known.
    """
    table = DatedTable(path, ("symbol", "date"), may_be_empty=True)
    number = {symbol: at for at, symbol in enumerate(symbols)}
    table.refuse_strangers(symbol for symbol in table.symbols if symbol in number)
    owner = np.array([number.get(symbol, -1) for symbol in table.symbols], dtype=np.int64)[table.asset]
    date = table.times("date")
    whole = date == date.astype("datetime64[D]")
    bars, found = np.zeros(asset.size, dtype=bool), np.zeros(table.n_rows, dtype=bool)
    for rows, unit in ((whole, "datetime64[D]"), (~whole, "datetime64[ns]")):
        clock, when = np.unique(np.concatenate([time, date]).astype(unit), return_inverse=True)
        key = np.concatenate([asset, owner]) * clock.size + when
        key[np.concatenate([asset, owner]) < 0] = -1
        theirs, ours = key[: asset.size], key[asset.size :]
        bars |= (theirs >= 0) & np.isin(theirs, ours[rows])
        found |= rows & np.isin(ours, theirs[theirs >= 0])
    ignored = {
        "of symbols without prices": int((owner < 0).sum()),
        "of which the symbol has no bar": int(((owner >= 0) & ~found).sum()),
    }
    return Mask(bars, used(f"{path.name}: {counted(int(bars.sum()), 'bar')} taken as missing", ignored))
