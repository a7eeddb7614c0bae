"""`regimefolio rerank`: a universe ranked again at every rebalance, and what its ratings were worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regimefolio.cli.door import Debug, Json, Quiet, door

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from regimefolio.api import DataSpec, RatingsComparison, RerankSpec

EPILOG = """\b
regimefolio rerank ma_long
regimefolio rerank ma_long --data file:prices.parquet --report rerank.html
regimefolio rerank ma_long --show > my_profile.yaml

PROFILE is a file with a section `rerank:`, or one that comes with regimefolio: ma_long, ma_short. The same backtest
is run with today's ratings at every bar, which is a mistake, with those of the time, and with none. Relative paths
start in the present folder."""

ROWS = {"todays": "today's", "historical": "of the time", "none": "none"}
"""How the runs are called, in the order of the table."""

METRICS = {"sharpe": ">Sharpe", "cagr": ">a year", "max_drawdown": ">drawdown", "turnover": ">turnover\na year"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(rerank)


@door
def rerank(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="A file with a section `rerank:`, or a name.")],
    data: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Data in the place of the profile's; a source or a YAML file.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="PAGE.html", help="Write table and figure to this file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Print the profile, to copy it; run nothing.")] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run a re-ranking profile; show what its ratings were worth."""
    from regimefolio import api
    from regimefolio.cli.display import console, display, tell_compiling, tell_data, tell_features
    from regimefolio.core.files import json_text

    file = api.profile_file(profile)
    if show:
        typer.echo(file.read_text(encoding="utf-8"), nl=False)
        return
    document = api.read_document(file)
    spec = document.parse(api.RerankSpec, "rerank")
    if data is not None:
        spec = spec.model_copy(update={"data": _data(data)})
    if report is not None:
        api.must_take_page(report, force)
    screen = console()
    shown = display(console(stderr=True) if json else screen, quiet)
    tell_compiling(shown.say)
    with document.placing("rerank"), shown:
        dataset, comparison = api.rerank(spec, progress=shown)
    tell_data(dataset, shown.say)
    tell_features(spec.backtest().portfolio, dataset.panel, shown.say)
    if json:
        typer.echo(json_text(_described(spec, dataset.fingerprint, comparison)), nl=False)
    else:
        _show(screen, spec, comparison)
    if report is not None:
        api.write_ratings_report(spec, dataset, comparison, report, force)
        shown.say(f"Report: {report}")


def _data(text: str) -> DataSpec:
    """The data that a source, or a YAML file, describes."""
    from regimefolio import api

    return api.read_data(text) if text.endswith((".yaml", ".yml")) else api.DataSpec(source=api.source_of(text))


def _described(spec: RerankSpec, data: str, comparison: RatingsComparison) -> dict[str, Any]:
    runs = {
        name: {
            "status": run.simulation.status,
            "metrics": run.metrics,
            "reasons": run.reasons,
            "minus_historical": comparison.minus_historical[name]._asdict() if name != "historical" else None,
        }
        for name, run in comparison.runs.items()
    }
    return {
        "name": spec.name,
        "rule_set": spec.ratings.rule_set,
        "parameters": {**spec.plain(), "data_fingerprint": data},
        "first_bar": str(comparison.bars[0])[:19],
        "last_bar": str(comparison.bars[-1])[:19],
        "chosen": [each._asdict() for each in comparison.chosen],
        "orders": comparison.runs["historical"].orders(),
        "runs": runs,
    }


def _show(screen: Console, spec: RerankSpec, comparison: RatingsComparison) -> None:
    from regimefolio.cli.backtest_tables import rate_notes
    from regimefolio.cli.tables import counted, table

    days = comparison.bars.astype("datetime64[D]")
    screen.print()
    screen.print(f"{spec.name}: {counted(len(days), 'bar')}, {days[0]} to {days[-1]}", style="bold", markup=False)
    _show_selection(screen, spec, comparison)
    rows = [_row(name, label, comparison) for name, label in ROWS.items()]
    notes = [
        "the same universe, allocator, dates and costs"
        + (f"; ratings of rule set {spec.ratings.rule_set}" if spec.selection.follows_rules else ""),
        "minus: of Sharpe ratios, with the 95% interval of a paired stationary bootstrap",
        "today's: at every bar, the mistake of ranking the past by what nobody could know then",
        *rate_notes(spec.backtest(), comparison.runs["historical"].risk_free),
    ]
    screen.print(
        table("What the ratings were worth", ["ratings", *METRICS.values(), ">minus of the time"], rows, notes)
    )


def _show_selection(screen: Console, spec: RerankSpec, comparison: RatingsComparison) -> None:
    """Whom the last bar's ratings choose, and what else is held."""
    from regimefolio.cli.tables import number, table

    run = comparison.runs["historical"]
    positions = {each.symbol: each for each in run.simulation.positions()}
    chosen = {each.symbol: each.features for each in comparison.chosen}
    leaving = [symbol for symbol, each in positions.items() if each.held and symbol not in chosen]
    if not chosen and not leaving:
        screen.print(f"\nNothing passes at {comparison.bars[-1].astype('datetime64[D]')}.", markup=False)
        return
    names = spec.selection.needs
    rows = []
    for symbol in (*chosen, *leaving):
        each = positions[symbol]
        features = [_feature(chosen[symbol][name]) for name in names] if symbol in chosen else [""] * len(names)
        target = "no order" if each.target is None else number("exposure", each.target)
        rows.append([symbol, *features, number("exposure", each.held), target])
    title = f"Chosen at {comparison.bars[-1].astype('datetime64[D]')}, ordered if the schedule asks for it"
    heads = [">" + name.replace("Recommend.", "rating\n").replace("(", "\n(") for name in names]
    screen.print(table(title, ["symbol", *heads, ">held", ">target"], rows))


def _feature(value: float) -> str:
    from regimefolio.cli.tables import minus

    if value != value:
        return "–"
    return minus(f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}" if abs(value) < 1e6 else f"{value:.2g}")


def _row(name: str, label: str, comparison: RatingsComparison) -> list[str | Text]:
    from rich.text import Text

    from regimefolio.cli.tables import UNDEFINED, minus, number, pair

    run, head = comparison.runs[name], Text(label, style="bold" if name == "historical" else "")
    if run.simulation.status != "ok":
        head.append(f" ({run.simulation.status})", style="bold red")
    difference = Text(UNDEFINED)
    each = comparison.minus_historical.get(name)
    if each is not None and each.point == each.point:
        difference = pair(minus(f"{each.point:+.2f}"), minus(f"{each.low:+.2f} to {each.high:+.2f}"))
    return [head, *(number(metric, run.metrics[metric]) for metric in METRICS), difference]
