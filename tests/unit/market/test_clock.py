"""Stamps, sessions and calendars in `data`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Float, Panel, Times
from regimefolio.market import Dataset, DataSpec, load_data
from regimefolio.market.clock import session_bars, sessions_by_bar, stamped_at_close
from tests.intraday import minute_bars

DAYS = ["2020-01-16", "2020-01-17", "2020-01-19", "2020-01-20", "2020-01-22"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(*rows: str) -> None:
    Path("prices.csv").write_text("timestamp,A,B\n" + "".join(f"{row}\n" for row in rows))


def load(**settings: object) -> Dataset:
    return load_data(DataSpec.model_validate({"source": "file:prices.csv", **settings}))


class TestCalendar:
    def test_extra_bars_are_kept_or_dropped_and_counted(self) -> None:
        write(*(f"{day},{n + 1},{n + 2}" for n, day in enumerate(DAYS)))
        plain, kept, dropped = load(), load(calendar="XNYS"), load(calendar="XNYS", extra_sessions="drop")
        assert kept.panel.close[:, 0].tolist() == [1, 2, 3, 4, 5]
        assert dropped.panel.close[:, 0].tolist() == [1, 2, 5]
        told = "XNYS: 1 session without a bar (2020-01-21), 2 bars on no session {} (2020-01-19, 2020-01-20)"
        assert kept.about == f"{plain.about}; {told.format('kept')}"
        assert dropped.about == f"{plain.about}; {told.format('dropped')}"
        assert kept.panel.periods_per_year == dropped.panel.periods_per_year == 252
        assert kept.fingerprint == plain.fingerprint != dropped.fingerprint

    def test_the_fingerprint_knows_a_calendar_by_its_effect(self) -> None:
        write("2020-01-16,1,2", "2020-01-17,1,2", "2020-01-21,2,2")
        assert load(calendar="XNYS").fingerprint == load(calendar="XNYS", extra_sessions="drop").fingerprint
        assert load(calendar="XNYS").fingerprint == load(calendar="XNAS").fingerprint

    def test_intraday_bars_know_their_session_and_the_bars_that_it_has_left(self) -> None:
        write("2020-01-17T20:59,1,2", "2020-01-17T21:00,1,2", "2020-01-17T21:01,1,2", "2020-01-21T14:31,2,2")
        panel = load(calendar="XNYS").panel
        assert panel.session is not None
        assert panel.bars_left is not None
        assert panel.session.astype("datetime64[D]").astype(str).tolist() == ["2020-01-17"] * 3 + ["2020-01-21"]
        assert panel.bars_left.tolist() == [1, 0, -1, 389]
        assert load().panel.session is load(calendar="XNYS", resample="daily").panel.session is None
        assert load().fingerprint != load(calendar="XNYS").fingerprint == load(calendar="XNAS").fingerprint
        later = load(calendar="XNYS", start="2020-01-21").panel
        assert later.bars_left is not None
        assert later.bars_left.tolist() == [389]

    def test_what_is_not_used_is_not_reported(self) -> None:
        write(*(f"{day},{n + 1},{n + 2}" for n, day in enumerate(DAYS)))
        about = load(calendar="XNYS", start="2020-01-20").about
        assert about.endswith("1 session without a bar (2020-01-21), 1 bar on no session kept (2020-01-20)")

    def test_mistakes(self) -> None:
        write("2020-01-18,1,2", "2020-01-19,1,2")
        with pytest.raises(DataError, match="no bar belongs to a session of XNYS"):
            load(calendar="XNYS")
        with pytest.raises(ValueError, match="`drop` needs a `calendar`"):
            load(extra_sessions="drop")

    @pytest.mark.shared
    def test_real_sessions(self, shared: Path) -> None:
        """All 3,239 sessions of New York are there, and no other; the panel is the one without a calendar."""
        spec = {"source": f"file:{shared}/data/us_etfs_2005_2017.csv.gz"}
        with_it = load_data(DataSpec.model_validate({**spec, "calendar": "XNYS", "extra_sessions": "drop"}))
        assert with_it.about.endswith("XNYS: every session has a bar, every bar a session")
        assert with_it.fingerprint == load_data(DataSpec.model_validate(spec)).fingerprint


class TestStamps:
    def test_an_intraday_bar_is_stamped_with_its_close(self) -> None:
        write("2020-01-16T14:30,1,2", "2020-01-16T14:31,1,2", "2020-01-16T14:33,2,2")
        data = load(stamped="open")
        assert data.panel.timestamps.astype("datetime64[m]").astype(str).tolist() == [
            "2020-01-16T14:31",
            "2020-01-16T14:32",
            "2020-01-16T14:34",
        ]
        assert data.about.endswith("; stamps moved from open to close, by 1 min")
        assert data.fingerprint != load().fingerprint

    def test_a_bar_ends_with_its_session(self) -> None:
        """New York closes at 21:00 in UTC, and at 18:00 on Christmas Eve."""
        hours = ["2019-12-23T14:30", "2019-12-23T15:30", "2019-12-23T20:30", "2019-12-24T16:30", "2019-12-24T17:30"]
        write(*(f"{hour},{n + 1},1" for n, hour in enumerate(hours)))
        stamps = load(stamped="open", calendar="XNYS").panel.timestamps.astype("datetime64[m]").astype(str)
        assert [stamp[8:] for stamp in stamps] == ["23T15:30", "23T16:30", "23T21:00", "24T17:30", "24T18:00"]

    def test_a_date_stays_a_date(self) -> None:
        write("2020-01-16,1,2", "2020-01-17,1,2")
        assert load(stamped="open").fingerprint == load().fingerprint

    def test_what_cannot_be_told(self) -> None:
        week = np.array(["2020-01-06", "2020-01-13", "2020-01-20"], dtype="datetime64[ns]")
        with pytest.raises(ConfigError, match="is for intraday bars, and these are 7 days apart"):
            stamped_at_close(week)
        mixed = np.array(["2020-01-06T10:00", "2020-01-06T10:05", "2020-01-06T10:10", "2020-01-06T10:11"])
        with pytest.raises(DataError, match=r"most bars last 300 s, but 2020-01-06T10:10:00 and 2020-01-06T10:11:00"):
            stamped_at_close(mixed.astype("datetime64[ns]"))


def panel_of(timestamps: Times, close: Float) -> Panel:
    """Bars whose fields tell them apart."""
    member = np.ones(close.shape, dtype=bool)
    symbols = tuple("ABC"[: close.shape[1]])
    return Panel(timestamps, symbols, close, member, 252.0, close - 0.5, close + 1, close - 1, close * 10)


class TestSessions:
    def test_a_small_case(self) -> None:
        times = np.array(["2020-01-16T15:00", "2020-01-16T16:00", "2020-01-16T17:00", "2020-01-17T15:00"])
        close = np.array([[np.nan, 5.0], [2.0, 7.0], [3.0, np.nan], [4.0, np.nan]])
        panel = panel_of(times.astype("datetime64[ns]"), close)
        made = session_bars(panel, sessions_by_bar(panel.timestamps, None))
        nan = np.nan
        assert made.timestamps.astype("datetime64[D]").astype(str).tolist() == ["2020-01-16", "2020-01-17"]
        np.testing.assert_array_equal(made.open, [[1.5, 4.5], [3.5, nan]])
        np.testing.assert_array_equal(made.high, [[4, 8], [5, nan]])
        np.testing.assert_array_equal(made.low, [[1, 4], [3, nan]])
        np.testing.assert_array_equal(made.close, [[3, 7], [4, nan]])
        np.testing.assert_array_equal(made.volume, [[50, 120], [40, nan]])

    def test_midnight_ends_the_day_before(self) -> None:
        times = np.array(["2020-01-16T23:00", "2020-01-17T00:00", "2020-01-17T01:00"], dtype="datetime64[ns]")
        assert sessions_by_bar(times, None).astype(str).tolist() == ["2020-01-16", "2020-01-16", "2020-01-17"]

    @given(
        close=st.lists(st.one_of(st.just(np.nan), st.floats(1, 9)), min_size=6, max_size=60),
        cut=st.integers(1, 60),
    )
    def test_a_session_does_not_depend_on_later_ones(self, close: list[float], cut: int) -> None:
        times = np.datetime64("2020-01-16T00:00", "ns") + np.arange(len(close)) * np.timedelta64(7, "h")
        panel = panel_of(times, np.array(close)[:, None])
        days = sessions_by_bar(times, None)
        whole, early = session_bars(panel, days), session_bars(panel.until(cut), days[:cut])
        over = int((early.timestamps < days[min(cut, len(days) - 1)].astype("datetime64[ns]")).sum())
        for name in ("timestamps", "open", "high", "low", "close", "volume"):
            one, other = getattr(whole, name)[:over], getattr(early, name)[:over]
            assert one.tobytes() == other.tobytes(), name

    def test_every_array_of_a_panel_is_made(self) -> None:
        """A field that a panel gains must be made into sessions too; delistings are added after that."""
        made = {"timestamps", "close", "member", "open", "high", "low", "volume", "split", "dividend"}
        made |= {"periods_per_year"}
        later = {"delisted_at", "delisting_return"}
        later |= {"session", "bars_left"}  # of the bars that it is made of
        assert {field.name for field in dataclasses.fields(Panel)} == made | later | {"symbols", "sectors"}

    def test_data_of_minutes_for_daily_strategies(self) -> None:
        minute_bars(Path("minutes.csv"), days=5)
        plain = load_data(DataSpec(source="file:minutes.csv"))
        assert plain.panel.n_bars == 5 * 390
        assert plain.panel.periods_per_year == 252 * 390
        spec = {"source": "file:minutes.csv", "calendar": "XNYS", "resample": "daily"}
        daily = load_data(DataSpec.model_validate(spec))
        assert daily.panel.n_bars == 5
        assert daily.panel.periods_per_year == 252
        assert daily.about.endswith("every bar a session; 1,950 bars made into 5 sessions")
        np.testing.assert_array_equal(daily.panel.close[:, 0], plain.panel.close[389::390, 0])
        without = load_data(DataSpec.model_validate({"source": "file:minutes.csv", "resample": "daily"}))
        np.testing.assert_array_equal(without.panel.volume, daily.panel.volume)

    def test_a_session_that_is_not_over_is_left_out(self) -> None:
        minute_bars(Path("minutes.csv"), days=5)
        lines = Path("minutes.csv").read_text().splitlines()
        Path("minutes.csv").write_text("\n".join(lines[:-1]) + "\n")
        spec = {"source": "file:minutes.csv", "calendar": "XNYS", "resample": "daily"}
        found = load_data(DataSpec.model_validate(spec))
        assert found.panel.n_bars == 4
        assert found.about.endswith("into 4 sessions, without 2012-01-09, which is not over at the last bar")
        assert load_data(DataSpec.model_validate({**spec, "end": "2012-01-05"})).panel.n_bars == 3

    def test_a_session_that_has_not_begun_is_left_out(self) -> None:
        """Bars before its opening, which are kept, do not make it one."""
        write("2020-01-16T21:00,1,2", "2020-01-17T13:00,3,4")
        found = load(calendar="XNYS", resample="daily")
        assert found.panel.close.tolist() == [[1, 2]]
        assert found.about.endswith("into 1 sessions, without 2020-01-17, which is not over at the last bar")


TWO_DAYS = ["2020-01-16T15:00", "2020-01-16T16:00", "2020-01-17T15:00", "2020-01-17T16:00", "2020-01-17T17:00"]


class TestActions:
    """Splits and dividends of raw prices, on bars that are fewer than those that they were placed on."""

    def load(self, rows: list[str], actions: list[str], **settings: object) -> Panel:
        Path("actions.csv").write_text("symbol,date,split,dividend\n" + "".join(f"{row}\n" for row in actions))
        write(*rows)
        return load(actions="actions.csv", **settings).panel

    def known(self, panel: Panel, asset: int = 0) -> list[tuple[float, float]]:
        assert panel.split is not None
        assert panel.dividend is not None
        return list(zip(panel.split[:, asset].tolist(), panel.dividend[:, asset].tolist(), strict=True))

    def test_those_of_a_session_are_joined(self) -> None:
        """2 a share, then two for one, then 0.5: as of the shares at the end, 2/2 + 0.5."""
        rows = [f"{time},{close},5" for time, close in zip(TWO_DAYS, (10, 10, 8, 4, 3.5), strict=True)]
        actions = ["A,2020-01-17T15:00,,2", "A,2020-01-17T16:00,2,", "A,2020-01-17T17:00,,0.5"]
        bars, daily = self.load(rows, actions), self.load(rows, actions, resample="daily")
        assert self.known(daily) == [(1, 0), (2, 1.5)]
        assert self.known(daily, 1) == [(1, 0), (1, 0)]
        assert daily.close.tobytes() == bars.close[[1, 4]].tobytes()  # adjusted already

    def test_an_action_before_a_session_leads_back_to_raw_prices(self) -> None:
        rows = [f"{time},{close},5" for time, close in zip(TWO_DAYS, (10, 12, 5, 6, 7), strict=True)]
        daily = self.load(rows, ["A,2020-01-17,2,1"], resample="daily")
        assert self.known(daily) == [(1, 0), (2, 1)]
        np.testing.assert_allclose((daily.close / daily.adjustment.price)[:, 0], [12, 7], rtol=1e-15)

    def test_in_the_first_session_there_are_none(self) -> None:
        """The asset begins with that session, and its factor is 1 there."""
        rows = [f"{time},{close},5" for time, close in zip(TWO_DAYS, (10, 5, 5, 5, 6), strict=True)]
        daily = self.load(rows, ["A,2020-01-16T16:00,2,"], resample="daily")
        assert self.known(daily) == [(1, 0), (1, 0)]
        assert daily.close[:, 0].tolist() == [5, 6]

    def test_those_of_a_bar_that_is_dropped_move_to_the_next_of_their_asset(self) -> None:
        """New York rests on the 18th to the 20th; A has no bar on the 21st."""
        days = ["2020-01-16", "2020-01-17", "2020-01-19", "2020-01-20", "2020-01-21", "2020-01-22"]
        rows = [
            f"{day},{a},{b}" for day, a, b in zip(days, ("8", "8", "4", "2", "", "2"), (1, 1, 1, 1, 1, 1), strict=True)
        ]
        actions = ["A,2020-01-19,2,1", "A,2020-01-20,2,", "B,2020-01-20,,0.1"]
        found = self.load(rows, actions, calendar="XNYS", extra_sessions="drop")
        assert self.known(found) == [(1, 0), (1, 0), (1, 0), (4, 0.5)]
        assert self.known(found, 1) == [(1, 0), (1, 0), (1, 0.1), (1, 0)]
        np.testing.assert_allclose((found.close / found.adjustment.price)[:, 0], [8, 8, np.nan, 2], rtol=1e-15)

    def test_where_nothing_is_dropped_nothing_changes(self) -> None:
        rows, actions = ["2020-01-16,10,5", "2020-01-17,4,5", "2020-01-21,4,5"], ["A,2020-01-17,2,1"]
        plain = self.load(rows, actions)
        kept = self.load(rows, actions, calendar="XNYS", extra_sessions="drop")
        for name, array in plain.by_bar.items():
            assert array.tobytes() == kept.by_bar[name].tobytes(), name

    @given(
        split=st.lists(st.sampled_from([1.0, 2.0, 0.5]), min_size=8, max_size=8),
        dividend=st.lists(st.sampled_from([0.0, 0.1]), min_size=8, max_size=8),
        cut=st.integers(1, 8),
    )
    def test_a_session_does_not_depend_on_later_actions(
        self, split: list[float], dividend: list[float], cut: int
    ) -> None:
        times = np.datetime64("2020-01-16T05:00", "ns") + np.arange(8) * np.timedelta64(7, "h")
        panel = dataclasses.replace(
            panel_of(times, np.arange(5.0, 13.0)[:, None]),
            split=np.array([1.0, *split[1:]])[:, None],
            dividend=np.array([0.0, *dividend[1:]])[:, None],
        )
        days = sessions_by_bar(times, None)
        whole, early = session_bars(panel, days), session_bars(panel.until(cut), days[:cut])
        over = int((early.timestamps < days[min(cut, 7)].astype("datetime64[ns]")).sum())
        for name, array in whole.by_bar.items():
            assert array[:over].tobytes() == early.by_bar[name][:over].tobytes(), name
