"""What a table is made of, and how its numbers are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from regimefolio.core.types import Json
from regimefolio.report.contents import Number
from regimefolio.report.record import EQUAL_WEIGHT, INDEX, STATIC, Record
from regimefolio.report.verdict import metric
from regimefolio.report.words import number, parameter, percent


@dataclass(frozen=True)
class Cell:
    """What stands in one place; an undefined number has a reason, and a warning is said beside the text.

    `value` is what a table that can be sorted is sorted by.
    """

    text: str
    reason: str = ""
    kind: str = "number"
    spark: Spark | None = None
    warning: str = ""
    value: Number = None


@dataclass(frozen=True)
class Spark:
    """An interval on a line, in percent of the line's length, with what it says."""

    low: float
    point: float
    high: float
    zero: float
    says: str


@dataclass(frozen=True)
class Row:
    """A head and its cells; a `strong` row is what the page is about, a `faint` one matters little."""

    head: str
    cells: Sequence[Cell]
    tone: Literal["", "strong", "faint"] = ""


@dataclass(frozen=True)
class Group:
    """Rows under a common head; `warning` is said where something must not be missed."""

    rows: Sequence[Row]
    head: str = ""
    note: str = ""
    warning: str = ""


@dataclass(frozen=True)
class Table:
    """A caption for who cannot see, columns (the first one heads the rows), groups of rows, notes below."""

    caption: str
    columns: Sequence[str]
    groups: Sequence[Group]
    notes: Sequence[str] = field(default_factory=tuple)
    text_columns: frozenset[int] = frozenset()
    """Columns of words, which are aligned to the left."""


Format = Callable[[float | None], str]


def words(text: str) -> Cell:
    """A cell of words."""
    return Cell(text, kind="text")


def cell(value: Number, shown: Format, reason: str = "it is undefined") -> Cell:
    """A cell of a number, or of the mark of an undefined one with its reason."""
    undefined = value is None or value != value
    return Cell(shown(value), reason if undefined else "", value=None if undefined else value)


def metric_of(record: Record, run: str, name: str, shown: Format) -> Cell:
    """A metric of a run."""
    result = record.runs[run]
    missing = (
        "what is bought and held is not simulated" if run in record.results.held else "it was not measured for this run"
    )
    return cell(metric(record, run, name), shown, result.reasons.get(name, missing))


def compared(record: Record) -> list[str]:
    """The runs that curves and years are shown of, the selected one first."""
    return [record.selected, *(name for name in (STATIC, EQUAL_WEIGHT, INDEX) if name in record.equity)]


def whole_percent(value: float | None) -> str:
    """A fraction in percent, without decimals."""
    return percent(value, 0)


def times_a_year(value: float | None) -> str:
    """A rate with one decimal."""
    return number(value, 1)


def points(value: float | None) -> str:
    """A difference of two fractions in percentage points."""
    shown = percent(value)
    return f"+{shown}" if value is not None and value == value and not shown.startswith("−") and value > 0 else shown


def searched(record: Record, strategy: str, parameters: Mapping[str, Json]) -> str:
    """The values of the parameters that were searched, in the order of the file."""
    names = record.settings.searched.get(strategy, {})
    return ", ".join(parameter(parameters[name]) for name in names if name in parameters)
