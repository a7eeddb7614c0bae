"""Which prices are asked for, and how they are fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeAlias, get_args

import numpy as np
from pydantic import Field, PlainSerializer, PlainValidator, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from regimefolio.core.component import Component, Model, did_you_mean, placed_error, registered
from regimefolio.core.errors import ConfigError, MissingDataError
from regimefolio.core.types import Float, Panel
from regimefolio.market.clock import ExtraSessions, Resample, Stamped, on_clock
from regimefolio.market.sources.base import Dataset, OnBad, Source, data_fingerprint
from regimefolio.market.sources.table import FORMATS


def source_of(value: Source | str | Mapping[str, Any]) -> Source:
    """The source that a text such as `sample:sp500_20`, `file:prices.csv` or `simulated:7`, or a mapping, describes.

    Raises
    ------
    ConfigError
        The kind is not known, or the argument of a text is wrong.
    pydantic.ValidationError
        A parameter in a mapping is wrong.
    """
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, Source) or (isinstance(value, Mapping) and isinstance(value.get("kind"), str)):
        return Source.of(value)
    raise ConfigError(f"a source is a text such as `sample:us5`, or a mapping with `kind`, but this is {value!r}")


def _from_text(text: str) -> Source:
    """The source whose kind stands before the colon, and whose first field behind it."""
    kind, colon, argument = text.partition(":")
    known = registered(Source.family)
    if kind not in known:
        hint = did_you_mean(kind, known) if colon else _whole(text, known) or did_you_mean(kind, known)
        raise ConfigError(f"unknown source {kind!r} in {text!r}; {hint}")
    if not colon or not argument.strip():
        raise ConfigError(f"source {text!r} must be `{kind}:` and what to read")
    field = next(iter(known[kind].model_fields))
    try:
        return Source.of({"kind": kind, field: argument.strip()})
    except ValidationError as error:
        first = error.errors()[0]
        expected = first.get("ctx", {}).get("expected", "")
        words = [word.strip("'") for word in str(expected).replace(" or ", ", ").split(", ") if word]
        meant, hint = (kind, did_you_mean(argument.strip(), words)) if words else (field, first["msg"].lower())
        raise ConfigError(f"source {text!r}: {argument.strip()!r} is not a {meant}; {hint}") from None


def _whole(text: str, known: Mapping[str, type[Component]]) -> str:
    """A hint at the source of which `text` is the argument alone, such as `us5` or `prices.csv`; empty if none is."""
    if text.lower().endswith(FORMATS):
        return f"did you mean 'file:{text}'?"
    places: dict[str, str] = {}
    for kind, part in known.items():
        argument = next(iter(part.model_fields.values()))
        places |= {word: f"{kind}:{word}" for word in get_args(argument.annotation) if isinstance(word, str)}
    near = get_close_matches(text, places, n=1)
    return f"did you mean {places[near[0]]!r}?" if near else ""


def _read(value: Any) -> Source:
    try:
        return source_of(value)
    except ConfigError as error:
        raise PydanticCustomError("part", "{text}", {"text": str(error)}) from error


AnySource: TypeAlias = Annotated[
    Source | str, PlainValidator(_read), PlainSerializer(lambda source: source_of(source).spec())
]
"""A field that takes a source, its text or its mapping; what it holds is the source, and what it writes the mapping."""


class DataSpec(Model):
    """The prices of a piece of work: where from, which stretch, and what to do about bad bars."""

    source: AnySource = Field(
        description="kind:argument, such as sample:sp500_20, file:prices.csv or simulated:7, or {kind, …parameters}"
    )
    start: date | None = Field(None, description="first date; the prices before it are not known to the work at all")
    end: date | None = Field(None, description="last date, itself included")
    on_bad: OnBad = Field(
        "error",
        description="error: the first defect stops; mask: bad bars become missing ones, of a bar given twice "
        "the first stays, a row that stands too late is put in its place, and all are counted",
    )

    calendar: str | None = Field(
        None, description="an exchange's sessions by its code, such as XNYS, or 24/7; bars are held against them"
    )
    extra_sessions: ExtraSessions = Field(
        "keep", description="what becomes of bars that belong to no session of the calendar: keep or drop"
    )
    stamped: Stamped = Field("close", description="open: the source stamps intraday bars with their start")
    resample: Resample | None = Field(None, description="daily: intraday bars become one bar a session")

    @model_validator(mode="after")
    def _in_order(self) -> DataSpec:
        if self.start is not None and self.end is not None and self.start > self.end:
            raise ValueError(f"start {self.start} is after end {self.end}")
        if self.extra_sessions == "drop" and self.calendar is None:
            raise placed_error(("extra_sessions",), "`drop` needs a `calendar`, which says what is extra")
        return self


def load_data(spec: DataSpec, folder: Path = Path()) -> Dataset:
    """Fetch, check, adjust and cut prices.

    Parameters
    ----------
    folder : Path
        Against which relative paths of files are resolved.

    Raises
    ------
    ConfigError
        The source or the calendar is not known.
    MissingDataError
        There is nothing to read, or no bar lies between start and end.
    DataError
        The prices cannot be used; the message names the place, the value and the remedy.
    """
    data = source_of(spec.source).within(folder).load(spec.on_bad)
    span = (spec.start, spec.end)
    data = on_clock(data, spec.calendar, spec.extra_sessions, spec.stamped, spec.resample, span)
    days = data.panel.timestamps.astype("datetime64[D]")
    first = 0 if spec.start is None else int(np.searchsorted(days, np.datetime64(spec.start), side="left"))
    last = len(days) if spec.end is None else int(np.searchsorted(days, np.datetime64(spec.end), side="right"))
    if first >= last:
        raise MissingDataError(
            f"{spec.source}: has no bar from {spec.start or days[0]} to {spec.end or days[-1]}; "
            f"its bars run from {days[0]} to {days[-1]}"
        )
    if (first, last) == (0, len(days)):
        return data
    panel = _stretch(data.panel, first, last)
    index: Float | None = None if data.index is None else data.index[first:last]
    return replace(data, panel=panel, index=index, fingerprint=data_fingerprint(panel, index))


def _stretch(panel: Panel, first: int, last: int) -> Panel:
    """Some bars of a panel. Only here are bars cut off on the left: for the work they never existed."""

    def cut(array: Float | None) -> Float | None:
        return None if array is None else array[first:last]

    return replace(
        panel,
        timestamps=panel.timestamps[first:last],
        close=panel.close[first:last],
        member=panel.member[first:last],
        open=cut(panel.open),
        high=cut(panel.high),
        low=cut(panel.low),
        volume=cut(panel.volume),
    )
