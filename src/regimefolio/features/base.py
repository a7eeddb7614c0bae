"""What every feature is: named columns that a function makes of a panel; and what can stand in for them."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
from pydantic import ValidationError

from regimefolio.core.arrays import time_text
from regimefolio.core.component import Component, registered
from regimefolio.core.errors import ConfigError, DataError, LookAheadError
from regimefolio.core.progress import Progress
from regimefolio.core.types import Features, Float, Float32, Panel, Times

Columns: TypeAlias = Mapping[str, Float | Float32]
"""Arrays of shape (T, N) by the name of their column."""

TAKEN = ("timestamp", "symbol", "rule_set")
"""Names of columns that a table of features has besides."""

_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*\((.*)\)\s*")


class Feature(Component, family="feature"):
    """Makes named columns of a panel: what is known of every asset at every bar.

    Columns are prefix-invariant: those of `panel.until(t)` equal the first t rows of those of `panel` to the bit.
    `regimefolio.testing.FeatureContract` checks this and the other promises for any feature.

    A feature may be written as it is called, `median_value(63)`: its fields stand in brackets, in their order.
    """

    @abstractmethod
    def columns(self, panel: Panel) -> Columns:
        """The columns by name; a single one is called `name`, unless there is a reason.

        Returns
        -------
        mapping of str to ndarray of shape (T, N), float32 or float64
            Kept as float32. NaN where it is not available: in the warm-up, and where an asset has no bar.

        Raises
        ------
        DataError
            The panel has not what is needed, such as volumes.
        """

    @property
    def name(self) -> str:
        """The feature as it is called: `history`, or `median_value(63)`."""
        values = ", ".join(str(value) for value in self.plain().values())
        return f"{self.kind}({values})" if values else self.kind

    @classmethod
    def of(cls, value: Any) -> Self:
        """The feature that a name, a call such as `median_value(63)`, or a mapping describes.

        Raises
        ------
        ConfigError
            The kind is not known, or the call has more values than it has parameters, or a wrong one.
        pydantic.ValidationError
            A parameter in a mapping is wrong.
        """
        if not isinstance(value, str):
            return super().of(value)
        call = _CALL.fullmatch(value)
        try:
            return super().of(value.strip() if call is None else _mapping(*call.groups()))
        except ValidationError as error:
            first = error.errors()[0]
            place = "".join(f"{each}: " for each in first["loc"])  # none, where several parameters do not fit together
            said = first["msg"].removeprefix("Value error, ")
            raise ConfigError(f"{value}: {place}{said[:1].lower()}{said[1:]}") from None


def _mapping(kind: str, values: str) -> dict[str, str]:
    """A call as the mapping that says the same."""
    given = [each.strip() for each in values.split(",")] if values.strip() else []
    part = registered(Feature.family).get(kind)
    if part is None:  # whoever reads the mapping says so
        return {"kind": kind}
    fields = list(part.model_fields)
    if len(given) > len(fields):
        takes = f"takes {', '.join(fields)}" if fields else "takes no parameter"
        raise ConfigError(f"{kind}({values}) has {len(given)} values, but {kind} {takes}")
    return {"kind": kind, **dict(zip(fields, given, strict=False))}


class FeatureLoader(Protocol):
    """Whatever knows features by date: `Features` themselves, or a source of one's own in their place."""

    def as_of(self, when: np.datetime64) -> Features:
        """What was known at a time; the last row is the latest, and none is later than `when`."""


def features_of(panel: Panel, parts: Sequence[Feature], progress: Progress | None = None) -> Features:
    """Compute the columns of some features over a panel's whole history.

    Raises
    ------
    ConfigError
        Two features give a column of one name, or one of them calls it `timestamp`, `symbol` or `rule_set`.
    DataError
        The panel has not what a feature needs; or a column has another shape or type, or an infinite value.
    """
    return features_by_part(panel, parts, progress or Progress())[0]


def features_by_part(
    panel: Panel, parts: Sequence[Feature], progress: Progress
) -> tuple[Features, tuple[tuple[str, ...], ...]]:
    """`features_of`, and the names of the columns that each feature gave."""
    progress.stage("features", len(parts))
    found: dict[str, Float32] = {}
    names: list[tuple[str, ...]] = []
    for part in parts:
        given = part.columns(panel)
        for name, column in given.items():
            if name in found:
                other = next(each for each, its in zip(parts, names, strict=False) if name in its)
                raise ConfigError(f"{other.name} and {part.name} both give the column {name!r}; leave one out")
            found[name] = _checked(part, name, column, panel)
        names.append(tuple(given))
        progress.advance()
    shape = (*panel.close.shape, len(found))
    values = np.stack(list(found.values()), axis=2) if found else np.empty(shape, np.float32)
    return Features(panel.timestamps, panel.symbols, tuple(found), values), tuple(names)


def _checked(part: Feature, name: str, column: Float | Float32, panel: Panel) -> Float32:
    """A column as float32, with one kind of NaN."""
    place = f"{part.name}: the column {name!r}"
    if name in TAKEN:
        raise ConfigError(f"{place} is called as one that a table of features has besides; give it another name")
    if not isinstance(column, np.ndarray):
        raise DataError(f"{place} must be an array, but is a {type(column).__name__}; wrap it in np.array")
    if column.shape != panel.close.shape or column.dtype not in (np.float32, np.float64):
        raise DataError(
            f"{place} must be float32 or float64 of shape {panel.close.shape}, but is {column.dtype} of {column.shape}"
        )
    with np.errstate(over="ignore"):
        values: Float32 = column.astype(np.float32)
    values[np.isnan(values)] = np.nan
    infinite = np.isinf(values)
    if infinite.any():
        bar, asset = np.argwhere(infinite)[0]
        where = f"for {panel.symbols[asset]} at {time_text(panel.timestamps[bar])}"
        raise DataError(f"{place} is infinite {where}; NaN says that it is not there")
    return values


def known_at(loader: FeatureLoader, times: Times, symbols: Sequence[str], names: Sequence[str]) -> Features:
    """What a loader knew at each of some times, for these symbols and columns in this order.

    Parameters
    ----------
    loader : FeatureLoader
    times : ndarray of shape (T,), datetime64[ns]
        Strictly increasing.
    symbols, names : sequence of str
        A symbol that the loader does not know has NaN.

    Raises
    ------
    LookAheadError
        The loader gave a row that is later than the time it was asked for.
    ConfigError
        It has no column of a name.
    """
    values = np.full((len(times), len(symbols), len(names)), np.nan, np.float32)
    for t, when in enumerate(times):
        found = loader.as_of(when)
        if not len(found.timestamps):
            continue
        if found.timestamps[-1] > when:
            raise LookAheadError(
                f"{type(loader).__name__} gave a row of {time_text(found.timestamps[-1])} for what was known at "
                f"{time_text(when)}; its as_of must end at that time"
            )
        place = {symbol: n for n, symbol in enumerate(found.symbols)}
        rows = np.array([place.get(symbol, -1) for symbol in symbols])
        latest = found.at(len(found.timestamps) - 1)[:, [found.index(name) for name in names]]
        values[t, rows >= 0] = latest[rows[rows >= 0]]
    return Features(times, tuple(symbols), tuple(names), values)
