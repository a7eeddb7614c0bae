"""`regimefolio data`: look at prices before they are used, and what else is kept or fetched."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regimefolio.cli.door import Debug, Json, door

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from regimefolio.api import CheckReport, DataWarning

CONFIGURATIONS = (".yaml", ".yml")

SHOWN = 20
"""Defects in the table; `--json` lists all."""

DEFECTS_FOUND = 1

EXAMPLES = 3
"""Warnings of each kind in the table."""

EPILOG = """\b
regimefolio data check prices.csv
regimefolio data check prices.parquet --json
regimefolio data check prices.csv --calendar XNYS
regimefolio data check my_backtest.yaml

Exit codes: 0 no defect, with warnings or without, 1 defects, 2 no table of bars at all, or a file beside it cannot
be used."""

MEANING = {
    "mixed time zones": "offsets from UTC differ; write all times in one zone",
    "few bars": "fewer than 30: most indicators never start",
    "far from its five bars": "over 2.7 times off their median: a slipped decimal, or a real crash",
    "split-like jump": "prices go on at a ratio that companies split by: a split not adjusted for, or news",
    "coarse prices": "closes move in steps over 5 bp: small returns are rounding",
    "stale bars": "five or more that repeat the one before: a halt, or a feed that stopped",
    "long gap": "a halt, or another company under the same symbol: `max_gap: 21` makes it a new asset",
    "missing session": "other symbols have a bar, this one none: its orders lapse",
    "zero volume": "nothing was traded, or the volume is not known",
}
"""What a kind of warning means, in a few words."""


def register(app: typer.Typer) -> None:
    """Add the group."""
    from regimefolio.cli import store, views

    group = typer.Typer(
        rich_markup_mode=None, no_args_is_help=True, help="Check prices, keep them in a store, and fetch page views."
    )
    group.command(epilog=EPILOG)(check)
    store.register(group)
    views.register(group)
    app.add_typer(group, name="data")


@door
def check(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A .csv, .csv.gz or .parquet file of bars, or a .yaml file whose `data:` names one."
        ),
    ],
    calendar: Annotated[
        str | None, typer.Option(metavar="CODE", help="Name sessions of this calendar that lack a bar: XNYS, 24/7, …")
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Check every bar of a file; list what is wrong, and what is doubtful.

    Defects are cells and dates that cannot be read, missing values inside a bar, prices not above zero or absurd,
    negative volumes, high below low, open or close outside their range, and bars that are given twice or not in
    the order of time. A run stops at the first, or masks all.

    Warnings are about what may be right: mixed time zones; symbols with fewer than 30 bars; prices more than 2.7 times
    off the median of their five bars, or in steps coarser than 5 bp; jumps that look like a split; five bars
    that repeat the one before; gaps of more than 21 bars; sessions that a symbol lacks and others have; zero volume. A
    run uses these bars as they are.

    Of a configuration (a backtest, a workflow, or `data:` alone) all that its `data:` says is applied and checked too:
    actions, deliveries, sessions, tickers, delistings and members.
    """
    found = _found(file, calendar)
    if json:
        from regimefolio.core.files import json_text

        sessions = None if found.sessions is None else found.sessions.plain()
        plain = {"file": str(found.path), **asdict(found), "path": str(found.path), "sessions": sessions}
        typer.echo(json_text(plain), nl=False)
    else:
        _show(found)
    if found.defects:
        raise typer.Exit(DEFECTS_FOUND)


def _found(file: Path, calendar: str | None) -> CheckReport:
    """The report on a file of prices, or on all that a configuration says of its data."""
    from regimefolio import api

    if file.suffix not in CONFIGURATIONS:
        return api.check_file(file, calendar)
    spec = api.read_data(file)
    return api.check_data(spec if calendar is None else spec.model_copy(update={"calendar": calendar}))


def _show(found: CheckReport) -> None:
    from regimefolio.cli.display import console
    from regimefolio.cli.tables import counted

    screen = console()
    span = f", {found.first} to {found.last}" if found.first else ""
    screen.print(
        f"{found.path}: {found.format}; {counted(found.rows, 'row')}, {counted(found.symbols, 'symbol')}{span}",
        markup=False,
        soft_wrap=True,
    )
    spread = f"{found.most:,}" if found.fewest == found.most else f"{found.fewest:,} to {found.most:,}"
    year = f"; taken as {found.periods_per_year:.4g} bars a year" if found.most else ""
    screen.print(f"usable bars a symbol: {spread}{year}", soft_wrap=True)
    for note in found.notes:
        screen.print(note, markup=False, highlight=False, soft_wrap=True)
    _show_defects(screen, found)
    _show_warnings(screen, found)


def _show_defects(screen: Console, found: CheckReport) -> None:
    """The first defects, one a row."""
    from regimefolio.cli.tables import counted, pair, table

    if not found.defects:
        screen.print("no defects", style="green")
        return
    rows: list[list[str | Text]] = [
        [str(each.row or ""), each.column, each.symbol, each.timestamp, pair(each.problem, each.value)]
        for each in found.defects[:SHOWN]
    ]
    screen.print(
        f"{counted(len(found.defects), 'defect')}: a run stops at the first, or masks them (on_bad)", style="red"
    )
    screen.print(table("", [f">{_unit(found)}", "column", "symbol", "time", "problem, and what was found"], rows))
    if len(found.defects) > SHOWN:
        screen.print(f"… {len(found.defects) - SHOWN:,} more; --json lists all")


def _show_warnings(screen: Console, found: CheckReport) -> None:
    """Every kind of warning in a row: how many, where most of them are, and the first ones."""
    from rich.text import Text

    from regimefolio.cli.tables import counted, printable, table

    if not found.warnings:
        screen.print("no warnings", style="green")
        return
    kinds: dict[str, list[DataWarning]] = {}
    for each in found.warnings:
        kinds.setdefault(each.kind, []).append(each)
    rows: list[list[str | Text]] = []
    for kind, several in kinds.items():
        lines = [_shown(each, _unit(found)) for each in several[:EXAMPLES]]
        if len(several) > EXAMPLES:
            lines.append("…")
        first = Text("\n".join(filter(None, (MEANING[kind], _most(several)))))
        rows.append([kind, f"{len(several):,}", first + Text(printable("\n".join(["", *lines])), style="dim")])
    if found.defects:
        screen.print()
    screen.print(f"{counted(len(found.warnings), 'warning')}: the bars are used as they are", style="yellow")
    screen.print(table("", ["kind", ">found", "what it means, and the first ones"], rows))
    if any(len(several) > EXAMPLES for several in kinds.values()):
        screen.print("--json lists all")


def _unit(found: CheckReport) -> str:
    return "row" if found.format.startswith("parquet") else "line"


def _shown(warning: DataWarning, unit: str) -> str:
    """A warning as one line."""
    place = "" if warning.row is None else f"{unit} {warning.row}"
    column = "" if warning.column == warning.symbol else warning.column  # of a wide file they are the same
    words = (place, warning.symbol, warning.timestamp, column)
    return f"{' '.join(filter(None, words))}: {warning.value}"


def _most(several: list[DataWarning]) -> str:
    """How warnings of a kind are spread: over how many symbols, and the date and the symbols that have most of them."""
    if len(several) <= EXAMPLES:
        return ""
    symbols, times = Counter(each.symbol for each in several), Counter(each.timestamp for each in several)
    parts = [f"{len(symbols):,} symbols" if len(symbols) > 1 else f"all of {next(iter(symbols))}"]
    parts += [f"{count:,} at {time}" for time, count in times.most_common(1) if time and 2 * count > len(several)]
    parts += [
        f"{n:,} of {symbol}" for symbol, n in symbols.most_common(2) if len(several) > n > max(1, len(several) / 10)
    ]
    return ", ".join(parts)
