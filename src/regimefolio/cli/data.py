"""`regimefolio data`: look at prices before they are used."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regimefolio.cli.door import Debug, Json, door

if TYPE_CHECKING:
    from rich.text import Text

    from regimefolio.api import CheckReport

SHOWN = 20
"""Defects in the table; `--json` lists all."""

DEFECTS_FOUND = 1

LOOKED_FOR = (
    "looked for: unreadable cells, values missing inside a bar, prices not above zero or absurd, negative volumes, "
    "high below low, open or close outside, duplicate and unsorted bars; not yet for jumps, holes and stale prices"
)

EPILOG = """\b
regimefolio data check prices.csv
regimefolio data check prices.parquet --json

Exit codes: 0 no defect, 1 defects, 2 no table of bars at all."""


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Look at prices before they are used.")
    group.command(epilog=EPILOG)(check)
    app.add_typer(group, name="data")


@door
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv, .csv.gz or .parquet file of bars.")],
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Check every bar of a file; list what is wrong.

    Looks for cells and dates that cannot be read, missing values inside a bar, prices not above zero or absurd,
    negative volumes, high below low, open or close outside their range, and bars that are given twice or not in
    the order of time. Jumps, holes and stale prices are not looked for yet.
    """
    from regimefolio import api

    found = api.check_file(file)
    if json:
        from regimefolio.core.files import json_text

        typer.echo(json_text({"file": str(file), **asdict(found)}), nl=False)
    else:
        _show(file, found)
    if found.defects:
        raise typer.Exit(DEFECTS_FOUND)


def _show(file: Path, found: CheckReport) -> None:
    from regimefolio.cli.display import console
    from regimefolio.cli.tables import counted, pair, table

    screen = console()
    span = f", {found.first} to {found.last}" if found.first else ""
    screen.print(
        f"{file}: {found.format}; {counted(found.rows, 'row')}, {counted(found.symbols, 'symbol')}{span}",
        markup=False,
        soft_wrap=True,
    )
    spread = f"{found.most:,}" if found.fewest == found.most else f"{found.fewest:,} to {found.most:,}"
    year = f"; taken as {found.periods_per_year:.4g} bars a year" if found.most else ""
    screen.print(f"usable bars a symbol: {spread}{year}", soft_wrap=True)
    screen.print(LOOKED_FOR, style="dim", soft_wrap=True)
    if not found.defects:
        screen.print("no defects", style="green")
        return
    unit = "row" if found.format.startswith("parquet") else "line"
    rows: list[list[str | Text]] = [
        [str(each.row or ""), each.column, each.symbol, each.timestamp, pair(each.problem, each.value)]
        for each in found.defects[:SHOWN]
    ]
    screen.print(counted(len(found.defects), "defect"), style="red")
    screen.print(table("", [f">{unit}", "column", "symbol", "time", "problem, and what was found"], rows))
    if len(found.defects) > SHOWN:
        screen.print(f"… {len(found.defects) - SHOWN:,} more; --json lists all")
