"""What a version of a store is: a list of blocks of bars, and what is known to be wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from regimefolio.core.arrays import time_text
from regimefolio.core.component import fingerprint
from regimefolio.core.errors import CorruptError, DataError
from regimefolio.core.files import jsonable
from regimefolio.core.types import Json
from regimefolio.market.sources.base import Defect
from regimefolio.market.store.grid import Grid
from regimefolio.market.store.objects import Objects

FORMAT = 1


@dataclass(frozen=True)
class Block:
    """Some symbols over some stretch of time, in two files.

    Parameters
    ----------
    symbols : tuple of str
    bars : int
        Times in it.
    first, last : str
        The outermost ones; empty where there are none.
    times, values : str
        Names of the arrays: (T,) datetime64[ns], and (F, T, N) float64.
    """

    symbols: tuple[str, ...]
    bars: int
    first: str
    last: str
    times: str
    values: str


@dataclass(frozen=True)
class StoredDefect:
    """A mistake in a file, and which one that was."""

    file: str
    unit: str
    defect: Defect


@dataclass(frozen=True)
class Version:
    """Everything that a run depends on, and nothing else: no time, no person, no path.

    Parameters
    ----------
    fields : tuple of F str
        In the order of a block's values.
    blocks : tuple of Block
        No bar stands in two of them.
    defects : str
        Name of the list of what was wrong with the files; empty where nothing was.
    doubtful : mapping of str to int
        Warnings of each kind.
    """

    fields: tuple[str, ...]
    blocks: tuple[Block, ...]
    defects: str = ""
    doubtful: Mapping[str, int] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def identity(self) -> str:
        """SHA-256 of all this: the version's name."""
        return fingerprint(jsonable(self))

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(sorted({symbol for block in self.blocks for symbol in block.symbols}))

    def span(self) -> tuple[str, str]:
        """Times of the first and the last bar."""
        filled = [block for block in self.blocks if block.bars]
        return min((block.first for block in filled), default=""), max((block.last for block in filled), default="")


_VERSION = TypeAdapter(Version)
_DEFECTS = TypeAdapter(tuple[StoredDefect, ...])


def version_of(value: Json, place: str) -> Version:
    """The version that a manifest describes.

    Raises
    ------
    DataError
        It was written by a later regimefolio.
    CorruptError
        It is no manifest.
    """
    if isinstance(value, dict) and isinstance(value.get("format"), int) and value["format"] != FORMAT:
        raise DataError(
            f"{place}: has format {value['format']}, and this regimefolio reads {FORMAT}; install a later one"
        )
    try:
        return _VERSION.validate_python(value)
    except ValidationError as error:
        raise CorruptError(f"{place}: is not a version of a store ({error.errors()[0]['msg']})") from None


def read_block(block: Block, fields: tuple[str, ...], objects: Objects) -> Grid:
    """The bars of a block.

    Raises
    ------
    CorruptError
        A file is missing or is not what was written.
    """
    return Grid(objects.array(block.times), block.symbols, fields, objects.array(block.values))


def write_block(grid: Grid, objects: Objects) -> Block:
    """Store the bars of a block."""
    times = grid.timestamps
    first, last = (time_text(times[0]), time_text(times[-1])) if len(times) else ("", "")
    return Block(grid.symbols, len(times), first, last, objects.put_array(times), objects.put_array(grid.values))


def read_defects(version: Version, objects: Objects) -> tuple[StoredDefect, ...]:
    """What was wrong with the files, in the order of their import."""
    return _DEFECTS.validate_python(objects.json(version.defects)) if version.defects else ()


def write_defects(defects: Sequence[StoredDefect], objects: Objects) -> str:
    """Store what was wrong, and return the name of the list; empty where nothing was."""
    return objects.put_json(jsonable(defects)) if defects else ""
