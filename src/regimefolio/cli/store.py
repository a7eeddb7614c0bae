"""`regimefolio data import`, `list` and `show`: prices that are kept, and what is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regimefolio.cli.door import Debug, Json, door

if TYPE_CHECKING:
    from rich.console import Console

    from regimefolio.api import ImportReport, PriceStore

From = Annotated[
    Path | None,
    typer.Option("--from", metavar="FOLDER", help="Where stores are; $REGIMEFOLIO_STORE or your data folder."),
]

BARS_SHOWN = 5

IMPORT = """\b
regimefolio data import prices.csv --name us
regimefolio data import prices_of_june.csv --name us

The second file may repeat bars of the first; it adds those behind them. Bars that it tells otherwise stop the import,
or make another version with --revise. A configuration reads the present version as `store:us`, and any other one
as `store:us@VERSION`."""

LIST = """\b
regimefolio data list
regimefolio data list us        every import, with the version that it left"""

SHOW = """\b
regimefolio data show AAPL
regimefolio data show AAPL --name us --json"""


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("import", epilog=IMPORT)(take)
    group.command("list", epilog=LIST)(list_stores)
    group.command(epilog=SHOW)(show)


@door
def take(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A .csv, .csv.gz or .parquet file of bars, or yahoo:SYMBOLS.")
    ],
    into: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where stores are; $REGIMEFOLIO_STORE or your data folder."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The store; the file's name up to its first dot, if not said.")
    ] = None,
    revise: Annotated[bool, typer.Option("--revise", help="Replace past bars that the file tells otherwise.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Add a file's bars to the local store of prices."""
    from regimefolio import api
    from regimefolio.core.files import json_text

    report = api.import_prices(file, name, into, revise)
    if json:
        typer.echo(json_text(report), nl=False)
    else:
        _tell(report)


def _tell(report: ImportReport) -> None:
    from regimefolio.cli.tables import counted
    from regimefolio.market.store.grid import few

    if not report.changed:
        typer.echo(f"{report.store}: nothing is new; it was left as it is")
        return
    fresh = f", {counted(len(report.symbols), 'symbol')} new to it" if report.symbols else ""
    revised = "" if report.revision is None else f"; revised: {report.revision}"
    typer.echo(f"{report.store}: {counted(report.bars, 'bar')} added{fresh}{revised}")
    for note in report.notes:
        typer.echo(note)
    if report.revision is not None:
        typer.echo("\n".join(f"  {line}" for line in report.revision.lines()))
    if report.apart:
        typer.echo(
            f"no bar in common with what was stored of {few(report.apart)}: whether both are adjusted alike is unknown"
        )
    if report.defects:
        typer.echo(
            f"{counted(report.defects, 'defect')}: a run stops at the first, or masks them (on_bad); "
            "`regimefolio data check FILE` lists them"
        )


@door
def list_stores(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The imports of this one.")] = None,
    folder: From = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List the stores, or the imports of one."""
    from regimefolio import api
    from regimefolio.cli.display import console
    from regimefolio.core.files import json_text
    from regimefolio.market.store import SHORT

    found = api.price_stores(folder)
    if name is not None:
        store = _named(name, found)
        imports = store.imports()
        if json:
            typer.echo(json_text(imports), nl=False)
            return
        rows = [
            [each.version[:SHORT], each.at[:16], each.by, Path(each.file).name, f"{each.added:,}", f"{each.revised:,}"]
            for each in imports
        ]
        _table(console(), f"Imports of {name}", ["version", "at (UTC)", "by", "file", ">added", ">revised"], rows)
        return
    about = [_about(store) for store in found]
    if json:
        typer.echo(json_text(about), nl=False)
    elif not about:
        typer.echo("no prices are stored here; `regimefolio data import FILE` puts some in")
    else:
        rows = [
            [each["name"], each["version"][:SHORT], f"{each['symbols']:,}", each["first"], each["last"],
             f"{each['imports']:,}", f"{each['megabytes']:,.1f}"]
            for each in about
        ]  # fmt: skip
        columns = ["store", "version", ">symbols", "first", "last", ">imports", ">MB"]
        _table(console(), f"Stores in {found[0].root.parent}", columns, rows)


@door
def show(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="As in the file that it came from.")],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="In this store alone.")] = None,
    folder: From = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what the stores hold of a symbol."""
    from regimefolio import api
    from regimefolio.cli.display import console
    from regimefolio.core.component import did_you_mean
    from regimefolio.core.files import json_text

    found = api.price_stores(folder)
    if name is not None:
        found = [_named(name, found)]
    holding = [store for store in found if symbol in store.version().symbols]
    if not holding:
        known = {each for store in found for each in store.version().symbols}
        hint = did_you_mean(symbol, known) if len(known) < 20 or _near(symbol, known) else f"{len(known):,} others are"
        raise api.ConfigError(f"no store holds {symbol!r}; {hint}")
    told = [_of_symbol(store, symbol) for store in holding]
    if json:
        typer.echo(json_text(told), nl=False)
        return
    for each in told:
        _show(console(), symbol, each)


def _near(symbol: str, known: set[str]) -> bool:
    from difflib import get_close_matches

    return bool(get_close_matches(symbol, known, n=1))


def _named(name: str, found: Sequence[PriceStore]) -> PriceStore:
    from regimefolio import api
    from regimefolio.core.component import did_you_mean

    stores = {store.name: store for store in found}
    if name not in stores:
        raise api.ConfigError(f"there is no store {name!r}; {did_you_mean(name, stores)}")
    return stores[name]


def _about(store: PriceStore) -> dict[str, Any]:
    """What `list` says of a store."""
    version = store.version()
    first, last = version.span()
    size = sum(path.stat().st_size for path in store.root.rglob("*") if path.is_file())
    return {
        "name": store.name,
        "version": version.identity,
        "symbols": len(version.symbols),
        "first": first,
        "last": last,
        "fields": list(version.fields),
        "imports": len(store.imports()),
        "megabytes": size / 1e6,
    }


def _of_symbol(store: PriceStore, symbol: str) -> dict[str, Any]:
    """What a store holds of a symbol."""
    from regimefolio.core.arrays import time_text

    version = store.version()
    grid = store.grid(version)
    column = grid.symbols.index(symbol)
    bars = grid.has_bar[:, column].nonzero()[0]
    fields = grid.by_field()
    defects = [each for each in store.defects(version) if each.defect.symbol == symbol]
    return {
        "store": store.label(version),
        "bars": len(bars),
        "first": time_text(grid.timestamps[bars[0]]) if len(bars) else None,
        "last": time_text(grid.timestamps[bars[-1]]) if len(bars) else None,
        "missing": int(bars[-1] - bars[0] + 1 - len(bars)) if len(bars) else 0,
        "defects": defects,
        "last_bars": [
            {"timestamp": time_text(grid.timestamps[bar]), **{name: v[bar, column] for name, v in fields.items()}}
            for bar in bars[-BARS_SHOWN:].tolist()
        ],
    }


def _show(screen: Console, symbol: str, told: Mapping[str, Any]) -> None:
    from regimefolio.cli.tables import counted

    span = f", {told['first']} to {told['last']}" if told["bars"] else ""
    missing = f"; {told['missing']:,} missing" if told["missing"] else ""
    screen.print(f"{told['store']}: {symbol}: {counted(told['bars'], 'bar')}{span}{missing}", markup=False)
    for each in told["defects"]:
        defect = each.defect
        at = f"{each.file} {each.unit} {defect.row}"
        screen.print(f"  {at}: {defect.timestamp} {defect.column} {defect.value}: {defect.problem}", markup=False)
    if told["last_bars"]:
        head, *others = told["last_bars"][0]
        rows = [[bar[head], *(f"{bar[name]:,.10g}" for name in others)] for bar in told["last_bars"]]
        _table(screen, "", ["last bars", *(f">{name}" for name in others)], rows)


def _table(screen: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from regimefolio.cli.tables import table

    screen.print(table(title, columns, rows))
