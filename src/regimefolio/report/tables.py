"""One function a table: rows of cells, ready to be drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from regimefolio.core.types import Float
from regimefolio.evaluation import worst_drawdowns, yearly_table
from regimefolio.report.record import (
    ALL_BARS,
    CHOICES,
    EQUAL_WEIGHT,
    INDEX,
    SHARES,
    STATIC,
    Choice,
    Evidence,
    Number,
    Record,
)
from regimefolio.report.verdict import FEWEST_BARS, cost_a_year, metric
from regimefolio.report.words import count, counted, day, metric_name, number, parameter, percent, signed

EPISODES_SHOWN = 200
_RUINED = "it went bankrupt before"

_EDITED = "A person edited parameters or weights after they were chosen: the evidence beside them need not be theirs."

DUST = 5e-5
"""A weight below this is shown as 0.0%; a row of such weights is left out."""


@dataclass(frozen=True)
class Cell:
    """What stands in one place; an undefined number has a reason, and a warning is said beside the text."""

    text: str
    reason: str = ""
    kind: str = "number"
    spark: Spark | None = None
    warning: str = ""


@dataclass(frozen=True)
class Spark:
    """An interval on a line, in percent of the line's length, with what it says."""

    low: float
    point: float
    high: float
    zero: float
    says: str


@dataclass(frozen=True)
class Row:
    """A head and its cells; a `strong` row is what the page is about, a `faint` one matters little."""

    head: str
    cells: Sequence[Cell]
    tone: Literal["", "strong", "faint"] = ""


@dataclass(frozen=True)
class Group:
    """Rows under a common head; `warning` is said where something must not be missed."""

    rows: Sequence[Row]
    head: str = ""
    note: str = ""
    warning: str = ""


@dataclass(frozen=True)
class Table:
    """A caption for who cannot see, columns (the first one heads the rows), groups of rows, notes below."""

    caption: str
    columns: Sequence[str]
    groups: Sequence[Group]
    notes: Sequence[str] = field(default_factory=tuple)
    text_columns: frozenset[int] = frozenset()
    """Columns of words, which are aligned to the left."""


Format = Callable[[float | None], str]


def _words(text: str) -> Cell:
    return Cell(text, kind="text")


def _cell(value: Number, shown: Format, reason: str = "it is undefined") -> Cell:
    undefined = value is None or value != value
    return Cell(shown(value), reason if undefined else "")


def _metric(record: Record, run: str, name: str, shown: Format) -> Cell:
    result = record.runs[run]
    missing = "an index is not simulated" if run == INDEX else "it was not measured for this run"
    return _cell(metric(record, run, name), shown, result.reasons.get(name, missing))


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
                    _cell(each.point, signed, "a Sharpe ratio is undefined"),
                    Cell("", "" if spark else missing, "spark", spark),
                    Cell(interval, "" if spark else missing),
                    _cell(None if few else each.share_positive, percent, missing),
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
        rows.append(
            Row(
                record.title(name) + ("" if run.status == "ok" else f", {run.status}"),
                [
                    _metric(record, name, "cagr", percent),
                    _metric(record, name, "volatility", percent),
                    _metric(record, name, "sharpe", number),
                    Cell(f"{number(low)} to {number(high)}", why if low is None or high is None else ""),
                    _metric(record, name, "sortino", number),
                    _metric(record, name, "calmar", number),
                    _metric(record, name, "max_drawdown", percent),
                    _metric(record, name, "exposure", _whole_percent),
                    _metric(record, name, "turnover", _times_a_year),
                    _cell(costs, percent, "an index is not simulated" if name == INDEX else "it was not measured"),
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
    rows = [Row(title, [_metric(record, run, name, shown) for run in record.runs]) for title, name, shown in _ALL]
    benchmark = record.settings.benchmark
    known = record.title(benchmark).lower()
    return Table(
        "All metrics on the test bars",
        ["Metric", *(record.title(name) for name in record.runs)],
        [Group(rows)],
        [f"Alpha, beta and information ratio are against {known}. Average wins and losses are money, after costs."],
    )


def regimes(record: Record, classifier: str) -> Table:
    """What each regime was, and what its own run earned in it."""
    seen, run = record.results.regimes[classifier], record.runs[classifier]
    label = record.labels[classifier]
    compared = classifier == record.results.selected  # the static ensemble is measured in its regimes alone
    rows = []
    for k, name in enumerate(seen.names):
        lengths = [each.bars for each in seen.episodes if each.label == k]
        measured = run.regime_metrics.get(name, {})
        static = record.runs[STATIC].regime_metrics.get(name, {})
        few = "the regime has too few bars"
        rows.append(
            Row(
                name,
                [
                    Cell(count(int((label == k).sum()))),
                    Cell(percent(float((label == k).mean()))),
                    Cell(count(len(lengths))),
                    _cell(float(np.median(lengths)) if lengths else None, count, "there was no episode"),
                    _cell(float(max(lengths)) if lengths else None, count, "there was no episode"),
                    _cell(measured.get("mean_return"), percent, few),
                    _cell(measured.get("volatility"), percent, few),
                    _cell(measured.get("sharpe"), number, few),
                    _cell(measured.get("sortino"), number, few),
                    _cell(measured.get("max_drawdown"), percent, few),
                    _cell(measured.get("hit_rate"), percent, few),
                    *([_cell(static.get("sharpe"), number, few)] if compared else []),
                ],
            )
        )
    columns = ["Bars", "Share", "Episodes", "Median bars", "Longest", "Mean return a year", "Volatility", "Sharpe"]
    return Table(
        f"Regimes of {classifier} on the test bars, and what {record.title(classifier)} earned in them",
        ["Regime", *columns, "Sortino", "Max. drawdown", "Hit rate", *(["Static Sharpe"] if compared else [])],
        [Group(rows)],
        ["The hit rate is the share of bars with a gain; bars in cash count too."],
    )


def transitions(record: Record, classifier: str) -> Table:
    """How often one regime followed another."""
    seen = record.results.regimes[classifier]
    rows = []
    for name, counts in zip(seen.names, seen.transitions, strict=True):
        total = sum(counts)
        cells = [
            Cell(f"{count(n)} ({percent(n / total)})" if total else count(n), "" if total else "it was never left")
            for n in counts
        ]
        rows.append(Row(name, cells))
    caption = f"Transitions of {classifier} from one test bar to the next"
    return Table(caption, ["From", *(f"to {name}" for name in seen.names)], [Group(rows)])


def episodes(record: Record, classifier: str) -> Table:
    """Every episode, or the last ones where there are very many."""
    seen, stamps = record.results.regimes[classifier], record.timestamps
    shown = seen.episodes[-EPISODES_SHOWN:]
    rows = [
        Row(day(stamps[each.first]), [_words(day(stamps[each.last])), Cell(count(each.bars)), _words(name)])
        for each in shown
        for name in (seen.names[each.label],)
    ]
    left = len(seen.episodes) - len(shown)
    notes = [f"Not shown: {counted(left, 'earlier episode')}."] if left else []
    caption = f"Episodes of {classifier} on the test bars"
    return Table(caption, ["First bar", "Last bar", "Bars", "Regime"], [Group(rows)], notes, frozenset({0, 1, 3}))


def choices(record: Record, classifier: str) -> Table:
    """The parameters and weights of each regime, what they rest on, and every fallback."""
    chosen, shares = record.choices[classifier], record.shares.classifiers[classifier]
    pooled = record.choices[STATIC][ALL_BARS]
    groups = []
    for regime, strategies in {**chosen, ALL_BARS: pooled}.items():
        evidence = shares.evidence.get(regime)
        if regime == ALL_BARS and classifier != STATIC:
            evidence = record.shares.classifiers[STATIC].evidence.get(ALL_BARS)
        weights = shares.weights.get(regime, {})
        rows = [_choice(record, kind, weights.get(kind), choice) for kind, choice in strategies.items()]
        head = regime if regime != ALL_BARS else "no regime known, and static"
        groups.append(Group(rows, head, *_weights_evidence(record, evidence)))
    score, objective = metric_name(record.settings.selection), metric_name(record.shares.objective)
    return Table(
        f"What {record.title(classifier)} uses in each regime",
        ["Strategy", "Weight", "Parameters", "Trial", "Bars", "Episodes", "In regime", "All bars", "Shrunk"],
        groups,
        [_EDITED]
        if {CHOICES, SHARES} & set(record.edited)
        else [
            f"Parameters have the best {score} in the regime on the first two thirds of training, shrunk towards that "
            f"over all bars: the last three columns. Weights have the best {objective} on the last third.",
        ],
        frozenset({2}),
    )


def _choice(record: Record, kind: str, weight: float | None, choice: Choice) -> Row:
    searched = record.settings.searched.get(kind, {})
    shown = {name: value for name, value in choice.parameters.items() if name in searched} or choice.parameters
    found = choice.evidence
    why = "there is too little evidence"
    fallback = f"Fallback to the best over all bars: {found.fallback}" if found.fallback else ""
    return Row(
        kind,
        [
            _cell(weight, _whole_percent, "no weight was written"),
            Cell(
                ", ".join(f"{name} {parameter(value)}" for name, value in shown.items()), kind="text", warning=fallback
            ),
            Cell(str(choice.trial)),
            Cell(count(found.bars)),
            Cell(count(found.episodes)),
            _cell(found.score, number, why),
            _cell(found.score_all, number, why),
            _cell(found.shrunk, number, why),
        ],
        tone="" if weight else "faint",
    )


def _weights_evidence(record: Record, found: Evidence | None) -> tuple[str, str]:
    if found is None:
        return "", ""
    note = (
        f"weights: {counted(found.bars, 'bar')}, {counted(found.episodes, 'episode')}, "
        f"{metric_name(record.shares.objective)} {number(found.score)}, over all bars {number(found.score_all)}"
    )
    return note, f"Fallback to the best weights over all bars: {found.fallback}" if found.fallback else ""


def years(record: Record) -> Table:
    """Each calendar year of the selected run beside the others."""
    settings, year = record.settings, record.results.window.periods_per_year
    shown = _compared(record)
    tables = {
        name: yearly_table(
            record.equity[name], settings.initial_capital, record.timestamps, year, settings.risk_free / year
        )
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
                    _cell(row.total_return, percent),
                    _cell(static.total_return if static else None, percent, _RUINED),
                    _cell(row.total_return - static.total_return if static else None, _points, _RUINED),
                    *(_cell(each.total_return if each else None, percent, _RUINED) for each in others),
                    _cell(row.volatility, percent, "fewer than 2 bars"),
                    _cell(row.sharpe, number, "fewer than 2 bars, or the returns do not vary"),
                    _cell(row.max_drawdown, percent),
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
    shown = _compared(record)
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
                    _words(day(fall.trough)),
                    _words("not yet" if fall.recovery is None else day(fall.recovery)),
                    Cell(count(fall.bars)),
                    _cell(fall.depth, percent),
                    *(_cell(meanwhile(record.equity[name]), percent, _RUINED) for name in shown[1:]),
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


def checks(record: Record) -> Table:
    """What had to hold, and whether it did."""
    rows = [
        Row(check.name, [Cell("passed" if check.passed else "failed", kind="verdict"), _words(check.details)])
        for check in record.results.checks
    ]
    return Table("Checks", ["Check", "Result", "Numbers"], [Group(rows)], text_columns=frozenset({1, 2}))


def orders(record: Record) -> Table | None:
    """What the strategy would trade next, as fractions of equity; None where nothing was decided."""
    positions = record.results.orders.positions
    if all(each.target is None for each in positions):
        return None
    moved = [
        (each, each.target if each.target is not None else each.held)
        for each in positions
        if max(abs(each.held), abs(each.target or 0.0)) >= DUST
    ]
    moved.sort(key=lambda pair: (-abs(pair[1] - pair[0].held), pair[0].symbol))
    rows = [
        Row(each.symbol, [Cell(percent(each.held)), Cell(percent(target)), Cell(_points(target - each.held))])
        for each, target in moved
    ]
    held, target = sum(each.held for each, _ in moved), sum(target for _, target in moved)
    cash = Row(
        "Cash", [Cell(percent(1 - held)), Cell(percent(1 - target)), Cell(_points(held - target))], tone="strong"
    )
    left = len(positions) - len(moved)
    return Table(
        "Orders pending at the last bar",
        ["Symbol", "Held", "Target", "Order"],
        [Group([*rows, cash])],
        [f"Fractions of equity. Left out, neither held nor wanted: {counted(left, 'symbol')}."] if left else [],
    )


def files(record: Record) -> Table:
    """The files that the page was made from."""
    rows = [
        Row(
            source.path,
            [
                _words(source.phase.replace("_", " ") or "the run itself"),
                Cell(source.sha256, kind="hash"),
                Cell("Edited by hand since its phase wrote it" if source.edited else "", kind="warning"),
            ],
        )
        for source in record.sources.values()
    ]
    return Table("Files", ["File", "Written by", "SHA-256", "Remark"], [Group(rows)], text_columns=frozenset({1, 2, 3}))


def _compared(record: Record) -> list[str]:
    """The runs that curves and years are shown of, the selected one first."""
    return [record.selected, *(name for name in (STATIC, EQUAL_WEIGHT, INDEX) if name in record.equity)]


def _whole_percent(value: float | None) -> str:
    return percent(value, 0)


def _times_a_year(value: float | None) -> str:
    return number(value, 1)


def _points(value: float | None) -> str:
    """A difference of two fractions in percentage points."""
    shown = percent(value)
    return f"+{shown}" if value is not None and value == value and not shown.startswith("−") and value > 0 else shown
