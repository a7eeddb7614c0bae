"""Bars of several symbols on one clock, laid over each other and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from regimefolio.core.arrays import time_text
from regimefolio.core.types import Bool, Float, Int, Times

SHOWN = 10
"""Revised bars that a report shows."""

SYMBOLS_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Grid:
    """Bars of N symbols at T times.

    Parameters
    ----------
    timestamps : ndarray of shape (T,), datetime64[ns]
        Strictly increasing.
    symbols : tuple of N str
        In the order of their names.
    fields : tuple of F str
        `close`, and whatever else a bar has.
    values : ndarray of shape (F, T, N), float64
        NaN in every field where a symbol has no bar.
    """

    timestamps: Times
    symbols: tuple[str, ...]
    fields: tuple[str, ...]
    values: Float

    @property
    def has_bar(self) -> Bool:
        """Where a symbol has a bar, of shape (T, N)."""
        return np.isfinite(self.values[self.fields.index("close")])

    def by_field(self) -> dict[str, Float]:
        """Each field's values, of shape (T, N)."""
        return dict(zip(self.fields, self.values, strict=True))

    def part(self, rows: Bool, columns: Bool) -> Grid:
        """Some of the times and symbols."""
        symbols = tuple(symbol for symbol, wanted in zip(self.symbols, columns.tolist(), strict=True) if wanted)
        return Grid(self.timestamps[rows], symbols, self.fields, self.values[:, rows][:, :, columns])


def overlay(grids: Sequence[Grid]) -> Grid:
    """All bars of some grids with equal fields; where two have a bar, that of the later grid."""
    if len(grids) == 1:
        return grids[0]
    clock: Times = np.unique(np.concatenate([grid.timestamps for grid in grids]))
    symbols = tuple(sorted({symbol for grid in grids for symbol in grid.symbols}))
    values = np.full((len(grids[0].fields), len(clock), len(symbols)), np.nan)
    for grid in grids:
        _lay(values, grid, clock, symbols)
    return Grid(clock, symbols, grids[0].fields, values)


def _lay(values: Float, grid: Grid, clock: Times, symbols: tuple[str, ...]) -> None:
    """Write a grid's bars into values on wider axes."""
    number = {symbol: at for at, symbol in enumerate(symbols)}
    rows = np.searchsorted(clock, grid.timestamps)
    columns = np.array([number[symbol] for symbol in grid.symbols], dtype=np.int64)
    has_bar = grid.has_bar
    if _runs(rows) and _runs(columns):  # a view, which is written in place
        beneath = values[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        np.copyto(beneath, grid.values, where=has_bar)
    else:
        time, symbol = np.nonzero(has_bar)
        values[:, rows[time], columns[symbol]] = grid.values[:, time, symbol]


def _runs(positions: Int) -> bool:
    """Whether positions follow each other without a gap."""
    return len(positions) > 0 and int(positions[-1] - positions[0]) == len(positions) - 1


def few(symbols: Sequence[str]) -> str:
    """The first symbols by name, and how many others there are."""
    more = len(symbols) - SYMBOLS_SHOWN
    return ", ".join(symbols[:SYMBOLS_SHOWN]) + (f" and {more:,} other symbols" if more > 0 else "")


class RevisedBar(NamedTuple):
    """A past bar that a file tells otherwise; a side without a bar is empty."""

    symbol: str
    time: str
    stored: Mapping[str, float]
    given: Mapping[str, float]

    def __str__(self) -> str:
        if not self.given:
            told = f"{_values(self.stored)}: not in the file"
        elif not self.stored:
            told = f"{_values(self.given)}: not in the store, which goes on after it"
        else:
            told = ", ".join(
                f"{name} {value!r}, now {self.given[name]!r}"
                for name, value in self.stored.items()
                if value != self.given[name]
            )
        return f"{self.symbol} {self.time}: {told}"


def _values(bar: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in bar.items())


class Revision(NamedTuple):
    """How a file tells the past differently from what is stored.

    Parameters
    ----------
    changed, earlier, absent : int
        Bars with other values; bars before a symbol's last stored one that are not stored; and stored bars, between
        a symbol's first and last one of the file, that the file has not.
    symbols : tuple of str
        Those concerned.
    first : tuple of RevisedBar
        The first ten, in the order of time.
    """

    changed: int
    earlier: int
    absent: int
    symbols: tuple[str, ...]
    first: tuple[RevisedBar, ...]

    @property
    def bars(self) -> int:
        return self.changed + self.earlier + self.absent

    def __str__(self) -> str:
        """How many bars of which symbols."""
        kinds = (
            (self.changed, "with other values"),
            (self.earlier, "not stored"),
            (self.absent, "not in the file"),
        )
        parts = ", ".join(f"{count:,} {kind}" for count, kind in kinds if count)
        return f"{'1 bar' if self.bars == 1 else f'{self.bars:,} bars'} of {few(self.symbols)} ({parts})"

    def lines(self) -> list[str]:
        """The first bars, one a line, and how many others there are."""
        more = self.bars - len(self.first)
        return [*map(str, self.first), *([f"… {more:,} more"] if more else [])]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a file says, beside what is stored; all arrays are on the common axes.

    Parameters
    ----------
    stored, given : Grid
        On the same times and symbols.
    added : ndarray of shape (T, N), bool
        Bars after the last stored one of their symbol.
    changed, earlier, absent : ndarray of shape (T, N), bool
        As in `Revision`.
    """

    stored: Grid
    given: Grid
    added: Bool
    changed: Bool
    earlier: Bool
    absent: Bool

    @property
    def revised(self) -> Bool:
        return self.changed | self.earlier | self.absent

    @property
    def apart(self) -> tuple[str, ...]:
        """Symbols with bars behind stored ones, and without one that both have."""
        had, has = self.stored.has_bar, self.given.has_bar
        apart: Int = np.flatnonzero(self.added.any(axis=0) & had.any(axis=0) & ~(had & has).any(axis=0))
        return tuple(self.given.symbols[n] for n in apart.tolist())

    def revision(self) -> Revision | None:
        """How the past differs; None where it does not."""
        revised = self.revised
        if not revised.any():
            return None
        changed, earlier, absent = (int(part.sum()) for part in (self.changed, self.earlier, self.absent))
        symbols = tuple(symbol for n, symbol in enumerate(self.given.symbols) if revised[:, n].any())
        return Revision(changed, earlier, absent, symbols, tuple(self._first(revised)))

    def _first(self, revised: Bool) -> Iterator[RevisedBar]:
        for t, n in np.argwhere(revised)[:SHOWN].tolist():
            stored, given = (
                dict(zip(grid.fields, grid.values[:, t, n].tolist(), strict=True)) if grid.has_bar[t, n] else {}
                for grid in (self.stored, self.given)
            )
            yield RevisedBar(self.given.symbols[n], time_text(self.given.timestamps[t]), stored, given)


def compare(stored: Grid, given: Grid) -> Comparison:
    """What is new in a file's bars, and what is told otherwise; both have the same fields."""
    clock: Times = np.union1d(stored.timestamps, given.timestamps)
    symbols = tuple(sorted({*stored.symbols, *given.symbols}))
    bars = []
    for grid in (stored, given):
        values = np.full((len(grid.fields), len(clock), len(symbols)), np.nan)
        _lay(values, grid, clock, symbols)
        bars.append(Grid(clock, symbols, grid.fields, values))
    old, new = bars
    had, has = old.has_bar, new.has_bar
    time = np.arange(len(clock))[:, None]
    after = time > np.where(had, time, -1).max(axis=0, initial=-1)
    within = np.logical_or.accumulate(has, axis=0) & np.logical_or.accumulate(has[::-1], axis=0)[::-1]
    differs = ((old.values != new.values) & ~(np.isnan(old.values) & np.isnan(new.values))).any(axis=0)
    return Comparison(
        old,
        new,
        added=has & ~had & after,
        changed=had & has & differs,
        earlier=has & ~had & ~after,
        absent=had & ~has & within,
    )
