"""Prices from a file of one's own, and a report on what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field

from regimefolio.core.files import path_of
from regimefolio.market.calendar import periods_per_year
from regimefolio.market.sessions import SessionReport, periods_of, report, sessions_of
from regimefolio.market.sources.bars import Bars, read_bars
from regimefolio.market.sources.base import Dataset, DataWarning, Defect, OnBad, Source, data_fingerprint
from regimefolio.market.sources.table import read_table
from regimefolio.market.sources.warnings import count_warnings, find_warnings


class File(Source, kind="file"):
    """A CSV, CSV.gz or Parquet file: one bar a row, or the closes of one symbol a column."""

    path: Path = Field(description="file named .csv, .csv.gz or .parquet")

    def within(self, folder: Path) -> File:
        return File(path=folder / path_of(self.path))

    def load(self, on_bad: OnBad = "error") -> Dataset:
        bars = read_bars(read_table(path_of(self.path)))
        panel = bars.panel(on_bad)
        about = (
            f"{self.path.name}: {panel.n_assets:,} symbols, {panel.n_bars:,} bars, "
            f"{bars.time(0)} to {bars.time(-1)} ({_form(bars)})"
        )
        if bars.defects:
            about += f"; defects masked or put in place: {len(bars.defects):,}"
        mark, doubtful = data_fingerprint(panel, None), count_warnings(bars)
        return Dataset(panel, None, about, bars.defects, mark, bars.table.unit, doubtful)


@dataclass(frozen=True)
class CheckReport:
    """What `regimefolio data check` found in a file.

    Looked for are cells and times that cannot be read, values missing inside a bar, numbers that are no price or
    volume, highs below lows, opens and closes outside of them, and bars given twice or too late: these are defects.
    What may be right all the same is a warning; `warnings.py` lists the rules.

    Parameters
    ----------
    rows : int
        Rows that could be read as such, good or bad.
    symbols : int
    first, last : str
        Times of the first and the last bar; empty where no bar has a time.
    format : str
        Kind and layout of the file, such as `csv.gz, long`.
    periods_per_year : float
        Bars in a year, as the times tell.
    fewest, most : int
        Usable bars of the symbol that has the fewest, and of the one that has the most.
    defects : tuple of Defect
        Every mistake, in the order of the file.
    warnings : tuple of DataWarning
        Everything doubtful, by kind, and within each in the order of the file.
    sessions : SessionReport or None
        How the times differ from a calendar, where one was named.
    """

    rows: int
    symbols: int
    first: str
    last: str
    format: str
    periods_per_year: float
    fewest: int
    most: int
    defects: tuple[Defect, ...]
    warnings: tuple[DataWarning, ...]
    sessions: SessionReport | None = None


def check_file(path: Path, calendar: str | None = None) -> CheckReport:
    """Find every mistake in a file of prices, and what is doubtful; with a calendar, missing and extra sessions too.

    Raises
    ------
    ConfigError
        There is no such calendar, or it does not reach as far.
    MissingDataError
        There is no such file.
    DataError
        The file is no table of bars at all: of another kind, empty, torn, or without the columns of bars.
    """
    bars = read_bars(read_table(path_of(path)))
    counts = np.isfinite(bars.fields["close"]).sum(axis=0)
    return CheckReport(
        rows=bars.table.n_rows,
        symbols=len(bars.symbols),
        first=bars.time(0) if len(bars.timestamps) else "",
        last=bars.time(-1) if len(bars.timestamps) else "",
        format=_form(bars),
        periods_per_year=periods_of(calendar, bars.timestamps) if calendar else periods_per_year(bars.timestamps),
        fewest=int(counts.min()) if counts.size else 0,
        most=int(counts.max(initial=0)),
        defects=bars.defects,
        warnings=find_warnings(bars),
        sessions=None if calendar is None else report(sessions_of(calendar, bars.timestamps), bars.timestamps),
    )


def _form(bars: Bars) -> str:
    return f"{bars.table.format}, {bars.layout}"
