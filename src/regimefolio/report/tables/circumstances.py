"""What is left of the result under other circumstances."""

from __future__ import annotations

from collections.abc import Mapping

from regimefolio.backtest.commission import in_words, tiers_of
from regimefolio.report.contents import Number
from regimefolio.report.record import Record
from regimefolio.report.tables.cells import Cell, Group, Row, Table, cell, points, searched, times_a_year
from regimefolio.report.words import listed, number, percent

_MULTIPLES = {0.0: "none", 1.0: "as run", 2.0: "twice", 5.0: "five times"}


def circumstances(record: Record) -> Table:
    """The adaptive strategy at other costs and with later fills, and each strategy alone."""
    found = record.robustness
    rows = [
        Row(
            _MULTIPLES.get(each.multiple, f"×{each.multiple:g}"),
            _cells(each.selected, each.equal_weight),
            tone="strong" if each.multiple == 1.0 else "",
        )
        for each in found.costs.multiples
    ]
    as_run = next(each for each in found.costs.multiples if each.multiple == 1.0)
    later = Row("adaptive", _cells(found.one_bar_later.selected, found.one_bar_later.equal_weight))
    alone = [
        Row(
            f"{each.strategy} {searched(record, each.strategy, each.parameters)}",
            _cells(each.metrics, as_run.equal_weight),
        )
        for each in found.alone
    ]
    execution = record.settings.execution
    commission, tiers = in_words(execution.commission_bps), len(tiers_of(execution.commission_bps)) > 1
    basis = f"a commission of {commission}, and" if tiers else f"{commission} commission and"
    basis += f" {execution.slippage_bps:g} bp slippage as run"
    others = [kind for kind in execution.kinds_of_cost if kind not in ("commission", "slippage", "borrow fees")]
    if others:
        basis += f", with {listed(others)}"
    return Table(
        "The adaptive strategy at other costs and with later fills, and each strategy alone",
        [
            "On the test bars",
            "CAGR",
            "Volatility",
            "Sharpe",
            "Max. drawdown",
            "Turnover a year",
            "Equal weight",
            "Lead",
        ],
        [
            Group(rows, "All costs multiplied", basis),
            Group([later], "Every fill one bar later"),
            Group(alone, "Each strategy alone", "best parameters over all training bars, same rules"),
        ],
        [
            "Equal weight is its CAGR under the same circumstances, the lead the CAGR less that, in percentage points. "
            "These are replays of the validated signals, made after everything was chosen."
            + (" Borrow fees are not multiplied." if execution.borrow_rate else "")
        ],
    )


def _cells(ours: Mapping[str, Number], theirs: Mapping[str, Number]) -> list[Cell]:
    mine, other = ours.get("cagr"), theirs.get("cagr")
    return [
        cell(mine, percent),
        cell(ours.get("volatility"), percent),
        cell(ours.get("sharpe"), number),
        cell(ours.get("max_drawdown"), percent),
        cell(ours.get("turnover"), times_a_year),
        cell(other, percent),
        cell(None if mine is None or other is None else mine - other, points),
    ]
