"""`regimefolio signals`: look at what a trial thought, take it away as a table, and give it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regimefolio.cli.door import Debug, Json, door

if TYPE_CHECKING:
    from rich.console import Console

    from regimefolio.api import SavedSignals
    from regimefolio.core.types import Json as Value

Folder = Annotated[Path, typer.Argument(metavar="WORKFLOW_FOLDER", help="Such as results/demo.")]
Trial = Annotated[int, typer.Argument(metavar="TRIAL", min=0, help="Its number in the tables of phase 1.")]
Table = Annotated[Path, typer.Argument(metavar="FILE", help="A .csv or .jsonl file.")]
At = Annotated[str | None, typer.Option("--at", metavar="TIME", help="The bar; the last one, if not said.")]
Last = Annotated[int, typer.Option("--last", min=1, metavar="N", help="Bars up to it.")]

SHOW = """\b
regimefolio signals show results/demo 12
regimefolio signals show results/demo 12 --at 2008-10-10 --last 3"""

EXPORT = """\b
regimefolio signals export results/demo 12 trial_12.csv

Numbers have the fewest digits that give the same float32 back."""

IMPORT = """\b
regimefolio signals import results/demo 12 trial_12.csv
regimefolio run my.yaml        sees the edit, records it, and uses it

Every bar of every symbol must have a row; alpha lies in [-1, 1], confidence in [0, 1], and 0 and 0 is no opinion. The
scores of phase 1 stay those of the strategy's own signals; the phases after it use the imported ones. A run --from
parameter_discovery computes them anew."""


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Show, export and import a trial's signals.")
    group.command(epilog=SHOW)(show)
    group.command(epilog=EXPORT)(export)
    group.command("import", epilog=IMPORT)(take)
    app.add_typer(group, name="signals")


@door
def show(folder: Folder, trial: Trial, at: At = None, last: Last = 1, json: Json = False, debug: Debug = False) -> None:
    """Show a trial's alpha and confidence at some bars."""
    from regimefolio import api
    from regimefolio.cli.display import console
    from regimefolio.core.files import json_text

    signals = api.read_signals(folder, trial)
    bars = _bars(signals, at, last)
    if json:
        typer.echo(json_text({**summary(signals), "signals": rows_of(signals, bars)}), nl=False)
    else:
        _show(console(), signals, bars)


@door
def export(
    folder: Folder,
    trial: Trial,
    file: Table,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    debug: Debug = False,
) -> None:
    """Write a trial's signals to a .csv or .jsonl file."""
    from regimefolio import api

    signals = api.export_signals(folder, trial, file, force)
    bars, assets = signals.alpha.shape
    typer.echo(f"{file}: trial {trial}, {signals.strategy}: {bars:,} bars of {assets} symbols")


@door
def take(folder: Folder, trial: Trial, file: Table, debug: Debug = False) -> None:
    """Put the signals of a file in the place of a trial's."""
    from regimefolio import api

    done = api.import_signals(folder, trial, file)
    if done.changed:
        typer.echo(f"{done.path}: {done.changed:,} of {done.cells:,} cells changed; the next run uses them")
    else:
        typer.echo(f"{done.path}: nothing differs; it was left as it is")


def summary(signals: SavedSignals) -> dict[str, Value]:
    """What can be said of all bars: how often there is an opinion, on which side, and how strong."""
    import numpy as np

    opinion = signals.confidence > 0
    times, count = signals.times, int(opinion.sum())
    alpha = signals.alpha[opinion].astype(np.float64)
    return {
        "trial": signals.trial,
        "strategy": signals.strategy,
        "parameters": dict(signals.parameters),
        "bars": len(times),
        "symbols": len(signals.symbols),
        "first": times[0],
        "last": times[-1],
        "opinions": count / opinion.size,
        "positive": float((alpha > 0).mean()) if count else None,
        "mean_size_of_alpha": float(np.abs(alpha).mean()) if count else None,
        "mean_confidence": float(signals.confidence[opinion].astype(np.float64).mean()) if count else None,
    }


def rows_of(signals: SavedSignals, bars: range) -> list[Value]:
    """One row a bar and symbol."""
    times = signals.times
    return [
        {
            "timestamp": times[t],
            "symbol": symbol,
            "alpha": float(str(signals.alpha[t, n])),
            "confidence": float(str(signals.confidence[t, n])),
        }
        for t in bars
        for n, symbol in enumerate(signals.symbols)
    ]


def _bars(signals: SavedSignals, at: str | None, last: int) -> range:
    """The bars that are asked for: up to `last` of them, the latest being the one at or before a time."""
    import numpy as np

    from regimefolio import api

    end = len(signals.timestamps)
    if at is not None:
        try:
            time = np.datetime64(at, "ns")
        except ValueError:
            raise api.ConfigError(f"--at {at!r} is no time; write it as 2008-10-10 or 2008-10-10T15:30:00") from None
        end = int(np.searchsorted(signals.timestamps, time, side="right"))
        if end == 0:
            raise api.ConfigError(f"--at {at} is before the first bar, {signals.times[0]}")
    return range(max(0, end - last), end)


def _show(screen: Console, signals: SavedSignals, bars: range) -> None:
    from regimefolio.cli.tables import table

    told, times = summary(signals), signals.times
    parameters = ", ".join(f"{name} {value}" for name, value in signals.parameters.items())
    screen.print(f"Trial {signals.trial}: {signals.strategy}, {parameters}", markup=False, soft_wrap=True)
    text = f"{told['bars']:,} bars of {told['symbols']} symbols, {told['first']} to {told['last']}; "
    if told["positive"] is None:
        text += "no opinion at all"
    else:
        text += (
            f"an opinion in {told['opinions']:.1%} of cells, {told['positive']:.1%} of them positive; "
            f"mean |alpha| {told['mean_size_of_alpha']:.3f}, mean confidence {told['mean_confidence']:.3f}"
        )
    screen.print(text, markup=False, soft_wrap=True)
    for t in bars:
        rows = [
            [symbol, *(("no opinion", "") if c == 0 else (f"{a:+.3f}", f"{c:.3f}"))]
            for symbol, a, c in zip(signals.symbols, signals.alpha[t], signals.confidence[t], strict=True)
        ]
        screen.print(table(times[t], ["symbol", ">alpha", ">confidence"], rows))
