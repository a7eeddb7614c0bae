"""`regimefolio compare`: one strategy file, its signals combined in other ways, and each strategy alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regimefolio.cli.door import Debug, Json, Quiet, door

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from regimefolio.api import BacktestSpec, CombinationRow, ComparedRun, PortfolioEvaluator, StrategyRow

EPILOG = """\b
regimefolio compare results/demo/analysis/adaptive_strategy.yaml

Signals are computed once. All runs trade the same bars at the same costs; choosing the best of them afterwards is a
search, whose luck no interval shows."""

METRICS = {"sharpe": ">Sharpe", "cagr": ">a year", "max_drawdown": ">drawdown"}

ASSETS_SHOWN = 3
"""Those with most conflicts; `--json` lists all."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(compare)


@door
def compare(
    file: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="A file with a section `backtest:`.")],
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstraps.")] = 0,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare combinations, and each strategy alone."""
    from regimefolio import api
    from regimefolio.cli.display import console, display, tell_data, tell_features
    from regimefolio.cli.strategy_file import opened
    from regimefolio.core.files import json_text

    screen = console()
    say = display(screen, quiet or json).say
    with opened(file, say) as spec:
        dataset, market = api.load_market(
            spec.data, spec.benchmark, Path(), spec.execution, spec.risk_free, spec.portfolio
        )
        evaluator = api.PortfolioEvaluator(spec, market, seed)
        combinations, strategies = evaluator.compare_combinations(), evaluator.compare_strategies()
    if json:
        typer.echo(json_text(_described(spec, evaluator, combinations, strategies)), nl=False)
        return
    tell_data(dataset, say)
    tell_features(spec.portfolio, dataset.panel, say)
    _show(screen, spec, evaluator, combinations, strategies)


def _described(
    spec: BacktestSpec,
    evaluator: PortfolioEvaluator,
    combinations: Sequence[CombinationRow],
    strategies: Sequence[StrategyRow],
) -> dict[str, object]:
    def figures(run: ComparedRun) -> dict[str, object]:
        return {
            "status": run.status,
            "metrics": run.metrics,
            "reasons": run.reasons,
            "portfolio_minus": run.portfolio_minus._asdict(),
        }

    return {
        "name": spec.name,
        "portfolio": figures(evaluator.compared()),
        "combinations": [
            {
                "combination_method": row.combination_method,
                "on_conflict": row.on_conflict,
                "chosen": row.chosen,
                **figures(row.run),
            }
            for row in combinations
        ],
        "strategies": [{"strategy": row.strategy.spec(), **figures(row.run)} for row in strategies],
        "conflicts": evaluator.conflicts,
    }


def _show(
    screen: Console,
    spec: BacktestSpec,
    evaluator: PortfolioEvaluator,
    combinations: Sequence[CombinationRow],
    strategies: Sequence[StrategyRow],
) -> None:
    from rich.text import Text

    from regimefolio.cli.backtest_tables import conflict_sentence, rate_notes
    from regimefolio.cli.tables import counted, number, table

    days, own = evaluator.bars.astype("datetime64[D]"), spec.portfolio.on_conflict
    screen.print()
    screen.print(f"{spec.name}: {counted(len(days), 'bar')}, {days[0]} to {days[-1]}", style="bold", markup=False)
    heads = list(METRICS.values())
    rows: list[Sequence[str | Text]] = []
    for row in combinations:
        name = row.combination_method if row.on_conflict == own else f"{row.combination_method}, {row.on_conflict}"
        rows.append(_row(Text(f"{name}, the file's" if row.chosen else name), row.run, row.chosen))
    title = f"The same signals, combined (on_conflict: {own}, if not said otherwise)"
    screen.print(table(title, ["combination", *heads, ">file's minus it"], rows))
    rows = [_row(Text("the portfolio"), evaluator.compared(), own=True)]
    rows += [_row(Text(row.strategy.kind), row.run, own=False) for row in strategies]
    minus = "minus: of Sharpe ratios, with the 95% interval of a paired stationary bootstrap"
    notes = [minus, *rate_notes(spec, evaluator.run.risk_free)]
    screen.print(table("Each strategy alone", ["strategy", *heads, ">portfolio's minus"], rows, notes))
    conflicts = evaluator.conflicts
    if not conflicts.conflicts:
        screen.print(f"\n{conflict_sentence(conflicts, own)}", markup=False)
    elif conflicts.by_pair:
        counts = [
            (" and ".join(each.names), f"{each.conflicts:,}", f"{each.of:,}", number("hit_rate", each.share))
            for each in (*conflicts.by_pair, *conflicts.by_asset[:ASSETS_SHOWN])
        ]
        title = conflict_sentence(conflicts, own)
        note = "an asset at a bar that decides, tradable, of which two strategies or more have an opinion"
        screen.print(table(title, ["strategies, assets", ">asset-bars", ">of", ">share"], counts, [note]))


def _row(name: Text, run: ComparedRun, own: bool) -> list[str | Text]:
    from rich.text import Text

    from regimefolio.cli.tables import UNDEFINED, minus, number, pair

    if own:
        name.stylize("bold")
    if run.status != "ok":
        name.append(f" ({run.status})", style="bold red")
    above = run.portfolio_minus
    difference = Text(UNDEFINED)
    if not own and above.point == above.point:
        difference = pair(minus(f"{above.point:+.2f}"), minus(f"{above.low:+.2f} to {above.high:+.2f}"))
    return [name, *(number(metric, run.metrics[metric]) for metric in METRICS), difference]
