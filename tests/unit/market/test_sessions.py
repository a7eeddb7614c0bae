"""Sessions of a calendar, bars that belong to none, and bars a year."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import numpy as np
import pytest

from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Times
from regimefolio.market.sessions import bar_size, is_daily, periods_of, report, sessions_of


def days(*texts: str) -> Times:
    return np.array(texts, dtype="datetime64[ns]")


def minutes(first: str, last: str, step: int = 1) -> Times:
    """Times from one to another, both included, so many minutes apart."""
    start, end = np.datetime64(first, "ns"), np.datetime64(last, "ns")
    return np.arange(start, end + np.timedelta64(1, "ns"), np.timedelta64(step, "m"))


def told(calendar: str, timestamps: Times) -> tuple[list[str], list[str]]:
    """Missing sessions and extra bars."""
    plain = report(sessions_of(calendar, timestamps), timestamps).plain()
    missing, extra = plain["missing"], plain["extra"]
    assert isinstance(missing, list)
    assert isinstance(extra, list)
    return missing, extra


class TestDaily:
    def test_a_holiday_and_a_weekend_are_extra_and_a_session_is_missing(self) -> None:
        found = told("XNYS", days("2020-01-17", "2020-01-19", "2020-01-20", "2020-01-22"))
        assert found == (["2020-01-21"], ["2020-01-19", "2020-01-20"])  # a Sunday, and Martin Luther King's day

    def test_a_market_that_never_closes(self) -> None:
        assert told("24/7", days("2020-01-17", "2020-01-18", "2020-01-20")) == (["2020-01-19"], [])

    def test_what_is_said(self) -> None:
        times = days("2020-01-17", "2020-01-19", "2020-01-20", "2020-01-22")
        found = report(sessions_of("XNYS", times), times)
        assert found.text(" dropped") == (
            "XNYS: 1 session without a bar (2020-01-21), 2 bars on no session dropped (2020-01-19, 2020-01-20)"
        )
        assert found.within(date(2020, 1, 20), None).text() == (
            "XNYS: 1 session without a bar (2020-01-21), 1 bar on no session (2020-01-20)"
        )
        whole = days("2020-01-21", "2020-01-22")
        assert report(sessions_of("XNYS", whole), whole).text() == "XNYS: every session has a bar, every bar a session"

    def test_one_bar_is_enough(self) -> None:
        assert told("XNYS", days("2020-01-21")) == ([], [])


class TestIntraday:
    def test_a_bar_belongs_to_the_session_in_which_it_closes(self) -> None:
        times = minutes("2020-01-21T14:00", "2020-01-21T21:30", 30)  # New York is open from 14:30 to 21:00 in UTC
        sessions = sessions_of("XNYS", times)
        assert (sessions.of(times) >= 0).tolist() == [False, False, *[True] * 13, False]

    def test_half_a_day(self) -> None:
        times = minutes("2019-12-24T17:30", "2019-12-24T19:00", 30)  # it closed at 18:00
        assert told("XNYS", times)[1] == ["2019-12-24T18:30:00", "2019-12-24T19:00:00"]

    def test_a_break_for_lunch(self) -> None:
        times = minutes("2020-01-21T01:30", "2020-01-21T08:30", 30)
        inside = sessions_of("XHKG", times).of(times) >= 0  # open 01:30 to 08:00, resting 04:00 to 05:00
        assert [str(time)[11:16] for time in times[~inside]] == ["01:30", "04:30", "05:00", "08:30"]

    def test_an_evening_session_carries_the_next_trading_day(self) -> None:
        times = days("2020-01-19T23:30", "2020-01-20T12:00")  # Sunday evening in Chicago is Monday's
        sessions = sessions_of("CMES", times)
        assert sessions.days[sessions.of(times)].astype(str).tolist() == ["2020-01-20", "2020-01-20"]


class TestPeriods:
    @pytest.mark.parametrize(
        ("calendar", "step", "expected"),
        [
            ("XNYS", None, 252),
            ("24/7", None, 365),
            ("24/5", None, 261),
            ("XHKG", None, 246),
            ("AIXK", None, 245),
            ("XNYS", 1, 252 * 390),
            ("XNYS", 5, 252 * 78),
            ("XNYS", 60, 252 * 7),
            ("24/7", 1, 365 * 1440),
            ("XHKG", 1, 246 * 330),
        ],
    )
    def test_from_the_calendar_and_the_size_of_a_bar(self, calendar: str, step: int | None, expected: int) -> None:
        times = minutes("2020-01-21T15:00", "2020-01-21T20:00", step) if step else days("2020-01-21", "2020-01-22")
        assert periods_of(calendar, times) == expected

    def test_the_size_is_the_most_common_distance(self) -> None:
        times = days("2020-01-21T15:00", "2020-01-21T15:01", "2020-01-21T15:02", "2020-01-21T15:09", "2020-01-21T15:20")
        assert bar_size(times) == np.timedelta64(1, "m")
        assert not is_daily(times)
        assert is_daily(days("2020-01-21", "2020-01-22"))


@pytest.mark.parametrize(
    ("calendar", "message"),
    [
        ("XNY", "there is no calendar 'XNY'; did you mean 'XNYS'?"),
        ("moon", "there is no calendar 'moon'; such as XNYS, XLON, CMES or 24/7"),
        ("XSAU", "exchange-calendars cannot tell XSAU from 2019-12-31 to 2020-01-02: The earliest date"),
    ],
)
def test_calendars_that_cannot_be_used(calendar: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sessions_of(calendar, days("2019-12-31", "2020-01-02"))
    assert str(caught.value).startswith(message)
    assert caught.value.place == ("data", "calendar")


def test_weekly_bars_have_no_sessions() -> None:
    with pytest.raises(ConfigError, match="these bars are 7 days apart"):
        sessions_of("XNYS", days("2020-01-03", "2020-01-10", "2020-01-17"))


def test_the_library_is_imported_when_a_calendar_is_asked_for() -> None:
    program = (
        "import sys, regimefolio.api as api\n"
        "api.load_data(api.DataSpec(source='sample:us5', start='2012-01-01'))\n"
        "assert not {'exchange_calendars', 'pandas'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


class TestBarsLeft:
    def test_the_last_bar_may_be_shorter_and_what_is_outside_has_none(self) -> None:
        bars = days("2020-01-16T14:30", "2020-01-16T15:30", "2020-01-16T16:30", "2020-01-16T20:30", "2020-01-16T21:00")
        bars = np.append(bars, days("2020-01-16T22:00"))
        assert sessions_of("XNYS", bars).bars_left(bars).tolist() == [-1, 6, 5, 1, 0, -1]

    def test_half_a_day_ends_earlier(self) -> None:
        bars = minutes("2019-11-29T14:31", "2019-11-29T18:01")  # the day after Thanksgiving
        assert sessions_of("XNYS", bars).bars_left(bars).tolist() == [*range(209, -1, -1), -1]

    def test_bars_of_a_break_are_left_out(self) -> None:
        morning, afternoon = (
            minutes("2020-01-16T00:01", "2020-01-16T02:30"),
            minutes("2020-01-16T03:31", "2020-01-16T06:00"),
        )
        bars = np.concatenate([morning, afternoon])
        assert sessions_of("XTKS", bars).bars_left(bars).tolist() == list(range(299, -1, -1))
