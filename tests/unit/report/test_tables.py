from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regimefolio.core.files import read_json, write_json
from regimefolio.report import tables
from regimefolio.report.contents import Braked, Happening, InFlight, Position, Scaled
from regimefolio.report.record import EQUAL_WEIGHT, INDEX, STATIC, Record, read_record
from regimefolio.report.settings import Settings
from regimefolio.report.tables import Cell, Table
from regimefolio.report.words import listed

ALL: tuple[Callable[[Record], Table | None], ...] = (
    tables.differences,
    tables.results,
    tables.costs_by_kind,
    tables.all_metrics,
    lambda record: tables.regimes(record, record.selected),
    lambda record: tables.transitions(record, record.selected),
    lambda record: tables.episodes(record, record.selected),
    lambda record: tables.choices(record, record.selected),
    tables.years,
    tables.drawdowns,
    tables.circumstances,
    tables.contributions,
    tables.assets,
    tables.signals,
    tables.stays,
    tables.checks,
    tables.orders,
    tables.files,
)


def cells(table: Table | None, head: str) -> dict[str, Cell]:
    assert table is not None
    row = next(row for group in table.groups for row in group.rows if row.head == head)
    return dict(zip(table.columns[1:], row.cells, strict=True))


def with_positions(record: Record, *positions: tuple[str, float, float | None]) -> Record:
    held_now = [Position(symbol=symbol, held=held, target=target) for symbol, held, target in positions]
    orders = record.results.orders.model_copy(update={"positions": held_now})
    return replace(record, results=record.results.model_copy(update={"orders": orders}))


@pytest.mark.parametrize("make", ALL)
def test_rows_have_as_many_cells_as_there_are_columns(make: Callable[[Record], Table | None], record: Record) -> None:
    table = make(record)
    assert table is not None
    for group in table.groups:
        assert group.rows
        for row in group.rows:
            assert len(row.cells) == len(table.columns) - 1
            assert all(cell.text != "–" or cell.reason for cell in row.cells)


def test_the_results_are_those_of_the_file(record: Record, finished: Path) -> None:
    metrics = read_json(finished / "performance" / "validation_results.json")["runs"][record.selected]["metrics"]
    row = cells(tables.results(record), f"Adaptive ({record.selected})")
    assert row["CAGR"].text.replace("−", "-") == f"{metrics['cagr']:.1%}"
    assert row["Sharpe"].text.replace("−", "-") == f"{metrics['sharpe']:.2f}"
    assert row["Max. drawdown"].text.replace("−", "-") == f"{metrics['max_drawdown']:.1%}"


def test_an_undefined_metric_says_why(record: Record) -> None:
    row = cells(tables.all_metrics(record), "Win rate")
    assert row["Equal weight"].text == "–"
    assert row["Equal weight"].reason == record.results.runs[EQUAL_WEIGHT].reasons["win_rate"]


def test_an_index_has_no_costs(record: Record) -> None:
    static = record.results.runs[STATIC]
    metrics = {name: value for name, value in static.metrics.items() if name not in ("turnover", "costs", "exposure")}
    index = static.model_copy(update={"metrics": metrics})
    changed = replace(
        record,
        results=record.results.model_copy(update={"index": index}),
        equity={**record.equity, INDEX: record.equity[STATIC]},
    )
    row = cells(tables.results(changed), "Index")
    assert row["Costs a year"].reason == row["Turnover a year"].reason == "what is bought and held is not simulated"
    assert row["Sharpe"].text == cells(tables.results(changed), "Static")["Sharpe"].text


class TestTrading:
    def changed(self, record: Record, **trading: object) -> Record:
        return replace(record, trading=record.trading.model_copy(update=trading))

    def test_costs_by_kind_are_those_of_the_run(self, record: Record) -> None:
        table = tables.costs_by_kind(record)
        assert table is not None
        rows = {row.head: row.cells for group in table.groups for row in group.rows}
        assert list(rows) == ["commission", "slippage and spread", "all"]
        costs = record.results.runs[record.selected].metrics["costs"]
        assert rows["all"][0].text == f"{costs:,.0f}"
        assert [rows[name][2].text for name in rows] == ["50%", "50%", "100%"]
        free = record.trading.costs.model_copy(update=dict.fromkeys(record.trading.costs.model_dump(), 0.0))
        assert tables.costs_by_kind(self.changed(record, costs=free)) is None

    def test_what_had_a_say(self, record: Record) -> None:
        assert tables.interventions(record) == ""
        acted = record.trading.interventions.model_copy(
            update={
                "decisions": 60,
                "stops": {"stop_loss": 7, "time_stop": 1},
                "drawdown_brake": Braked(decisions=6, left=0.25),
                "vetoed": 1,
                "volatility_target": Scaled(mean=0.5, least=0.1, most=1.0),
            }
        )
        assert tables.interventions(self.changed(record, interventions=acted, interest=-12.4)) == (
            "Stops closed 8 round trips: 7 by stop loss and 1 by time stop. The drawdown brake acted at 6 of 60 "
            "decisions, and left 25% of their targets on average. A side that a veto forbids was asked for at 1 of 60 "
            "decisions. Under the volatility target decisions held 50% gross on average, from 10% to 100%. Interest on "
            "cash cost 12."
        )

    def test_what_to_doubt(self, record: Record) -> None:
        assert tables.doubts(record) == ""
        day = datetime.datetime(2010, 2, 1)
        found = [Happening(symbol=symbol, at=day) for symbol in "ABCDE"]
        said = tables.doubts(self.changed(record, doubtful_stops=found, assumed_delistings=found[:1]))
        assert said == (
            "5 stops close at bars that the check of the data calls doubtful: A at 2010-02-01, B at 2010-02-01, C at "
            "2010-02-01 and 2 more. 1 asset was taken to be delisted after too many missing bars: A at 2010-02-01."
        )


def test_intervals_share_one_scale(record: Record) -> None:
    rows = tables.differences(record).groups[0].rows
    assert [row.head for row in rows][:2] == ["static", "equal weight"]
    sparks = [cell.spark for row in rows for cell in row.cells if cell.kind == "spark"]
    assert all(spark is not None and 0 <= spark.low <= spark.point <= spark.high <= 100 for spark in sparks)
    assert len({spark.zero for spark in sparks if spark is not None}) == 1


def test_years_multiply_to_the_total_return(record: Record) -> None:
    table = tables.years(record)
    growth = np.prod([1 + float(row.cells[1].text.replace("−", "-").rstrip("%")) / 100 for row in table.groups[0].rows])
    total = record.results.runs[record.selected].metrics["total_return"]
    assert total is not None
    assert growth == pytest.approx(1 + total, abs=0.003)
    assert sum(int(row.cells[0].text) for row in table.groups[0].rows) == len(record.timestamps)


def test_the_others_are_measured_from_the_same_peak_to_the_same_trough(record: Record) -> None:
    falls = tables.drawdowns(record).groups[0].rows
    twin = replace(record, equity={**record.equity, STATIC: record.equity[record.selected]})
    for row, same in zip(falls, tables.drawdowns(twin).groups[0].rows, strict=True):
        assert same.cells[4].text == same.cells[3].text == row.cells[3].text


def test_transitions_are_counts_and_shares(record: Record) -> None:
    seen = record.results.regimes[record.selected]
    row = cells(tables.transitions(record, record.selected), seen.names[0])
    stays, total = seen.transitions[0][0], sum(seen.transitions[0])
    assert row[f"to {seen.names[0]}"].text == f"{stays:,} ({stays / total:.1%})"


def test_a_very_long_list_of_episodes_is_cut_and_says_so(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    number = len(record.results.regimes[record.selected].episodes)
    assert tables.episodes(record, record.selected).notes == []
    monkeypatch.setattr("regimefolio.report.tables.by_regime.EPISODES_SHOWN", 2)
    table = tables.episodes(record, record.selected)
    assert len(table.groups[0].rows) == 2
    assert table.notes == [f"Not shown: {number - 2} earlier episodes."]
    assert table.groups[0].rows[-1].cells[0].text == str(record.timestamps[-1].astype("datetime64[D]"))


def test_choices_show_parameters_weights_and_every_fallback(workspace: Path) -> None:
    path = workspace / "analysis" / "regime_optimal_params.json"
    chosen = read_json(path)
    classifier = read_record(workspace).selected
    regime, strategies = next(iter(chosen[classifier].items()))
    strategies["momentum_rank"]["evidence"]["fallback"] = "too little evidence: 3 of 30 bars"
    write_json(path, chosen)
    path = workspace / "analysis" / "ensemble_weights.json"
    shares = read_json(path)
    shares["classifiers"][classifier]["evidence"][regime]["fallback"] = "too little evidence: 1 of 2 episodes"
    shares["classifiers"][classifier]["weights"][regime] = {"bollinger_mean_reversion": 0.0, "momentum_rank": 1.0}
    write_json(path, shares)
    record = read_record(workspace)
    group = tables.choices(record, classifier).groups[0]
    assert group.head == regime
    assert group.warning.endswith("over all bars: too little evidence: 1 of 2 episodes")
    idle, ruling = group.rows
    assert (idle.tone, idle.cells[0].text) == ("faint", "0%")
    assert ruling.cells[0].text == "100%"
    assert ruling.cells[1].text == f"lookback {strategies['momentum_rank']['parameters']['lookback']}"
    assert ruling.cells[1].warning.endswith("too little evidence: 3 of 30 bars")
    assert tables.choices(record, classifier).groups[-1].head == "no regime known, and static"


def test_orders_lead_from_what_is_held_to_what_is_wanted(record: Record) -> None:
    positions = (("A", 0.5, 0.1), ("B", 0.0, 0.55), ("C", 0.0, 0.00001), ("D", 0.2, None), ("E", 0.001, 0.001))
    table = tables.orders(with_positions(record, *positions))
    assert table is not None
    assert [row.head for row in table.groups[0].rows] == ["B", "A", "D", "E", "Cash"]
    assert [cell.text for cell in cells(table, "A").values()] == ["50.0%", "10.0%", "−40.0%"]
    assert [cell.text for cell in cells(table, "D").values()] == ["20.0%", "no order", ""]
    assert [cell.text for cell in cells(table, "Cash").values()] == ["29.9%", "14.9%", "−15.0%"]
    assert table.notes[0].startswith("Fractions of equity. Left out, neither held nor wanted: 1 symbol.")


def test_orders_in_flight_say_when_they_are_filled(record: Record) -> None:
    assert record.results.orders.in_flight == []
    assert tables.in_flight(record) is None
    when = datetime.datetime(2020, 1, 2)
    late = [InFlight(symbol="A", decided_at=when, target=0.25, fills_in=1)]
    orders = record.results.orders.model_copy(update={"in_flight": late})
    table = tables.in_flight(replace(record, results=record.results.model_copy(update={"orders": orders})))
    assert table is not None
    assert [cell.text for cell in cells(table, "A").values()] == ["2020-01-02", "25.0%", "1"]


def test_orders_say_how_they_are_sized(record: Record) -> None:
    execution = record.settings.execution.model_copy(update={"sizing": "on_change"})
    changed = replace(record, settings=record.settings.model_copy(update={"execution": execution}))
    table = tables.orders(with_positions(changed, ("A", 0.25, 1.0), ("B", 0.5, 0.0)))
    plain = tables.orders(with_positions(record, ("A", 0.25, 1.0), ("B", 0.5, 0.0)))
    assert table is not None
    assert plain is not None
    assert "differs from that of their last order" in table.notes[-1]
    assert plain.notes == []


def test_a_regime_spent_in_cash_has_bars_enough(record: Record) -> None:
    """Its Sharpe ratio is undefined because nothing moved, not for want of bars."""
    old = record.results.runs[record.selected]
    name = record.results.regimes[record.selected].names[0]

    def reason(bars: int) -> str:
        still = {"bars": float(bars), "sharpe": None, "sortino": None}
        run = old.model_copy(update={"regime_metrics": {name: still}})
        runs = {**record.results.runs, record.selected: run}
        changed = replace(record, results=record.results.model_copy(update={"runs": runs}))
        found = cells(tables.regimes(changed, record.selected), name)
        return f"{found['Sharpe'].reason}; {found['Sortino'].reason}"

    assert reason(100) == "the returns do not vary; there was no loss"
    assert reason(0) == "the regime has too few bars; the regime has too few bars"


def test_no_decision_is_no_order(record: Record) -> None:
    assert tables.orders(with_positions(record, ("A", 0.5, None), ("B", 0.0, None))) is None


def test_a_failed_check_says_so(record: Record) -> None:
    failed = [record.results.checks[0].model_copy(update={"passed": False}), *record.results.checks[1:]]
    changed = replace(record, results=record.results.model_copy(update={"checks": failed}))
    verdicts = [row.cells[0].text for row in tables.checks(changed).groups[0].rows]
    assert verdicts[0] == "failed"
    assert verdicts[1] == "passed"


def test_contributions_add_up_in_every_group(record: Record) -> None:
    table = tables.contributions(record)
    *groups, whole = table.groups
    total = float(whole.rows[0].cells[0].text.replace("−", "-").rstrip("%"))
    assert total == pytest.approx(100 * record.contributions.total / record.settings.initial_capital, abs=0.05)
    for group in groups:
        parts = [float(row.cells[0].text.replace("−", "-").rstrip("%")) for row in group.rows]
        assert sum(parts) == pytest.approx(total, abs=0.05 * (len(parts) + 1))
    assert {row.head for row in groups[0].rows} == {"bollinger_mean_reversion", "momentum_rank"}
    assert [row.head for row in groups[1].rows] == ["long"]  # nothing was short, and cash earned nothing


def test_what_no_strategy_decided_says_why(record: Record) -> None:
    found = record.contributions.model_copy(update={"follows_alpha": False, "allocator": "equal_weight"})
    notes = tables.contributions(replace(record, contributions=found)).notes
    assert any("equal_weight under weighted does not weight in proportion" in note for note in notes)


def test_the_middle_of_many_assets_is_one_row(record: Record) -> None:
    many = {**{f"S{n:03}": float(n - 30) for n in range(100)}, "cash": 0.0}
    found = record.contributions.model_copy(update={"by_asset": many, "total": sum(many.values())})
    rows = tables.assets(replace(record, contributions=found)).groups[0].rows
    assert len(rows) == 41
    assert (rows[0].head, rows[20].head, rows[-1].head) == ("S099", "60 others", "S000")
    said = tables.concentration(replace(record, contributions=found))
    assert said.startswith("The three best of 100 symbols made")
    assert said.endswith("69 made money and 31 did not.")


def test_circumstances_are_those_of_the_file(record: Record) -> None:
    table, found = tables.circumstances(record), record.robustness
    assert [row.head for row in table.groups[0].rows] == ["none", "as run", "twice", "five times"]
    as_run = table.groups[0].rows[1]
    metrics = record.results.runs[record.selected].metrics
    assert as_run.tone == "strong"
    assert as_run.cells[2].text.replace("−", "-") == f"{metrics['sharpe']:.2f}"
    later = found.one_bar_later.selected["cagr"]
    assert table.groups[1].rows[0].cells[0].text.replace("−", "-") == f"{later:.1%}"
    assert len(table.groups[2].rows) == len(found.alone) == 2
    assert table.groups[2].rows[0].head.startswith("bollinger_mean_reversion ")


def told(record: Record, **execution: object) -> Record:
    """The record of another execution."""
    settings = Settings.model_validate(record.settings.model_dump() | {"execution": execution})
    return replace(record, settings=settings)


def test_the_costs_that_were_paid_are_named(record: Record) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "": {},
        "commission": {"commission_bps": 5},
        "commission, slippage and half the spread": {"commission_bps": 5, "slippage_bps": 1, "spread_bps": 2},
        "commission and fees": {"commission_bps": [{"up_to": 10, "bps": 0}, {"bps": 5}], "min_fee_per_order": 1},
        "slippage, market impact and borrow fees": {"slippage_bps": 1, "impact": 1, "borrow_rate": {"A": 0.1}},
        "borrow fees": {"borrow_rate": "file:borrow.csv"},
    }
    for words, execution in kinds.items():
        assert listed(told(record, **execution).settings.execution.kinds_of_cost) == words


def test_costs_as_run_are_said_with_their_tiers(record: Record) -> None:
    plain = tables.circumstances(told(record, commission_bps=5, slippage_bps=3))
    assert plain.groups[0].note == "5 bp commission and 3 bp slippage as run"
    tiers = [{"up_to": 10_000, "bps": 10}, {"bps": 2.5}]
    dear = tables.circumstances(told(record, commission_bps=tiers, spread_bps=2, impact=1, borrow_rate=0.1))
    expected = (
        "a commission of 10 bp up to 10,000 and 2.5 bp above, and 0 bp slippage as run, with half the spread and "
    )
    assert dear.groups[0].note == expected + "market impact"
    assert dear.notes[0].endswith("Borrow fees are not multiplied.")
    assert not plain.notes[0].endswith("multiplied.")


def test_a_risk_free_rate_of_a_file_is_named_with_its_mean(record: Record) -> None:
    assert record.free_rate == "0.00%"
    settings = record.settings.model_copy(update={"risk_free": "file:rates.csv"})
    window = record.results.window.model_copy(update={"risk_free": 0.0193})
    results = record.results.model_copy(update={"window": window})
    found = tables.all_metrics(replace(record, settings=settings, results=results))
    assert "above a risk-free rate of file:rates.csv, mean 1.93% a year." in found.notes[0]
