"""What is doubtful in a file: every rule at its threshold, and on both sides of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from regimefolio.core.types import Float
from regimefolio.market import DataSpec, File, check_data, check_file, load_data
from regimefolio.market.quality import coarse_blocks, far_from_five_bars, missing_sessions, split_like_jumps

DAYS = [str(day) for day in np.busday_offset("2020-01-02", np.arange(400), roll="forward")]
FINE = [100.0 + 0.01 * (7 * n % 31) for n in range(400)]
"""Closes that nothing can be said against."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "prices.csv"


def write(path: Path, closes: Mapping[str, Sequence[float]], skip: frozenset[tuple[str, int]] = frozenset()) -> None:
    rows = [
        f"{DAYS[bar]},{symbol},{close:.10g}"
        for symbol, prices in closes.items()
        for bar, close in enumerate(prices)
        if (symbol, bar) not in skip
    ]
    path.write_text("\n".join(["date,symbol,close", *rows]) + "\n")


def found(path: Path) -> list[tuple[str, int | None, str, str, str]]:
    return [(each.kind, each.row, each.column, each.symbol, each.timestamp) for each in check_file(path).warnings]


def test_a_sound_file_has_none(path: Path) -> None:
    write(path, {"A": FINE, "B": FINE})
    report = check_file(path)
    assert (report.defects, report.warnings) == ((), ())


class TestFiveBars:
    def slowly(self, prices: list[float]) -> list[tuple[int, float]]:
        firsts = [min(max(at - 2, 0), len(prices) - 5) for at in range(len(prices))]
        medians = [sorted(prices[first : first + 5])[2] for first in firsts]
        pairs = enumerate(zip(prices, medians, strict=True))
        return [(at, median) for at, (price, median) in pairs if price > 2.7 * median or 2.7 * price < median]

    def test_as_found_one_by_one(self) -> None:
        rng = np.random.default_rng(0)
        symbols: list[list[float]] = [np.exp(rng.standard_normal(bars)).tolist() for bars in (5, 4, 6, 1, 400, 7, 2000)]
        expected = [
            (sum(map(len, symbols[:asset])) + at, median)
            for asset, prices in enumerate(symbols)
            if len(prices) >= 5
            for at, median in self.slowly(prices)
        ]
        asset = np.repeat(np.arange(len(symbols)), [len(prices) for prices in symbols])
        far = far_from_five_bars(asset, np.array(list(chain.from_iterable(symbols))))
        assert len(expected) > 500
        assert list(zip(far.at.tolist(), far.median.tolist(), strict=True)) == expected

    @pytest.mark.parametrize("rows", [0, 1, 2, 3])
    def test_few_rows(self, rows: int) -> None:
        assert far_from_five_bars(np.zeros(rows, dtype=np.int64), np.array([1.0, 10.0, 100.0][:rows])).at.tolist() == []

    @pytest.mark.parametrize(
        ("price", "doubtful"),
        [(2.7, False), (2.71, True), (1 / 2.69, False), (1 / 2.71, True), (100, True), (0.01, True)],
    )
    def test_threshold_on_both_sides(self, price: float, doubtful: bool, path: Path) -> None:
        prices = [1.0] * 41
        prices[20] = price
        write(path, {"A": prices})
        expected = [("far from its five bars", 22, "close", "A", DAYS[20])] if doubtful else []
        assert [each for each in found(path) if each[0] != "coarse prices"] == expected

    def test_what_it_says(self, path: Path) -> None:
        prices = list(FINE)
        prices[0], prices[-1] = 10, 1000
        write(path, {"A": prices})
        assert [each.value for each in check_file(path).warnings] == [
            "10, 10 times below the median 100.14",
            "1000, 9.98 times above the median 100.2",
        ]

    def test_two_of_five_are_found_and_a_split_is_not(self, path: Path) -> None:
        prices = [*FINE[:200], *(close / 7 for close in FINE[200:])]
        write(path, {"A": prices})
        assert found(path) == []
        prices[50], prices[52] = 10.0, 1000.0
        write(path, {"A": prices})
        assert [each[1] for each in found(path)] == [52, 54]

    def test_every_column_also_of_bars_that_are_defects(self, path: Path) -> None:
        rows = [f"{day},A,100.00,100.5{n % 7},99.9{n % 3},100.0{n % 9},100.00,5" for n, day in enumerate(DAYS[:60])]
        rows[30] = f"{DAYS[30]},A,1.5,0.5,0.4,0.3,1.1,5"
        rows[31] = f"{DAYS[31]},A,x,-1,0,,inf,5"
        path.write_text("\n".join(["date,symbol,open,high,low,close,adj_close,volume", *rows]) + "\n")
        columns = ["open", "high", "low", "close", "adj_close"]
        assert found(path) == [("far from its five bars", 32, name, "A", DAYS[30]) for name in columns]
        assert len(check_file(path).defects) >= 5


class TestSessions:
    def test_between_the_first_and_the_last_bar(self) -> None:
        has = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0]], dtype=bool)
        bar, asset = np.nonzero(has)
        missing = missing_sessions(asset, bar, *has.shape)
        assert np.argwhere(missing).tolist() == [[2, 1], [3, 0]]

    def test_how_many_have_one(self, path: Path) -> None:
        closes = dict.fromkeys("ABCD", FINE[:60])
        late = {("D", bar) for bar in range(20)}
        write(path, closes, frozenset({("A", 10), ("B", 40), ("C", 40), ("A", 59), *late}))
        report = check_file(path)
        assert [(each.kind, each.row, each.symbol, each.timestamp, each.value) for each in report.warnings] == [
            ("missing session", None, "A", DAYS[10], "2 of 3 symbols have one"),
            ("missing session", None, "B", DAYS[40], "2 of 4 symbols have one"),
            ("missing session", None, "C", DAYS[40], "2 of 4 symbols have one"),
        ]

    def test_a_bad_bar_is_no_missing_session(self, path: Path) -> None:
        write(path, {"A": FINE, "B": [*FINE[:9], -1, *FINE[10:]]})
        report = check_file(path)
        assert (len(report.defects), report.warnings) == (1, ())

    def test_an_empty_cell_of_a_wide_file(self, path: Path) -> None:
        rows = [
            f"{day},{close},{'' if n in (0, 5) else close}"
            for n, (day, close) in enumerate(zip(DAYS, FINE, strict=True))
        ]
        rows[7] = f"{DAYS[7]},0.5,{FINE[7]}"
        path.write_text("\n".join(["date,LOW,OPEN", *rows]) + "\n")
        assert found(path) == [
            ("far from its five bars", 9, "LOW", "LOW", DAYS[7]),
            ("missing session", None, "", "OPEN", DAYS[5]),
        ]


def test_fewer_than_thirty_bars(path: Path) -> None:
    write(path, {"A": FINE[:30], "B": FINE[:29], "C": [*FINE[:29], 0], "D": [0]})
    assert [(each.kind, each.symbol, each.value) for each in check_file(path).warnings] == [
        ("few bars", "B", "29 usable bars"),
        ("few bars", "C", "29 usable bars"),
        ("few bars", "D", "0 usable bars"),
    ]


def test_zero_volume_counts_a_bar_once(path: Path) -> None:
    rows = [f"{day},A,{close:.2f},{0 if n == 3 else 7}" for n, (day, close) in enumerate(zip(DAYS, FINE, strict=True))]
    path.write_text("\n".join(["date,symbol,close,volume", *rows, rows[3]]) + "\n")
    report = check_file(path)
    assert [each.problem for each in report.defects] == ["duplicate bar"]
    assert found(path) == [("zero volume", 5, "volume", "A", DAYS[3])]


class TestCoarsePrices:
    def stretches(self, price: Float) -> list[tuple[int, int]]:
        return [(block.first, block.last) for block in coarse_blocks(price)]

    @pytest.mark.parametrize(("level", "found"), [(19.9, True), (20.0, False), (20.1, False)])
    def test_cents_are_coarse_below_twenty(self, level: float, found: bool) -> None:
        price = np.round(level + 0.01 * (np.arange(252) % 9 - 4), 2)
        assert bool(self.stretches(price)) is found

    def test_rounding_of_arithmetic_is_no_step(self) -> None:
        price = np.array([10 + 0.1 * (bar % 3) for bar in range(252)])
        noise = 1 + 1e-8 * np.random.default_rng(0).standard_normal(252)
        (exact,), (noisy,) = coarse_blocks(price), coarse_blocks(price * noise)
        assert exact.basis_points == pytest.approx(1000 / 10.1)
        assert noisy.basis_points == pytest.approx(1000 / 10.1, rel=1e-5)

    def test_stretches_follow_each_other_and_the_last_ends_with_the_last_bar(self) -> None:
        fine = np.array([100 + 0.01 * (bar % 9) for bar in range(300)])
        coarse = np.array([10 + 0.01 * (bar % 9) for bar in range(300)])
        assert self.stretches(np.concatenate([fine, coarse])) == [(252, 504), (348, 600)]
        assert self.stretches(coarse[:40]) == [(0, 40)]

    def test_equal_prices_have_no_step(self) -> None:
        assert self.stretches(np.full(252, 5.0)) == []
        assert self.stretches(np.empty(0)) == []

    def test_one_warning_a_symbol_about_its_coarsest(self, path: Path) -> None:
        cheap = [8 + 0.01 * (n % 9) for n in range(140)] + [5 + 0.01 * (n % 9) for n in range(260)]
        write(path, {"A": FINE, "B": cheap})
        (each,) = check_file(path).warnings
        assert (each.kind, each.row, each.symbol, each.timestamp) == ("coarse prices", 400 + 2 + 148, "B", DAYS[148])
        assert each.value == "19.8 bp: steps of 0.01 at 5.04; coarse in 400 of 400 bars"


class TestTimeZones:
    def write(self, path: Path, times: Sequence[str]) -> list[tuple[int | None, str, str, str]]:
        rows = [f"{time},A,{close:.2f}" for time, close in zip(times, FINE, strict=False)]
        path.write_text("\n".join(["timestamp,symbol,close", *rows]) + "\n")
        report = check_file(path)
        assert report.defects == ()
        assert {each.kind for each in report.warnings} <= {"mixed time zones"}
        return [(each.row, each.column, each.timestamp, each.value) for each in report.warnings]

    def test_one_zone_however_it_is_written(self, path: Path) -> None:
        assert self.write(path, [f"{day}T16:00Z" for day in DAYS[:60]]) == []
        assert self.write(path, [f"{day}T16:00{'+00:00' if n % 2 else 'Z'}" for n, day in enumerate(DAYS[:60])]) == []
        assert (
            self.write(path, [f"{day} 16:00:00{'+0530' if n % 2 else '+05:30'}" for n, day in enumerate(DAYS[:60])])
            == []
        )
        assert self.write(path, [day.replace("-", "") for day in DAYS[:60]]) == []
        assert self.write(path, [f"{day} 16:00" for day in DAYS[:60]]) == []

    def test_two_zones(self, path: Path) -> None:
        times = [f"{day}T16:00{'+09:00' if n in (7, 9) else '-05:00'}" for n, day in enumerate(DAYS[:60])]
        assert self.write(path, times) == [(9, "timestamp", times[7], "+09:00 in 2 rows, -05:00 in 58")]

    def test_some_with_a_zone_and_some_without(self, path: Path) -> None:
        times = [f"{day}T16:00{'' if n == 3 else 'Z'}" for n, day in enumerate(DAYS[:60])]
        assert self.write(path, times) == [(5, "timestamp", times[3], "no zone (read as UTC) in 1 row, +00:00 in 59")]

    def test_summer_time_is_one_zone(self, path: Path) -> None:
        times = [f"{day} 00:00:00{'-04:00' if '03-08' < day[5:] < '11-01' else '-05:00'}" for day in DAYS[:300]]
        assert self.write(path, times) == []

    def test_a_night_in_which_the_clock_changes(self, path: Path) -> None:
        winter = [f"2020-03-0{day}T{hour:02}:00-05:00" for day in (6, 7) for hour in range(24)]
        night = ["2020-03-08T00:00-05:00", "2020-03-08T01:00-05:00", "2020-03-08T03:00-04:00", "2020-03-08T04:00-04:00"]
        assert self.write(path, [*winter, *night]) == []

    def test_an_hour_apart_day_by_day_is_not_summer_time(self, path: Path) -> None:
        times = [f"{day}T{hour}:00+0{zone}:00" for day in DAYS[:30] for hour, zone in ((10, 0), (16, 1))]
        assert self.write(path, times) == [(3, "timestamp", times[1], "+01:00 in 30 rows, +00:00 in 30")]

    def test_the_times_of_a_parquet_file_have_one(self, tmp_path: Path) -> None:
        path = tmp_path / "prices.parquet"
        times = pl.Series(DAYS[:60]).str.to_datetime().dt.replace_time_zone("America/New_York")
        pl.DataFrame({"timestamp": times, "symbol": "A", "close": FINE[:60]}).write_parquet(path)
        assert check_file(path).warnings == ()


def test_a_file_without_any_volume(path: Path) -> None:
    rows = [f"{day},{symbol},{close:.2f},0" for symbol in "AB" for day, close in zip(DAYS, FINE, strict=True)]
    path.write_text("\n".join(["date,symbol,close,volume", *rows]) + "\n")
    assert File(path=path).load().doubtful == {"zero volume": 800}
    assert [each.row for each in check_file(path).warnings] == list(range(2, 802))


def test_warnings_stop_nothing(path: Path) -> None:
    write(path, {"A": [*FINE[:9], 1.0, *FINE[10:]], "B": FINE}, frozenset({("A", 4)}))
    assert {each.kind for each in check_file(path).warnings} == {"missing session", "far from its five bars"}
    data = File(path=path).load()
    assert data.doubtful == {"missing session": 1, "far from its five bars": 1}
    panel = data.panel
    assert panel.close[9, 0] == 1.0
    assert np.isnan(panel.close[4, 0])


class TestSplitLikeJumps:
    """Two hundred days of a price that moves 1% a day, and what happens on day 100."""

    def walk(self, bars: int = 200, seed: int = 1) -> Float:
        walk: Float = np.cumsum(0.01 * np.random.default_rng(seed).standard_normal(bars))
        walk[98:103] = walk[97]
        return 100.0 * np.exp(walk)

    def jumps(self, close: Float, volume: Float | None = None) -> list[tuple[int, float]]:
        found = split_like_jumps(close[:, None], None if volume is None else volume[:, None])
        assert not found.asset.any()
        return list(zip(found.bar.tolist(), np.round(found.ratio, 3).tolist(), strict=True))

    @pytest.mark.parametrize("ratio", [1.5, 2, 3, 4, 5, 10, 2 / 3, 0.5, 0.1])
    def test_ratios_that_companies_split_by(self, ratio: float) -> None:
        close = self.walk()
        close[100:] /= ratio
        assert self.jumps(close) == [(100, round(ratio, 3))]
        close[100:] *= 1.02
        assert [bar for bar, _ in self.jumps(close)] == [100]
        close[100:] *= 1.02
        assert self.jumps(close) == []

    @pytest.mark.parametrize("ratio", [1.3, 1.7, 2.5, 7, 1 / 7])
    def test_other_ratios_are_news(self, ratio: float) -> None:
        close = self.walk()
        close[100:] /= ratio
        assert self.jumps(close) == []

    def test_a_slipped_decimal_does_not_last(self) -> None:
        close = self.walk()
        close[100] /= 10
        assert self.jumps(close) == []
        close[101] /= 10
        assert self.jumps(close) == []
        close[102] /= 10
        assert self.jumps(close) == [(100, 10)]  # three of five bars stay: nobody can tell yet

    def test_a_wild_asset_halves_by_itself(self) -> None:
        close = 100.0 * np.exp(np.cumsum(0.12 * np.random.default_rng(2).standard_normal(200)))
        close[96:105] = close[95]
        close[100:] /= 2
        assert self.jumps(close) == []

    def test_too_short_a_history_or_a_future(self) -> None:
        close = self.walk()
        close[100:] /= 2
        assert self.jumps(close[90:]) == []  # nine returns
        assert self.jumps(close[89:]) == [(11, 2)]
        assert self.jumps(close[:102]) == []
        assert self.jumps(close[:103]) == [(100, 2)]

    def test_volume_tells_a_split_from_news(self) -> None:
        close, volume = self.walk(), np.full(200, 1000.0)
        close[100:] /= 2
        assert self.jumps(close, volume) == [(100, 2)]
        volume[100:] *= 2
        assert self.jumps(close, volume) == [(100, 2)]
        volume[100] = 10_100
        assert self.jumps(close, volume) == []
        assert self.jumps(close, np.zeros(200)) == [(100, 2)]  # no volume is known

    def test_holes_do_not_matter(self) -> None:
        close = self.walk()
        close[100:] /= 3
        close[[50, 100, 104]] = np.nan
        assert self.jumps(close) == [(101, 3)]

    @pytest.mark.parametrize(("missing", "found"), [(21, [(121, 3)]), (22, [])])
    def test_after_a_long_gap_it_may_be_another_company(self, missing: int, found: list[tuple[int, float]]) -> None:
        close = np.concatenate([self.walk()[:100], np.full(missing, np.nan), self.walk()[100:] / 3])
        assert self.jumps(close) == found

    def test_said_with_a_remedy_until_the_action_is_known(self, path: Path) -> None:
        prices = [*FINE[:200], *(round(close / 2, 3) for close in FINE[200:])]
        write(path, {"A": FINE, "B": prices})
        (each,) = check_file(path).warnings
        assert (each.kind, each.row, each.column, each.symbol, each.timestamp) == (
            "split-like jump",
            602,
            "close",
            "B",
            DAYS[200],
        )
        assert each.value == (
            f"close before over close 2.005: if it is a split, add split 2 on {DAYS[200]} to the actions"
        )
        assert File(path=path).load().doubtful == {"split-like jump": 1}
        actions = path.with_name("actions.csv")
        actions.write_text(f"symbol,date,split\nB,{DAYS[200]},2\n")
        assert check_data(DataSpec(source=File(path=path), actions=actions)).warnings == ()
        assert load_data(DataSpec(source=File(path=path), actions=actions)).doubtful == {}

    def test_an_action_for_which_the_prices_are_adjusted_already(self, path: Path) -> None:
        write(path, {"A": FINE, "B": FINE})
        actions = path.with_name("actions.csv")
        actions.write_text(f"symbol,date,split\nB,{DAYS[200]},4\n")
        (each,) = check_data(DataSpec(source=File(path=path), actions=actions)).warnings
        assert each.value.endswith("the prices seem to be adjusted for the split 4 at this bar: take it out")

    @pytest.mark.shared
    def test_one_alarm_in_real_files(self, shared: Path) -> None:
        """Discovery's shares of class C were given out beside them on 2014-08-07: a split that this file lacks."""
        names = (
            "us_etfs_2005_2017",
            "us_stocks_300_2005_2017",
            "stocknet88_yahoo_2012_2017",
            "index_gspc_ixic_1999_2017",
            "sp500_5yr_split_adjusted_2013_2018",
        )
        found = [
            (each.symbol, each.timestamp)
            for name in names
            for each in check_file(shared / "data" / f"{name}.csv.gz").warnings
            if each.kind == "split-like jump"
        ]
        assert found == [("DISCK", "2014-08-07")]


class TestStale:
    def found(self, path: Path, rows: Sequence[str], header: str = "open,high,low,close,volume") -> list[str]:
        lines = [f"{DAYS[bar]},A,{row}" for bar, row in enumerate(rows)]
        path.write_text("\n".join([f"date,symbol,{header}", *lines]) + "\n")
        return [each.value for each in check_file(path).warnings if each.kind == "stale bars"]

    def test_five_bars_that_repeat_the_first(self, path: Path) -> None:
        moving = [f"{n},{n},{n},{n},{n}" for n in range(1, 31)]
        assert self.found(path, [*moving, *["9,9,9,9,7"] * 5, "9,9,9,9,8"]) == [
            f"9, unchanged for 5 bars, up to {DAYS[34]}"
        ]
        assert self.found(path, [*moving, *["9,9,9,9,7"] * 4, "9,9,9,9,8"]) == []

    def test_a_bar_that_traded_otherwise_is_not_stale(self, path: Path) -> None:
        assert self.found(path, [f"9,9,9,9,{volume}" for volume in range(1, 40)]) == []
        assert self.found(path, [f"{8.5 + n / 100},9,8,9,7" for n in range(40)]) == []

    def test_without_volume_the_close_is_enough(self, path: Path) -> None:
        rows = [f"{8.5 + n / 100},9,8,9,{7 if n == 3 else 0}" for n in range(10)]
        assert self.found(path, rows) == [f"9, unchanged for 7 bars, up to {DAYS[9]}"]

    def test_ranges_without_volume_and_closes_alone(self, path: Path) -> None:
        assert self.found(path, ["9,9,9,9"] * 6, "open,high,low,close") == [f"9, unchanged for 6 bars, up to {DAYS[5]}"]
        assert self.found(path, ["9"] * 6, "close") == []

    def test_symbols_are_apart(self, path: Path) -> None:
        rows = [f"{DAYS[bar]},{symbol},9,9,9,9,7" for symbol in "AB" for bar in range(4)]
        path.write_text("\n".join(["date,symbol,open,high,low,close,volume", *rows]) + "\n")
        assert [each for each in check_file(path).warnings if each.kind == "stale bars"] == []
