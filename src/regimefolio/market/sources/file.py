"""Prices from a file of one's own."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from regimefolio.core.files import path_of
from regimefolio.market.sources.bars import Bars, read_bars
from regimefolio.market.sources.base import (
    AS_IT_IS,
    Dataset,
    OnBad,
    Reading,
    Source,
    data_fingerprint,
)
from regimefolio.market.sources.table import read_table
from regimefolio.market.sources.warnings import count_warnings


class File(Source, kind="file"):
    """A CSV, CSV.gz or Parquet file: one bar a row, or the closes of one symbol a column."""

    path: Path = Field(description="file named .csv, .csv.gz or .parquet")

    def within(self, folder: Path) -> File:
        return File(path=folder / path_of(self.path))

    def bars(self, reading: Reading = AS_IT_IS) -> Bars:
        """All bars, good and bad, and the list of what is wrong with them."""
        return read_bars(read_table(path_of(self.path)), reading)

    def load(self, on_bad: OnBad = "error") -> Dataset:
        return self.load_as(AS_IT_IS, on_bad)

    def load_as(self, reading: Reading, on_bad: OnBad = "error") -> Dataset:
        """Load prices, raw ones adjusted by the splits and dividends that their columns, or a file of actions, hold."""
        bars = self.bars(reading)
        panel = bars.panel(on_bad)
        about = (
            f"{self.path.name}: {panel.n_assets:,} symbols, {panel.n_bars:,} bars, "
            f"{bars.time(0)} to {bars.time(-1)} ({bars.form})"
        )
        about = "; ".join([about, *bars.notes])
        if bars.defects:
            about += f"; defects masked or put in place: {len(bars.defects):,}"
        mark, doubtful = data_fingerprint(panel, None), count_warnings(bars)
        return Dataset(panel, None, about, bars.defects, mark, bars.table.unit, doubtful)
