"""Stops and nights together: runs on intraday bars, of which any may be missing, against the twin."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from regimefolio.backtest import BacktestRunner, ExecutionSpec, Run
from regimefolio.backtest.risk import RiskSpec
from regimefolio.core.types import ORDER, REASONS, Panel
from regimefolio.market import Every, Market
from regimefolio.portfolio import Ensemble, PortfolioSpec, Proportional
from tests.reference import twin
from tests.reference.examples import examples
from tests.reference.test_stops import walk
from tests.reference.test_twin import CAPITAL, Case, prices_at, run_twin, same
from tests.scripted import Scripted
from tests.terms import terms_of

HOURS = 5
"""Bars of a session where none is missing."""


def sessions(rng: np.random.Generator, days: int, assets: int, gone: float) -> Panel:
    """Hourly bars of some sessions, without those at which nobody has a price; the calendar knows how many are left."""
    dates = np.busday_offset(np.datetime64("2020-01-02"), np.arange(days)).astype("datetime64[h]")
    stamps = (dates[:, None] + 15 + np.arange(HOURS)).ravel().astype("datetime64[ns]")
    kept = rng.random(len(stamps)) >= gone
    opens, high, low, close = (panel[kept] for panel in walk(rng, (len(stamps), assets), 0.02, 2))
    # Where no price repeats, no order is dust at the equity before costs alone, of which fast fills know nothing.
    moved = np.exp(1e-4 * rng.standard_normal(close.shape))
    opens, high, low, close = (panel * moved for panel in (opens, high, low, close))
    lacks = rng.random(close.shape) < gone
    lacks[:, 0] = False  # a bar of a panel is somebody's
    for panel in (opens, high, low, close):
        panel[lacks] = np.nan
    return Panel(
        timestamps=stamps[kept],
        symbols=tuple(str(n) for n in range(assets)),
        close=close,
        member=np.ones(close.shape, dtype=bool),
        periods_per_year=1260.0,
        open=opens,
        high=high,
        low=low,
        session=np.repeat(dates.astype("datetime64[ns]"), HOURS)[kept],
        bars_left=np.tile(np.arange(HOURS)[::-1], days)[kept],
    )


def fills(panel: Panel, bar: int, lag: int, terms: ExecutionSpec) -> bool:
    """Whether what a bar decides is an order; what is due after the last bar is not known yet."""
    assert panel.session is not None
    assert panel.bars_left is not None
    due = bar + lag
    same_session = due >= panel.n_bars or panel.session[due] == panel.session[bar]
    closes_all = terms.flat_overnight and panel.bars_left[bar] == lag
    return bool(terms.overnight == "fill" or same_session or closes_all)


def as_written(panel: Panel, run: Run, terms: ExecutionSpec, stops: twin.Stops, start: int) -> Case:
    """The run's own decisions, without those that lapse, for the twin."""
    ordered = np.array([run.decide[t] and fills(panel, t, 1 + terms.delay, terms) for t in range(panel.n_bars)])
    target = np.where(ordered[:, None], run.target, np.nan)
    costs = terms_of(0.0005, 0.0005, delay=terms.delay, on_change=terms.sizing == "on_change")
    assert panel.open is not None
    fill = panel.open if stops.at_open else panel.close
    return Case(fill, panel.close, target, ordered, start, costs, risk=twin.Risk(stops))


STOPS: dict[str, tuple[str, tuple[float, ...]]] = {
    "loss": ("stop_loss", (0.02, 0.1)),
    "fall": ("trailing_stop", (0.03, 0.2)),
    "gain": ("take_profit", (0.03, 0.15)),
    "bars": ("time_stop", (1, 3)),
}


@examples(60)
@given(st.data())
def test_runs_with_stops_and_nights_are_those_of_the_twin(data: st.DataObject) -> None:
    draw = data.draw
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    panel = sessions(rng, draw(st.integers(3, 8)), draw(st.integers(1, 3)), draw(st.sampled_from([0.0, 0.15])))
    at_open, ranged = draw(st.booleans()), draw(st.booleans())
    kinds = draw(st.lists(st.sampled_from(sorted(STOPS)), min_size=1, unique=True))
    amounts: dict[str, Any] = {kind: draw(st.sampled_from(STOPS[kind][1])) for kind in kinds}
    wait = draw(st.sampled_from([None, 0, 2]))
    terms = ExecutionSpec(
        fill="next_open" if at_open else "next_close",
        overnight=draw(st.sampled_from(["fill", "lapse"])),
        flat_overnight=draw(st.booleans()),
        delay=draw(st.integers(0, 2)),
        sizing=draw(st.sampled_from(["target_weight", "on_change"])),
        delist_after="never",
    )
    rows = {name: [prices_at(row) for row in getattr(panel, name)] for name in ("open", "high", "low")}
    stops = twin.Stops(**amounts, wait=wait, at_open=at_open, assets=panel.symbols)
    if ranged:
        stops = replace(stops, open=rows["open"], high=rows["high"], low=rows["low"])
    if not ranged:  # orders fill at opens that stops do not look at: there is no such data
        at_open, terms = False, terms.model_copy(update={"fill": "next_close"})
        stops, panel = replace(stops, at_open=False), replace(panel, high=None, low=None)
    run = run_of(panel, terms, amounts, wait, rng)
    written = as_written(panel, run, terms, stops, run.simulation.start)
    agrees(run, written)


def run_of(
    panel: Panel, terms: ExecutionSpec, amounts: dict[str, Any], wait: int | None, rng: np.random.Generator
) -> Run:
    alpha = np.sign(rng.standard_normal(panel.close.shape)) * (rng.random(panel.close.shape) < 0.8)
    stay = rng.random(panel.n_bars) < 0.6
    for t in np.flatnonzero(stay[1:]).tolist():
        alpha[t + 1] = alpha[t]
    risk = RiskSpec.model_validate(
        {
            "stop": [{"kind": STOPS[kind][0], kind: amount} for kind, amount in amounts.items()],
            "re_entry": "new_signal" if wait is None else wait,
        }
    )
    portfolio = PortfolioSpec(allocator=Proportional(long_short=True), rebalance=Every(every=int(rng.integers(1, 3))))
    runner = BacktestRunner(Market(panel), portfolio, terms, CAPITAL, risk=risk)
    scripted = Scripted(alpha=tuple(tuple(row) for row in alpha.tolist()))
    return runner.run(Ensemble.static([scripted], [1.0]), 1 + terms.delay + int(rng.integers(0, 3)))


def agrees(run: Run, c: Case) -> None:
    """Equity, cash, costs and turnover of every bar, and every closing without an order."""
    _, bars = run_twin(c)
    found, trades = run.simulation, run.simulation.trades
    assert trades is not None
    stopped = trades[trades["reason"] != ORDER]
    closed = {(bar, str(asset), REASONS[reason]) for bar, asset, *_, reason, _ in stopped.tolist()}
    assert closed == {
        (t, s, e.reason) for t, bar in enumerate(bars, c.start) for s, all_ in bar.exits.items() for e in all_
    }
    for t, bar in enumerate(bars, c.start):
        for name in ("equity", "cash", "cost"):
            same(getattr(found, name)[t] / CAPITAL, getattr(bar, name) / CAPITAL, (t, name))
        same(found.turnover[t], bar.turnover, (t, "turnover"))
    assert math.isfinite(found.equity[-1])
