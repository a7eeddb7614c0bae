"""Where days, months and quarters begin, and how many bars make a year: all read off the bars themselves."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Bool, Int, Times


def days_of(timestamps: Times) -> Int:
    """Days since 1970-01-01."""
    days: Int = timestamps.astype("datetime64[D]").astype(np.int64)
    return days


def months_of(timestamps: Times) -> Int:
    """Months since January 1970."""
    months: Int = timestamps.astype("datetime64[M]").astype(np.int64)
    return months


def starts_of(period: Int) -> Bool:
    """True where a bar's period differs from the one before; False at bar 0."""
    starts = np.zeros(len(period), dtype=bool)
    starts[1:] = period[1:] != period[:-1]
    return starts


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
    return starts_of(months_of(timestamps) // 3)


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
    days = days_of(timestamps)
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
