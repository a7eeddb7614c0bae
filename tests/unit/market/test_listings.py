"""Tickers that another company takes over, and delistings: by hand, and nothing known before its time."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from regimefolio.backtest import BacktestSpec, run_backtest
from regimefolio.core.errors import DataError
from regimefolio.core.types import Float, Panel
from regimefolio.market import Dataset, DataSpec, File, check_data, check_file, load_data
from regimefolio.market.listings import known_at, separate_tickers

DAYS = [str(day) for day in np.busday_offset("2020-01-01", np.arange(60), roll="forward")]


def write(folder: Path, bars: dict[str, list[int]], columns: str = "") -> Path:
    """A file in which the close of a symbol at bar n is 100 + n."""
    rows = [
        f"{DAYS[bar]},{symbol},{100 + bar}{columns and ',1,0'}" for symbol, own in bars.items() for bar in sorted(own)
    ]
    path = folder / "prices.csv"
    path.write_text("\n".join([f"date,symbol,close{columns}", *rows]) + "\n")
    return path


def load(folder: Path, **said: object) -> Dataset:
    return load_data(DataSpec.model_validate({"source": "file:prices.csv", **said}), folder)


def own(panel: Panel) -> dict[str, list[int]]:
    """The bars of every asset."""
    return {symbol: np.flatnonzero(np.isfinite(panel.close[:, n])).tolist() for n, symbol in enumerate(panel.symbols)}


EVERY = list(range(60))


class TestTickers:
    def test_another_company(self, tmp_path: Path) -> None:
        bars = {"A": EVERY, "WM": [*range(5), *range(27, 30), *range(52, 60)], "Z": EVERY}
        write(tmp_path, bars)
        data = load(tmp_path, max_gap=21)
        assert own(data.panel) == {
            "A": EVERY,
            "WM": bars["WM"][:5],
            "WM.2": bars["WM"][5:8],
            "WM.3": bars["WM"][8:],
            "Z": EVERY,
        }
        assert data.about.endswith(
            f"(csv, long); WM resumes on {DAYS[27]} after 22 missing bars as WM.2; "
            f"WM resumes on {DAYS[52]} after 22 missing bars as WM.3"
        )
        np.testing.assert_array_equal(
            np.nansum(data.panel.close[:, 1:4], axis=1)[bars["WM"]], np.array(bars["WM"]) + 100
        )

    def test_a_halt_is_none(self, tmp_path: Path) -> None:
        bars = {"A": EVERY, "WM": [*range(5), *range(26, 30)]}  # 21 bars are missing
        write(tmp_path, bars)
        data = load(tmp_path, max_gap=21)
        assert own(data.panel) == bars
        assert data.fingerprint == load(tmp_path).fingerprint
        assert "resumes" not in data.about
        assert own(load(tmp_path, max_gap=20).panel)["WM.2"] == bars["WM"][5:]

    def test_the_clock_is_that_of_all_symbols(self, tmp_path: Path) -> None:
        write(tmp_path, {"A": [*range(5), *range(40, 60)], "WM": [*range(5), *range(41, 60)]})
        assert own(load(tmp_path, max_gap=1).panel) == own(load(tmp_path).panel)

    def test_nothing_is_known_before_it_resumes(self, tmp_path: Path) -> None:
        write(tmp_path, {"A": EVERY, "WM": [*range(5), *range(30, 60)]})
        plain, separate = load(tmp_path).panel, load(tmp_path, max_gap=21).panel
        for n_bars in (1, 5, 29, 30):
            before, now = plain.until(n_bars), separate.until(n_bars)
            np.testing.assert_array_equal(now.close[:, :2], before.close)
            assert np.isnan(now.close[:, 2]).all()

    def test_actions_belong_to_the_company_of_their_date(self, tmp_path: Path) -> None:
        write(tmp_path, {"A": EVERY, "WM": [*range(5), *range(30, 60)]})
        dated = {3: 2, 10: 5, 40: 4}  # the second one falls into the gap
        rows = [f"WM,{DAYS[bar]},{split}" for bar, split in dated.items()]
        (tmp_path / "actions.csv").write_text("\n".join(["symbol,date,split", *rows]) + "\n")
        panel = load(tmp_path, max_gap=21, actions="actions.csv").panel
        assert panel.split is not None
        assert panel.close[:5, 1].tolist() == [100, 101, 102, 206, 208]
        np.testing.assert_allclose(panel.close[[30, 39, 40], 2], [130, 139, 4 * 140], rtol=1e-15)
        assert [(bar, asset) for bar, asset in np.argwhere(panel.split != 1).tolist()] == [(3, 1), (40, 2)]
        np.testing.assert_allclose(panel.adjustment.price[[4, 30, 59], [1, 2, 2]], [2, 1, 4])

    def test_with_columns_of_its_own(self, tmp_path: Path) -> None:
        write(tmp_path, {"A": EVERY, "WM": [*range(5), *range(30, 60)]}, ",split,dividend")
        assert load(tmp_path, max_gap=21).panel.symbols == ("A", "WM", "WM.2")

    def test_a_name_that_is_taken(self, tmp_path: Path) -> None:
        write(tmp_path, {"WM": [*range(5), *range(30, 60)], "WM.2": EVERY})
        with pytest.raises(
            DataError, match=f"`max_gap` makes WM from {DAYS[30]} on a new asset WM.2, which is a symbol; rename it"
        ):
            load(tmp_path, max_gap=21)

    def test_sectors_and_delistings_go_along(self) -> None:
        close = np.ones((9, 2))
        close[2:7, 0] = np.nan
        panel = Panel(
            timestamps=np.arange("2020-01-01", "2020-01-10", dtype="datetime64[D]").astype("datetime64[ns]"),
            symbols=("WM", "X"),
            close=close,
            member=np.ones((9, 2), np.bool_),
            periods_per_year=252.0,
            sectors=("banks", "waste"),
            delisted_at=np.array([3, -1]),
            delisting_return=np.array([-1.0, np.nan]),
        )
        made = separate_tickers(panel, 4).panel
        assert made.sectors == ("banks", "banks", "waste")
        assert made.delisted_at is not None
        assert made.delisted_at.tolist() == [3, -1, -1]

    def test_the_gap_is_a_warning_until_it_is_answered(self, tmp_path: Path) -> None:
        path = write(tmp_path, {"A": EVERY, "WM": [*range(5), *range(27, 60)]})
        found = [each for each in check_file(path).warnings if each.kind == "long gap"]
        assert [(each.row, each.column, each.symbol, each.timestamp, each.value) for each in found] == [
            (67, "date", "WM", DAYS[27], "resumes after 22 missing bars")
        ]
        assert File(path=path).load().doubtful["long gap"] == 1
        assert load(tmp_path).doubtful["long gap"] == 1
        assert "long gap" not in load(tmp_path, max_gap=30).doubtful
        answered = check_data(DataSpec(source=File(path=path), max_gap=21))
        assert "long gap" not in {each.kind for each in answered.warnings}
        assert answered.notes == (f"WM resumes on {DAYS[27]} after 22 missing bars as WM.2",)
        write(tmp_path, {"A": EVERY, "WM": [*range(5), *range(26, 60)]})
        assert "long gap" not in load(tmp_path).doubtful

    def test_many_are_counted(self, tmp_path: Path) -> None:
        write(tmp_path, {"Z": EVERY, **{f"S{n}": [0, 59] for n in range(5)}})
        assert load(tmp_path, max_gap=21).about.endswith(
            f"S2 resumes on {DAYS[59]} after 58 missing bars as S2.2; and 2 more"
        )


class TestDelistings:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        write(tmp_path, {"A": EVERY, "B": list(range(20)), "WM": [*range(5), *range(30, 50)]})
        return tmp_path

    def read(self, folder: Path, rows: str, **said: object) -> tuple[dict[str, tuple[int, float]], str]:
        """Bar and return of every delisting, and what is said about them."""
        (folder / "gone.csv").write_text(f"symbol,date,return\n{rows}\n")
        data = load(folder, delistings="gone.csv", **said)
        panel = data.panel
        assert panel.delisted_at is not None
        assert panel.delisting_return is not None
        found = zip(panel.symbols, panel.delisted_at.tolist(), panel.delisting_return.tolist(), strict=True)
        return {symbol: (bar, value) for symbol, bar, value in found if bar >= 0}, data.about.split("; ")[-1]

    def test_known_at_its_date(self, folder: Path) -> None:
        assert self.read(folder, f"B,{DAYS[25]},-0.3") == ({"B": (25, -0.3)}, "gone.csv: 1 delisting")
        assert self.read(folder, f"B,{DAYS[19]},0.1")[0] == {"B": (19, 0.1)}

    def test_a_date_without_a_bar_means_the_next_one(self, folder: Path) -> None:
        assert self.read(folder, "B,2020-02-01,-1")[0] == {"B": (DAYS.index("2020-02-03"), -1)}

    def test_known_at_the_end_of_its_day(self) -> None:
        times = np.array(["2020-01-02T14", "2020-01-02T20", "2020-01-06T14", "2020-01-06T20"], dtype="datetime64[ns]")
        days = ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07"]
        assert known_at(times, np.array(days, dtype="datetime64[ns]")).tolist() == [0, 1, 2, 3, 4]

    def test_of_each_company_of_a_ticker(self, folder: Path) -> None:
        rows = f"WM,{DAYS[6]},-1\nWM,{DAYS[50]},0.25"
        assert self.read(folder, rows, max_gap=21)[0] == {"WM": (6, -1), "WM.2": (50, 0.25)}
        assert self.read(folder, f"WM.2,{DAYS[50]},0.25", max_gap=21)[0] == {"WM.2": (50, 0.25)}

    def test_bars_with_a_time_of_day(self, tmp_path: Path) -> None:
        rows = [
            f"{DAYS[bar]}T21:00Z,{symbol},1"
            for symbol, own in {"A": EVERY, "WM": [0, 1, 30, 31]}.items()
            for bar in own
        ]
        (tmp_path / "prices.csv").write_text("\n".join(["timestamp,symbol,close", *rows]) + "\n")
        assert self.read(tmp_path, f"WM,{DAYS[1]},-1", max_gap=21)[0] == {"WM": (1, -1)}
        with pytest.raises(DataError, match="there are bars after it"):
            self.read(tmp_path, f"WM,{DAYS[30]},-1", max_gap=21)

    def test_what_is_not_loaded_is_counted(self, folder: Path) -> None:
        rows = f"B,{DAYS[25]},-0.3\nA,2030-01-01,0\nX,2020-01-05,0\nY,2020-01-05,0"
        found, said = self.read(folder, rows)
        assert found == {"B": (25, -0.3)}
        assert said == (
            "gone.csv: 1 delisting (ignored: 2 of symbols without prices, 1 before or after the bars that are loaded)"
        )
        found, said = self.read(folder, rows, start=DAYS[22])
        assert found == {}

    def test_cut_where_it_was_not_known(self, folder: Path) -> None:
        whole = load(folder, delistings=self.file(folder)).panel
        assert whole.delisted_at is not None
        for n_bars in (25, 26, 60):
            cut = whole.until(n_bars)
            assert cut.delisted_at is not None
            assert cut.delisting_return is not None
            known = n_bars > 25
            assert cut.delisted_at.tolist() == [-1, 25 if known else -1, -1]
            np.testing.assert_array_equal(cut.delisting_return, [np.nan, -0.3 if known else np.nan, np.nan])
            there = load(folder, delistings=self.file(folder), end=DAYS[n_bars - 1])
            np.testing.assert_array_equal(there.panel.delisted_at, cut.delisted_at)
        late = load(folder, delistings=self.file(folder), start=DAYS[10]).panel
        assert late.delisted_at is not None
        assert late.delisted_at.tolist() == [-1, 15, -1]

    def file(self, folder: Path) -> str:
        (folder / "gone.csv").write_text(f"symbol,date,return\nB,{DAYS[25]},-0.3\n")
        return "gone.csv"

    def test_the_fingerprint_knows_them(self, folder: Path) -> None:
        plain = load(folder).fingerprint
        one = load(folder, delistings=self.file(folder)).fingerprint
        (folder / "gone.csv").write_text(f"symbol,date,return\nB,{DAYS[25]},-0.4\n")
        assert len({plain, one, load(folder, delistings="gone.csv").fingerprint}) == 3

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            (
                f"WM,{DAYS[6]},-1",
                "column date: there are bars after it (where they are another company's, set `max_gap`), "
                f"found '{DAYS[6]}' for WM; mend the file",
            ),
            (f"B,{DAYS[18]},0", "column date: there are bars after it"),
            (f"B,{DAYS[25]},-1.5", "column return: a loss of more than everything"),
            (f"B,{DAYS[25]},", "column return: missing value, found '' for B; mend the file"),
            (f"B,{DAYS[25]},gone", "column return: not a number, found 'gone' for B; mend the file"),
            (f"B,{DAYS[25]},0\nB,{DAYS[26]},0", "column date: a second delisting"),
            ("B,,0", "column date: missing date"),
        ],
    )
    def test_mistakes(self, rows: str, message: str, folder: Path) -> None:
        with pytest.raises(DataError) as caught:
            self.read(folder, rows)
        line = 3 if "second" in message else 2
        assert str(caught.value).startswith(f"{folder}/gone.csv: line {line}, {message}")

    def test_no_symbol_is_known(self, folder: Path) -> None:
        with pytest.raises(DataError, match=r"gone\.csv: the prices have none of its symbols \(X, Y, Z, …\)"):
            self.read(folder, "\n".join(f"{name},2020-01-05,0" for name in "ZYXW").replace("W", "ZZ"))


@pytest.mark.shared
def test_a_real_ticker_taken_over(tmp_path: Path, shared: Path) -> None:
    """Agilent up to 2010 and American Airlines from its listing of 2013 on, as if both were called A."""
    frame = pl.read_csv(shared / "data" / "us_stocks_300_2005_2017.csv.gz", schema_overrides={"symbol": pl.String})
    old = pl.col("symbol").is_in(["A", "AAPL", "XOM", "IBM"]) & (
        (pl.col("symbol") != "A") | (pl.col("date") < "2010-01-01")
    )
    taken = pl.concat([frame.filter(old), frame.filter(pl.col("symbol") == "AAL").with_columns(symbol=pl.lit("A"))])
    apart = pl.concat([frame.filter(old), frame.filter(pl.col("symbol") == "AAL")])
    taken.sort("symbol", "date").write_parquet(tmp_path / "taken.parquet")
    apart.sort("symbol", "date").write_parquet(tmp_path / "apart.parquet")
    (tmp_path / "gone.csv").write_text("symbol,date,return\nA,2010-01-04,-0.5\n")

    def equity(source: str, **said: object) -> Float:
        strategies = [{"kind": "momentum_rank", "lookback": 126}]
        data = {"source": f"file:{source}", "on_bad": "mask", "end": date(2016, 12, 30), **said}
        spec = BacktestSpec.model_validate({"name": "a", "data": data, "strategies": strategies})
        return run_backtest(spec, folder=tmp_path)[2].simulation.equity

    gone = equity("taken.parquet", max_gap=21, delistings="gone.csv")
    np.testing.assert_allclose(gone, equity("apart.parquet", delistings="gone.csv"), rtol=1e-12)
    separate = equity("taken.parquet", max_gap=21)
    assert gone[-1] < separate[-1] * (1.0 - 1e-3)  # half of what was held is lost, where nothing is if nobody says so
    joined = equity("taken.parquet")
    listing = int(
        np.searchsorted(
            load_data(DataSpec(source=f"file:{tmp_path}/taken.parquet", on_bad="mask")).panel.timestamps,
            np.datetime64("2013-12-10"),
        )
    )
    untold = equity("apart.parquet")
    np.testing.assert_allclose(joined[:listing], untold[:listing], rtol=1e-12)
    assert joined[-1] != pytest.approx(untold[-1], rel=1e-3)
