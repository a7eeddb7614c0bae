"""Sectors of one's own symbols, from a file beside their prices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regimefolio.core.component import did_you_mean
from regimefolio.core.errors import DataError, MissingDataError
from regimefolio.market.sources.table import Table, read_table

NAMED = 3
"""Symbols without a sector that an error names; the others are counted."""


def read_sectors(path: Path, symbols: Sequence[str]) -> tuple[str, ...]:
    """The sector of each symbol, from a table with the columns `symbol` and `sector`, in any order and any case.

    Symbols that are not asked for, and other columns, do not matter: one list may serve many prices.

    Raises
    ------
    MissingDataError
        There is no such file, or it has no sector for a symbol.
    DataError
        It is no such table, a cell of it is empty, or a symbol is listed twice: with the line.
    """
    table = read_table(path)
    if table.defects:
        first = table.defects[0]
        raise DataError(f"{path}: line {first.row}: {first.problem}, found {first.value!r}; mend the line")
    names, sectors = _column(table, "symbol"), _column(table, "sector")
    found: dict[str, tuple[str, int]] = {}
    for row in range(table.n_rows):
        symbol, sector, place = table.text(row, names).strip(), table.text(row, sectors).strip(), table.place(row)
        where = f"{path}: {table.unit} {place}"
        if not symbol or not sector:
            raise DataError(f"{where}: a symbol and its sector belong here, but these are {symbol!r} and {sector!r}")
        if symbol in found:
            raise DataError(f"{where}: {symbol} was already given in {table.unit} {found[symbol][1]}; keep one of them")
        found[symbol] = (sector, place)
    missing = [symbol for symbol in symbols if symbol not in found]
    if missing:
        more = f" and {len(missing) - NAMED:,} more" if len(missing) > NAMED else ""
        raise MissingDataError(
            f"{path}: has no sector for {', '.join(missing[:NAMED])}{more} of {len(symbols):,} symbols; add a line for "
            "each, with a sector such as unknown where there is none"
        )
    return tuple(found[symbol][0] for symbol in symbols)


def _column(table: Table, name: str) -> int:
    known = [each.strip().lower() for each in table.header]
    if name not in known:
        hint = did_you_mean(name, [each.strip() for each in table.header])
        raise DataError(f"{table.path}: there is no column `{name}`; {hint}; columns must be named symbol and sector")
    return known.index(name)
