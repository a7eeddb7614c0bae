"""Prices from Yahoo Finance, through the package yfinance, which is installed when it is wanted."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from regimefolio.core.errors import ConfigError, DataError, MissingDataError
from regimefolio.core.types import Bool, Float, Times
from regimefolio.market.sources.bars import Bars, read_bars
from regimefolio.market.sources.base import Dataset, OnBad, Source, data_fingerprint, first_mistake
from regimefolio.market.sources.table import Table
from regimefolio.market.sources.warnings import count_warnings

if TYPE_CHECKING:
    import pandas as pd

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "open": "Open",
        "high": "High",
        "low": "Low",
        "close": "Close",
        "adj_close": "Adj Close",
        "volume": "Volume",
    }
)
"""What we call a column, and what yfinance does."""

Interval = Literal["1m", "2m", "5m", "15m", "30m", "60m", "90m", "1d"]

INSTALL = "install it with `pip install 'regimefolio[yahoo]'`"


class Yahoo(Source, kind="yahoo"):
    """Bars of Yahoo Finance, adjusted for splits and dividends as of the day on which they are fetched.

    They change with every dividend: `regimefolio data import yahoo:AAPL --name mine` keeps them. Intraday bars, which
    Yahoo stamps with their start, are stamped with their end; those that are not over are left out.
    """

    symbols: tuple[str, ...] = Field(min_length=1, description="as Yahoo writes them, with commas between: AAPL,MSFT")
    interval: Interval = Field("1d", description="length of a bar; Yahoo keeps intraday bars for days or weeks only")
    start: date | None = Field(None, description="first date; as early as there is, if not said")
    end: date | None = Field(None, description="last date, itself included; yesterday in UTC, if not said")

    @field_validator("symbols", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        symbols = value.split(",") if isinstance(value, str) else value
        if not isinstance(symbols, list | tuple) or not all(isinstance(each, str) for each in symbols):
            return value
        return tuple(dict.fromkeys(symbol.strip().upper() for symbol in symbols if symbol.strip()))

    @model_validator(mode="after")
    def _in_order(self) -> Yahoo:
        if self.start is not None and self.end is not None and self.start > self.end:
            raise ValueError(f"start {self.start} is after end {self.end}")
        return self

    def __str__(self) -> str:
        others = [("interval", self.interval != "1d"), ("start", self.start), ("end", self.end)]
        changed = [f"{name} {getattr(self, name)}" for name, said in others if said]
        return ", ".join([f"yahoo:{','.join(self.symbols)}", *changed])

    def load(self, on_bad: OnBad = "error") -> Dataset:
        bars = self.bars()
        if bars.defects and on_bad == "error":
            raise DataError(
                f"{self}: {first_mistake(bars.table.unit, bars.defects)}\n"
                "  Set `on_bad: mask` to turn bad bars into missing ones."
            )
        panel = bars.panel("mask")
        about = (
            f"{self}: {panel.n_assets:,} symbols, {panel.n_bars:,} bars, {bars.time(0)} to {bars.time(-1)}, "
            f"adjusted as of {datetime.now(UTC).date()}"
        )
        if bars.defects:
            about += f"; defects masked: {len(bars.defects):,}"
        mark, doubtful = data_fingerprint(panel, None), count_warnings(bars)
        return Dataset(panel, None, about, bars.defects, mark, bars.table.unit, doubtful)

    def bars(self) -> Bars:
        """Fetch all bars and check each, as those of a file are.

        Raises
        ------
        ConfigError
            yfinance is not installed.
        MissingDataError
            Yahoo does not answer, or has no bars of a symbol.
        """
        return read_bars(self._table(self._fetch()))

    @property
    def _last(self) -> date:
        """The last date that is used: the bar of a day that is not over changes until its evening."""
        today = datetime.now(UTC).date()
        return self.end or (today - timedelta(days=1) if self.interval == "1d" else today)

    def _fetch(self) -> pd.DataFrame:
        """The answer: a column a field and symbol, a row a time."""
        try:
            import yfinance
        except ImportError as error:
            raise ConfigError(f"{self}: needs the package yfinance, which is not installed; {INSTALL}") from error
        span = {"period": "max"}
        if self.start is not None:  # their last day is excluded
            span = {"start": self.start.isoformat(), "end": (self._last + timedelta(days=1)).isoformat()}
        try:
            with warnings.catch_warnings():  # it uses what pandas will change: nothing that we could do about
                warnings.simplefilter("ignore")
                frame = yfinance.download(
                    list(self.symbols),
                    **span,
                    interval=self.interval,
                    auto_adjust=False,
                    actions=False,
                    progress=False,
                )
        except (OSError, yfinance.exceptions.YFException) as error:
            raise MissingDataError(f"{self}: Yahoo does not answer ({error}); try again later") from error
        if frame is None or frame.empty:
            raise MissingDataError(
                f"{self}: Yahoo answered with no bar; look at the symbols and dates, and whether there is a network"
            )
        return frame

    def _table(self, frame: pd.DataFrame) -> Table:
        """The rows of an answer that hold a bar, symbol after symbol."""
        import polars as pl

        time, over = self._times(frame.index)
        parts = list(self._parts(frame, over))
        missing = [symbol for symbol, _, rows in parts if not rows.any()]
        if missing:
            raise MissingDataError(
                f"{self}: Yahoo has no bars of {', '.join(missing)}; look at the dates, or take them out"
            )
        daily = self.interval == "1d"
        stamp = pl.Series(np.concatenate([time[rows] for _, _, rows in parts]))
        symbols = [symbol for symbol, _, rows in parts for _ in range(int(rows.sum()))]
        columns = [stamp.cast(pl.Date) if daily else stamp, pl.Series(symbols)]
        for position in range(len(FIELDS)):
            columns.append(pl.Series(np.concatenate([values[position][rows] for _, values, rows in parts])))
        name = f"yahoo:{','.join(self.symbols)}"
        return Table(Path(name), "yahoo", ("date" if daily else "timestamp", "symbol", *FIELDS), tuple(columns))

    def _parts(self, frame: pd.DataFrame, over: Bool) -> Iterator[tuple[str, list[Float], Bool]]:
        """Each symbol with its fields and the rows in which it has a bar that is over."""
        names = list(frame.columns.names)
        if set(names) != {"Price", "Ticker"}:
            raise DataError(
                f"{self}: this version of yfinance answers with columns by {names}, not by Price and Ticker; {INSTALL}"
            )
        frame = frame.reorder_levels(["Ticker", "Price"], axis=1)
        for symbol in self.symbols:
            columns = [(symbol, name) for name in FIELDS.values()]
            values = [
                frame[column].to_numpy(dtype=np.float64) if column in frame.columns else np.full(len(frame), np.nan)
                for column in columns
            ]
            yield symbol, values, np.isfinite(values).any(axis=0) & over

    def _times(self, index: pd.DatetimeIndex) -> tuple[Times, Bool]:
        """When each row's bars close, and whether that is past and asked for; a day is its date."""
        if self.interval == "1d":
            dates: Times = index.tz_localize(None).normalize().to_numpy(dtype="datetime64[ns]")
            return dates, dates <= np.datetime64(self._last)
        utc = index if index.tz is None else index.tz_convert("UTC").tz_localize(None)
        opens: Times = utc.to_numpy(dtype="datetime64[ns]")
        closes: Times = opens + np.timedelta64(int(self.interval.removesuffix("m")), "m")
        now = np.datetime64(datetime.now(UTC).replace(tzinfo=None), "ns")
        return closes, (closes <= now) & (opens.astype("datetime64[D]") <= np.datetime64(self._last))
