"""What every source is: a way to get a clean Panel, and a list of what was wrong with it."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from regimefolio.core.component import Component, fingerprint
from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Float, Panel

OnBad = Literal["error", "mask"]

LATE = "earlier than a bar above it"
"""The one defect whose bar is good: it is put in its place."""


@dataclass(frozen=True)
class Defect:
    """One mistake in the prices.

    Parameters
    ----------
    row : int or None
        Line of a text file (the header is line 1), row of a Parquet file (the first is row 1).
    column : str
        As the file names it; empty where the whole row is meant.
    symbol, timestamp, value : str
        As the file has them; empty where they are not known.
    problem : str
        The rule that is broken.
    """

    row: int | None
    column: str
    symbol: str
    timestamp: str
    value: str
    problem: str

    @property
    def mended(self) -> bool:
        """Whether the bar is used all the same, put in its place."""
        return self.problem == LATE


@dataclass(frozen=True)
class DataWarning:
    """Something in the prices that need not be a mistake, but that a person should look at; nothing is done about it.

    Parameters
    ----------
    kind : str
        Which rule says so, such as `zero volume`.
    row : int or None
        As a defect's; None where no row is meant.
    column, symbol, timestamp : str
        As the file has them; empty where none is meant.
    value : str
        What was found, and what it was compared with.
    """

    kind: str
    row: int | None
    column: str
    symbol: str
    timestamp: str
    value: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """Prices that are ready for use.

    Parameters
    ----------
    index : ndarray of shape (T,), float64, or None
        Closes of the market's index; NaN where it has no bar.
    about : str
        What these prices are, and what they must not be taken for.
    defects : tuple of Defect
        All that was masked or put in place, in the order of the source.
    fingerprint : str
        SHA-256 over symbols, timestamps and arrays: equal data, equal fingerprint, wherever it was read from.
    unit : str
        What a defect's `row` counts: `line` of a text file, `row` of a Parquet file.
    doubtful : mapping of str to int
        How many warnings of each kind there are about a file of one's own; its bars are used as they are.
    version : str
        The whole name of the version, where the source keeps versions.
    cautions : tuple of str
        What a person should know of the files beside the prices, a sentence each.
    """

    panel: Panel
    index: Float | None
    about: str
    defects: tuple[Defect, ...]
    fingerprint: str
    unit: str = "line"
    doubtful: Mapping[str, int] = field(default_factory=dict)
    version: str = ""
    cautions: tuple[str, ...] = ()


class Reading(NamedTuple):
    """What else is said about how a file of prices is read.

    Parameters
    ----------
    actions : Path or None
        A file of splits and dividends; the prices are raw.
    as_of : date or None
        What was delivered after this date does not exist.
    mask : Path or None
        A file of bars that cannot be right: they are read as missing.
    """

    actions: Path | None = None
    as_of: date | None = None
    mask: Path | None = None


AS_IT_IS = Reading()


class Source(Component, family="source"):
    """A place that prices come from; its first field is what stands behind the colon of `kind:argument`."""

    @abstractmethod
    def load(self, on_bad: OnBad = "error") -> Dataset:
        """Read, check and adjust all prices.

        Parameters
        ----------
        on_bad : {"error", "mask"}
            Whether the first mistake is an error, or every bad bar becomes a missing one and is listed.

        Raises
        ------
        MissingDataError
            There is nothing to read.
        DataError
            The prices cannot be used; the message names the place, the value and the remedy.
        """

    def load_as(self, reading: Reading, on_bad: OnBad = "error") -> Dataset:
        """Load raw prices with a file of actions, as they were delivered by a date, or without some bars; files alone.

        Raises
        ------
        ConfigError
            This source is no file.
        """
        for key, value in reading._asdict().items():
            if value is not None:
                raise ConfigError(
                    f"`{key}` belongs to a file of prices, and {self} is none; take it out", ("data", key)
                )
        return self.load(on_bad)

    def __str__(self) -> str:
        """`kind:argument`, and whatever else differs from its default."""
        (_, argument), *others = self.plain().items()
        defaults = {name: field.get_default() for name, field in type(self).model_fields.items()}
        changed = [f"{name} {value}" for name, value in others if getattr(self, name) != defaults[name]]
        return ", ".join([f"{self.kind}:{argument}", *changed])

    def within(self, folder: Path) -> Source:
        """Resolve relative paths, where it has any, against a folder."""
        return self


def data_fingerprint(panel: Panel, index: Float | None) -> str:
    """SHA-256 over symbols, sectors, timestamps and the bytes of every array."""
    arrays = {
        "timestamps": panel.timestamps,
        "close": panel.close,
        "member": panel.member,
        "open": panel.open,
        "high": panel.high,
        "low": panel.low,
        "volume": panel.volume,
        "split": panel.split,
        "dividend": panel.dividend,
        "delisted_at": panel.delisted_at,
        "delisting_return": panel.delisting_return,
        "session": panel.session,
        "bars_left": panel.bars_left,
        "index": index,
    }
    head = fingerprint(
        {
            "symbols": list(panel.symbols),
            "sectors": None if panel.sectors is None else list(panel.sectors),
            "periods_per_year": panel.periods_per_year,
            "arrays": {name: list(array.shape) for name, array in arrays.items() if array is not None},
        }
    )
    digest = hashlib.sha256(head.encode())
    for array in arrays.values():
        if array is not None:
            digest.update(array.view(np.uint8).data)
    return digest.hexdigest()


def refusal(path: Path, unit: str, defects: Sequence[Defect]) -> DataError:
    """The error that names the first mistake of a file, how many more there are, and what to do."""
    return DataError(
        f"{path}: {first_mistake(unit, defects)}\n"
        f"  Mend the file, or set `on_bad: mask` to turn bad bars into missing ones; "
        f"`regimefolio data check {path}` shows them."
    )


def first_mistake(unit: str, defects: Sequence[Defect]) -> str:
    """The first of several defects, and how many more there are."""
    first = defects[0]
    column = f", column {first.column}" if first.column else ""
    bar = " ".join(part for part in (first.symbol, first.timestamp) if part)
    where = f" in the bar {bar}" if bar else ""
    others = f"\n  and {len(defects) - 1:,} more" if len(defects) > 1 else ""
    return f"{unit} {first.row}{column}: {first.problem}, found {first.value!r}{where}{others}"
