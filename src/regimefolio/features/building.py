"""Building the features matrix: all at once, or with new bars behind the old ones, which do not change."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regimefolio.core.arrays import time_text
from regimefolio.core.code import code_of
from regimefolio.core.errors import ConfigError, DataError, LookAheadError, StaleError
from regimefolio.core.files import lock, remove, write_bytes
from regimefolio.core.progress import Progress
from regimefolio.core.types import Features, Float, Int, Panel, last_seen
from regimefolio.features.base import Feature, features_by_part
from regimefolio.features.matrix import (
    MATRIX,
    FeatureMatrix,
    Recipe,
    matrix_bytes,
    price_fingerprints,
    read_matrix,
)
from regimefolio.features.parts import RatingMeans, RatingVotes

RETURNS = "returns_matrix.parquet"
TIMES = "timestamp"
"""The column beside those of the symbols."""


@dataclass(frozen=True, eq=False)
class BuiltMatrix:
    """What a build left, and what it did.

    Parameters
    ----------
    matrix : FeatureMatrix
    returns : Path
        The file with the returns of the same bars.
    added : int
        Bars that the matrix had not had; 0 where nothing was new, and it was left as it was.
    listed : tuple of str
        Symbols that it had not had.
    """

    matrix: FeatureMatrix
    returns: Path
    added: int
    listed: tuple[str, ...] = ()


def build_matrix(
    panel: Panel,
    parts: Sequence[Feature],
    folder: Path,
    rebuild: bool = False,
    progress: Progress | None = None,
    source: str = "SOURCE",
) -> BuiltMatrix:
    """Write `features_matrix.parquet` and `returns_matrix.parquet`, or add the bars that are new to them.

    Bars that are there do not change: they are computed with the new ones and must come out the same, to the bit.
    Symbols may be new too, where they have no bar until the matrix ends.

    Parameters
    ----------
    panel : Panel
    parts : sequence of Feature
    folder : Path
    rebuild : bool
        Whether what is there is written over, whatever it was made from.
    source : str
        What the panel was loaded from, for the command in a message.

    Raises
    ------
    StaleError
        The matrix that is there was made from other prices, by other code, or of other features; or it goes on behind
        these prices, and its returns are missing.
    LookAheadError
        A feature changed what it had said of an old bar, now that there are later ones.
    DataError, ConfigError
        As `features_of`.
    CorruptError
        The matrix that is there is not what was written.
    LockedError
        Another process builds in this folder.
    """
    _must_be_one_matrix(panel, parts)
    returns = folder / RETURNS
    with lock(folder / "lock"):
        for left in folder.glob(".*_matrix.parquet.*.tmp"):  # by one that was killed
            remove(left)
        before = None if rebuild or not (folder / MATRIX).is_file() else read_matrix(folder)
        if before is not None:
            parts = _as_before(before, panel, parts, source)
            if _has_all(before, panel, returns, source):
                return BuiltMatrix(before, returns, 0)
        features, names = features_by_part(panel, parts, progress or Progress())
        if before is not None:
            _must_not_change(before, features, before.places_in(panel))
        made = zip(parts, names, strict=True)
        recipes = tuple(Recipe(part.name, part.spec(), code_of(part), columns) for part, columns in made)
        prices = price_fingerprints(panel)
        write_bytes(returns, _returns_bytes(panel))
        write_bytes(folder / MATRIX, matrix_bytes(features, recipes, prices))
        matrix = FeatureMatrix(folder / MATRIX, features, recipes, prices)
        if before is None:
            return BuiltMatrix(matrix, returns, panel.n_bars)
        listed = tuple(symbol for symbol in panel.symbols if symbol not in before.features.symbols)
        return BuiltMatrix(matrix, returns, panel.n_bars - len(before.prices), listed)


def _must_be_one_matrix(panel: Panel, parts: Sequence[Feature]) -> None:
    """Refuse what makes no matrix: no bars, a symbol called as the times, no feature, or several sets of rules."""
    if not panel.close.size:
        raise DataError(
            f"a features matrix needs prices, and these are {panel.n_bars} bars of {panel.n_assets} symbols"
        )
    if TIMES in panel.symbols:
        raise DataError(f"a symbol is called {TIMES!r}, as the column of times in {RETURNS}; give it another name")
    if not parts:
        raise ConfigError("a features matrix has at least one feature; name one, such as RatingMeans()")
    rated = {part.rule_set: part.name for part in parts if isinstance(part, RatingMeans | RatingVotes)}
    if len(rated) > 1:
        raise ConfigError(f"{' and '.join(rated.values())} follow two sets of rules; a matrix takes one of them")


def _as_before(before: FeatureMatrix, panel: Panel, parts: Sequence[Feature], source: str) -> list[Feature]:
    """The features in the order of a matrix that goes on; refuses other prices, other features, and other code."""
    before.must_be_of(panel, source)
    place = {before.recipe_of(part, source).name: part for part in parts}
    for each in before.recipes:
        if each.name not in place:
            raise StaleError(
                f"{before.path}: holds {each.name} too; `{before.command(source)}` adds bars to all that it holds"
            )
    return [place[each.name] for each in before.recipes]


def _has_all(before: FeatureMatrix, panel: Panel, returns: Path, source: str) -> bool:
    """Whether a matrix and its returns hold these prices already; refuses to make returns of prices that end before."""
    shorter = panel.n_bars < len(before.prices)
    same = panel.n_bars == len(before.prices) and panel.symbols == before.features.symbols
    if shorter and not returns.is_file():
        raise StaleError(
            f"{returns}: there is no such file, and these prices end before the matrix does; "
            f"`{before.command(source)}` with prices up to {time_text(before.features.timestamps[-1])} makes it"
        )
    return (shorter or same) and returns.is_file()


def _must_not_change(before: FeatureMatrix, features: Features, places: Int) -> None:
    """Refuse a feature that says something else of an old bar, now that there are later ones."""
    old, again = before.features, features.values[: len(before.prices), places]
    differs = again.view(np.uint32) != old.values.view(np.uint32)
    if differs.any():
        bar, asset, column = np.argwhere(differs)[0]
        name = next(each.name for each in before.recipes if old.names[column] in each.columns)
        was, found = old.values[bar, asset, column], again[bar, asset, column]
        raise LookAheadError(
            f"{name}: the column {old.names[column]!r} of {old.symbols[asset]} at {time_text(old.timestamps[bar])} was "
            f"{was} and is {found} now that there are later bars: it sees the future, or rolls dice; "
            "regimefolio.testing.FeatureContract shows it"
        )


def own_returns(panel: Panel) -> Float:
    """Simple returns of shape (T, N) from an asset's last own bar to this one; NaN at its first, and where it has none.

    A delisting that is known is a return too, on the last close.
    """
    seen = np.vstack([np.full((1, panel.n_assets), np.nan), last_seen(panel.close)[:-1]])
    returns: Float = panel.close / seen - 1.0
    if panel.delisted_at is not None and panel.delisting_return is not None:
        gone = np.flatnonzero(panel.delisted_at >= 0)
        gone = gone[np.isnan(panel.close[panel.delisted_at[gone], gone])]
        returns[panel.delisted_at[gone], gone] = panel.delisting_return[gone]
    return returns


def _returns_bytes(panel: Panel) -> bytes:
    """The file of the returns: a row a bar, a column a symbol; null where there is none."""
    import polars as pl

    returns = own_returns(panel)
    columns = {symbol: pl.Series(returns[:, n]).fill_nan(None) for n, symbol in enumerate(panel.symbols)}
    out = io.BytesIO()
    pl.DataFrame({TIMES: panel.timestamps, **columns}).write_parquet(out, compression="zstd")
    return out.getvalue()
