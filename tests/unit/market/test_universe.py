"""Who is a member when; and that nobody else is ranked, weighted, held or compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from regimefolio.backtest import BacktestSpec, run_backtest
from regimefolio.core.documents import read_document
from regimefolio.core.errors import ConfigError, DataError, MissingDataError
from regimefolio.core.types import Bool, Float, Panel
from regimefolio.market import DataSpec, load_data
from regimefolio.market.listings import Listed
from regimefolio.market.universe import UniverseRule, member_by_rule

DAYS = [str(day) for day in np.busday_offset("2020-01-01", np.arange(12), roll="forward")]


def write(folder: Path, bars: Mapping[str, Sequence[int]]) -> None:
    rows = [f"{DAYS[bar]},{symbol},{100 + bar},5" for symbol, own in bars.items() for bar in own]
    (folder / "prices.csv").write_text("\n".join(["date,symbol,close,volume", *rows]) + "\n")


def members(
    folder: Path, rows: str, header: str = "symbol,from,to", **said: object
) -> tuple[dict[str, list[int]], str]:
    """The bars at which each asset is a member, and what is said about them."""
    (folder / "universe.csv").write_text(f"{header}\n{rows}\n")
    data = load_data(DataSpec.model_validate({"source": "file:prices.csv", "universe": "universe.csv", **said}), folder)
    found = {symbol: np.flatnonzero(data.panel.member[:, n]).tolist() for n, symbol in enumerate(data.panel.symbols)}
    return found, data.about.split("; ")[-1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, {"A": range(12), "B": range(12), "C": range(6, 12)})
    return tmp_path


class TestSpells:
    def test_first_and_last_day_are_in(self, folder: Path) -> None:
        found, said = members(folder, f"A,{DAYS[2]},{DAYS[4]}\nA,{DAYS[8]},\nB,2019-01-01,{DAYS[0]}")
        assert found == {"A": [2, 3, 4, 8, 9, 10, 11], "B": [0], "C": []}
        assert said == "universe.csv: 3 spells, 0 to 1 members with a bar, 1 asset never one"

    def test_days_without_a_bar(self, folder: Path) -> None:
        assert DAYS[2:4] == ["2020-01-03", "2020-01-06"]
        assert members(folder, "A,2020-01-04,2020-01-12")[0]["A"] == [3, 4, 5, 6, 7]
        assert members(folder, "A,2020-01-02,2020-01-05")[0]["A"] == [1, 2]

    def test_without_an_end(self, folder: Path) -> None:
        assert members(folder, f"A,{DAYS[10]}", header="symbol,from")[0]["A"] == [10, 11]

    def test_overlaps_are_joined_and_counted(self, folder: Path) -> None:
        rows = f"A,{DAYS[0]},{DAYS[3]}\nA,{DAYS[3]},{DAYS[6]}\nA,{DAYS[5]},{DAYS[7]}\nB,{DAYS[1]},{DAYS[2]}"
        found, said = members(folder, rows)
        assert found["A"] == list(range(8))
        assert said.startswith("universe.csv: 4 spells, 1 of which overlap another, 0 to 2 members")

    def test_strangers_and_other_times_are_counted(self, folder: Path) -> None:
        rows = f"A,{DAYS[0]},\nX,{DAYS[0]},\nY,{DAYS[0]},\nB,2030-01-01,\nB,2000-01-01,2001-01-01"
        found, said = members(folder, rows)
        assert found == {"A": list(range(12)), "B": [], "C": []}
        assert said == (
            "universe.csv: 1 spell (ignored: 2 of symbols without prices, 2 before or after the bars that are loaded), "
            "1 members with a bar, 2 assets never one"
        )

    def test_a_ticker_that_another_company_has_later(self, folder: Path) -> None:
        write(folder, {"A": range(12), "WM": [0, 1, 2, 8, 9]})
        found, _ = members(folder, f"WM,{DAYS[1]},{DAYS[8]}", max_gap=4)
        assert found == {"A": [], "WM": list(range(1, 8)), "WM.2": [8]}
        assert members(folder, f"WM.2,{DAYS[1]},", max_gap=4)[0]["WM.2"] == [8, 9, 10, 11]

    def test_known_at_its_bar(self, folder: Path) -> None:
        spec = DataSpec.model_validate({"source": "file:prices.csv", "universe": "universe.csv"})
        (folder / "universe.csv").write_text(f"symbol,from,to\nA,{DAYS[2]},{DAYS[4]}\nA,{DAYS[8]},\n")
        whole = load_data(spec, folder)
        for n_bars in (3, 5, 9):
            cut = load_data(spec.model_copy(update={"end": np.datetime64(DAYS[n_bars - 1]).item()}), folder)
            np.testing.assert_array_equal(cut.panel.member, whole.panel.until(n_bars).member)
        assert cut.fingerprint != whole.fingerprint
        assert whole.fingerprint != load_data(DataSpec(source="file:prices.csv"), folder).fingerprint

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            ("A,2020-01-05,2020-01-04", "line 2, column from: after the `to` of its row, found '2020-01-05' for A"),
            ("A,,2020-01-04", "line 2, column from: missing date"),
            ("A,2020-01-05,now", "line 2, column to: not an ISO date or time"),
            (",2020-01-05,", "line 2, column symbol: missing symbol"),
            ("X,2020-01-05,\nY,2020-01-05,", "the prices have none of its symbols (X, Y)"),
        ],
    )
    def test_mistakes(self, rows: str, message: str, folder: Path) -> None:
        with pytest.raises(DataError) as caught:
            members(folder, rows)
        assert str(caught.value).startswith(f"{folder}/universe.csv: {message}")

    def test_nobody(self, folder: Path) -> None:
        with pytest.raises(
            MissingDataError, match=r"universe\.csv: no asset is a member at any bar that it has; 1 spell"
        ):
            members(folder, f"C,{DAYS[0]},{DAYS[3]}")


class TestRule:
    def panel(self, close: Float, volume: Float | None) -> Panel:
        days = np.datetime64("2020-01-01", "D") + np.arange(len(close))
        names = tuple(f"S{n}" for n in range(close.shape[1]))
        everybody: Bool = np.ones(close.shape, np.bool_)
        return Panel(days.astype("datetime64[ns]"), names, close, everybody, 252.0, volume=volume)

    def test_listed_for_long_enough(self) -> None:
        close = np.ones((6, 2))
        close[[1, 5], 1] = np.nan
        member = member_by_rule(self.panel(close, None), UniverseRule(min_bars=3))
        # The second one has its third bar at bar 3, and is at bar 5, which it lacks, what it was.
        assert member.tolist() == [[False, False]] * 2 + [[True, False]] + [[True, True]] * 3

    def test_median_of_traded_money(self) -> None:
        volume = np.array([[1.0], [3], [2], [0], [9], [9]])
        member = member_by_rule(
            self.panel(np.full((6, 1), 10.0), volume), UniverseRule(min_bars=1, min_value=20, window=3)
        )
        assert member[:, 0].tolist() == [False, False, True, True, True, True]
        member = member_by_rule(
            self.panel(np.full((6, 1), 10.0), volume), UniverseRule(min_bars=1, min_value=21, window=3)
        )
        assert member[:, 0].tolist() == [False, False, False, False, False, True]

    def test_money_is_raw(self) -> None:
        split, dividend = np.ones((5, 1)), np.zeros((5, 1))
        split[2], dividend[3] = 4.0, 1.0
        # Adjusted prices of 8 are raw ones of 8, 8, 2, 1, 1, and volumes of 5 are 5, 5, 20, 20, 20.
        panel = replace(self.panel(np.full((5, 1), 8.0), np.full((5, 1), 5.0)), split=split, dividend=dividend)
        assert (panel.close / panel.adjustment.price)[:, 0].tolist() == [8, 8, 2, 1, 1]
        for value, expected in ((20.0, [True] * 5), (20.001, [True] * 3 + [False] * 2), (40.001, [False] * 5)):
            rule = UniverseRule(min_bars=1, min_value=value, window=1)
            assert member_by_rule(panel, rule)[:, 0].tolist() == expected

    @pytest.mark.parametrize("rule", [UniverseRule(min_bars=4), UniverseRule(min_bars=2, min_value=0.2, window=5)])
    def test_it_knows_the_past_alone(self, rule: UniverseRule) -> None:
        rng = np.random.default_rng(0)
        close = np.where(rng.random((40, 6)) < 0.2, np.nan, rng.random((40, 6)))
        panel = self.panel(close, rng.random((40, 6)))
        whole = member_by_rule(panel, rule)
        assert 0.1 < whole.mean() < 0.95
        for n_bars in range(1, 41):
            np.testing.assert_array_equal(member_by_rule(panel.until(n_bars), rule), whole[:n_bars])

    def test_without_volume(self) -> None:
        with pytest.raises(DataError, match=r"`universe: \{min_value: …\}` needs volumes, and these prices have none"):
            member_by_rule(self.panel(np.ones((3, 1)), None), UniverseRule(min_value=1))

    def test_in_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "data.yaml"
        path.write_text("data: {source: 'sample:us5', universe: {min_bars: 300, min_value: 1e9}}\n")
        spec = read_document(path).parse(DataSpec, "data")
        assert spec.universe == UniverseRule(min_bars=300, min_value=1e9, window=63)
        assert DataSpec.model_validate(spec.plain()) == spec
        assert load_data(spec).about.endswith(
            "an example, not evidence; universe: 0 to 4 members with a bar, 1 asset never one"
        )
        path.write_text("data: {source: 'sample:us5', universe: {min_bar: 300}}\n")
        with pytest.raises(ConfigError, match=r"data\.yaml:1:41: unknown key 'min_bar'; did you mean 'min_bars'\?"):
            read_document(path).parse(DataSpec, "data")


class TestEndToEnd:
    """A universe of some assets is the same as prices of those alone, whatever looks at them."""

    SOME = ("AAPL", "BAC", "CVX", "GE", "JNJ", "KO", "MSFT", "XOM")

    @pytest.fixture
    def some(self, tmp_path: Path) -> Path:
        panel = load_data(DataSpec(source="sample:sp500_20")).panel
        frame = pl.DataFrame({"date": panel.timestamps, **{s: panel.close[:, n] for n, s in enumerate(panel.symbols)}})
        frame = frame.with_columns(pl.col("date").cast(pl.Date)).filter(pl.col("date") > pl.date(2010, 1, 1))
        frame.write_parquet(tmp_path / "all.parquet")
        frame.select("date", *self.SOME).write_parquet(tmp_path / "some.parquet")
        rows = [f"{symbol},2000-01-01," for symbol in self.SOME]
        (tmp_path / "universe.csv").write_text("\n".join(["symbol,from,to", *rows]) + "\n")
        return tmp_path

    @pytest.mark.parametrize(
        "portfolio",
        [
            {"allocator": "equal_weight"},
            {"allocator": "risk_parity", "combination_method": "rank_average"},
            {
                "allocator": {"kind": "proportional", "long_short": True},
                "top_n": 3,
                "combination_method": "best_strategy",
            },
            {"combination_method": "confidence_weighted", "constraints": {"max_position": 0.3}},
        ],
        ids=["equal weight", "rank average", "long short", "confidence"],
    )
    def test_the_others_do_not_exist(self, portfolio: dict[str, object], some: Path) -> None:
        def run(source: str, **said: object) -> tuple[Float, Mapping[str, float]]:
            strategies = [
                "momentum_rank",
                {"kind": "bollinger_mean_reversion", "overlays": [{"kind": "normalise", "method": "rank"}]},
                "macd_rsi_confluence",
                "moving_average_cross",
            ]
            data = {"source": f"file:{source}", **said}
            spec = {
                "name": "a",
                "data": data,
                "strategies": strategies,
                "portfolio": portfolio,
                "benchmark": "equal_weight",
            }
            _, outcome, found = run_backtest(BacktestSpec.model_validate(spec), folder=some)
            return found.simulation.equity, outcome.metrics

        equity, metrics = run("all.parquet", universe="universe.csv")
        alone, expected = run("some.parquet")
        np.testing.assert_allclose(equity, alone, rtol=1e-12)
        assert equity[-1] != pytest.approx(run("all.parquet")[0][-1], rel=1e-3)
        assert metrics.keys() == expected.keys()
        for name, value in expected.items():
            assert metrics[name] == pytest.approx(value, rel=1e-9, nan_ok=True), name

    def test_who_leaves_is_sold_and_who_comes_is_bought(self, some: Path) -> None:
        (some / "universe.csv").write_text(
            "symbol,from,to\nAAPL,2000-01-01,2015-06-30\nMSFT,2015-07-01,\nKO,2000-01-01,\n"
        )
        data = {"source": "file:all.parquet", "universe": "universe.csv"}
        portfolio = {"allocator": "equal_weight", "rebalance": "weekly"}
        spec = {"name": "a", "data": data, "strategies": ["momentum_rank"], "portfolio": portfolio}
        dataset, _, run = run_backtest(BacktestSpec.model_validate(spec), folder=some)
        weights, symbols = run.simulation.weights, dataset.panel.symbols
        assert weights is not None
        held = {
            symbol: dataset.panel.timestamps[np.flatnonzero(weights[:, n] > 0)].astype("datetime64[D]")
            for n, symbol in enumerate(symbols)
            if (weights[:, n] != 0).any()
        }
        assert set(held) == {"AAPL", "MSFT", "KO"}
        # A change on Wednesday the 1st: decided on Thursday, the week's last bar, and filled on Monday the 6th.
        assert str(held["AAPL"].max()) == "2015-07-02"
        assert str(held["MSFT"].min()) == "2015-07-06"


@pytest.mark.shared
def test_a_real_universe_file(tmp_path: Path, shared: Path) -> None:
    """The index members of one day in 2017, from then on; prices of 299 stocks and most of 505 names."""
    names = pl.read_csv(shared / "data" / "sp500_constituents_sectors_2017-03-08.csv")["Symbol"]
    pl.DataFrame({"symbol": names, "from": "2017-03-08", "to": ""}).write_csv(tmp_path / "universe.csv")
    spec = DataSpec(
        source=f"file:{shared}/data/us_stocks_300_2005_2017.csv.gz",
        on_bad="mask",
        universe=tmp_path / "universe.csv",
    )
    data = load_data(spec)
    day = int(np.searchsorted(data.panel.timestamps, np.datetime64("2017-03-08")))
    known = [symbol in set(names) for symbol in data.panel.symbols]
    assert not data.panel.member[:day].any()
    assert (data.panel.member[day:] == known).all()
    assert sum(known) > 250
    assert f"{505 - sum(known)} of symbols without prices" in data.about


def test_what_was_listed_is_told() -> None:
    panel = load_data(DataSpec(source="sample:us5")).panel
    assert Listed(panel, panel.symbols).assets_of("IBM") == [3]
    assert Listed(panel, panel.symbols).assets_of("nobody") == []
