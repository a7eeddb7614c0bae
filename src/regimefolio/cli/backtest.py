"""`regimefolio backtest`: one strategy file, run once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regimefolio.cli.door import Debug, Json, Quiet, door

if TYPE_CHECKING:
    from regimefolio.api import Run

EPILOG = """\b
regimefolio backtest results/demo/analysis/adaptive_strategy.yaml
regimefolio backtest my_backtest.yaml --trips trips.csv
regimefolio backtest my_backtest.yaml --equity e.csv --weights w.parquet

The first file was written by the demo. A backtest trades from the first bar after the warm-up to the last one, those
that its strategy was searched on included; what it is worth on other bars stands in the report. Relative paths start in
the present folder. A file of round trips ends in .csv, .parquet or .json, one of equity or weights in .csv or .parquet;
docs/accounting.md says what their columns mean."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(backtest)


@door
def backtest(
    file: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="A file with a section `backtest:`.")],
    trips: Annotated[Path | None, typer.Option(metavar="TRIPS", help="Write every round trip to this file.")] = None,
    equity: Annotated[Path | None, typer.Option(metavar="EQUITY", help="Write equity bar by bar to this file.")] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="WEIGHTS", help="Write what is held at each close to this file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run one strategy file; show metrics, trips and orders."""
    from regimefolio import api
    from regimefolio.cli import backtest_tables
    from regimefolio.cli.display import console, display, tell_data, tell_features
    from regimefolio.cli.strategy_file import opened
    from regimefolio.cli.tables import counted
    from regimefolio.core.files import json_text, jsonable

    if trips is not None:
        api.must_take(trips, "round trips", force)
    if equity is not None:
        api.must_take(equity, "equity", force)
    if weights is not None:
        api.must_take(weights, "weights", force)
    written = [path.absolute() for path in (trips, equity, weights) if path is not None]
    if len(set(written)) < len(written):
        raise api.ConfigError("--trips, --equity and --weights name one file; name different ones")
    screen = console()
    say = display(console(stderr=True) if json else screen, quiet).say
    with opened(file, say) as spec:
        dataset, outcome, run = api.run_backtest(spec)
    tell_data(dataset, say)
    tell_features(spec.portfolio, dataset.panel, say)
    found = api.round_trips(run)
    statistics = api.trip_statistics(found)
    trading = api.trading_document(run, spec.risk, dataset.panel, found)
    if trips is not None:
        api.write_round_trips(found, trips, force)
    if equity is not None:
        api.write_equity(run, equity, force)
    if weights is not None:
        api.write_weights(run, weights, force)
    if json:
        result = jsonable(outcome)
        assert isinstance(result, dict)
        told = {by: {name: each._asdict() for name, each in kinds.items()} for by, kinds in statistics.items()}
        extra = {"orders": orders_of(run), "conflicts": run.conflicts, **trading, "round_trips": told}
        typer.echo(json_text({**result, **extra}), nl=False)
        return
    backtest_tables.show(screen, spec, outcome, run, statistics, trading, orders_of(run))
    if trips is not None:
        say(f"{trips}: {counted(len(found), 'round trip')}")
    for path in filter(None, (equity, weights)):
        say(f"{path}: {counted(len(run.simulation.returns), 'bar')}")


def orders_of(run: Run) -> dict[str, Any]:
    """What stands to be filled after the last bar, without the symbols that are neither held nor wanted."""
    orders: dict[str, Any] = run.orders()
    positions = [each for each in orders["positions"] if each["held"] or each["target"]]
    return {**orders, "positions": positions}
