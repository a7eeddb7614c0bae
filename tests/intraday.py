"""One-minute bars of one symbol, as many days as are wanted: simulated, and never committed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

MINUTES = 390
"""From 9:31 to 16:00 in New York; here all year at the winter's hours in UTC, but for holidays."""


def minute_bars(path: Path, days: int) -> None:
    """Write a long file of bars that are stamped with their close, on sessions of New York from 2012 on."""
    import warnings

    import exchange_calendars

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schedule = exchange_calendars.get_calendar("XNYS", start="2012-01-03", end="2019-12-31").schedule
    opens = schedule["open"].dt.tz_convert(None).to_numpy("datetime64[m]")
    closes = schedule["close"].dt.tz_convert(None).to_numpy("datetime64[m]")
    stamps = [np.arange(start, end) + 1 for start, end in zip(opens[:days], closes[:days], strict=True)]
    stamp = np.concatenate(stamps)
    rng = np.random.default_rng(5)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.0005, len(stamp)))), 4)
    start = np.concatenate([[100.0], close[:-1]])
    reach = np.round(np.abs(rng.normal(0, 0.02, (2, len(stamp)))), 4)
    frame = pl.DataFrame(
        {
            "timestamp": stamp.astype(str),
            "symbol": ["SPY"] * len(stamp),
            "open": start,
            "high": np.round(np.maximum(start, close) + reach[0], 4),
            "low": np.round(np.minimum(start, close) - reach[1], 4),
            "close": close,
            "volume": rng.integers(1_000, 90_000, len(stamp)),
        }
    )
    frame.write_csv(path)
