"""What happens between sessions of intraday bars, on sessions that can be counted by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from regimefolio.backtest import BacktestRunner, ExecutionSpec, Run
from regimefolio.core.errors import ConfigError
from regimefolio.core.types import ORDER, Float, Panel
from regimefolio.kernels.ledger import empty_books, ledger_of
from regimefolio.kernels.simulate import simulate
from regimefolio.market import DataSpec, Every, Market, Rebalance, load_data
from regimefolio.portfolio import Ensemble, PortfolioSpec, Proportional
from regimefolio.strategies import BollingerMeanReversion
from tests.intraday import minute_bars

START = 4
HOURS = 7
"""From 15:30 to 21:00 in UTC, the last one half an hour long: a session of New York in winter."""


def sessions(count: int, seed: int = 3, assets: int = 3) -> Panel:
    """Hourly bars of `count` sessions from Thursday, 2 January 2020 on; random prices with opens."""
    days = np.busday_offset(np.datetime64("2020-01-02"), np.arange(count)).astype("datetime64[m]")
    ends = np.append(np.arange(15 * 60 + 30, 21 * 60, 60), 21 * 60)
    stamps = (days[:, None] + ends).ravel().astype("datetime64[ns]")
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(0.01 * rng.standard_normal((len(stamps), assets)), axis=0))
    opens = close * np.exp(0.003 * rng.standard_normal(close.shape))
    left = np.tile(np.arange(HOURS)[::-1], count)
    session = np.repeat(days.astype("datetime64[ns]"), HOURS)
    member = np.ones(close.shape, dtype=bool)
    return Panel(stamps, tuple("ABCDEFGH"[:assets]), close, member, 1764.0, opens, session=session, bars_left=left)


def run(panel: Panel, terms: Mapping[str, object], rebalance: Rebalance | None = None) -> Run:
    """Long and short positions, each bar decided anew unless said."""
    portfolio = PortfolioSpec(allocator=Proportional(long_short=True), rebalance=rebalance or Every(every=1))
    runner = BacktestRunner(Market(panel), portfolio, ExecutionSpec.model_validate(terms))
    return runner.run(Ensemble.static([BollingerMeanReversion(lookback=3, width=0.5)], [1.0]), START)


def bars_that_trade(found: Run) -> NDArray[np.int64]:
    assert found.simulation.trades is not None
    return np.unique(found.simulation.trades["bar"])


@pytest.mark.parametrize("delay", [0, 1, 2])
def test_an_order_of_one_session_that_is_due_in_the_next_one_lapses(delay: int) -> None:
    panel = sessions(5)
    lapsing, filling = run(panel, {"overnight": "lapse", "delay": delay}), run(panel, {"delay": delay})
    hour = bars_that_trade(lapsing) % HOURS
    assert set(hour) == set(range(1 + delay, HOURS))
    assert set(bars_that_trade(filling) % HOURS) == set(range(HOURS))
    assert np.array_equal(lapsing.target, filling.target, equal_nan=True)  # decided alike


def test_money_with_lapsed_orders_is_that_of_the_others_alone() -> None:
    panel = sessions(5)
    found = run(panel, {"overnight": "lapse", "commission_bps": 7})
    runner = BacktestRunner(Market(panel), PortfolioSpec(rebalance=Every(every=1)), ExecutionSpec(commission_bps=7))
    due = np.arange(panel.n_bars) % HOURS != HOURS - 1
    target = np.where(due[:, None], found.target, np.nan)
    books = empty_books(1, panel.n_bars, panel.n_assets, False)
    simulate(runner.prices, target, due, START, 1e6, runner._terms, ledger_of(books, 0))
    assert np.array_equal(books.bars[0, 0], found.simulation.equity)


def test_without_a_calendar_a_session_is_a_day_in_utc_and_midnight_ends_it() -> None:
    stamps = np.arange("2020-01-02T01", "2020-01-04T13", dtype="datetime64[h]").astype("datetime64[ns]")
    rng = np.random.default_rng(1)
    close = 100.0 * np.exp(np.cumsum(0.01 * rng.standard_normal((len(stamps), 2)), axis=0))
    panel = Panel(stamps, ("A", "B"), close, np.ones(close.shape, dtype=bool), 8760.0)
    lapsing, filling = bars_that_trade(run(panel, {"overnight": "lapse"})), bars_that_trade(run(panel, {}))
    assert set(filling) - set(lapsing) == {24, 48}  # the bars that end at 1:00


@pytest.mark.parametrize("rebalance", [Every(every=1), Every(every=3), "daily"])
@pytest.mark.parametrize("delay", [0, 1, 2])
@pytest.mark.parametrize("fill", ["next_open", "next_close"])
def test_flat_overnight_holds_nothing_at_the_close_of_any_session(rebalance: Rebalance, delay: int, fill: str) -> None:
    found = run(sessions(6), {"flat_overnight": True, "delay": delay, "fill": fill}, rebalance)
    weights, cash, equity = found.simulation.weights, found.simulation.cash, found.simulation.equity
    assert weights is not None
    last = np.arange(len(equity)) % HOURS == HOURS - 1
    assert not weights[last].any()
    assert np.array_equal(cash[last], equity[last])
    assert weights[START:][~last[START:]].any()


def test_flat_overnight_closes_what_has_no_bar_when_it_is_decided() -> None:
    panel = sessions(3)
    close, opens = panel.close.copy(), np.array(panel.open)
    close[HOURS + 5], opens[HOURS + 5] = np.nan, np.nan
    close[HOURS + 5, 0], opens[HOURS + 5, 0] = 100.0, 100.0
    found = run(replace(panel, close=close, open=opens), {"flat_overnight": True})
    assert found.simulation.weights is not None
    assert not found.simulation.weights[2 * HOURS - 1].any()


def test_what_finds_no_bar_left_in_its_session_is_closed_at_the_next_ones_first() -> None:
    panel = sessions(4)
    kept = np.arange(panel.n_bars) != 2 * HOURS - 1
    short = replace(panel, **{name: array[kept] for name, array in panel.by_bar.items()})
    found = run(short, {"flat_overnight": True, "overnight": "lapse"})
    assert found.simulation.weights is not None
    assert found.simulation.weights[2 * HOURS - 2].any()
    assert not found.simulation.weights[2 * HOURS - 1].any()


@pytest.mark.parametrize(
    "terms", [{"overnight": "lapse"}, {"flat_overnight": True}, {"flat_overnight": True, "delay": 1}]
)
def test_a_run_that_ends_earlier_is_the_same_up_to_there(terms: dict[str, object]) -> None:
    panel = sessions(4)
    whole = run(panel, terms)
    for bars in range(START + 3, panel.n_bars):
        cut = run(panel.until(bars), terms)
        assert np.array_equal(cut.simulation.equity, whole.simulation.equity[:bars])
        assert np.array_equal(cut.target, whole.target[:bars], equal_nan=True)


DATES = replace(
    sessions(3), timestamps=np.arange("2020-01-01", "2020-01-22", dtype="datetime64[D]").astype("datetime64[ns]")
)


@pytest.mark.parametrize(
    ("panel", "rebalance", "terms", "text"),
    [
        (DATES, Every(every=1), {"overnight": "lapse"}, "overnight: lapse is for intraday bars, but these are stamped"),
        (DATES, Every(every=1), {"flat_overnight": True}, "flat_overnight is for intraday bars"),
        (
            replace(sessions(3), session=None, bars_left=None),
            Every(every=1),
            {"flat_overnight": True},
            "only a calendar can say; name one in data.calendar, such as XNYS",
        ),
        (sessions(3), "weekly", {"overnight": "lapse"}, r"use portfolio.rebalance: {every: k}"),
        (
            sessions(3),
            Every(every=1),
            {"overnight": "lapse", "on_excess": "carry", "max_participation": 0.1},
            "leave one of them out",
        ),
    ],
    ids=["dates lapse", "dates flat", "no calendar", "weekly", "carry"],
)
def test_what_makes_no_sense_is_refused(
    panel: Panel, rebalance: Rebalance, terms: dict[str, object], text: str
) -> None:
    with pytest.raises(ConfigError, match=text) as caught:
        run(panel, terms, rebalance)
    assert caught.value.place[0] == "execution"


def hours_apart(seed: int) -> Panel:
    """Hourly bars of three assets: one trades by day, one over midnight, one when it likes."""
    stamps = np.arange("2020-01-02T01", "2020-01-08T01", dtype="datetime64[h]").astype("datetime64[ns]")
    rng, hour = np.random.default_rng(seed), np.arange(len(stamps)) % 24
    close = 100.0 * np.exp(np.cumsum(0.01 * rng.standard_normal((len(stamps), 3)), axis=0))
    closed = np.stack([hour >= 8, (hour >= 2) & (hour < 12), rng.random(len(stamps)) < 0.4], axis=1)
    close[closed] = np.nan
    some = np.isfinite(close).any(axis=1)
    opens = close[some] * np.exp(0.003 * rng.standard_normal((some.sum(), 3)))
    return Panel(stamps[some], ("A", "B", "C"), close[some], np.ones((some.sum(), 3), dtype=bool), 2000.0, opens)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("fill", ["next_open", "next_close"])
@pytest.mark.parametrize("overnight", ["fill", "lapse"])
def test_no_fill_is_at_a_price_older_than_its_own_bar(seed: int, fill: str, overnight: str) -> None:
    panel = hours_apart(seed)
    own: Float = np.array(panel.open if fill == "next_open" else panel.close)
    found = run(panel, {"fill": fill, "overnight": overnight})
    trades = found.simulation.trades
    assert trades is not None
    assert set(trades["asset"]) == {0, 1, 2}
    assert (trades["reason"] == ORDER).all()
    assert np.array_equal(trades["price"], own[trades["bar"], trades["asset"]])  # no NaN is equal to anything
    days = (panel.timestamps - np.timedelta64(1, "ns")).astype("datetime64[D]")
    crossing = days[trades["bar"]] != days[trades["bar"] - 1]
    assert crossing.any() == (overnight == "fill")


def test_a_file_with_a_calendar_knows_half_a_day(tmp_path: Path) -> None:
    minute_bars(tmp_path / "minutes.csv", 230)
    panel = load_data(DataSpec.model_validate({"source": f"file:{tmp_path / 'minutes.csv'}", "calendar": "XNYS"})).panel
    assert panel.bars_left is not None
    day = panel.timestamps.astype("datetime64[D]")
    for date, ends in (("2012-11-21", "21:00"), ("2012-11-23", "18:00")):  # the day after Thanksgiving
        rows = np.flatnonzero(day == np.datetime64(date))
        assert panel.bars_left[rows].tolist() == list(range(len(rows)))[::-1]
        assert str(panel.timestamps[rows[-1]])[11:16] == ends
