"""What a run did as files: its equity, its weights and its round trips, as tables in CSV or Parquet."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from regimefolio.backtest import Run
from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.files import json_text, must_be_free, write_bytes
from regimefolio.core.types import Float, Json
from regimefolio.evaluation.round_trips import RoundTrips
from regimefolio.evaluation.trip_statistics import trip_statistics
from regimefolio.market.sessions import is_daily

if TYPE_CHECKING:
    import polars as pl

Written = Literal["round trips", "equity", "weights"]

ENDINGS: dict[Written, tuple[str, ...]] = {
    "round trips": (".csv", ".parquet", ".json"),
    "equity": (".csv", ".parquet"),
    "weights": (".csv", ".parquet"),
}


def trips_document(trips: RoundTrips) -> dict[str, object]:
    """Columns, rows and statistics, as they are written to JSON."""
    columns = trips.columns()
    rows: list[list[Json]] = [list(row) for row in zip(*columns.values(), strict=True)]
    statistics = {
        by: {name: each._asdict() for name, each in kinds.items()} for by, kinds in trip_statistics(trips).items()
    }
    return {"columns": list(columns), "rows": rows, "statistics": statistics}


def must_take(path: Path, what: Written, overwrite: bool = False) -> None:
    """Refuse a file of another ending, or one that is there already.

    Raises
    ------
    ConfigError
        Says which endings there are, or what to do.
    """
    if path.suffix not in ENDINGS[what]:
        verb = "is" if what == "equity" else "are"
        raise ConfigError(f"{path}: {what} {verb} written to a file that ends in {', '.join(ENDINGS[what])}; rename it")
    must_be_free(path, overwrite)


def write_round_trips(trips: RoundTrips, path: Path, overwrite: bool = False) -> None:
    """Write round trips to a .csv, .parquet or .json file; what does not exist is an empty field, or null.

    Raises
    ------
    ConfigError
        The file has another ending, or is there already.
    WorkspaceError
        It cannot be written.
    """
    must_take(path, "round trips", overwrite)
    if path.suffix == ".json":
        write_bytes(path, json_text(trips_document(trips)).encode())
    else:
        _write(trips.frame(), path, is_daily(trips.timestamps))


def write_equity(run: Run, path: Path, overwrite: bool = False) -> None:
    """Write equity and cash at each close, the return since the one before, turnover and costs to .csv or .parquet.

    A row a bar from the first one that trades; an undefined return is empty. Turnover is half the traded value over the
    equity before the fill.

    Raises
    ------
    ConfigError
        The file has another ending, or is there already.
    WorkspaceError
        It cannot be written.
    """
    must_take(path, "equity", overwrite)
    simulation = run.simulation
    after = slice(simulation.start, None)
    columns = {name: getattr(simulation, name)[after] for name in ("equity", "cash", "turnover", "cost")}
    _write_bars(run, {**columns, "return": simulation.returns}, path)


def write_weights(run: Run, path: Path, overwrite: bool = False) -> None:
    """Write what is held at each close, as fractions of equity, to .csv or .parquet: a column a symbol.

    A row a bar from the first one that trades.

    Raises
    ------
    ConfigError
        The file has another ending, or is there already.
    DataError
        The run was not recorded, or a symbol is called as the column of times.
    WorkspaceError
        It cannot be written.
    """
    must_take(path, "weights", overwrite)
    simulation = run.simulation
    if simulation.weights is None:
        raise DataError("weights need a recorded run; run it with record=True")
    held = simulation.weights[simulation.start :]
    _write_bars(run, {symbol: held[:, n] for n, symbol in enumerate(simulation.symbols)}, path)


def _write_bars(run: Run, columns: dict[str, Float], path: Path) -> None:
    """A table of a row a bar, from the first one that trades."""
    import polars as pl

    stamps = run.simulation.timestamps
    dated = is_daily(stamps)
    name, unit = ("date", "datetime64[D]") if dated else ("timestamp", "datetime64[ns]")
    if name in columns:
        raise DataError(f"{path}: a symbol is called {name!r}, as the column of times; give it another name")
    times = pl.Series(name, stamps[run.simulation.start :].astype(unit))
    made = [pl.Series(each, np.ascontiguousarray(values), nan_to_null=True) for each, values in columns.items()]
    _write(pl.DataFrame([times, *made]), path, dated)


def _write(frame: pl.DataFrame, path: Path, dated: bool) -> None:
    """A table whose times are written as dates alone where they are whole days."""
    out = io.BytesIO()
    if path.suffix == ".parquet":
        frame.write_parquet(out)
    else:
        frame.write_csv(out, datetime_format="%Y-%m-%d" if dated else "%Y-%m-%dT%H:%M:%S")
    write_bytes(path, out.getvalue())
