"""What the runs earned, by run and by year, and how far they fell."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float
from regimefolio.evaluation import worst_drawdowns, yearly_table
from regimefolio.kernels.metrics import part_of
from regimefolio.report.record import EQUAL_WEIGHT, STATIC, Record
from regimefolio.report.tables.cells import (
    Cell,
    Format,
    Group,
    Row,
    Spark,
    Table,
    cell,
    compared,
    metric_of,
    points,
    times_a_year,
    whole_percent,
    words,
)
from regimefolio.report.verdict import FEWEST_BARS, cost_a_year, metric
from regimefolio.report.words import count, day, number, percent, signed

_RUINED = "it went bankrupt before"


def differences(record: Record) -> Table:
    """The selected run's Sharpe ratio minus that of each other run, with intervals on one scale."""
    found, few = record.results.selected_minus, record.results.window.test.bars < FEWEST_BARS
    first = [name for name in (STATIC, EQUAL_WEIGHT) if name in found]
    names = [*first, *(name for name in found if name not in first)]
    edges = [v for name in names for v in (found[name].low, found[name].high, found[name].point, 0.0) if v is not None]
    least, most = min(edges), max(edges)
    width = (most - least) or 1.0

    def place(value: float) -> float:
        return round(3.0 + 94.0 * (value - least) / width, 3)

    rows = []
    for name in names:
        each, title = found[name], record.title(name)
        spark, interval, missing = None, "–", "a Sharpe ratio is undefined"
        if few:
            missing = "there are too few test bars"
        elif each.low is not None and each.high is not None and each.point is not None:
            interval = f"{signed(each.low)} to {signed(each.high)}"
            says = f"{interval}, around {signed(each.point)}"
            spark = Spark(place(each.low), place(each.point), place(each.high), place(0.0), says)
        rows.append(
            Row(
                title[0].lower() + title[1:],
                [
                    cell(each.point, signed, "a Sharpe ratio is undefined"),
                    Cell("", "" if spark else missing, "spark", spark),
                    Cell(interval, "" if spark else missing),
                    cell(None if few else each.share_positive, percent, missing),
                ],
                tone="strong" if name == STATIC else "",
            )
        )
    level = percent(found[STATIC].level, 0)
    return Table(
        f"Sharpe ratio of the adaptive strategy minus that of others, with {level} intervals",
        ["Adaptive minus", "Difference", "Around zero", f"{level} interval", "Above zero"],
        [Group(rows)],
    )


def results(record: Record) -> Table:
    """Every run's most telling numbers."""
    rows = []
    for name, run in record.runs.items():
        low, high = metric(record, name, "sharpe_low"), metric(record, name, "sharpe_high")
        why = run.reasons.get("sharpe_low", "it is undefined")
        costs = cost_a_year(record, name)
        held = name in record.results.held
        missing = "what is bought and held is not simulated" if held else "it was not measured"
        rows.append(
            Row(
                record.title(name) + ("" if run.status == "ok" else f", {run.status}"),
                [
                    metric_of(record, name, "cagr", percent),
                    metric_of(record, name, "volatility", percent),
                    metric_of(record, name, "sharpe", number),
                    Cell(f"{number(low)} to {number(high)}", why if low is None or high is None else ""),
                    metric_of(record, name, "sortino", number),
                    metric_of(record, name, "calmar", number),
                    metric_of(record, name, "max_drawdown", percent),
                    metric_of(record, name, "exposure", whole_percent),
                    metric_of(record, name, "turnover", times_a_year),
                    cell(costs, percent, missing),
                ],
                tone="strong" if name == record.selected else "",
            )
        )
    columns = ["CAGR", "Volatility", "Sharpe", "95% interval", "Sortino", "Calmar", "Max. drawdown", "Exposure"]
    return Table("All runs on the test bars", ["Run", *columns, "Turnover a year", "Costs a year"], [Group(rows)])


_ALL: tuple[tuple[str, str, Format], ...] = (
    ("Total return", "total_return", percent),
    ("CAGR", "cagr", percent),
    ("Volatility a year", "volatility", percent),
    ("Sharpe", "sharpe", number),
    ("Sharpe, low end of 95%", "sharpe_low", number),
    ("Sharpe, high end of 95%", "sharpe_high", number),
    ("Sortino", "sortino", number),
    ("Calmar", "calmar", number),
    ("Maximum drawdown", "max_drawdown", percent),
    ("Its length in bars", "max_drawdown_bars", count),
    ("VaR 95% a bar", "var_95", lambda value: percent(value, 2)),
    ("CVaR 95% a bar", "cvar_95", lambda value: percent(value, 2)),
    ("Skewness", "skew", number),
    ("Excess kurtosis", "kurtosis", number),
    ("Alpha a year", "alpha", percent),
    ("Beta", "beta", number),
    ("Information ratio", "information_ratio", number),
    ("Exposure", "exposure", percent),
    ("Turnover a year", "turnover", number),
    ("Costs, of initial capital", "cost_fraction", percent),
    ("Round trips closed", "round_trips", count),
    ("Round trips open", "open_trips", count),
    ("Win rate", "win_rate", percent),
    ("Profit factor", "profit_factor", number),
    ("Average win", "average_win", count),
    ("Average loss", "average_loss", count),
    ("Average holding, bars", "average_holding_bars", lambda value: number(value, 1)),
)


def all_metrics(record: Record) -> Table:
    """Every metric of every run."""
    rows = [Row(title, [metric_of(record, run, name, shown) for run in record.runs]) for title, name, shown in _ALL]
    benchmark = record.settings.benchmark
    known = record.title(benchmark).lower()
    free = record.free_rate
    return Table(
        "All metrics on the test bars",
        ["Metric", *(record.title(name) for name in record.runs)],
        [Group(rows)],
        [
            f"Sharpe, Sortino and alpha are above a risk-free rate of {free} a year. Alpha, beta and information ratio "
            f"are against {known}. Average wins and losses are money, after costs."
        ],
    )


def years(record: Record) -> Table:
    """Each calendar year of the selected run beside the others."""
    settings, year = record.settings, record.results.window.periods_per_year
    free = part_of(record.risk_free, slice(record.results.window.first_test_bar, None))
    shown = compared(record)
    tables = {
        name: yearly_table(record.equity[name], settings.initial_capital, record.timestamps, year, free)
        for name in shown
    }
    by_year = {name: {row.year: row for row in table} for name, table in tables.items()}
    rows = []
    for row in tables[record.selected]:
        others = [by_year[name].get(row.year) for name in shown[2:]]
        static = by_year[STATIC].get(row.year)
        rows.append(
            Row(
                str(row.year),
                [
                    Cell(count(row.bars)),
                    cell(row.total_return, percent),
                    cell(static.total_return if static else None, percent, _RUINED),
                    cell(row.total_return - static.total_return if static else None, points, _RUINED),
                    *(cell(each.total_return if each else None, percent, _RUINED) for each in others),
                    cell(row.volatility, percent, "fewer than 2 bars"),
                    cell(row.sharpe, number, "fewer than 2 bars, or the returns do not vary"),
                    cell(row.max_drawdown, percent),
                ],
            )
        )
    heads = ["Adaptive", "Static", "Difference", *(record.title(name) for name in shown[2:])]
    return Table(
        "Returns by calendar year",
        ["Year", "Bars", *heads, "Volatility", "Sharpe", "Max. drawdown"],
        [Group(rows)],
        ["Volatility, Sharpe and drawdown are those of the adaptive strategy; the difference is in percentage points."],
    )


def drawdowns(record: Record) -> Table:
    """The deepest falls of the selected run, and what the others did from its peak to its trough."""
    initial, stamps = record.settings.initial_capital, record.timestamps
    shown = compared(record)
    rows = []
    for fall in worst_drawdowns(record.equity[record.selected], initial, stamps):
        trough = int(np.searchsorted(stamps, fall.trough))
        peak = None if fall.peak is None else int(np.searchsorted(stamps, fall.peak))

        def meanwhile(equity: Float, first: int | None = peak, last: int = trough) -> float:
            before = initial if first is None else float(equity[first])
            return float(equity[last]) / before - 1.0 if before > 0 else float("nan")

        rows.append(
            Row(
                "the start" if fall.peak is None else day(fall.peak),
                [
                    words(day(fall.trough)),
                    words("not yet" if fall.recovery is None else day(fall.recovery)),
                    Cell(count(fall.bars)),
                    cell(fall.depth, percent),
                    *(cell(meanwhile(record.equity[name]), percent, _RUINED) for name in shown[1:]),
                ],
            )
        )
    heads = [record.title(name) for name in shown[1:]]
    return Table(
        "The five deepest drawdowns of the adaptive strategy",
        ["Peak", "Trough", "Recovered", "Bars", "Depth", *heads],
        [Group(rows)],
        ["The last columns are what the others returned from the same peak to the same trough."],
        frozenset({0, 1, 2}),
    )
