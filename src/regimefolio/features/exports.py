"""The features matrix as a table for other programs: a row a bar and symbol, or a row a bar."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from regimefolio.core.errors import ConfigError
from regimefolio.core.files import must_be_free, write_bytes
from regimefolio.core.types import Features
from regimefolio.features.matrix import FeatureMatrix, long_table

if TYPE_CHECKING:
    import polars as pl

ENDINGS = (".csv", ".parquet")
SEPARATOR = "|"
"""Between symbol and feature in the name of a wide table's column: `AAPL|Recommend.All`."""


def wide_table(features: Features) -> pl.DataFrame:
    """A row a bar: timestamp, and a column a symbol and feature, such as `AAPL|Recommend.All`, symbol by symbol."""
    import polars as pl

    columns = {
        f"{symbol}{SEPARATOR}{name}": pl.Series(features.values[:, n, f]).fill_nan(None)
        for n, symbol in enumerate(features.symbols)
        for f, name in enumerate(features.names)
    }
    return pl.DataFrame({"timestamp": features.timestamps, **columns})


def export_matrix(matrix: FeatureMatrix, path: Path, wide: bool = False, overwrite: bool = False) -> None:
    """Write the matrix as a .csv or .parquet file; what is not available is an empty field, or null.

    The rule set stands in a Parquet file's metadata, and in a column `rule_set` of a CSV file, which has none.

    Raises
    ------
    ConfigError
        The file has another ending, or is there already.
    WorkspaceError
        It cannot be written.
    """
    import polars as pl

    if path.suffix not in ENDINGS:
        raise ConfigError(f"{path}: features are written to a file that ends in {', '.join(ENDINGS)}; rename it")
    must_be_free(path, overwrite)
    table, out = wide_table(matrix.features) if wide else long_table(matrix.features), io.BytesIO()
    if path.suffix == ".parquet":
        metadata = {} if matrix.rule_set is None else {"rule_set": matrix.rule_set}
        table.write_parquet(out, compression="zstd", metadata=metadata)
    else:
        if matrix.rule_set is not None:
            table.insert_column(1, pl.lit(matrix.rule_set).alias("rule_set"))
        stamps = matrix.features.timestamps
        daily = (stamps == stamps.astype("datetime64[D]")).all()
        table.write_csv(out, datetime_format="%Y-%m-%d" if daily else "%Y-%m-%dT%H:%M:%S%.f")
    write_bytes(path, out.getvalue())
