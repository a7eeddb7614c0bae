"""Prices from a file of one's own, and a report on what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from regimefolio.market.sources.bars import Bars, read_bars
from regimefolio.market.sources.base import Dataset, Defect, OnBad, Source, data_fingerprint
from regimefolio.market.sources.table import read_table


class File(Source, kind="file"):
    """A CSV, CSV.gz or Parquet file: one bar a row, or the closes of one symbol a column."""

    path: Path = Field(description="file named .csv, .csv.gz or .parquet")

    def within(self, folder: Path) -> File:
        return File(path=folder / self.path)

    def load(self, on_bad: OnBad = "error") -> Dataset:
        bars = read_bars(read_table(self.path))
        panel = bars.panel(on_bad)
        about = (
            f"{self.path.name}: {panel.n_assets:,} symbols, {panel.n_bars:,} bars, "
            f"{_text(bars, 0)} to {_text(bars, -1)} ({_form(bars)})"
        )
        if bars.defects:
            about += f"; mistakes masked or mended: {len(bars.defects):,}"
        return Dataset(panel, None, about, bars.defects, data_fingerprint(panel, None))


@dataclass(frozen=True)
class CheckReport:
    """What `regimefolio data check` found in a file.

    Parameters
    ----------
    rows : int
        Rows that could be read as such, good or bad.
    symbols : int
    first, last : str
        Times of the first and the last bar; empty where no bar has a time.
    format : str
        Kind and layout of the file, such as `csv.gz, long`.
    defects : tuple of Defect
        Every mistake, in the order of the file.
    """

    rows: int
    symbols: int
    first: str
    last: str
    format: str
    defects: tuple[Defect, ...]


def check_file(path: Path) -> CheckReport:
    """Find every mistake in a file of prices.

    Raises
    ------
    MissingDataError
        There is no such file.
    DataError
        The file is no table of bars at all: of another kind, empty, torn, or without the columns of bars.
    """
    bars = read_bars(read_table(path))
    return CheckReport(
        rows=bars.table.n_rows,
        symbols=len(bars.symbols),
        first=_text(bars, 0),
        last=_text(bars, -1),
        format=_form(bars),
        defects=bars.defects,
    )


def _form(bars: Bars) -> str:
    return f"{bars.table.format}, {bars.layout}"


def _text(bars: Bars, bar: int) -> str:
    """A bar's time: the date alone where it is midnight."""
    if not len(bars.timestamps):
        return ""
    return str(bars.timestamps[bar].astype("datetime64[s]")).removesuffix("T00:00:00")
