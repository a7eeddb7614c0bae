"""When an exchange is open: the sessions of its calendar, the bars that belong to none, and those that are missing.

The calendars are those of the library exchange-calendars, read when one is asked for.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from regimefolio.core.arrays import time_text
from regimefolio.core.component import did_you_mean
from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Bool, Int, Times

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

DAY = np.timedelta64(1, "D")

MARGIN = 4 * DAY
"""Days beyond the bars that are asked for: an evening session carries the next trading day's date."""

LONGEST_GAP = 4 * DAY
"""Usual distance of bars above which they are longer than a session."""

REFERENCES = (("2010-01-01", "2019-12-31"), ("2020-01-01", "2024-12-31"))
"""Years whose sessions are counted to say how many a year has; the later ones for young exchanges."""

SHOWN = 3


@dataclass(frozen=True, eq=False)
class Sessions:
    """The sessions of a calendar.

    Parameters
    ----------
    calendar : str
    days : ndarray of shape (S,), datetime64[D]
        Their dates.
    opens, closes : ndarray of shape (S,), datetime64[ns]
        In UTC.
    break_starts, break_ends : ndarray of shape (S,), datetime64[ns]
        NaT where there is no break.
    """

    calendar: str
    days: Times
    opens: Times
    closes: Times
    break_starts: Times
    break_ends: Times

    def of(self, timestamps: Times) -> Int:
        """The session that each bar belongs to, -1 where it belongs to none.

        Daily bars carry their session's date. An intraday bar is stamped with its close, so it belongs to a session
        that opened before it and closes then or later.
        """
        if is_daily(timestamps):
            found = np.searchsorted(self.days, timestamps.astype("datetime64[D]")).clip(max=len(self.days) - 1)
            inside: Bool = self.days[found] == timestamps.astype("datetime64[D]")
        else:
            found = np.searchsorted(self.closes, timestamps).clip(max=len(self.closes) - 1)
            resting = (timestamps > self.break_starts[found]) & (timestamps <= self.break_ends[found])
            inside = (timestamps > self.opens[found]) & (timestamps <= self.closes[found]) & ~resting
        return np.where(inside, found, -1)

    def bars_left(self, timestamps: Times) -> Int:
        """Bars of the usual length that end its session after each intraday bar, breaks left out; -1 on no session.

        The last one may be shorter than the others.
        """
        of = self.of(timestamps)
        left, pause = self.closes[of] - timestamps, self.break_ends[of] - self.break_starts[of]
        left = np.where(timestamps <= self.break_starts[of], left - pause, left)
        bars = np.ceil(left / bar_size(timestamps) - 1e-9).astype(np.int64)
        return np.where(of >= 0, bars, -1)


@dataclass(frozen=True, eq=False)
class SessionReport:
    """How bars differ from the sessions of a calendar.

    Parameters
    ----------
    calendar : str
    missing : ndarray of shape (M,), datetime64[D]
        Sessions between the first and the last bar without any.
    extra : ndarray of shape (E,), datetime64[ns]
        Times of bars that belong to no session: on a weekend or a holiday, or outside of its hours.
    """

    calendar: str
    missing: Times
    extra: Times

    def text(self, done: str = "") -> str:
        """What there is to say, in a line; `done` tells what became of bars that belong to no session."""
        missing = _told(self.missing, "session", "without a bar") or "every session has a bar"
        extra = _told(self.extra, "bar", f"on no session{done}") or "every bar a session"
        return f"{self.calendar}: {missing}, {extra}"

    def within(self, first: date | None, last: date | None) -> SessionReport:
        """What lies between two dates, themselves included."""
        low = np.datetime64(first or date.min, "D")
        high = np.datetime64(last or date.max, "D")
        missing, extra = self.missing, self.extra.astype("datetime64[D]")
        return SessionReport(
            self.calendar,
            missing[(missing >= low) & (missing <= high)],
            self.extra[(extra >= low) & (extra <= high)],
        )

    def plain(self) -> dict[str, str | list[str]]:
        """The fields as JSON values."""
        missing, extra = ([time_text(each) for each in times] for times in (self.missing, self.extra))
        return {"calendar": self.calendar, "missing": missing, "extra": extra}


def _told(times: Times, word: str, what: str) -> str:
    if not len(times):
        return ""
    first = ", ".join(time_text(time) for time in times[:SHOWN]) + (", …" if len(times) > SHOWN else "")
    return f"{len(times):,} {word}{'' if len(times) == 1 else 's'} {what} ({first})"


def is_daily(timestamps: Times) -> bool:
    """Whether all bars are stamped with a date alone."""
    return bool((timestamps == timestamps.astype("datetime64[D]")).all())


def bar_size(timestamps: Times) -> np.timedelta64:
    """The most common distance from one bar to the next, the shortest of equals; a day where there is one bar."""
    if len(timestamps) < 2:
        return DAY.astype("timedelta64[ns]")
    gaps, counts = np.unique(np.diff(timestamps), return_counts=True)
    size: np.timedelta64 = gaps[counts.argmax()]
    return size


def sessions_of(calendar: str, timestamps: Times) -> Sessions:
    """The sessions of a calendar around some bars.

    Raises
    ------
    ConfigError
        There is no such calendar, it does not reach as far as the bars, or they are longer than a session.
    """
    if len(timestamps) > 1 and np.median(np.diff(timestamps)) > LONGEST_GAP:
        gap = np.median(np.diff(timestamps)) / DAY
        raise _error(f"these bars are {gap:.3g} days apart, and a calendar is for daily and intraday bars; take it out")
    first, last = timestamps[[0, -1]].astype("datetime64[D]")
    try:
        found = _calendar(calendar, str(first - MARGIN), str(last + MARGIN))
    except ConfigError:  # some are known for no more than the bars' own days
        found = _calendar(calendar, str(min(first, last - DAY)), str(last))
    times = found.schedule
    opens, closes, starts, ends = (
        times[name].dt.tz_convert(None).to_numpy("datetime64[ns]")
        for name in ("open", "close", "break_start", "break_end")
    )
    return Sessions(calendar, found.sessions.to_numpy("datetime64[D]"), opens, closes, starts, ends)


class Year(NamedTuple):
    """How many sessions a calendar usually has in a year, and how long most of them are, breaks taken off."""

    sessions: int
    length: np.timedelta64


@cache
def usual_year(calendar: str) -> Year:
    """The sessions of a calendar, by the mean and the median of years that are over; XNYS has 252 of 390 minutes.

    Raises
    ------
    ConfigError
        The calendar cannot be used.
    """
    for start, end in REFERENCES:
        try:
            found = _calendar(calendar, start, end)
        except ConfigError:
            if (start, end) == REFERENCES[-1]:
                raise
            continue
        break
    years = int(end[:4]) - int(start[:4]) + 1
    times = found.schedule
    resting = (times["break_end"] - times["break_start"]).fillna(np.timedelta64(0, "ns"))
    length = (times["close"] - times["open"] - resting).median().to_timedelta64()
    return Year(round(len(found.sessions) / years), length)


def periods_of(calendar: str, timestamps: Times) -> float:
    """Bars in a year of this calendar: its sessions, and intraday as many as bars of this size fill one."""
    sessions, length = usual_year(calendar)
    if is_daily(timestamps):
        return float(sessions)
    return float(sessions * math.ceil(length / bar_size(timestamps) - 1e-9))


def report(sessions: Sessions, timestamps: Times) -> SessionReport:
    """Which sessions have no bar, and which bars belong to none."""
    of = sessions.of(timestamps)
    inside = of[of >= 0]
    missing = np.zeros(len(sessions.days), dtype=bool)
    if len(inside):
        missing[inside[0] : inside[-1] + 1] = True
        missing[inside] = False
    return SessionReport(sessions.calendar, sessions.days[missing], timestamps[of < 0])


def _calendar(name: str, start: str, end: str) -> ExchangeCalendar:
    import exchange_calendars as exchange

    try:
        with warnings.catch_warnings():  # it uses what pandas will change: nothing that we could do about
            warnings.simplefilter("ignore")
            return exchange.get_calendar(name, start=start, end=end)
    except exchange.errors.InvalidCalendarName:
        known = exchange.get_calendar_names(include_aliases=True)
        hint = did_you_mean(name, known)
        near = hint if hint.startswith("did") else "such as XNYS, XLON, CMES or 24/7"
        raise _error(f"there is no calendar {name!r}; {near}") from None
    except (ValueError, NotImplementedError, exchange.errors.CalendarError) as error:
        why = str(error).splitlines()[0][:200]
        raise _error(f"exchange-calendars cannot tell {name} from {start} to {end}: {why}") from error


def _error(text: str) -> ConfigError:
    return ConfigError(text, ("data", "calendar"))
