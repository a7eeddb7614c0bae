"""`regimefolio allocate`: many allocators at every rebalance, their blend, and what each would have earned alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regimefolio.cli.door import Debug, Json, Quiet, door

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from regimefolio.api import AllocationRun, AllocationSpec
    from regimefolio.backtest import AllocationFolder
    from regimefolio.core.types import Float

EPILOG = """\b
regimefolio allocate my_allocation.yaml
regimefolio allocate my_allocation.yaml --force

Every rebalance is a file in results/NAME/allocations: a run that was stopped goes on where it was. Beside them lie
results.json and report.html. Relative paths start in the present folder. docs/allocation.md says what a file may
say."""

METRICS = {
    "sharpe": ">Sharpe",
    "cagr": ">a year",
    "volatility": ">volat-\nility",
    "max_drawdown": ">draw-\ndown",
    "exposure": ">in-\nvested",
    "turnover": ">turn-\nover",
}

RESULT_NOTES = [
    "the same bars and constraints at the same costs, the benchmark without any; turnover is a year's; choosing the "
    "best row afterwards is a search, whose luck no row shows",
]

HELD_SHOWN = 10
"""The largest targets; `--json` lists all."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(allocate)


@door
def allocate(
    file: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="A file with a section `allocation:`.")],
    force: Annotated[
        bool, typer.Option("--force", help="Take away what lies in its folder of another run, and begin anew.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run many allocators; blend them; show each alone."""
    from regimefolio import api
    from regimefolio.cli.display import console, display, tell_compiling, tell_data
    from regimefolio.core.files import json_text, read_json
    from regimefolio.report import write_allocation_report

    document = api.read_document(file)
    spec = document.parse(api.AllocationSpec, "allocation")
    screen = console()
    shown = display(console(stderr=True) if json else screen, quiet)
    tell_compiling(shown.say)
    try:
        with document.placing("allocation"), shown:
            dataset, run, folder = api.allocate(spec, force=force, progress=shown)
    except KeyboardInterrupt as stop:
        stop.add_note("what was decided is kept; the same command goes on")
        raise
    tell_data(dataset, shown.say)
    if json:
        typer.echo(json_text(read_json(folder.results)), nl=False)
    else:
        _show(screen, spec, run, folder)
    write_allocation_report(spec, dataset, run, folder.page, overwrite=True)
    shown.say(f"Results: {folder.results}")
    shown.say(f"Report: {folder.page}")


def _show(screen: Console, spec: AllocationSpec, run: AllocationRun, folder: AllocationFolder) -> None:
    from regimefolio.cli.tables import counted, table

    days = run.bars.astype("datetime64[D]")
    again = f", {folder.reused} of them decided before" if folder.reused else ""
    screen.print()
    screen.print(
        f"{spec.name}: {counted(len(run.allocations), 'rebalance')}{again}; {counted(len(days), 'bar')}, {days[0]} to "
        f"{days[-1]}",
        style="bold",
        markup=False,
    )
    who, bars = spec.slowest
    first = run.allocations[0].timestamp.astype("datetime64[D]")
    screen.print(f"First decided at {first}: {who} needs {counted(bars, 'bar')}.", style="dim", markup=False)
    screen.print(table("", ["", *METRICS.values()], _results(spec, run), RESULT_NOTES))
    heads = ["optimizer", ">assets", *([">adds to Sharpe"] if run.without else []), ">failed", ">ms a rebalance"]
    adds = "adds: the blend's Sharpe ratio minus that of the blend without it; " if run.without else ""
    note = (
        f"assets: the number of equal positions that are as concentrated, mean of the rebalances; {adds}ms: the median"
    )
    screen.print(table("The optimizers", heads, _optimizers(run), [note]))
    _show_failures(screen, run)
    _show_targets(screen, run)


def _results(spec: AllocationSpec, run: AllocationRun) -> list[list[str | Text]]:
    """One row a run: what they earned."""
    from rich.text import Text

    from regimefolio.cli.tables import number

    runs: dict[str, Mapping[str, float]] = {
        f"blend, {spec.orchestration_type.kind}": run.blend.metrics,
        "equal weight": run.equal_weight.metrics,
        f"benchmark, {spec.benchmark}": run.benchmark.metrics,
    }
    rows = [*runs.items(), *((name, alone.metrics) for name, alone in run.optimizers.items())]
    return [
        [
            Text(name, style="bold" if k == 0 else ""),
            *(number(metric, metrics.get(metric, float("nan"))) for metric in METRICS),
        ]
        for k, (name, metrics) in enumerate(rows)
    ]


def _optimizers(run: AllocationRun) -> list[list[str | Text]]:
    """One row an optimizer: how it spread, what it added, how often it failed, how long it took."""
    import numpy as np

    from regimefolio.backtest import failures
    from regimefolio.cli.tables import UNDEFINED, minus

    rows: list[list[str | Text]] = []
    for m, (name, failed) in enumerate(failures(run).items()):
        row: list[str | Text] = [name, _assets(np.array([each.concentration[m] for each in run.allocations]))]
        if run.without:
            adds = run.blend.metrics["sharpe"] - run.without[name].metrics["sharpe"]
            row.append(minus(f"{adds:+.3f}") if adds == adds else UNDEFINED)
        seconds = np.array([each.seconds[m] for each in run.allocations])
        took = f"{1e3 * np.nanmedian(seconds):,.1f}" if np.isfinite(seconds).any() else UNDEFINED
        rows.append([*row, f"{failed:,}", took])
    return rows


def _assets(concentration: Float) -> str:
    """The mean over rebalances (R,) of the effective number of assets; NaN is none."""
    import numpy as np

    known = np.isfinite(concentration)
    return f"{(1.0 / concentration[known]).mean():,.1f}" if known.any() else "–"


def _show_failures(screen: Console, run: AllocationRun) -> None:
    """The last failure of each optimizer that failed."""
    for m, name in enumerate(run.optimizers):
        told = [each for each in run.allocations if each.message[m]]
        if told:
            last = told[-1]
            when, of = last.timestamp.astype("datetime64[D]"), f"{len(told)} of {len(run.allocations)}"
            screen.print(
                f"{name} failed at {of} rebalances, last at {when}: {last.message[m]}", style="yellow", markup=False
            )


def _show_targets(screen: Console, run: AllocationRun) -> None:
    """What the last bar decided, the largest first."""
    from regimefolio.cli.tables import counted, number, table

    wanted = [each for each in run.blend.simulation.positions() if each.held or each.target]
    wanted.sort(key=lambda each: -abs(each.target or 0.0))
    rows = [
        [
            each.symbol,
            number("exposure", each.held),
            "no order" if each.target is None else number("exposure", each.target),
        ]
        for each in wanted[:HELD_SHOWN]
    ]
    more = len(wanted) - len(rows)
    notes = [f"and {counted(more, 'asset')} more: --json lists all"] if more > 0 else []
    when = run.bars[-1].astype("datetime64[D]")
    screen.print(
        table(f"Decided at {when}, ordered if the schedule asks for it", ["symbol", ">held", ">target"], rows, notes)
    )
