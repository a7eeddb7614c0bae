"""How a file changes a version: bars are added behind what is stored, and the past is revised only if asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regimefolio.core.errors import DataError
from regimefolio.core.types import Bool, Times
from regimefolio.market.sources.bars import Bars
from regimefolio.market.sources.table import read_times
from regimefolio.market.sources.warnings import count_warnings
from regimefolio.market.store.grid import Comparison, Grid, Revision, compare, few, overlay
from regimefolio.market.store.objects import Objects
from regimefolio.market.store.versions import (
    Block,
    StoredDefect,
    Version,
    read_block,
    read_defects,
    write_block,
    write_defects,
)

ADJUSTING = frozenset({"adj_close", "split", "dividend"})
"""Columns by which prices are adjusted."""


@dataclass(frozen=True)
class Delivery:
    """What a file holds: its name, its bars, what is wrong with them and what is doubtful.

    `adjusted` says that it is the file's columns by which prices were adjusted, so that they hang on its span, and
    `notes` what was done to them.
    """

    file: str
    grid: Grid
    defects: tuple[StoredDefect, ...]
    doubtful: dict[str, int]
    adjusted: bool
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, bars: Bars) -> Delivery:
        """The delivery that a table is."""
        file, unit = bars.table.path.name, bars.table.unit
        values = np.stack(list(bars.fields.values()))
        values[:, np.isnan(bars.fields["close"])] = np.nan  # splits and dividends are told at every time
        grid = Grid(bars.timestamps, bars.symbols, tuple(bars.fields), values)
        defects = tuple(StoredDefect(file, unit, each) for each in bars.defects)
        adjusted = bars.layout == "long" and not ADJUSTING.isdisjoint(bars.cells.columns)
        return cls(file, grid, defects, count_warnings(bars), adjusted, bars.notes)


@dataclass(frozen=True)
class Merge:
    """The version that a delivery leads to, how many bars it adds, and how the past was told differently.

    `apart` are the symbols whose bars were added behind stored ones without a bar that both have.
    """

    version: Version
    added: int
    revision: Revision | None
    apart: tuple[str, ...] = ()


def first_version(delivery: Delivery, objects: Objects) -> Merge:
    """A version of one file alone."""
    grid = delivery.grid
    blocks, defects = (write_block(grid, objects),), write_defects(delivery.defects, objects)
    return Merge(Version(grid.fields, blocks, defects, delivery.doubtful), int(grid.has_bar.sum()), None)


def next_version(before: Version, label: str, delivery: Delivery, objects: Objects, revise: bool) -> Merge:
    """The version after `before`, which messages call `label`; the same one where the file says nothing else.

    Raises
    ------
    DataError
        The file has other fields, tells past bars otherwise and `revise` is False, or adjusts its prices and does not
        cover the bars that they must agree with.
    """
    given = delivery.grid
    if given.fields != before.fields:
        raise DataError(
            f"{delivery.file}: has {', '.join(given.fields)}, but {label} has {', '.join(before.fields)}; "
            "import it under another --name"
        )
    stored = overlay([read_block(block, before.fields, objects) for block in before.blocks])
    found = compare(stored, given)
    revision = found.revision()
    if revision is not None and not revise:
        raise _refusal(delivery.file, label, revision)
    partly = _uncovered(given, stored, () if revision is None else revision.symbols)
    if partly and delivery.adjusted:
        raise DataError(
            f"{delivery.file}: adjusts its prices, and differs from the past of {label} without reaching from the "
            f"first to the last stored bar of {few(partly)}: the others would stay as they were adjusted before; "
            "import a file that covers them"
        )
    if found.apart and delivery.adjusted:
        raise DataError(
            f"{delivery.file}: adjusts its prices, and has no bar in common with {label} of {few(found.apart)}: "
            "whether both are adjusted alike cannot be seen; import a file that begins at a bar that is stored"
        )
    whole = not _uncovered(given, stored, stored.symbols)
    defects = _defects(read_defects(before, objects), delivery, found, whole)
    doubtful = delivery.doubtful
    if not whole:  # a file that covers all that is stored speaks for all; another one adds its own
        changed = revision is not None or found.added.any()
        doubtful = dict(Counter(before.doubtful) + Counter(doubtful)) if changed else dict(before.doubtful)
    if revision is None:
        blocks = _appended(before, stored, found, given.symbols, objects)
    else:
        blocks = (write_block(given if whole else _revised(stored, found), objects),)
    version = Version(before.fields, blocks, write_defects(defects, objects), doubtful)
    return Merge(version, int(found.added.sum()), revision, found.apart)


def _refusal(file: str, label: str, revision: Revision) -> DataError:
    return DataError(
        "\n".join(
            [
                f"{file}: differs from the past of {label} in {revision}",
                *(f"    {line}" for line in revision.lines()),
                f"  --revise stores them as another version, and {label} stays readable; prices that are adjusted for "
                "splits and dividends change with each of them",
            ]
        )
    )


def _appended(
    before: Version, stored: Grid, found: Comparison, symbols: Sequence[str], objects: Objects
) -> tuple[Block, ...]:
    """The blocks of a version, and those of the bars behind them: of its own symbols one, of others another."""
    given, blocks = found.given, list(before.blocks)
    asked, known = np.isin(given.symbols, symbols), np.isin(given.symbols, stored.symbols)
    later = given.timestamps > stored.timestamps[-1]  # bars of the file in which all is missing, too
    for columns in (asked & known, asked & ~known):
        if not columns.any():
            continue
        rows: Bool = found.added[:, columns].any(axis=1) | later
        if not rows.any() and known[columns].all():
            continue
        values = np.where(found.added, given.values, np.nan)
        block = Grid(given.timestamps, given.symbols, given.fields, values).part(rows, columns)
        blocks.append(write_block(_swallow(block, blocks, before.fields, objects), objects))
    return tuple(blocks)


def _swallow(grid: Grid, blocks: list[Block], fields: tuple[str, ...], objects: Objects) -> Grid:
    """The bars of a block and of those with the same symbols that are no longer, which are taken out of the list.

    So blocks double in length backwards, as in a log-structured merge tree: a daily import writes little, and after
    years there are a dozen blocks to read.
    """
    while True:
        short = [block for block in blocks if block.symbols == grid.symbols and block.bars <= len(grid.timestamps)]
        if not short:
            return grid
        blocks.remove(short[0])
        grid = overlay([read_block(short[0], fields, objects), grid])


def _revised(stored: Grid, found: Comparison) -> Grid:
    """What the file says of the bars that it tells, and what is stored of all others."""
    merged = overlay([found.stored, found.given])
    merged.values[:, found.absent] = np.nan
    empty = ~merged.has_bar.any(axis=1)
    was_empty = np.isin(merged.timestamps, stored.timestamps) & ~found.stored.has_bar.any(axis=1)
    rows = ~empty | was_empty | (merged.timestamps > stored.timestamps[-1])
    return merged.part(rows, np.ones(len(merged.symbols), dtype=bool))


def _uncovered(given: Grid, stored: Grid, symbols: Sequence[str]) -> tuple[str, ...]:
    """Those of some symbols whose bars of a file do not reach from the first to the last stored one."""
    reach, spans = _spans(given), _spans(stored)
    return tuple(
        symbol
        for symbol in symbols
        if symbol in spans
        and not (symbol in reach and reach[symbol][0] <= spans[symbol][0] and spans[symbol][1] <= reach[symbol][1])
    )


def _spans(grid: Grid) -> dict[str, tuple[np.datetime64, np.datetime64]]:
    """The times of the first and the last bar of each symbol that has one."""
    has_bar = grid.has_bar
    some: list[bool] = np.atleast_1d(has_bar.any(axis=0)).tolist()
    first, last = has_bar.argmax(axis=0), len(has_bar) - 1 - has_bar[::-1].argmax(axis=0)
    return {
        symbol: (grid.timestamps[first[n]], grid.timestamps[last[n]])
        for n, symbol in enumerate(grid.symbols)
        if some[n]
    }


def _defects(
    stored: tuple[StoredDefect, ...], delivery: Delivery, found: Comparison, whole: bool
) -> tuple[StoredDefect, ...]:
    """What was wrong with all files so far; what a revision told anew is forgotten."""
    if whole:
        listed = tuple(each.defect for each in stored)
        return stored if listed == tuple(each.defect for each in delivery.defects) else delivery.defects
    if stored and found.revised.any():
        spans, times = _spans(delivery.grid), _times(stored)
        stored = tuple(
            each
            for each, time in zip(stored, times, strict=True)
            if not (each.defect.symbol in spans and _inside(time, *spans[each.defect.symbol]))
        )
    known = {_what(each) for each in stored}
    return (*stored, *(each for each in delivery.defects if _what(each) not in known))


def _what(each: StoredDefect) -> tuple[str, ...]:
    """A defect without its place in the file."""
    defect = each.defect
    return defect.symbol, defect.timestamp, defect.column, defect.value, defect.problem


def _times(defects: Sequence[StoredDefect]) -> Times:
    import polars as pl

    return read_times(pl.Series([each.defect.timestamp for each in defects], dtype=pl.String))


def _inside(time: np.datetime64, first: np.datetime64, last: np.datetime64) -> bool:
    return bool(first <= time <= last)  # a time that cannot be read is nowhere
