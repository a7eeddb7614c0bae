"""When to decide, where quarters begin, and how many bars make a year: all read off the bars themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from regimefolio.core.component import Model, did_you_mean
from regimefolio.core.types import Bool, Int, Times

_NAMES = ("daily", "weekly", "monthly")
_HINT = "a rebalance is `daily`, `weekly`, `monthly` or `{every: k}` with k ≥ 1 bars"


class Every(Model):
    """A decision every so many bars, counted from the panel's first one."""

    every: int = Field(ge=1, strict=True, description="bars from one decision to the next")


def _rebalance(value: Any) -> Any:
    if isinstance(value, Every) or (isinstance(value, str) and value in _NAMES):
        return value
    if isinstance(value, str):
        hint = did_you_mean(value, _NAMES)
        raise PydanticCustomError("rebalance", "{text}", {"text": f"{_HINT}; {hint}"})
    if isinstance(value, Mapping) and set(value) == {"every"}:
        bars = value["every"]
        if isinstance(bars, int) and not isinstance(bars, bool) and bars >= 1:
            return Every(every=bars)
    raise PydanticCustomError("rebalance", "{text}", {"text": _HINT})


Rebalance: TypeAlias = Annotated[Literal["daily", "weekly", "monthly"] | Every, BeforeValidator(_rebalance)]
"""A field that reads `daily`, `weekly`, `monthly` or `{every: k}`."""


def _days(timestamps: Times) -> Int:
    """Days since 1970-01-01."""
    days: Int = timestamps.astype("datetime64[D]").astype(np.int64)
    return days


def _months(timestamps: Times) -> Int:
    """Months since January 1970."""
    months: Int = timestamps.astype("datetime64[M]").astype(np.int64)
    return months


def _starts(period: Int) -> Bool:
    """True where a bar's period differs from the one before; False at bar 0."""
    starts = np.zeros(len(period), dtype=bool)
    starts[1:] = period[1:] != period[:-1]
    return starts


def decision_bars(timestamps: Times, rebalance: Rebalance) -> Bool:
    """Where a portfolio is decided.

    Daily (weekly, monthly) decides at the last bar before a new day in UTC (ISO week, month) begins, and fills at
    the first bar of the new one; of bars with dates alone, daily decides at each. Bar t knows the date of bar t+1
    for this, and nothing else of it; the last bar, whose successor is not known, does not decide. Every k decides at
    the bars 0, k, 2k, ….

    Parameters
    ----------
    timestamps : ndarray of shape (T,), datetime64[ns]
        Strictly increasing.

    Returns
    -------
    ndarray of shape (T,), bool
    """
    if isinstance(rebalance, Every):
        return np.arange(len(timestamps)) % rebalance.every == 0
    if rebalance == "daily":
        period = _days(timestamps - np.timedelta64(1, "ns"))  # what closes at midnight belongs to the day before
    elif rebalance == "weekly":
        period = (_days(timestamps) + 3) // 7  # 1970-01-01 was a Thursday, and ISO weeks begin on Mondays
    else:
        period = _months(timestamps)
    decides = np.zeros(len(timestamps), dtype=bool)
    decides[:-1] = _starts(period)[1:]
    return decides


def quarter_starts(timestamps: Times) -> Bool:
    """True at the first bar of each calendar quarter; bar 0, whose predecessor is not known, is False.

    Parameters
    ----------
    timestamps : ndarray of shape (T,), datetime64[ns]
        Strictly increasing.

    Returns
    -------
    ndarray of shape (T,), bool
    """
    return _starts(_months(timestamps) // 3)


def periods_per_year(timestamps: Times) -> float:
    """Bars in a year, by which results are annualised.

    From the median gap between bars: 252 for daily sessions, 365 where weekends have bars too, 52 weekly,
    12 monthly, 4 quarterly, 1 yearly; intraday, the median number of bars in a day times 252 or 365. Anything
    else is counted: bars over years. Fewer than two bars count as daily sessions.

    Parameters
    ----------
    timestamps : ndarray of shape (T,), datetime64[ns]
        Strictly increasing.
    """
    if len(timestamps) < 2:
        return 252.0
    gaps = np.diff(timestamps) / np.timedelta64(1, "D")
    gap = float(np.median(gaps))
    days = _days(timestamps)
    # Two days of seven are a weekend's; a session that ends on a Saturday in UTC makes no seven-day market.
    weekend = float(np.mean((days + 3) % 7 >= 5))
    sessions = 365.0 if weekend > 0.22 else 252.0
    if gap < 0.9:
        return float(np.median(np.unique(days, return_counts=True)[1])) * sessions
    for low, high, periods in (
        (0.9, 1.5, sessions),
        (6, 8, 52.0),
        (27, 32, 12.0),
        (88, 93, 4.0),
        (360, 370, 1.0),
    ):
        if low <= gap <= high:
            return periods
    return (len(timestamps) - 1) / float(gaps.sum() / 365.25)


def time_text(time: np.datetime64) -> str:
    """A bar's time in ISO form: the date alone where it is midnight."""
    return str(time.astype("datetime64[s]")).removesuffix("T00:00:00")
