"""From a file to a table of cells that still knows its lines: CSV, CSV.gz and Parquet."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from regimefolio.core.component import did_you_mean
from regimefolio.core.errors import DataError, MissingDataError
from regimefolio.core.types import Bool, Float, Int, Times
from regimefolio.market.sources.base import Defect
from regimefolio.market.sources.moments import read_moments

if TYPE_CHECKING:
    import polars as pl

FORMATS = ("csv.gz", "csv", "parquet")
SEPARATORS = {";": "';'", "\t": "tabs", "|": "'|'"}
"""What some programs write instead of commas, and how to say it."""

EMPTY = ("", "nan", "na", "n/a", "null", "none")
"""What an empty cell may say in a column of numbers, in any case. In a column of symbols these are names."""


@dataclass(frozen=True, eq=False)
class Table:
    """The cells of a file.

    Parameters
    ----------
    columns : tuple of polars.Series
        Text where the file is text; an empty cell is null.
    lines : ndarray of shape (R,), int64, or None
        Line of each row where lines are not simply counted.
    defects : tuple of Defect
        Lines that are no rows.
    """

    path: Path
    format: str
    header: tuple[str, ...]
    columns: tuple[pl.Series, ...]
    lines: Int | None = None
    defects: tuple[Defect, ...] = ()

    @property
    def n_rows(self) -> int:
        return len(self.columns[0])

    @property
    def unit(self) -> str:
        return "line" if self.format.startswith("csv") else "row"

    def place(self, row: int) -> int:
        """The line of the file (where it has none, the row), counted from 1, that a row of this table is from."""
        if self.lines is not None:
            return int(self.lines[row])
        return row + (1 if self.unit == "row" else 2)

    def text(self, row: int, column: int) -> str:
        """A cell as the file has it; empty where there is none."""
        value = self.columns[column][row]
        return "" if value is None else str(value)

    def where(self, rows: Bool) -> Table:
        """Some of its rows, which keep their places."""
        at = np.flatnonzero(rows)
        first = 1 if self.format == "parquet" else 2
        lines = at + first if self.lines is None else self.lines[at]
        return replace(self, columns=tuple(column.gather(at) for column in self.columns), lines=lines)

    def without(self, rows: Bool, columns: Sequence[int]) -> Table:
        """The same with empty cells in these rows of these columns."""
        import polars as pl

        empty, made = pl.Series(rows), list(self.columns)
        for column in columns:
            made[column] = made[column].set(empty, None)
        return replace(self, columns=tuple(made))

    def numbers(self, column: int) -> tuple[Float, Bool]:
        """A column's numbers, and where a cell is none, as `read_numbers` says; any other type is a DataError."""
        try:
            return read_numbers(self.columns[column])
        except TypeError as error:
            raise DataError(f"{self.path}: column {self.header[column]} {error}") from error

    def times(self, column: int) -> Times:
        """A column's times, as `read_times` says; any other type is a DataError."""
        try:
            return read_times(self.columns[column])
        except TypeError as error:
            raise DataError(f"{self.path}: column {self.header[column]} {error}") from error

    def symbols(self, column: int) -> tuple[Int, tuple[str, ...]]:
        """Each row's symbol as a number, -1 where there is none, and the names in order."""
        import polars as pl

        texts = self.columns[column]
        if not isinstance(texts.dtype, pl.String | pl.Categorical | pl.Enum):
            raise DataError(f"{self.path}: column {self.header[column]} holds {texts.dtype}, not text")
        texts = texts.cast(pl.String)
        written = texts.drop_nulls().unique()
        if written.is_empty():  # polars would hand the texts back
            return np.full(len(texts), -1), ()
        stripped = written.str.strip_chars().to_list()
        symbols = tuple(sorted(set(stripped) - {""}))
        number = {symbol: at for at, symbol in enumerate(symbols)}
        codes = pl.Series([number.get(symbol, -1) for symbol in stripped], dtype=pl.Int64)
        return texts.replace_strict(written, codes, return_dtype=pl.Int64).fill_null(-1).to_numpy(), symbols


def read_table(path: Path, may_be_empty: bool = False) -> Table:
    """Read all cells of a file; one with the names of its columns alone has no rows, where that may be.

    Raises
    ------
    MissingDataError
        There is no such file.
    DataError
        The file is of another kind, empty, torn, not UTF-8, or not separated by commas.
    """
    form = next((form for form in FORMATS if path.name.lower().endswith(f".{form}")), None)
    if form is None:
        raise DataError(f"{path}: tables are read from files named .csv, .csv.gz or .parquet")
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file in it")
    if not path.is_file():
        near = [file.name for file in path.parent.glob("*") if file.name.lower().endswith(FORMATS) and file.is_file()]
        hint = f"; {did_you_mean(path.name, near)}" if near else f"; there is no table in {path.parent}"
        raise MissingDataError(f"{path}: there is no such file{hint}")
    table = _read_parquet(path) if form == "parquet" else _read_csv(path, form)
    if not table.n_rows and not table.defects and not may_be_empty:
        names = "" if form == "parquet" else "line 1 must name the columns, and rows must follow it"
        raise DataError(f"{path}: the file is empty; {names or 'it must hold at least one row'}")
    return table


def _read_parquet(path: Path) -> Table:
    import polars as pl

    try:
        frame = pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path}: is not a whole Parquet file ({error}); write it again") from error
    return Table(path, "parquet", tuple(frame.columns), tuple(frame.get_columns()))


def _read_csv(path: Path, form: str) -> Table:
    import polars as pl

    head, _, body = _bytes(path, form).partition(b"\n")
    try:
        header = tuple(next(csv.reader([head.decode().rstrip("\r")], strict=True), ()))
    except csv.Error as error:
        raise DataError(f"{path}: line 1: the columns' names cannot be read ({error})") from error
    other = next((said for mark, said in SEPARATORS.items() if len(header) == 1 and mark in header[0]), None)
    if other is not None:
        raise DataError(f"{path}: columns are separated by {other}: write them with commas (and decimals with points)")
    body = body.rstrip(b"\r\n")
    if not any(name.strip() for name in header):
        raise DataError(f"{path}: the file is empty; line 1 must name the columns, and rows must follow it")
    if not body:
        return Table(path, form, header, tuple(pl.Series(name, [], pl.String) for name in header))
    if b'"' not in body:
        columns = _columns(body, len(header), body.count(b"\n") + 1)
        # Polars refuses a line that is too long and fills up one that is too short, so the commas' total tells.
        if columns is not None and body.count(b",") == len(columns[0]) * (len(header) - 1):
            return Table(path, form, header, columns)
    body, lines, defects = _sift(path, body, len(header))
    columns = _columns(body, len(header), len(lines))
    if columns is None:
        raise DataError(f"{path}: cannot be read as CSV; look for quotes inside of cells")
    return Table(path, form, header, columns, lines, defects)


def _bytes(path: Path, form: str) -> bytes:
    """The text of a file: decompressed, without byte order mark, and known to be UTF-8."""
    try:
        data = path.read_bytes()
        zipped = data.startswith(b"\x1f\x8b")
        if zipped:
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: is not a whole file ({error}); fetch or write it again") from error
    if data and form == "csv.gz" and not zipped:
        raise DataError(f"{path}: is not gzip, as its name says; fetch it again, or name it .csv if it is plain text")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise DataError(f"{path}: line {line}: is not UTF-8 ({error.reason}); save it as UTF-8") from error
    return data


def _columns(body: bytes, width: int, n_rows: int) -> tuple[pl.Series, ...] | None:
    """The columns of a CSV body as text; None where it has not that many rows, or longer ones."""
    import polars as pl

    schema = {str(number): pl.String for number in range(width)}
    try:
        frame = pl.read_csv(body, has_header=False, schema=schema, null_values=[""])
    except pl.exceptions.PolarsError:
        return None
    return tuple(frame.get_columns()) if frame.height == n_rows else None


def _sift(path: Path, body: bytes, width: int) -> tuple[bytes, Int, tuple[Defect, ...]]:
    """The records that are as wide as the header, their lines, and the others as defects; blank lines are none."""
    texts = body.decode().split("\n")
    sound: list[str] = []
    lines: list[int] = []
    defects: list[Defect] = []
    reader = csv.reader(texts, strict=True)
    above = 0
    try:
        for cells in reader:
            if len(cells) == width:
                sound += texts[above : reader.line_num]
                lines.append(above + 2)
            elif any(cell.strip() for cell in cells):
                problem = f"{len(cells)} cells where the header has {width}"
                defects.append(Defect(above + 2, "", "", "", ",".join(cells), problem))
            above = reader.line_num
    except csv.Error as error:
        raise DataError(f"{path}: line {above + 2}: cannot be read ({error}); look for a missing quote") from error
    return "\n".join(sound).encode(), np.array(lines, dtype=np.int64), tuple(defects)


def read_numbers(column: pl.Series) -> tuple[Float, Bool]:
    """A column's numbers, NaN where a cell is empty or no number, and where it is no number.

    Raises
    ------
    TypeError
        The column holds neither numbers nor text.
    """
    import polars as pl

    if column.dtype.is_numeric():
        return _floats(column), np.zeros(len(column), dtype=bool)
    if column.dtype != pl.String:
        raise TypeError(f"holds {column.dtype}, not numbers")
    values = column.cast(pl.Float64, strict=False)
    if values.null_count() > column.null_count():
        column = column.str.strip_chars()
        values = column.cast(pl.Float64, strict=False)
    failed = values.is_null() & column.is_not_null()
    if failed.any():
        failed &= ~column.str.to_lowercase().is_in(EMPTY)
    return _floats(values), failed.to_numpy()


def _floats(column: pl.Series) -> Float:
    import polars as pl

    floats: Float = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return floats


def read_times(column: pl.Series) -> Times:
    """A column's dates or times in UTC, NaT where a cell is empty or neither.

    Times with a zone that are all at their own midnight are sessions, and keep their date.

    Raises
    ------
    TypeError
        The column holds neither dates, times nor text.
    """
    import polars as pl

    if column.dtype == pl.String:
        written = column.drop_nulls().unique()
        if 2 * len(written) > len(column):  # one symbol's, all of them different
            return read_moments(column)
        moments = pl.Series(read_moments(written))
        column = column.replace_strict(written, moments, return_dtype=pl.Datetime("ns"))
    elif isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is not None:
            sessions = (column.drop_nulls().dt.time() == time()).all()
            column = column if sessions else column.dt.convert_time_zone("UTC")
            column = column.dt.replace_time_zone(None)
    elif column.dtype != pl.Date:
        raise TypeError(f"holds {column.dtype}, not dates or times")
    times: Times = column.cast(pl.Datetime("ns"), strict=False).to_numpy()
    return times
