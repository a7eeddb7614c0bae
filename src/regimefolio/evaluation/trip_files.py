"""Round trips as files: a table in CSV or Parquet, or JSON with their statistics beside it."""

from __future__ import annotations

import io
from pathlib import Path

from regimefolio.core.errors import ConfigError
from regimefolio.core.files import json_text, write_bytes
from regimefolio.core.types import Json
from regimefolio.evaluation.round_trips import RoundTrips
from regimefolio.evaluation.trip_statistics import trip_statistics
from regimefolio.market.sessions import is_daily

ENDINGS = (".csv", ".parquet", ".json")


def trips_document(trips: RoundTrips) -> dict[str, object]:
    """Columns, rows and statistics, as they are written to JSON."""
    columns = trips.columns()
    rows: list[list[Json]] = [list(row) for row in zip(*columns.values(), strict=True)]
    statistics = {
        by: {name: each._asdict() for name, each in kinds.items()} for by, kinds in trip_statistics(trips).items()
    }
    return {"columns": list(columns), "rows": rows, "statistics": statistics}


def must_take_trips(path: Path, overwrite: bool = False) -> None:
    """Refuse a file of another ending, or one that is there already.

    Raises
    ------
    ConfigError
        Says which endings there are, or what to do.
    """
    if path.suffix not in ENDINGS:
        raise ConfigError(f"{path}: round trips are written to a file that ends in {', '.join(ENDINGS)}; rename it")
    if path.exists() and not overwrite:
        raise ConfigError(f"{path}: is there already; name another file, or say --force to write over it")


def write_round_trips(trips: RoundTrips, path: Path, overwrite: bool = False) -> None:
    """Write round trips to a .csv, .parquet or .json file; what does not exist is an empty field, or null.

    Raises
    ------
    ConfigError
        The file has another ending, or is there already.
    WorkspaceError
        It cannot be written.
    """
    must_take_trips(path, overwrite)
    if path.suffix == ".json":
        write_bytes(path, json_text(trips_document(trips)).encode())
        return
    out = io.BytesIO()
    if path.suffix == ".parquet":
        trips.frame().write_parquet(out)
    else:
        dated = is_daily(trips.timestamps)
        trips.frame().write_csv(out, datetime_format="%Y-%m-%d" if dated else "%Y-%m-%dT%H:%M:%S")
    write_bytes(path, out.getvalue())
