"""`regimefolio features`: build the features matrix, look into it, and take it away as a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regimefolio.cli.door import Debug, Json, Quiet, door

if TYPE_CHECKING:
    from rich.console import Console

    from regimefolio.api import BuiltMatrix, Dataset, DataSpec, Feature, FeatureMatrix
    from regimefolio.core.types import Json as Value

CONFIGURATIONS = (".yaml", ".yml")

From = Annotated[Path, typer.Option("--from", metavar="FOLDER", help="The folder that it was built into.")]
FOLDER = Path("features")

RATING = "Recommend."
VOTE = "Vote."

BUILD = """\b
regimefolio features build sample:us5
regimefolio features build my.yaml --with history --with "median_value(63)"
regimefolio features build file:prices.csv --symbols candidates.json
regimefolio features build sample:us5 --with "technical_rating(2020)"

Writes features_matrix.parquet and returns_matrix.parquet. Built again with more bars, it adds those behind the ones
that are there, which do not change; a matrix of other prices, features or code is refused unless you say --rebuild.
The technical rating by the rules of 2024 is always there, unless another one is named. `regimefolio components feature`
lists what else may stand behind --with, a feature of your own too once its module stands under `plugins`."""

SHOW = """\b
regimefolio features show AAPL
regimefolio features show AAPL --at 2008-10-10 --from ratings"""

EXPORT = """\b
regimefolio features export features.csv
regimefolio features export --wide features_wide.parquet

A row a bar and symbol; with --wide a row a bar, and columns such as AAPL|Recommend.All."""


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        rich_markup_mode=None, no_args_is_help=True, help="Rate a whole universe at every bar, and keep it in a file."
    )
    group.command(epilog=BUILD)(build)
    group.command(epilog=SHOW)(show)
    group.command(epilog=EXPORT)(export)
    app.add_typer(group, name="features")


@door
def build(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="Such as sample:us5 or file:prices.csv, or a .yaml file with `data:`."),
    ],
    into: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the two files are written.")] = FOLDER,
    symbols: Annotated[
        str | None,
        typer.Option(
            metavar="SYMBOLS", help="AAPL,MSFT or a .json file that lists them; all of the source, if not said."
        ),
    ] = None,
    besides: Annotated[
        list[str] | None, typer.Option("--with", metavar="FEATURE", help="Such as history; may be said again.")
    ] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Write over what is there, whatever it is.")] = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compute ratings and other features of every symbol at every bar."""
    from regimefolio import api
    from regimefolio.cli.display import console, display, tell_compiling, tell_data
    from regimefolio.core.files import json_text

    screen = console(stderr=json)
    with display(screen, quiet) as progress:
        spec = _spec(source)
        parts = _parts(besides or [])
        data = _loaded(spec, symbols)
        tell_data(data, progress.say)
        tell_compiling(progress.say, "ratings.rate")
        origin = source if symbols is None else f"{source} --symbols {symbols}"
        built = api.build_matrix(data.panel, parts, into, rebuild, progress, origin)
    lacking = api.technical_ratings(data.panel.until(1)).unavailable
    if json:
        typer.echo(
            json_text({**summary(built.matrix), "added": built.added, "listed": built.listed, "unavailable": lacking}),
            nl=False,
        )
    else:
        _tell(built, lacking)


@door
def show(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL")],
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="The last bar up to it; of all, if not said.")
    ] = None,
    folder: From = FOLDER,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what a reader would have seen of a symbol at some time."""
    from regimefolio import api
    from regimefolio.cli.display import console
    from regimefolio.core.component import did_you_mean
    from regimefolio.core.files import json_text

    matrix = api.read_matrix(folder)
    known = matrix.features.symbols
    if symbol not in known:
        hint = did_you_mean(symbol, known)
        near = hint if hint.startswith("did") else f"none of its {len(known):,} is near it"
        raise api.ConfigError(f"{matrix.path}: unknown symbol {symbol!r}; {near}")
    bar = _bar(matrix, at)
    values = dict(zip(matrix.features.names, matrix.features.at(bar)[known.index(symbol)].tolist(), strict=True))
    if json:
        plain = {"symbol": symbol, "timestamp": _time(matrix, bar), "rule_set": matrix.rule_set}
        typer.echo(json_text({**plain, "features": values, "labels": _labels(values)}), nl=False)
    else:
        _show(console(), matrix, f"{symbol} at {_time(matrix, bar)}", values)


@door
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv or .parquet file.")],
    folder: From = FOLDER,
    wide: Annotated[bool, typer.Option("--wide", help="A row a bar, and a column a symbol and feature.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    debug: Debug = False,
) -> None:
    """Write the matrix to a table for other programs."""
    from regimefolio import api
    from regimefolio.cli.tables import counted

    matrix = api.read_matrix(folder)
    api.export_matrix(matrix, file, wide, force)
    bars, assets, columns = matrix.features.values.shape
    rows = f"{counted(bars, 'row')}, {counted(assets, 'symbol')}" if wide else counted(bars * assets, "row")
    rated = "" if matrix.rule_set is None else f"; technical rating by the rules of {matrix.rule_set}"
    typer.echo(f"{file}: {rows}, {counted(columns, 'feature')}{rated}")


def _spec(source: str) -> DataSpec:
    """The prices that a text or a configuration names; parts of one's own are known from here on."""
    from regimefolio import api

    if source.endswith(CONFIGURATIONS):
        return api.read_data(source)
    api.load_plugins()
    return api.DataSpec(source=api.source_of(source))


def _loaded(spec: DataSpec, symbols: str | None) -> Dataset:
    """The prices, of some symbols alone where they are listed."""
    from regimefolio import api

    if symbols is None:
        return api.load_data(spec)
    if symbols.endswith(".json"):
        return api.load_candidates(spec, Path(symbols))
    listed = tuple(dict.fromkeys(each.strip() for each in symbols.split(",")))
    return api.load_data(spec.model_copy(update={"symbols": listed}))


def _parts(besides: list[str]) -> list[Feature]:
    """The features that are asked for, and the rating before them unless it is among them."""
    from regimefolio import api

    parts = list({part.name: part for part in map(api.Feature.of, besides)}.values())
    rated = any(isinstance(part, api.RatingMeans) for part in parts)
    return parts if rated else [api.RatingMeans(), *parts]


def summary(matrix: FeatureMatrix) -> dict[str, Value]:
    """What can be said of a matrix in a few words."""
    features = matrix.features
    return {
        "path": str(matrix.path),
        "rule_set": matrix.rule_set,
        "features": [each.name for each in matrix.recipes],
        "columns": list(features.names),
        "bars": len(features.timestamps),
        "symbols": len(features.symbols),
        "first": _time(matrix, 0),
        "last": _time(matrix, -1),
    }


def _time(matrix: FeatureMatrix, bar: int) -> str:
    from regimefolio.core.arrays import time_text

    return time_text(matrix.features.timestamps[bar])


def _bar(matrix: FeatureMatrix, at: str | None) -> int:
    """The last bar up to a time."""
    import numpy as np

    from regimefolio import api

    if at is None:
        return len(matrix.features.timestamps) - 1
    try:
        time = np.datetime64(at, "ns")
    except ValueError:
        raise api.ConfigError(f"--at {at!r} is no time; write it as 2008-10-10 or 2008-10-10T15:30:00") from None
    bars = len(matrix.features.as_of(time).timestamps)
    if not bars:
        raise api.ConfigError(f"--at {at} is before the first bar, {_time(matrix, 0)}")
    return bars - 1


def _labels(values: Mapping[str, float]) -> dict[str, Value]:
    """Ratings and votes in words, where there are any."""
    import numpy as np

    from regimefolio import api

    rated = {name: value for name, value in values.items() if name.startswith(RATING)}
    words = api.rating_labels(np.array(list(rated.values()), np.float32)).tolist()
    votes = {name: value for name, value in values.items() if name.startswith(VOTE) and value == value}
    return {
        **{name: word for name, word in zip(rated, words, strict=True) if word},
        **{name: ("sell", "neutral", "buy")[int(value) + 1] for name, value in votes.items()},
    }


def _tell(built: BuiltMatrix, lacking: tuple[str, ...]) -> None:
    """What a build left, and what it did."""
    from regimefolio.cli.tables import counted

    matrix = built.matrix
    bars, assets, _ = matrix.features.values.shape
    done = f"{counted(built.added, 'bar')} {'written' if built.added == bars else 'added'}"
    if built.listed:
        done += f", {counted(len(built.listed), 'symbol')} new to it"
    elif not built.added:
        done = "nothing is new; left as it is"
    typer.echo(f"{matrix.path}: {done}; {counted(assets, 'symbol')}, {_time(matrix, 0)} to {_time(matrix, -1)}")
    holds = ", ".join(each.name for each in matrix.recipes)
    columns = counted(len(matrix.features.names), "column")
    typer.echo(f"technical rating by the rules of {matrix.rule_set}; {columns}, of {holds}")
    if lacking:
        typer.echo(f"without a vote, since these prices lack what they need: {', '.join(lacking)}")
    typer.echo(f"{built.returns}: the returns of the same bars")


def _show(screen: Console, matrix: FeatureMatrix, title: str, values: Mapping[str, float]) -> None:
    from regimefolio.cli.tables import UNDEFINED, minus, table

    labels = _labels(values)
    rows = []
    for name, value in values.items():
        number = UNDEFINED if value != value else minus(f"{value:,.0f}" if value == int(value) else f"{value:,.4f}")
        rows.append([name, number, str(labels.get(name, ""))])
    rated = "" if matrix.rule_set is None else f"technical rating by the rules of {matrix.rule_set}; "
    screen.print(table(title, ["feature", ">value", ""], rows, [f"{rated}{UNDEFINED} is not available"]))
