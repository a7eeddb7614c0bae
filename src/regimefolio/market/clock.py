"""Bars put on a clock: stamped with their close, held against a calendar, made into sessions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import numpy as np

from regimefolio.core.arrays import time_text
from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Bool, Float, Int, Panel, Times
from regimefolio.market.actions import on_fewer_bars
from regimefolio.market.calendar import periods_per_year
from regimefolio.market.sessions import (
    DAY,
    Sessions,
    bar_size,
    is_daily,
    periods_of,
    report,
    sessions_of,
)

ExtraSessions = Literal["keep", "drop"]
Stamped = Literal["close", "open"]
Resample = Literal["daily"]

INSTANT = np.timedelta64(1, "ns")
MINUTE = np.timedelta64(1, "m")


def stamped_at_close(timestamps: Times, calendar: str | None = None) -> Times:
    """The times at which bars close, from those at which they open; daily bars keep their session's date.

    A bar lasts as long as most do, and ends with its session at the latest where there is a calendar: the last of
    hourly bars may last half an hour.

    Raises
    ------
    ConfigError
        The bars are longer than a day.
    DataError
        A bar would close after the next one opened.
    """
    size = bar_size(timestamps)
    if is_daily(timestamps):
        if size > DAY:
            raise ConfigError(
                f"`stamped: open` is for intraday bars, and these are {size / DAY:.3g} days apart; stamp each with "
                "the date on which it closed",
                ("data", "stamped"),
            )
        return timestamps
    overlapping = np.flatnonzero(np.diff(timestamps) < size)
    if len(overlapping):
        one, other = timestamps[overlapping[0] : overlapping[0] + 2]
        raise DataError(
            f"most bars last {size / np.timedelta64(1, 's'):,.10g} s, but {time_text(one)} and {time_text(other)} are "
            "nearer: with `stamped: open` all bars must be of one length"
        )
    if calendar is None:
        return timestamps + size
    sessions = sessions_of(calendar, timestamps)
    session = np.searchsorted(sessions.closes, timestamps, side="right").clip(max=len(sessions.closes) - 1)
    inside = (sessions.opens[session] <= timestamps) & (timestamps < sessions.closes[session])
    ends: Times = np.where(inside, np.minimum(timestamps + size, sessions.closes[session]), timestamps + size)
    return ends


def sessions_by_bar(timestamps: Times, sessions: Sessions | None) -> Times:
    """The date of the session that each bar belongs to.

    On no session of a calendar, or without one, it is the date on which the bar ends in UTC, midnight belonging to
    the day before it. Dates never go back.
    """
    days = (
        timestamps.astype("datetime64[D]") if is_daily(timestamps) else (timestamps - INSTANT).astype("datetime64[D]")
    )
    if sessions is not None:
        of = sessions.of(timestamps)
        days = np.where(of >= 0, sessions.days[of], days)
    ordered: Times = np.maximum.accumulate(days.view(np.int64)).view("datetime64[D]")
    return ordered


def session_bars(panel: Panel, days: Times) -> Panel:
    """One bar a session: the first open, the highest high, the lowest low, the last close, all volume.

    A symbol without a bar in a session has none. The bar is stamped with the session's date, and known at its end.
    Splits are multiplied; dividends are added, each told per share after the session's later splits.

    Parameters
    ----------
    panel : Panel
        Without delistings.
    days : ndarray of shape (T,), datetime64[D]
        The session of each bar, never going back.
    """
    starts = _starts(days)
    ends = np.append(starts[1:], len(days)) - 1
    has_bar, row = np.isfinite(panel.close), np.arange(panel.n_bars)[:, None]
    none = ~np.logical_or.reduceat(has_bar, starts)
    first = np.minimum.reduceat(np.where(has_bar, row, panel.n_bars), starts).clip(max=panel.n_bars - 1)
    opens, volume = panel.open, panel.volume
    if opens is not None:
        opens = np.where(none, np.nan, np.take_along_axis(opens, first, axis=0))
    if volume is not None:
        volume = np.where(none, np.nan, np.add.reduceat(np.nan_to_num(volume), starts))
    made = replace(
        panel,
        timestamps=days[starts].astype("datetime64[ns]"),
        close=_last_of(panel.close, starts),
        member=panel.member[ends],
        open=opens,
        high=None if panel.high is None else np.fmax.reduceat(panel.high, starts),
        low=None if panel.low is None else np.fmin.reduceat(panel.low, starts),
        volume=volume,
        split=None,
        dividend=None,
        session=None,
        bars_left=None,
    )
    return on_fewer_bars(panel, made, ends)


def _starts(days: Times) -> Int:
    """The first bar of each session."""
    starts: Int = np.flatnonzero(np.concatenate([[True], days[1:] != days[:-1]]))
    return starts


def _last_of(values: Float, starts: Int) -> Float:
    """The last of each session's values that is no NaN; NaN where all are."""
    row = np.where(np.isfinite(values), np.arange(len(values))[:, None], -1)
    last = np.maximum.reduceat(row, starts)
    return np.where(last < 0, np.nan, np.take_along_axis(values, last.clip(min=0), axis=0))


@dataclass(frozen=True, eq=False)
class Clocked:
    """Bars on their clock.

    Parameters
    ----------
    panel : Panel
    index : ndarray of shape (T,), float64, or None
    notes : tuple of str
        What was done to them; empty where nothing was asked for.
    """

    panel: Panel
    index: Float | None
    notes: tuple[str, ...]


def on_clock(
    panel: Panel,
    index: Float | None,
    calendar: str | None,
    extra_sessions: ExtraSessions,
    stamped: Stamped,
    resample: Resample | None,
    span: tuple[date | None, date | None],
) -> Clocked:
    """Prices as the settings of `data` want them on their clock.

    Parameters
    ----------
    panel : Panel
        Without delistings.
    span : pair of date or None
        The dates that are used: sessions and bars outside are not reported.

    Raises
    ------
    ConfigError, DataError
        As `sessions_of` and `stamped_at_close`; no bar belongs to a session, or no session is over.
    """
    if calendar is None and stamped == "close" and resample is None:
        return Clocked(panel, index, ())
    notes = []
    if stamped == "open":
        moved = stamped_at_close(panel.timestamps, calendar)
        by = (moved - panel.timestamps).max()
        panel = replace(panel, timestamps=moved)
        notes.append(f"stamps moved from open to close, by {by / MINUTE:,.10g} min" if by else "stamps are dates")
    sessions = None if calendar is None else sessions_of(calendar, panel.timestamps)
    if sessions is not None:
        inside = sessions.of(panel.timestamps) >= 0
        if not inside.any():
            raise DataError(f"no bar belongs to a session of {calendar}: is it the right calendar, and the time UTC?")
        dropped = extra_sessions == "drop"
        notes.append(report(sessions, panel.timestamps).within(*span).text(" dropped" if dropped else " kept"))
        if dropped:
            panel, index = rows_of(panel, inside), None if index is None else index[inside]
    if sessions is not None and not is_daily(panel.timestamps):
        days, left = sessions_by_bar(panel.timestamps, sessions), sessions.bars_left(panel.timestamps)
        panel = replace(panel, session=days.astype("datetime64[ns]"), bars_left=left)
    if resample is not None and not is_daily(panel.timestamps):
        panel, index, note = _sessions_alone(panel, index, sessions)
        notes.append(note)
    per_year = periods_per_year(panel.timestamps) if calendar is None else periods_of(calendar, panel.timestamps)
    return Clocked(replace(panel, periods_per_year=per_year), index, tuple(notes))


def rows_of(panel: Panel, rows: Bool) -> Panel:
    """Some bars of a panel without delistings; an action on another bar takes effect at the asset's next one."""
    some = replace(panel, **{name: array[rows] for name, array in panel.by_bar.items()})  # type: ignore[arg-type]
    return on_fewer_bars(panel, some, np.flatnonzero(rows))


def _sessions_alone(panel: Panel, index: Float | None, sessions: Sessions | None) -> tuple[Panel, Float | None, str]:
    """The bars of whole sessions, and what to say of them."""
    bars, note = panel.n_bars, ""
    days = sessions_by_bar(panel.timestamps, sessions)
    if sessions is not None:
        closes = sessions.closes[sessions.days == days[-1]]
        if len(closes) and panel.timestamps[-1] < closes[0]:
            note = f", without {time_text(days[-1])}, which is not over at the last bar"
            over = days < days[-1]
            if not over.any():
                raise DataError(f"the bars end at {time_text(panel.timestamps[-1])}, before a single session is over")
            panel, index, days = rows_of(panel, over), None if index is None else index[over], days[over]
    if index is not None:
        index = _last_of(index[:, None], _starts(days))[:, 0]
    panel = session_bars(panel, days)
    return panel, index, f"{bars:,} bars made into {panel.n_bars:,} sessions{note}"
