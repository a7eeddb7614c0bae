"""What holds for every file, every order of bars, and every calendar."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from regimefolio.core.types import Float, Times
from regimefolio.market import Every, File, OnDates, Rebalance, decision_bars, quarter_starts
from regimefolio.market.quality import bar_order, bar_problems

PRICE = st.floats(1e-6, 1e9)
REBALANCES = st.one_of(
    st.sampled_from(["daily", "weekly", "monthly", "quarterly", "yearly"]),
    st.integers(1, 40).map(lambda k: Every(every=k)),
    st.lists(st.dates(date(1999, 1, 1), date(2031, 1, 1)), min_size=1, unique=True).map(
        lambda dates: OnDates(dates=tuple(sorted(dates)))
    ),
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@st.composite
def clocks(draw: st.DrawFn, min_size: int = 0) -> Times:
    """Bars on increasing days, weekends and holes included."""
    gaps = draw(st.lists(st.integers(1, 40), min_size=min_size, max_size=60))
    first = np.datetime64("1960-01-01", "D") + draw(st.integers(0, 30_000))
    times: Times = (first + np.cumsum(np.array(gaps, dtype=np.int64))).astype("datetime64[ns]")
    return times


@st.composite
def closes(draw: st.DrawFn) -> tuple[Times, Float]:
    """A panel of closes with holes, at least one asset at each bar."""
    times = draw(clocks(min_size=1))
    shape = (len(times), draw(st.integers(1, 4)))
    values = draw(hnp.arrays(float, shape, elements=PRICE))
    missing = draw(hnp.arrays(bool, shape))
    missing[np.arange(len(times)), draw(hnp.arrays(np.int64, len(times), elements=st.integers(0, shape[1] - 1)))] = 0
    return times, np.where(missing, np.nan, values)


@settings(max_examples=60, deadline=None)
@given(closes(), st.randoms(use_true_random=False))
def test_every_form_of_a_file_gives_the_same_panel(folder: Path, panel: tuple[Times, Float], random: object) -> None:
    times, close = panel
    symbols = [f"S{n}" for n in range(close.shape[1])]
    dates = pl.Series("date", times).cast(pl.Date)
    wide = pl.DataFrame({"date": dates, **{s: pl.Series(close[:, n]).fill_nan(None) for n, s in enumerate(symbols)}})
    long = wide.unpivot(index="date", variable_name="symbol", value_name="close")
    forms = {
        "wide.csv": wide,
        "wide.parquet": wide.select("date", *reversed(symbols)),
        "long.csv": long,
        "dates_first.csv": long.sort("date", "symbol", descending=[False, True]),
        "long.parquet": long.drop_nulls(),
    }
    prints = set()
    for name, frame in forms.items():
        path = folder / name
        frame.write_parquet(path) if name.endswith("parquet") else frame.write_csv(path)
        data = File(path=path).load()
        # An asset without a single bar is in a long file without empty rows not named.
        named = [n for n in range(len(symbols)) if name != "long.parquet" or np.isfinite(close[:, n]).any()]
        np.testing.assert_array_equal(data.panel.timestamps, times)
        np.testing.assert_array_equal(data.panel.close, close[:, named])
        assert data.panel.symbols == tuple(symbols[n] for n in named)
        if len(named) == len(symbols):
            prints.add(data.fingerprint)
    assert len(prints) == 1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), max_size=25))
def test_order_of_bars_against_a_plain_loop(rows: list[tuple[int, int]]) -> None:
    seen: dict[tuple[int, int], int] = {}
    latest: dict[int, int] = {}
    first, unsorted = [], []
    for number, (asset, bar) in enumerate(rows):
        repeated = (asset, bar) in seen
        first.append(seen.setdefault((asset, bar), number))
        unsorted.append(not repeated and bar < latest.get(asset, -1))
        latest[asset] = max(bar, latest.get(asset, -1))
    table = np.array(rows, dtype=np.int64).reshape(-1, 2)
    order = bar_order(table[:, 0], table[:, 1])
    assert order.first.tolist() == first
    assert order.unsorted.tolist() == unsorted


@given(
    hnp.arrays(
        float, (4, 6), elements=st.sampled_from([-1.0, 0.0, 1e-16, 1.0, 2.0, 3.0, 1e16, np.nan, np.inf, -np.inf])
    )
)
def test_rules_against_a_plain_loop(values: Float) -> None:
    fields = dict(zip(("open", "high", "low", "close"), values, strict=True))
    found = {(p.column, p.text, row) for p in bar_problems(fields) for row in np.flatnonzero(p.rows).tolist()}
    expected = set()
    for row in range(values.shape[1]):
        bar = {name: float(fields[name][row]) for name in fields}
        for name, value in list(bar.items()):
            if np.isinf(value):
                expected.add((name, "not a finite number", row))
            elif value <= 0:
                expected.add((name, "zero or negative price", row))
            elif value > 1e15 or value < 1e-15:
                expected.add((name, "not a price", row))
            if not 1e-15 <= value <= 1e15:
                del bar[name]
        if "high" in bar and "low" in bar and bar["high"] < bar["low"]:
            expected.add(("high", "high below low", row))
        for name in ("open", "close"):
            above = name in bar and "high" in bar and bar[name] > bar["high"]
            below = name in bar and "low" in bar and bar[name] < bar["low"]
            if above or below:
                expected.add((name, f"{name} outside low to high", row))
    assert found == expected


@given(clocks(), REBALANCES)
def test_decisions_know_one_bar_more_and_no_other(times: Times, rebalance: Rebalance) -> None:
    decides = decision_bars(times, rebalance)
    assert decides.shape == times.shape
    for n_bars in range(len(times)):
        assert np.array_equal(decision_bars(times[: n_bars + 1], rebalance)[:n_bars], decides[:n_bars])
    if not isinstance(rebalance, Every) and len(times):
        assert not decides[-1]


@given(clocks())
def test_weekly_decisions_fill_on_the_first_bar_of_a_week(times: Times) -> None:
    weeks = [date.fromisoformat(str(time)[:10]).isocalendar()[:2] for time in times]
    fills = np.flatnonzero(decision_bars(times, "weekly")) + 1
    assert fills.tolist() == [t for t in range(1, len(weeks)) if weeks[t] != weeks[t - 1]]


@given(clocks())
def test_monthly_decisions_fill_on_the_first_bar_of_a_month(times: Times) -> None:
    months = [str(time)[:7] for time in times]
    fills = np.flatnonzero(decision_bars(times, "monthly")) + 1
    assert fills.tolist() == [t for t in range(1, len(months)) if months[t] != months[t - 1]]


@given(clocks(), st.integers(1, 40))
def test_every_k_is_counted_from_the_first_bar(times: Times, k: int) -> None:
    bars = np.flatnonzero(decision_bars(times, Every(every=k)))
    assert bars.tolist() == list(range(0, len(times), k))


@given(clocks())
def test_quarters_begin_once_and_are_causal(times: Times) -> None:
    quarters = [(str(time)[:4], (int(str(time)[5:7]) - 1) // 3) for time in times]
    starts = quarter_starts(times)
    assert np.flatnonzero(starts).tolist() == [t for t in range(1, len(times)) if quarters[t] != quarters[t - 1]]
    for n_bars in range(len(times)):
        assert np.array_equal(quarter_starts(times[:n_bars]), starts[:n_bars])
