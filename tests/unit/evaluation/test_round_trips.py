"""Round trips by hand: prices, excursions, regimes, reasons, statistics, files."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from regimefolio.backtest import BacktestRunner, BacktestSpec, ExecutionSpec, Run, run_backtest
from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import REASONS, TRADE, UNKNOWN
from regimefolio.evaluation import RoundTrips, round_trips, trip_statistics, write_round_trips
from regimefolio.market import Market
from regimefolio.portfolio import Ensemble, PortfolioSpec
from tests.scripted import Scripted, regimes, written

FREE = ExecutionSpec(commission_bps=0, slippage_bps=0)
A_OPEN, A_LOW, A_HIGH = (99, 100, 120, 90, 130, 130), (90, 95, 88, 85, 50, 50), (110, 110, 125, 96, 140, 140)
"""A is bought at 100, halved at 120, more than doubled at 90, sold at 130."""


def story(bars: int = 6) -> Market:
    opens = np.array([[a, 50.0] for a in A_OPEN[:bars]])
    panel = written(opens, opens).panel
    low, high = (np.array([[a, 50.0] for a in row[:bars]]) for row in (A_LOW, A_HIGH))
    return Market(replace(panel, low=low, high=high))


def run_of(market: Market, execution: ExecutionSpec = FREE, **known: Any) -> Run:
    """All in A, then half of it in B, then A again, then nothing."""
    alpha = ((1.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0))
    runner = BacktestRunner(market, PortfolioSpec(rebalance="daily"), execution, 1000.0)
    return runner.run(Ensemble.static([Scripted(alpha=alpha)], [1.0]), 1, **known)


@pytest.fixture(scope="module")
def trips() -> RoundTrips:
    market = story()
    return round_trips(run_of(market, regimes=regimes(market, tuple("abcdef"), range(6))))


def test_prices_and_sizes_are_means_over_what_was_traded(trips: RoundTrips) -> None:
    held = 1050.0 / 90.0  # after 5 of 10 are left: 5 · 90 + 12 · 50 of equity buys all of A
    entry = (5.0 * 100.0 + (held - 5.0) * 90.0) / held
    found = trips.columns()
    assert (found["symbol"], found["side"]) == (["A", "B"], ["long", "long"])
    assert (found["entry_bar"], found["exit_bar"], found["bars"]) == ([1, 2], [4, 3], [3, 1])
    assert found["entry_at"] == ["2023-01-03T00:00:00", "2023-01-04T00:00:00"]
    assert found["entry_price"] == pytest.approx([entry, 50.0])
    assert found["exit_price"] == pytest.approx([(5.0 * 120.0 + held * 130.0) / (5.0 + held), 50.0])
    assert found["units"] == pytest.approx([held, 12.0])
    assert found["invested"] == pytest.approx([held * entry, 600.0])  # more than the 10 · 100 of its beginning
    assert found["profit"] == pytest.approx([held * 130.0 - 1000.0, 0.0])
    assert found["return"] == pytest.approx([(held * 130.0 - 1000.0) / (held * entry), 0.0])
    assert found["result"] == ["won", "even"]
    assert found["closed_by"] == ["order", "order"]


def test_a_regime_is_that_of_the_decision(trips: RoundTrips) -> None:
    found = trips.columns()
    assert (found["entry_regime"], found["exit_regime"]) == (["a", "b"], ["d", "c"])


def test_excursions_are_over_what_it_was_exposed_to(trips: RoundTrips) -> None:
    entry = trips.entry_price[0]
    # 88 under an entry at 100 is the worst; 85 under the later entry is less, and the 50 of its last bar came after it.
    assert trips.mae[0] == pytest.approx(88.0 / 100.0 - 1.0)
    assert trips.mfe[0] == pytest.approx(130.0 / entry - 1.0)
    assert (trips.mae[1], trips.mfe[1]) == (0.0, 0.0)


def test_what_fills_at_the_close_is_not_exposed_to_its_bar() -> None:
    found = round_trips(run_of(story(), FREE.model_copy(update={"fill": "next_close"})))
    # Bought at 100 after bar 1's low of 95, and sold at the close of bar 4, after its low of 50 and its high of 140.
    assert found.mae[0] == pytest.approx(50.0 / found.entry_price[0] - 1.0)
    assert found.mfe[0] == pytest.approx(140.0 / found.entry_price[0] - 1.0)


def test_what_is_bought_at_a_close_has_not_seen_the_bars_range() -> None:
    found = round_trips(run_of(story(4), FREE.model_copy(update={"fill": "next_close"})))
    # 85, of bar 3, was before the purchase at 90, under an entry of 100.
    assert found.mae[0] == pytest.approx(85.0 / 100.0 - 1.0)


def test_closes_stand_for_what_the_data_has_not() -> None:
    panel = story().panel
    found = round_trips(run_of(Market(replace(panel, high=None))))
    assert found.mae[0] == pytest.approx(90.0 / 100.0 - 1.0)  # the fill of bar 3


def test_an_open_trip_is_marked_at_the_last_close() -> None:
    found = round_trips(run_of(story(bars=4)))
    row = {name: column[0] for name, column in found.columns().items()}
    assert [row[name] for name in ("exit_bar", "exit_at", "exit_price", "exit_regime", "closed_by")] == [None] * 5
    assert row["result"] == "open"
    assert row["bars"] == 2
    assert row["profit"] == pytest.approx(1050.0 - 1000.0)
    assert found.closed.tolist() == [1]


def test_two_fills_of_one_bar_are_taken_in_their_order() -> None:
    market = story()
    run = run_of(market, regimes=regimes(market, tuple("abcdef"), range(6)))
    rows = [
        (1, 0, 10.0, 100.0, "order"),
        (1, 0, -10.0, 95.0, "stop_loss"),  # in the bar that it was bought at
        (2, 0, -5.0, 120.0, "order"),
        (3, 0, 5.0, 132.0, "trailing_stop"),  # closed, and then bought on the other side
        (3, 0, 4.0, 90.0, "order"),
    ]
    trades = np.array([(*row[:4], row[2] * row[3], 1.0, REASONS.index(row[4]), False) for row in rows], TRADE)
    weights, equity = np.zeros((6, 2)), np.full(6, 1000.0)
    weights[2, 0], weights[3:, 0] = -5.0 * 120.0 / 1000.0, 4.0 * np.array([90.0, 130.0, 130.0]) / 1000.0
    simulation = replace(run.simulation, trades=trades, weights=weights, equity=equity)
    found = round_trips(replace(run, simulation=simulation)).columns()
    assert found["side"] == ["long", "short", "long"]
    assert (found["entry_bar"], found["exit_bar"], found["bars"]) == ([1, 2, 3], [1, 3, None], [0, 1, 2])
    assert found["closed_by"] == ["stop_loss", "trailing_stop", None]
    assert found["exit_price"] == [95.0, 132.0, None]
    assert found["costs"] == [2.0, 2.0, 1.0]
    assert found["profit"] == pytest.approx([-52.0, -62.0, 159.0])
    assert found["mae"] == pytest.approx([-0.05, -0.1, 50.0 / 90.0 - 1.0])
    assert found["entry_regime"] == ["a", "b", "c"]
    assert found["exit_regime"] == ["a", "c", None]  # a stop is no decision: the regime known before its bar


def test_what_was_cut_belongs_to_the_decision_that_it_was_ordered_by() -> None:
    """A position that takes three bars to be bought and three to be sold was decided once each time."""
    close = np.full((12, 1), 100.0)
    panel = replace(written(close, close).panel, volume=np.full((12, 1), 40.0))
    market = Market(panel)
    execution = ExecutionSpec(max_participation=0.1, on_excess="carry")
    runner = BacktestRunner(market, PortfolioSpec(rebalance={"every": 5}), execution, 1000.0)  # type: ignore[arg-type]
    path = regimes(market, tuple("abcdefghijkl"), range(12))
    alpha = ((1.0,),) * 5 + ((0.0,),)
    run = runner.run(Ensemble.static([Scripted(alpha=alpha)], [1.0]), 1, path)
    found = round_trips(run).columns()
    assert (found["entry_bar"], found["exit_bar"]) == ([1], [8])  # 4 + 4 + 2 shares, sold as 4 + 4 + 2
    assert (found["entry_regime"], found["exit_regime"]) == (["a"], ["f"])


@pytest.mark.parametrize("accounts", ["shared", "per_asset"])
def test_the_metrics_of_real_prices_are_those_of_the_trips(accounts: str) -> None:
    spec = {
        "data": {"source": "sample:sp500_20", "start": "2006-01-01"},
        "strategies": [{"kind": "momentum_rank", "lookback": 60, "skip": 5}],
        "portfolio": {"allocator": {"kind": "proportional", "long_short": True}},
        "execution": {"commission_bps": 5, "borrow_rate": 0.02, "accounts": accounts},
    }
    if accounts == "per_asset":
        spec["portfolio"] = {"allocator": "proportional"}
    _, outcome, run = run_backtest(BacktestSpec.model_validate(spec))
    every = trip_statistics(round_trips(run))["all"]["all"]
    metrics, found = outcome.metrics, round_trips(run)
    won, lost = (found.profit[found.result == sign] for sign in (1, -1))
    assert every.trips == metrics["round_trips"] > 100
    assert len(found) - every.trips == metrics["open_trips"] > 0
    for name, value in (
        ("win_rate", every.won / every.trips),
        ("profit_factor", every.profit_factor),
        ("average_win", won.mean()),
        ("average_loss", lost.mean()),
        ("average_holding_bars", every.mean_bars),
    ):
        assert value == pytest.approx(metrics[name], rel=1e-9), name
    simulation = run.simulation
    assert found.profit.sum() == pytest.approx(simulation.equity[-1] - simulation.initial_capital, rel=1e-9)
    assert (found.mae <= 0.0).all()
    assert (found.mfe >= 0.0).all()


def test_a_run_that_was_not_recorded_has_none() -> None:
    market = story()
    with pytest.raises(DataError, match="record=True"):
        round_trips(run_of(market, record=False))


def of(trips: RoundTrips, profit: list[float], **columns: list[int]) -> RoundTrips:
    """Trips with these profits, closed one a bar, and losers that went 10% against, winners 1%."""
    size = len(profit)
    made = np.array(profit)
    blank: dict[str, Any] = {
        name: np.zeros(size) for name in ("entry_price", "exit_price", "costs", "dividends", "borrow_fees", "mfe")
    }
    given: dict[str, Any] = {
        "asset": [0] * size,
        "side": [1] * size,
        "entry_bar": [0] * size,
        "exit_bar": list(range(1, size + 1)),
        "bars": [2] * size,
        "entry_regime": [0] * size,
        "exit_regime": [0] * size,
        "reason": [0] * size,
        "result": np.sign(made).astype(int).tolist(),
        **columns,
    }
    whole: dict[str, Any] = {name: np.array(column, np.int64) for name, column in given.items()}
    ones: dict[str, Any] = {name: np.ones(size) for name in ("units", "invested")}
    return replace(trips, profit=made, mae=np.where(made < 0, -0.1, -0.01), **whole, **ones, **blank)


def test_statistics_by_hand(trips: RoundTrips) -> None:
    found = of(trips, [30.0, -10.0, -20.0, 0.0, -30.0, 60.0, 99.0], exit_bar=[6, 1, 2, 3, 4, 5, -1])
    every = trip_statistics(found)["all"]["all"]
    assert (every.trips, every.won) == (6, 2)
    assert every.profit == 30.0
    assert (every.mean_profit, every.median_profit) == (5.0, -5.0)
    assert every.profit_factor == 90.0 / 60.0
    assert every.expectancy == pytest.approx(5.0 / 20.0)
    assert every.mean_bars == 2.0
    assert every.longest_losing_streak == 2  # what is even ends it
    assert (every.mean_mae_won, every.mean_mae_lost) == pytest.approx((-0.01, -0.1))


def test_statistics_tell_kinds_apart(trips: RoundTrips) -> None:
    kinds = {"side": [1, -1, -1], "entry_regime": [1, UNKNOWN, 1], "reason": [0, 2, 2]}
    found = trip_statistics(of(trips, [1.0, -1.0, -1.0], **kinds))
    assert {by: {name: each.trips for name, each in kind.items()} for by, kind in found.items()} == {
        "all": {"all": 3},
        "side": {"long": 1, "short": 2},
        "entry_regime": {"b": 2, "no regime known": 1},
        "closed_by": {"order": 1, "stop_loss": 2},
    }
    assert math.isnan(found["side"]["long"].profit_factor)
    assert math.isnan(found["side"]["long"].expectancy)
    assert found["side"]["short"].profit_factor == 0.0


def test_no_trips_have_statistics_without_numbers(trips: RoundTrips) -> None:
    none = of(trips, [])
    found = trip_statistics(replace(none, regimes=()))
    assert list(found) == ["all", "side", "closed_by"]
    assert found["all"]["all"].trips == 0
    assert math.isnan(found["all"]["all"].mean_profit)
    assert none.frame().height == 0
    assert none.frame().schema == trips.frame().schema


def test_files_hold_the_same_trips(trips: RoundTrips, tmp_path: Path) -> None:
    for ending in ("csv", "parquet", "json"):
        write_round_trips(trips, tmp_path / f"trips.{ending}")
    table, text = pl.read_parquet(tmp_path / "trips.parquet"), pl.read_csv(tmp_path / "trips.csv")
    found = json.loads((tmp_path / "trips.json").read_text())
    assert table.equals(trips.frame())
    assert text["entry_at"].to_list() == ["2023-01-03", "2023-01-04"]
    assert found["columns"] == table.columns == text.columns
    assert found["statistics"]["all"]["all"]["trips"] == 2
    for name in ("symbol", "exit_price", "profit", "mae", "entry_regime", "closed_by"):
        column = [row[found["columns"].index(name)] for row in found["rows"]]
        assert column == table[name].to_list() == text[name].to_list()


def test_a_file_is_not_written_over_by_mistake(trips: RoundTrips, tmp_path: Path) -> None:
    path = tmp_path / "trips.csv"
    write_round_trips(trips, path)
    with pytest.raises(ConfigError, match=r"trips\.csv: is there already; .* --force"):
        write_round_trips(trips, path)
    write_round_trips(trips, path, overwrite=True)
    with pytest.raises(ConfigError, match=r"ends in \.csv, \.parquet, \.json"):
        write_round_trips(trips, tmp_path / "trips.xlsx")


def test_it_is_frozen(trips: RoundTrips) -> None:
    with pytest.raises(ValueError, match="read-only"):
        trips.profit[0] = 1.0
