"""Which prices are asked for, and how they are fetched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeAlias, get_args

import numpy as np
from pydantic import Field, PlainSerializer, PlainValidator, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from regimefolio.core.component import Component, Model, did_you_mean, placed_error, registered
from regimefolio.core.errors import ConfigError, MissingDataError, must_be, placed
from regimefolio.core.files import path_of
from regimefolio.core.types import Adjustment, Float, Int, Panel
from regimefolio.market.actions import restart
from regimefolio.market.calendar import periods_per_year
from regimefolio.market.clock import Clocked, ExtraSessions, Resample, Stamped, on_clock
from regimefolio.market.listings import Listed, add_delistings, separate_tickers
from regimefolio.market.sectors import read_sectors
from regimefolio.market.sources.base import Dataset, OnBad, Reading, Source, data_fingerprint
from regimefolio.market.sources.table import FORMATS
from regimefolio.market.sources.warnings import LONG_GAP
from regimefolio.market.universe import Universe, with_members


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
    symbols: tuple[str, ...] | None = Field(None, min_length=1, description="symbols to keep; all, if not said")
    sectors: Path | None = Field(None, description="file with the columns symbol and sector, for every symbol kept")
    start: date | None = Field(None, description="first date; the prices before it are not known to the work at all")
    end: date | None = Field(None, description="last date, itself included")
    on_bad: OnBad = Field(
        "error",
        description="error: the first defect stops; mask: bad bars become missing ones, of a bar given twice "
        "the first stays, a row that stands too late is put in its place, and all are counted",
    )
    mask: Path | None = Field(
        None, description="file of bars that cannot be right (symbol, date): of a file of prices they become missing"
    )
    calendar: str | None = Field(
        None, description="an exchange's sessions by its code, such as XNYS, or 24/7; bars are held against them"
    )
    extra_sessions: ExtraSessions = Field(
        "keep", description="what becomes of bars that belong to no session of the calendar: keep or drop"
    )
    stamped: Stamped = Field("close", description="open: the source stamps intraday bars with their start")
    resample: Resample | None = Field(None, description="daily: intraday bars become one bar a session")
    actions: Path | None = Field(
        None, description="file of splits and dividends (symbol, date, split, dividend) for raw prices"
    )
    max_gap: int | None = Field(
        None, ge=1, description="missing bars after which a symbol that resumes is another asset; none: never"
    )
    delistings: Path | None = Field(None, description="file of delistings (symbol, date, return)")
    as_of: date | None = Field(
        None,
        description="what a file with a column `delivered` got after this date does not exist; none: its last word",
    )
    universe: Universe | None = Field(
        None, description="who is a member when: a file (symbol, from, to), or {min_bars, min_value, window}; none: all"
    )

    @field_validator("symbols")
    @classmethod
    def _each_once(cls, symbols: tuple[str, ...] | None) -> tuple[str, ...] | None:
        twice = [symbol for symbol, count in Counter(symbols or ()).items() if count > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} is listed twice")
        return symbols

    @model_validator(mode="after")
    def _in_order(self) -> DataSpec:
        if self.start is not None and self.end is not None and self.start > self.end:
            raise ValueError(f"start {self.start} is after end {self.end}")
        if self.extra_sessions == "drop" and self.calendar is None:
            raise placed_error(("extra_sessions",), "`drop` needs a `calendar`, which says what is extra")
        return self


def load_data(spec: DataSpec, folder: Path = Path()) -> Dataset:
    """Fetch, check, adjust and cut prices; they are checked as a whole before any symbol is left out.

    Parameters
    ----------
    folder : Path
        Against which relative paths of files are resolved.

    Raises
    ------
    ConfigError
        The source or the calendar is not known, or the source has not a symbol that is to be kept.
    MissingDataError
        There is nothing to read, a symbol has no sector, or no bar lies between start and end.
    DataError
        The prices cannot be used; the message names the place, the value and the remedy.
    """
    must_be(DataSpec, spec, "spec", 'DataSpec(source="sample:us5") is one')
    data = source_of(spec.source).within(folder).load_as(reading_of(spec, folder), spec.on_bad)
    if spec.symbols is not None:
        data = _kept(data, spec.symbols)
    if spec.sectors is not None:
        data = _with_sectors(data, folder / path_of(spec.sectors))
    clocked = put_on_clock(spec, data.panel, data.index, (spec.start, spec.end))
    data = _told(replace(data, index=clocked.index), clocked.panel, clocked.notes)
    first, last = _span(spec, data.panel)
    if (first, last) != (0, data.panel.n_bars):
        data = _cut(data, first, last)
    prepared = prepare(spec, data.panel, folder)
    data = _told(data, prepared.panel, prepared.notes)
    doubtful = {kind: count for kind, count in data.doubtful.items() if not is_answered(kind, spec)}
    return replace(data, doubtful=doubtful)


def put_on_clock(
    spec: DataSpec, panel: Panel, index: Float | None = None, span: tuple[date | None, date | None] = (None, None)
) -> Clocked:
    """Bars of any source stamped with their close, held against the calendar, and made into sessions."""
    return on_clock(panel, index, spec.calendar, spec.extra_sessions, spec.stamped, spec.resample, span)


def prepare(spec: DataSpec, panel: Panel, folder: Path) -> Listed:
    """What is done to the bars of any source: tickers told apart, delistings and members read."""
    listed = Listed(panel, panel.symbols) if spec.max_gap is None else separate_tickers(panel, spec.max_gap)
    if spec.delistings is not None:
        with placed("data", "delistings"):
            listed = add_delistings(listed, folder / path_of(spec.delistings))
    if spec.universe is not None:
        universe = folder / path_of(spec.universe) if isinstance(spec.universe, Path) else spec.universe
        with placed("data", "universe"):
            listed = with_members(listed, universe)
    return listed


def reading_of(spec: DataSpec, folder: Path) -> Reading:
    """How a file of prices is read."""

    def beside(path: Path | None) -> Path | None:
        return None if path is None else folder / path_of(path)

    return Reading(beside(spec.actions), spec.as_of, beside(spec.mask))


def is_answered(kind: str, spec: DataSpec) -> bool:
    """Whether a kind of warning asks what the configuration says."""
    return kind == LONG_GAP and spec.max_gap is not None


def _told(data: Dataset, panel: Panel, notes: Sequence[str]) -> Dataset:
    """The data with its bars changed, as the notes say; the same where nothing was done."""
    if not notes:
        return data
    about = "; ".join([data.about.rstrip("."), *notes])
    return replace(data, panel=panel, about=about, fingerprint=data_fingerprint(panel, data.index))


def _span(spec: DataSpec, panel: Panel) -> tuple[int, int]:
    """The first bar from `start` on, and the one after the last up to `end`."""
    days = panel.timestamps.astype("datetime64[D]")
    first = 0 if spec.start is None else int(np.searchsorted(days, np.datetime64(spec.start), side="left"))
    last = len(days) if spec.end is None else int(np.searchsorted(days, np.datetime64(spec.end), side="right"))
    if first >= last:
        raise MissingDataError(
            f"{spec.source}: has no bar from {spec.start or days[0]} to {spec.end or days[-1]}; "
            f"its bars run from {days[0]} to {days[-1]}"
        )
    return first, last


def _kept(data: Dataset, symbols: Sequence[str]) -> Dataset:
    """The prices of some symbols, in the data's order, at the times at which one of them has a bar."""
    known = data.panel.symbols
    for position, symbol in enumerate(symbols):
        if symbol not in known:
            raise ConfigError(f"unknown symbol {symbol!r}; {_near(symbol, known)}", ("data", "symbols", position))
    columns = np.array([n for n, symbol in enumerate(known) if symbol in symbols])
    bars = np.isfinite(data.panel.close[:, columns]).any(axis=1)
    panel = _columns(data.panel, columns)
    panel = replace(panel, **{name: array[bars] for name, array in panel.by_bar.items()})  # type: ignore[arg-type]
    if not bars.all():  # the clock is another one
        panel = replace(panel, periods_per_year=periods_per_year(panel.timestamps))
    index = None if data.index is None else data.index[bars]
    about = f"{data.about.rstrip('.')}. Kept: {len(symbols):,} of {len(known):,} symbols, {panel.n_bars:,} bars."
    return replace(
        data,
        panel=panel,
        index=index,
        fingerprint=data_fingerprint(panel, index),
        about=about,
        defects=tuple(defect for defect in data.defects if not defect.symbol or defect.symbol in symbols),
    )


def _columns(panel: Panel, columns: Int) -> Panel:
    """Some assets of a source's panel, to which no delisting was added yet."""
    cut = {name: array[:, columns] for name, array in panel.by_bar.items() if array.ndim == 2}
    sectors = None if panel.sectors is None else tuple(panel.sectors[n] for n in columns)
    return replace(panel, symbols=tuple(panel.symbols[n] for n in columns), sectors=sectors, **cut)  # type: ignore[arg-type]


def _near(symbol: str, known: Sequence[str]) -> str:
    """A hint at the symbol that is meant; how many there are where none is near."""
    hint = did_you_mean(symbol, known)
    return hint if hint.startswith("did") else f"none of the data's {len(known):,} is near it"


def _with_sectors(data: Dataset, path: Path) -> Dataset:
    with placed("data", "sectors"):
        panel = replace(data.panel, sectors=read_sectors(path, data.panel.symbols))
    return replace(data, panel=panel, fingerprint=data_fingerprint(panel, data.index))


def _cut(data: Dataset, first: int, last: int) -> Dataset:
    """Some bars of the data. Only here are bars cut off on the left: for the work they never existed."""
    panel, rows = data.panel.until(last), slice(first, last)
    cut = {name: array[rows] for name, array in panel.by_bar.items()}
    if panel.delisted_at is not None:
        known = panel.delisted_at >= first
        cut["delisted_at"] = np.where(known, panel.delisted_at - first, -1)
        cut["delisting_return"] = np.where(known, panel.delisting_return, np.nan)  # type: ignore[arg-type]
    price, shares = panel.adjustment
    panel = replace(panel, **cut)  # type: ignore[arg-type]
    panel = restart(panel, Adjustment(price[rows], shares[rows]))
    index: Float | None = None if data.index is None else data.index[rows]
    return replace(data, panel=panel, index=index, fingerprint=data_fingerprint(panel, index))
