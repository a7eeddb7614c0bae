"""The tables that tell what each phase found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from regimefolio.cli.backtest_tables import rate_notes
from regimefolio.cli.results import ALL_BARS, STATIC, BestTrial, Results
from regimefolio.cli.tables import counted, label, number, pair, parameters, table, verdict
from regimefolio.cli.trading_tables import assumed_line, costs_line, doubt_line, intervention_lines

if TYPE_CHECKING:
    from regimefolio.api import PhaseStep
    from regimefolio.evaluation import NoBreakEven

RUNS = {
    STATIC: "static ensemble",
    "best_trial": "best single trial",
    "equal_weight": "equal weight",
    "index": "index",
}
"""What the runs of validation are called; any other is named after its classifier."""


def plan_table(title: str, steps: Sequence[PhaseStep]) -> RenderableType:
    """What is done about each phase, and why."""
    return table(title, ["phase", "", "why"], [(step.phase, step.action, step.reason) for step in steps])


def tables_of(phase: str, results: Results) -> list[RenderableType]:
    """The tables of one finished phase; none where there are none for it."""
    draw = _TABLES.get(phase)
    return [] if draw is None else draw(results)


def checks_table(results: Results) -> RenderableType:
    """What had to hold of the selected strategy, with its numbers."""
    rows = [(verdict(each["passed"]), pair(each["name"], each["details"])) for each in results.validation["checks"]]
    return table("Checks of the adaptive strategy", ["", "check"], rows)


def _discovery(results: Results) -> list[RenderableType]:
    objective = results.spec.discovery.objective
    shown = list(dict.fromkeys((objective, "sharpe")))
    rows: list[list[str | Text]] = []
    for best in results.best_trials():
        names = results.searched(best.strategy)
        if best.trial is None:
            rows.append([best.strategy, _without(best, objective), "", *("" for _ in shown)])
            continue
        found = parameters(best.parameters, names)
        numbers = [number(name, best.metrics.get(name)) for name in shown]
        rows.append([_named(best.strategy, names), found or "defaults", f"{best.trial}", *numbers])
    columns = ["strategy", "parameters", ">trial", *(f">{label(name)}" for name in shown)]
    return [table(f"Best of {counted(len(results.trials), 'trial')}, by strategy", columns, rows)]


def _without(best: BestTrial, objective: str) -> str:
    """Why no trial of a strategy is the best."""
    silent = best.trials - best.failed
    failed = f"{best.failed:,} of {counted(best.trials, 'trial')} failed" if best.failed else ""
    return "; ".join(part for part in (failed, f"never traded: no {label(objective)}" if silent else "") if part)


def _analysis(results: Results) -> list[RenderableType]:
    made: list[RenderableType] = []
    metric = results.spec.analysis.select_by
    for classifier, regimes in results.choices.items():
        if classifier == STATIC:
            continue
        notes = _Notes()
        rows = []
        for kind in next(iter(regimes.values())):
            names = results.searched(kind)
            rows.append(
                [_named(kind, names), *(_choice(each[kind], names, metric, notes) for each in regimes.values())]
            )
        title = f"Parameters by regime, {classifier} (and their {label(metric)}, shrunk)"
        made.append(table(title, ["strategy", *(f">{name}" for name in regimes)], rows, notes.lines))
    return made


def _choice(choice: Mapping[str, Any], names: Sequence[str], metric: str, notes: _Notes) -> Text:
    evidence = choice["evidence"]
    found = parameters(choice["parameters"], names) or "defaults"
    return pair(found + notes.mark(evidence["fallback"]), number(metric, evidence["shrunk"]))


def _ensemble(results: Results) -> list[RenderableType]:
    made: list[RenderableType] = []
    selected, classifiers = results.weights["selected"], results.weights["classifiers"]
    objective = results.weights["objective"]
    for classifier, found in classifiers.items():
        if classifier == STATIC:
            continue
        notes = _Notes()
        regimes = [regime for regime in found["weights"] if regime != ALL_BARS]
        heads = [f">{name}{notes.mark(found['evidence'][name]['fallback'])}" for name in regimes]
        rows = [
            [kind, *(_share(found["weights"][name][kind]) for name in (*regimes, ALL_BARS))]
            for kind in found["weights"][ALL_BARS]
        ]
        ours, static = (number(objective, found[key]) for key in ("objective", "static_objective"))
        worth = f"{label(objective)} {ours}, static {static}"
        title = f"Weights by regime, {classifier}{', selected' if classifier == selected else ''} ({worth})"
        made.append(table(title, ["strategy", *heads, ">static"], rows, notes.lines))
    return made


def _validation(results: Results) -> list[RenderableType]:
    window = results.validation["window"]["test"]
    selected = results.validation["selected"]
    rows: list[list[str | Text]] = []
    for name, run in results.runs().items():
        metrics = run["metrics"]
        said = f"benchmark {results.spec.benchmark}" if name == "benchmark" else RUNS.get(name, f"adaptive, {name}")
        low, high = (number("sharpe", metrics.get(each)) for each in ("sharpe_low", "sharpe_high"))
        rows.append(
            [
                Text(said, style="bold" if name == selected else ""),
                number("sharpe", metrics.get("sharpe")),
                f"{low} to {high}",
                number("cagr", metrics.get("cagr")),
                number("max_drawdown", metrics.get("max_drawdown")),
            ]
        )
    notes = [*_circumstances(results), *rate_notes(results.spec, results.validation["window"]["risk_free"])]
    notes += [line for line in (costs_line(results.trading), *intervention_lines(results.trading)) if line]
    doubts = (doubt_line(results.trading), assumed_line(results.trading, results.spec.execution))
    title = f"On {counted(window['bars'], 'test bar')}, {window['first'][:10]} to {window['last'][:10]}"
    made = table(title, ["run", ">Sharpe", ">95% interval", ">a year", ">worst drawdown"], rows, notes)
    return [made, *(Text(f"\n{line}", style="yellow") for line in doubts if line)]


def _circumstances(results: Results) -> list[str]:
    """The placebo and the break-even costs, a line each."""
    placebo, costs = results.robustness["placebo"], results.robustness["costs"]
    lines = []
    if placebo["p_value"] is not None:
        tried = counted(placebo["counted"], "shifted regime path")
        lines.append(f"placebo: {placebo['at_least_as_good']:,} of {tried} did as well, p = {placebo['p_value']:.3f}")
    lost = {name: gone(costs["break_even"][name]) for name in ("return", "advantage")}
    lines.append(f"break-even costs: return {lost['return']}, lead over equal weight {lost['advantage']}")
    return lines


def gone(found: Mapping[str, Any]) -> str:
    """The multiple of costs at which something is gone, or why there is none."""
    if found["multiple"] is not None:
        return f"x{found['multiple']:.1f}"
    words: dict[NoBreakEven, str] = {
        "no costs": "there are no costs to multiply",
        "never ahead": "there is none even without costs",
        "always ahead": f"none up to x{found['searched_to']:g}",
    }
    return f"({words[found['reason']]})"


_TABLES: dict[str, Callable[[Results], list[RenderableType]]] = {
    "parameter_discovery": _discovery,
    "regime_analysis": _analysis,
    "ensemble_optimization": _ensemble,
    "validation": _validation,
}


class _Notes:
    """Numbers reasons, and lists them below a table."""

    def __init__(self) -> None:
        self._reasons: list[str] = []

    def mark(self, reason: str) -> str:
        """The mark of a reason; nothing where there is none."""
        if not reason:
            return ""
        if reason not in self._reasons:
            self._reasons.append(reason)
        return "*" * (self._reasons.index(reason) + 1)

    @property
    def lines(self) -> list[str]:
        """The reasons, each after its mark."""
        return [f"{'*' * (n + 1)} the best over all bars: {reason}" for n, reason in enumerate(self._reasons)]


def _named(kind: str, names: Sequence[str]) -> Text:
    return pair(kind, ", ".join(names))


def _share(weight: float) -> str:
    return f"{weight:.0%}" if weight else "–"
