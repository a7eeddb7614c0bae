"""The tables of an allocation run; most can be sorted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from regimefolio.evaluation import TOP, AllocationEvaluation, Clustering, Resources
from regimefolio.report.figures.allocation import BLEND, Drawn, mean_known
from regimefolio.report.tables.cells import Cell, Format, Group, Row, Spark, Table, cell, points, times_a_year, words
from regimefolio.report.words import count, day, number, percent, signed

_METRICS: Mapping[str, tuple[str, Format]] = {
    "sharpe": ("Sharpe", number),
    "sortino": ("Sortino", number),
    "cagr": ("Return a year", percent),
    "volatility": ("Volatility", percent),
    "max_drawdown": ("Drawdown", percent),
    "calmar": ("Calmar", number),
    "cvar_95": ("CVaR 95%", percent),
    "exposure": ("Invested", percent),
    "turnover": ("Turnover a year", times_a_year),
    "cost_fraction": ("Costs of capital", percent),
    "beta": ("Beta", number),
    "information_ratio": ("Information ratio", number),
}

_HELD = "what is bought and held is not simulated"
_NOT_MEASURED = "it was not measured; say it under `measure`"


def metrics(runs: Sequence[Drawn]) -> Table:
    """All runs, the best optimizer first after those that stand out."""
    rows = []
    for each in runs:
        cells = [
            cell(each.metrics.get(key), shown, each.reasons.get(key, _HELD)) for key, (_, shown) in _METRICS.items()
        ]
        rows.append(Row(each.title, cells, "strong" if each.swatch == "adaptive" else ""))
    return Table(
        "Metrics of the blend, equal weight, the benchmark and every optimizer alone",
        ["Portfolio", *(head for head, _ in _METRICS.values())],
        [Group(rows)],
        [
            "All but the benchmark trade the same bars at the same costs; beta and "
            "information ratio are against the benchmark. A click on a head sorts."
        ],
    )


def concentration(found: AllocationEvaluation) -> Table:
    """How the weights of each were spread, on average over rebalances."""
    heads = ["Effective assets", *(f"Largest {k}" for k in TOP), "Above equal", "Change"]

    def row(title: str, k: int | None) -> Row:
        held = found.blend if k is None else found.optimizers
        at = (slice(None),) if k is None else (slice(None), k)
        shares = [mean_known(held.top[n][at]) for n in TOP]
        why = "it gave no weights"
        return Row(
            title,
            [
                cell(mean_known(held.effective_assets[at]), lambda value: number(value, 1), why),
                *(cell(share, percent, why) for share in shares),
                cell(mean_known(held.above_equal[at]), lambda value: number(value, 1), why),
                cell(mean_known(held.change[at]), percent, "it gave no weights at two rebalances in a row"),
            ],
            "strong" if k is None else "",
        )

    return Table(
        "How weights were spread over assets, and how they changed, on average over rebalances",
        ["Portfolio", *heads],
        [Group([row(BLEND, None), *(row(name, k) for k, name in enumerate(found.names))])],
        [
            "Effective assets: 1/Σw². Largest: the share of the 5, 10 and 50 largest weights. Above equal: assets with "
            "more than an equal share. Change: half the sum of |weight − the weight decided before|. The blend as "
            "ordered, after constraints; optimizers as they decided, before them."
        ],
    )


def added(found: AllocationEvaluation) -> Table | None:
    """What each optimizer added to the blend, the most first; None where that was not run."""
    if not found.added:
        return None
    known = [each.sharpe for each in found.added.values() if each.sharpe.point == each.sharpe.point]
    low, high = min([0.0, *(each.low for each in known)]), max([0.0, *(each.high for each in known)])
    width = (high - low) or 1.0

    def place(value: float) -> float:
        return round(3.0 + 94.0 * (value - low) / width, 3)

    rows = []
    by_sharpe = sorted(found.added.items(), key=lambda item: -np.nan_to_num(item[1].sharpe.point, nan=-np.inf))
    for name, each in by_sharpe:
        interval, spark = "–", None
        if each.sharpe.point == each.sharpe.point:
            interval = f"{_fine(each.sharpe.low)} to {_fine(each.sharpe.high)}"
            at = [place(value) for value in each.sharpe[:3]]
            spark = Spark(at[1], at[0], at[2], place(0.0), f"{interval}, around {_fine(each.sharpe.point)}")
        missing = "a Sharpe ratio is undefined"
        rows.append(
            Row(
                name,
                [
                    cell(each.sharpe.point, _fine, missing),
                    Cell("", "" if spark else missing, "spark", spark),
                    Cell(interval),
                    cell(each.cagr, _fine_points),
                    cell(each.max_drawdown, _fine_points),
                ],
            )
        )
    return Table(
        "What each optimizer added: the blend less the blend of the others",
        ["Optimizer", "Sharpe", "Around zero", "95% interval", "Return a year", "Drawdown"],
        [Group(rows)],
        [
            "The same blend of the others, after costs. Positive is better in every column: more Sharpe ratio, more "
            "return in percentage points, a shallower drawdown."
        ],
    )


def resources(found: AllocationEvaluation) -> Table:
    """Seconds and megabytes of each optimizer, the slowest first."""
    rows = []
    by_seconds = sorted(found.resources.items(), key=lambda item: -np.nan_to_num(item[1].seconds.total))
    for name, each in by_seconds:
        rows.append(Row(name, [cell(value, shown, _NOT_MEASURED) for value, shown in _measured(each)]))
    heads = [
        *("Milliseconds, median", "Milliseconds, largest", "Seconds, sum"),
        *(f"{kind} MB, {each}" for kind in ("Python", "Resident") for each in ("median", "largest")),
    ]
    return Table("Seconds and megabytes a rebalance", ["Optimizer", *heads], [Group(rows)], [_MEASURES])


_MEASURES = (
    "Of a rebalance each. The first call of a kernel loads or compiles it, which is in the largest. What optimizers "
    "share, as a covariance, is with the first that asked. Python MB: the peak of Python’s own memory; resident MB: by "
    "how much the process grew. Measuring memory slows optimizers down."
)


def failures(found: AllocationEvaluation) -> Table | None:
    """Every way in which an optimizer failed; None where none did."""
    if not found.failures:
        return None
    rows = [
        Row(
            each.name,
            [cell(each.rebalances, count), words(day(each.first)), words(day(each.last)), words(each.message)],
        )
        for each in found.failures
    ]
    heads = ["Optimizer", "Rebalances", "First", "Last", "What went wrong, and what took its place"]
    return Table("Failures", heads, [Group(rows)], text_columns=frozenset({2, 3, 4}))


def closest(found: Clustering, n: int = 10) -> Table | None:
    """The pairs whose weights are nearest; None where there is no pair."""
    pairs = found.closest(n)
    if not pairs:
        return None
    rows = [Row(each.first, [words(each.second), cell(each.distance, percent)]) for each in pairs]
    return Table(
        "Optimizers whose weights are nearest",
        ["Optimizer", "And", "Held differently"],
        [Group(rows)],
        ["The mean over rebalances of half the sum of |difference of weights|: 0% is the same portfolio."],
        frozenset({1}),
    )


def _measured(each: Resources) -> list[tuple[float, Format]]:
    """The numbers of a row, and how they are written."""
    milliseconds: list[tuple[float, Format]] = [(1000.0 * value, times_a_year) for value in each.seconds[:2]]
    megabytes: list[tuple[float, Format]] = [(v, number) for part in (each.peak_mb, each.resident_mb) for v in part[:2]]
    return [*milliseconds, (each.seconds.total, number), *megabytes]


def _fine(value: float | None) -> str:
    """A small difference of Sharpe ratios: with three decimals, so that rows can be told apart."""
    if value is None or value != value or abs(value) < 0.0005:
        return signed(value) if value is None or value != value else "0.000"
    return f"{value:+.3f}".replace("-", "−")


def _fine_points(value: float | None) -> str:
    """As `points`, with two decimals."""
    if value is None or value != value:
        return points(value)
    shown = percent(value, 2)
    return shown if value < 0.00005 else f"+{shown}"
