"""The page: one file that explains the result, offline, in light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regimefolio.report import tables, verdict
from regimefolio.report.figures import all_figures, signals
from regimefolio.report.page import page, write_page
from regimefolio.report.record import ALL_BARS, EQUAL_WEIGHT, STATIC, Record, read_record
from regimefolio.report.words import count, counted, day, listed, number, percent, probability

REPORT = "report.html"


def write_report(root: Path) -> Path:
    """Write `report.html` into a finished workspace, from that workspace's files alone.

    Parameters
    ----------
    root : Path
        The workflow's folder, `<output_dir>/<name>`.

    Returns
    -------
    Path
        Of the report: one file of at most 3 MB that asks for nothing from outside.

    Raises
    ------
    CorruptError
        A phase is not finished, or a file is missing or not what its phase writes.
    StaleError
        A phase was run again and those after it were not.
    """
    write_page(root / REPORT, render(read_record(root)))
    return root / REPORT


def render(record: Record) -> str:
    """The page as text; the same record gives the same bytes."""
    figures = all_figures(record)
    return page(
        "report.html.j2",
        figures,
        record=record,
        results=record.results,
        verdict=verdict,
        tables=tables,
        tiles=_tiles(record),
        timeline=_timeline(record),
        holdings=_holdings(record),
        sources=record.sources,
        edited=_some(record.edited),
        scored=_scored(record),
        costs=_costs(record),
        sources_of_gain=tables.concentration(record),
        surfaces=[figure for name, figure in figures.items() if name.startswith("surface-")],
        opinions=signals(record),
        orders_note=_orders_note(record),
    )


@dataclass(frozen=True)
class Tile:
    """One of the few numbers at the top, and what it must be read with."""

    title: str
    value: str
    beside: str


@dataclass(frozen=True)
class Segment:
    """One use of bars on the line of time."""

    title: str
    bars: int
    first: str
    last: str
    kind: str


def _tiles(record: Record) -> list[Tile]:
    ours, found = record.selected, record.overfitting

    def beside(name: str) -> str:
        static, equal = (percent(verdict.metric(record, run, name)) for run in (STATIC, EQUAL_WEIGHT))
        return f"static {static}, equal weight {equal}"

    low, high = (number(verdict.metric(record, ours, f"sharpe_{end}")) for end in ("low", "high"))
    return [
        Tile("Sharpe ratio", number(verdict.metric(record, ours, "sharpe")), f"95% interval {low} to {high}"),
        Tile("Return a year", percent(verdict.metric(record, ours, "cagr")), beside("cagr")),
        Tile("Maximum drawdown", percent(verdict.metric(record, ours, "max_drawdown")), beside("max_drawdown")),
        Tile(
            "Probabilistic Sharpe",
            probability(record.results.probabilistic_sharpe_ratio),
            "that the true one is above 0, on test bars",
        ),
        Tile(
            "Deflated Sharpe",
            probability(found.deflated_sharpe_ratio),
            f"that it is more than luck of {counted(found.trials, 'trial')}, on training bars",
        ),
    ]


def _timeline(record: Record) -> list[Segment]:
    window = record.results.window
    spans = [
        ("Parameters chosen", window.parameters_chosen_on, "parameters"),
        ("Weights chosen", window.weights_chosen_on, "weights"),
        ("Test", window.test, "test"),
    ]
    return [Segment(title, span.bars, day(span.first), day(span.last), kind) for title, span, kind in spans]


def _some(names: list[str], most: int = 5) -> str:
    """The first names, and how many more there are."""
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left:,} more" if left > 0 else "")


def _costs(record: Record) -> str:
    kinds = record.settings.execution.kinds_of_cost
    return f"Costs are {listed(kinds)} over average equity." if kinds else "Nothing cost anything."


def _scored(record: Record) -> str:
    """On how many of their bars parameters were judged, in a sentence."""
    bars = record.results.window.parameters_chosen_on.bars
    scored = max((each.evidence.bars for each in record.choices[STATIC][ALL_BARS].values()), default=bars)
    return f"Scores begin after the warm-up: parameters were judged on {count(scored)} of their {counted(bars, 'bar')}."


def _orders_note(record: Record) -> str:
    """Whether what is wanted after the last bar is an order already, and where and when it would be filled."""
    delay = record.settings.execution.delay
    late = (
        f" Fills come {counted(delay, 'bar')} later than that (delay), and what was ordered at the "
        f"{counted(delay, 'bar')} before the last is not filled yet."
    )
    lapses = " What is due in another session lapses."
    return (
        _pending(record) + (late if delay else "") + (lapses if record.settings.execution.overnight == "lapse" else "")
    )


def _pending(record: Record) -> str:
    settings, label, window = record.settings, record.labels[record.selected], record.results.window
    every = settings.every
    where = (settings.execution.fill or "").replace("next_", "’s ")
    wanted = f"What is wanted after the last bar, {day(record.results.orders.decided_at)},"
    if len(label) > 1 and label[-1] != label[-2]:
        return f"{wanted} is ordered for the next bar{where}: the regime changed at the last bar."
    if settings.schedule == "daily" or (every and (window.first_test_bar + window.test.bars - 1) % every == 0):
        return f"{wanted} is ordered for the next bar{where} by the schedule ({settings.schedule})."
    calm = "the regime did not change at the last bar"
    if every:
        return f"No order: the last bar is none of the schedule’s ({settings.schedule}), and {calm}."
    begins = f"begins a new {settings.schedule.removesuffix('ly')}"
    if settings.dates:
        begins = "is the first on or after one of the dates"
    unless = f"the next bar {begins} (schedule: {settings.schedule})"
    return f"No order unless {unless}; {calm}. {wanted} would be filled at that bar{where}."


def _holdings(record: Record) -> str:
    """What the weights figure shows, in a sentence."""
    held = np.abs(record.weights)
    exposure, names = held.sum(axis=1), (held >= tables.DUST).sum(axis=1)
    idle = float((exposure < tables.DUST).mean())
    return (
        f"On average {percent(float(exposure.mean()))} of equity was invested, in {number(float(names.mean()), 1)} "
        f"of {counted(len(record.symbols), 'symbol')}; on {percent(idle)} of the bars everything was cash."
    )
