"""The page of an allocation run: what the blend did, and what each optimizer had to do with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regimefolio.backtest import AllocationRun, AllocationSpec, failures
from regimefolio.core.component import fingerprint
from regimefolio.evaluation import AllocationEvaluation, SharpeDifference, evaluate_allocations
from regimefolio.market import Dataset
from regimefolio.report.figures.allocation import (
    Drawn,
    bars,
    drawn_runs,
    equity,
    mean_known,
    over_time,
    risk_and_return,
)
from regimefolio.report.figures.dendrograms import dendrograms
from regimefolio.report.figures.drawing import Figure
from regimefolio.report.figures.holdings import blend_over_time, last_weights
from regimefolio.report.page import page, write_page
from regimefolio.report.ratings import must_take_page
from regimefolio.report.tables import allocation as tables
from regimefolio.report.words import counted, day, listed, number, percent, signed


def write_allocation_report(
    spec: AllocationSpec, dataset: Dataset, run: AllocationRun, path: Path, overwrite: bool = False
) -> None:
    """Write an allocation run as one page that asks for nothing from outside.

    Raises
    ------
    ConfigError
        The file does not end in .html, or is there already.
    WorkspaceError
        It cannot be written.
    """
    must_take_page(path, overwrite)
    found = evaluate_allocations(run, dataset.panel.periods_per_year, spec.seed)
    runs = drawn_runs(run, f"Benchmark ({spec.benchmark})")
    trees = dendrograms(found.clusters)
    text = page(
        "allocation.html.j2",
        {each.name: each for each in [*_figures(run, runs, found), *trees]},
        name=spec.name,
        first=day(run.bars[0]),
        last=day(run.bars[-1]),
        claim=_claim(spec, run, found),
        lede=f"{_luck(spec, found)} {_field(runs)}",
        tiles=_tiles(runs, found),
        about=dataset.about,
        rules=_rules(spec, found),
        trees=trees,
        metrics=tables.metrics(runs),
        concentration=tables.concentration(found),
        added=tables.added(found),
        resources=tables.resources(found),
        failures=tables.failures(found),
        failed=_failed(run),
        closest=tables.closest(found.clusters.weight_distance),
        facts={"Data": dataset.fingerprint, "Configuration": fingerprint(spec.plain())},
    )
    write_page(path, text)


def _figures(run: AllocationRun, runs: list[Drawn], found: AllocationEvaluation) -> list[Figure]:
    turnover = {each.title: each.metrics["turnover"] for each in runs if "turnover" in each.metrics}
    swatches = {each.title: each.swatch for each in runs}
    milliseconds = {name: 1000.0 * each.seconds.median for name, each in found.resources.items()}
    drawn = [
        equity(runs, run.bars),
        risk_and_return(runs),
        bars("turnover", turnover, swatches, "times the portfolio a year", "How much of the portfolio is traded."),
        over_time(
            "change",
            found,
            "change",
            "Change",
            "Half the sum of |weight − the weight decided before|, without what prices did in between.",
        ),
        over_time(
            "spread",
            found,
            "effective_assets",
            "Effective assets",
            "The number of equal weights that would be as concentrated, 1/Σw².",
        ),
        blend_over_time(found),
        last_weights(found),
        bars(
            "seconds",
            milliseconds,
            swatches,
            "milliseconds a rebalance, median",
            "What several share, as a covariance, is with the first that asked for it.",
        ),
    ]
    return [each for each in drawn if each is not None]


def _benchmark(spec: AllocationSpec) -> str:
    """What the benchmark is called in a sentence."""
    return {"index": "the index", "equal_weight": "equal weight without costs"}.get(spec.benchmark, spec.benchmark)


def _claim(spec: AllocationSpec, run: AllocationRun, found: AllocationEvaluation) -> str:
    """What the blend did against equal weight and the benchmark, in a sentence."""
    ours = number(run.blend.metrics["sharpe"])
    beside = [
        _against("equal weight", found.minus_equal_weight, True),
        _against(_benchmark(spec), found.minus_benchmark, False),
    ]
    return (
        f"The blend of {counted(len(found.names), 'optimizer')} had a Sharpe ratio of {ours}, {' and '.join(beside)}."
    )


def _against(name: str, minus: SharpeDifference, whole: bool) -> str:
    if minus.point != minus.point:
        return f"which cannot be compared with that of {name}"
    interval = f"from {signed(minus.low)} to {signed(minus.high)}"
    said = f"{percent(minus.level, 0)} interval of the difference {interval}" if whole else interval
    side = "above" if minus.point >= 0 else "below"
    return f"{number(abs(minus.point))} {side} that of {name} ({said})"


def _luck(spec: AllocationSpec, found: AllocationEvaluation) -> str:
    """Whether the differences can be told from luck."""
    names = {"equal weight": found.minus_equal_weight, _benchmark(spec): found.minus_benchmark}
    sure = [name for name, each in names.items() if each.low > 0 or each.high < 0]
    if len(sure) == len(names):
        return "Both intervals lie on one side of zero."
    if sure:
        return f"Only the difference from {sure[0]} has an interval on one side of zero."
    return "Neither difference can be told from luck: no interval lies on one side of zero."


def _field(runs: list[Drawn]) -> str:
    """How the optimizers did alone, beside the blend."""
    ours, alone = runs[0], [each for each in runs[3:] if np.isfinite(each.metrics["sharpe"])]
    if not alone:
        return "No optimizer has a Sharpe ratio of its own."
    above = sum(each.metrics["sharpe"] > ours.metrics["sharpe"] for each in alone)
    best, worst = alone[0], alone[-1]
    return (
        f"Alone, {above or 'none'} of the {counted(len(alone), 'optimizer')} had a higher Sharpe ratio than the blend: "
        f"from {number(worst.metrics['sharpe'])} ({worst.title}) to {number(best.metrics['sharpe'])} ({best.title}). "
        "Which one would be best was not known before."
    )


def _tiles(runs: list[Drawn], found: AllocationEvaluation) -> list[tuple[str, str, str]]:
    """The few numbers at the top: a head, the blend's, and those beside it."""
    blend, equal, held = runs[:3]
    shown = {"Return a year": ("cagr", percent), "Volatility": ("volatility", percent)}
    tiles = [
        (
            head,
            form(blend.metrics[key]),
            f"equal weight {form(equal.metrics[key])}, benchmark {form(held.metrics.get(key))}",
        )
        for head, (key, form) in {**shown, "Drawdown": ("max_drawdown", percent)}.items()
    ]
    turnover = (number(each.metrics["turnover"], 1) for each in (blend, equal))
    tiles.append(("Turnover a year", next(turnover), f"equal weight {next(turnover)}"))
    spread, theirs = mean_known(found.blend.effective_assets), mean_known(found.optimizers.effective_assets)
    tiles.append(("Effective assets", number(spread, 1), f"optimizers {number(theirs, 1)} on average"))
    return tiles


def _rules(spec: AllocationSpec, found: AllocationEvaluation) -> str:
    """The run in a few words."""
    covariance = listed([each.kind for each in spec.covariance_transformers]) or "that of the sample"
    return (
        f"{counted(len(found.timestamps), 'rebalance')}, {spec.rebalance}. Unless it says otherwise, an optimizer sees "
        f"{spec.lookback} bars, with expected returns {spec.expected_returns.kind} and covariance {covariance}. Blend: "
        f"{spec.orchestration_type.kind}. Where one fails: {spec.on_failure.replace('_', ' ')}."
    )


def _failed(run: AllocationRun) -> str:
    """Who failed how often, in a sentence."""
    failed = [f"{name} at {counted(n, 'rebalance')}" for name, n in failures(run).items() if n]
    rebalances = len(run.allocations)
    if not failed:
        return f"No optimizer failed at any of the {counted(rebalances, 'rebalance')}."
    return f"Of {counted(rebalances, 'rebalance')}, failed: {listed(failed)}."
