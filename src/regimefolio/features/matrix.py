"""The features matrix: features of a whole universe over its whole history, kept in a file that knows its origin.

`features_matrix.parquet` has a row a bar and symbol, in the order of time and then of the symbols, and a column a
feature; a symbol without a bar has nulls. In the file's metadata stands what it was made from: the features and the
code that computed them, and a fingerprint of the prices up to every bar. So it is known whether it belongs to some
prices, and from which bar on it does not.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from regimefolio.core.arrays import time_text
from regimefolio.core.code import code_of
from regimefolio.core.component import fingerprint
from regimefolio.core.errors import CorruptError, DataError, StaleError, WorkspaceError
from regimefolio.core.files import json_text, jsonable
from regimefolio.core.types import Features, Int, Json, Panel
from regimefolio.features.base import Feature
from regimefolio.features.parts import RatingMeans, RatingVotes

if TYPE_CHECKING:
    import polars as pl

MATRIX = "features_matrix.parquet"
ABOUT = "regimefolio"
"""The key of the file's metadata under which its origin stands."""

LETTERS = 16
"""Of a SHA-256 in hex, by which prices up to a bar are known."""


@dataclass(frozen=True)
class Recipe:
    """A feature as it stood when its columns were made.

    Parameters
    ----------
    name : str
        As it is called, such as `median_value(63)`.
    spec : mapping
        Its kind and parameters.
    code : str
        The version of the code that computed it.
    columns : tuple of str
    """

    name: str
    spec: Mapping[str, Json]
    code: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class _About:
    """What stands in the file's metadata."""

    rule_set: str | None
    recipes: tuple[Recipe, ...]
    symbols: tuple[str, ...]
    prices: str
    sha256: str


_ABOUT = TypeAdapter(_About)


@dataclass(frozen=True, eq=False)
class FeatureMatrix:
    """Features with their origin, as `features_matrix.parquet` keeps them.

    Parameters
    ----------
    path : Path
    features : Features
        As read; whoever knows the prices asks for those that are `known` about them.
    recipes : tuple of Recipe
        In the order of the columns.
    prices : tuple of T str
        `price_fingerprints` of the prices that the features were made from.
    """

    path: Path
    features: Features
    recipes: tuple[Recipe, ...]
    prices: tuple[str, ...]

    @property
    def rule_set(self) -> str | None:
        """Of the technical rating; None where the matrix has none."""
        return _rule_set(self.recipes)

    def known(self, panel: Panel, parts: Sequence[Feature], source: str = "SOURCE") -> Features:
        """The columns of some features at a panel's bars, which may end before those of the matrix.

        Parameters
        ----------
        source : str
            What the panel was loaded from, for the command in a message.

        Raises
        ------
        StaleError
            The matrix was made from other prices, or from fewer, or by other code, or has not such a feature; with the
            command that builds it.
        """
        columns = [column for part in parts for column in self.recipe_of(part, source).columns]
        self.must_be_of(panel, source)
        if panel.symbols != self.features.symbols or len(self.prices) < panel.n_bars:
            raise StaleError(
                f"{self.path}: ends at {time_text(self.features.timestamps[-1])} with {len(self.features.symbols):,} "
                f"symbols, and the prices go on to {time_text(panel.timestamps[-1])} with {len(panel.symbols):,}; "
                f"`{self.command(source)}` adds what is behind it"
            )
        places = [self.features.index(name) for name in columns]
        values = self.features.values[: panel.n_bars]
        if places != list(range(len(self.features.names))):
            values = values[:, :, places]
        return Features(panel.timestamps, panel.symbols, tuple(columns), values)

    def must_be_of(self, panel: Panel, source: str = "SOURCE") -> None:
        """Refuse prices that are not those which the matrix was made from, as far as both go.

        Symbols may have come to them that had no bar until the matrix ends.

        Raises
        ------
        StaleError
            Names the first bar that differs, and the command that builds the matrix anew.
        """
        both = min(panel.n_bars, len(self.prices))
        where = self._other_symbols(panel, both)
        if not where:
            same = panel.symbols == self.features.symbols
            found = price_fingerprints(panel if same else panel.only(self.places_in(panel)))
            if found[both - 1] == self.prices[both - 1]:
                return
            bar = next(t for t in range(both) if found[t] != self.prices[t])
            where = f"they differ from {time_text(panel.timestamps[bar])} on" if bar else self._other_begin(panel)
        raise StaleError(
            f"{self.path}: was made from other prices: {where}; `{self.command(source, rebuild=True)}` builds it anew"
        )

    def places_in(self, panel: Panel) -> Int:
        """Where the symbols of the matrix stand among those of a panel, which has all of them."""
        place = {symbol: n for n, symbol in enumerate(panel.symbols)}
        return np.array([place[symbol] for symbol in self.features.symbols])

    def _other_symbols(self, panel: Panel, n_bars: int) -> str:
        """What is wrong with the symbols of prices; empty where others may have been listed behind their first bars."""
        mine, theirs = set(self.features.symbols), set(panel.symbols)
        counts = f"it has {len(mine):,} symbols, and the prices {len(theirs):,}"
        if mine - theirs:
            return f"{counts}; {min(mine - theirs)} is not among these"
        for n, symbol in enumerate(panel.symbols):
            if symbol not in mine and np.isfinite(panel.close[:n_bars, n]).any():
                return f"{counts}; {symbol} is not among its own, and has bars before it ends"
        return "" if (np.diff(self.places_in(panel)) > 0).all() else f"{counts}, in another order"

    def _other_begin(self, panel: Panel) -> str:
        """How prices differ that differ from the first bar on."""
        if self.features.timestamps[0] != panel.timestamps[0]:
            begin, given = time_text(self.features.timestamps[0]), time_text(panel.timestamps[0])
            return f"it begins at {begin}, and the prices at {given}"
        return "they differ from the first bar on, or in their members, sectors, columns or bars in a year"

    def recipe_of(self, part: Feature, source: str = "SOURCE") -> Recipe:
        """The recipe of a feature.

        Raises
        ------
        StaleError
            The matrix has not such a feature, or other code made it; with the command that builds it.
        """
        made = next((each for each in self.recipes if each.spec == part.spec()), None)
        if made is None:
            names = ", ".join(each.name for each in self.recipes)
            raise StaleError(
                f"{self.path}: holds {names}, and not {part.name}; "
                f"`{self.command(source, rebuild=True, besides=[part])}` builds it with that"
            )
        if made.code != code_of(part):
            raise StaleError(
                f"{self.path}: {part.name} was made by other code ({made.code}); "
                f"`{self.command(source, rebuild=True)}` builds it anew"
            )
        return made

    def command(self, source: str, rebuild: bool = False, besides: Sequence[Feature] = ()) -> str:
        """What a person types to build this matrix, with other features besides, from the prices it belongs to.

        Ratings follow the rules of those besides, if any does.
        """
        rule_set = next((part.rule_set for part in besides if isinstance(part, RatingMeans | RatingVotes)), None)
        held = [
            f"{each.spec['kind']}({rule_set})" if rule_set and "rule_set" in each.spec else each.name
            for each in self.recipes
        ]
        names = dict.fromkeys([*held, *(part.name for part in besides)])
        words = ["regimefolio features build", source, f"--into {self.path.parent}"]
        words += [f'--with "{name}"' for name in names if name != RatingMeans().name]
        return " ".join([*words, *(["--rebuild"] if rebuild else [])])


def price_fingerprints(panel: Panel) -> tuple[str, ...]:
    """Of every bar a fingerprint of all that was known when it closed: equal where all bars up to it are equal.

    A delisting counts at its bar. Symbols, sectors, bars in a year and which columns there are count from the first on.
    """
    arrays = [_without_nan_bits(array) for array in panel.by_bar.values()]
    head: dict[str, Json] = {
        "symbols": list(panel.symbols),
        "sectors": None if panel.sectors is None else list(panel.sectors),
        "periods_per_year": panel.periods_per_year,
        "columns": list(panel.by_bar),
    }
    digest = hashlib.sha256(fingerprint(head).encode())
    found = []
    for t in range(panel.n_bars):
        for array in arrays:
            digest.update(array[t].data)
        if panel.delisted_at is not None and panel.delisting_return is not None:
            gone = np.flatnonzero(panel.delisted_at == t)
            digest.update(gone.tobytes() + panel.delisting_return[gone].tobytes())
        found.append(digest.copy().hexdigest()[:LETTERS])
    return tuple(found)


def _without_nan_bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    """The bytes of each row; a NaN is a NaN, however it came about."""
    if array.dtype == np.float64 and np.isnan(array).any():
        array = np.where(np.isnan(array), np.nan, array)
    return np.ascontiguousarray(array).reshape(len(array), -1).view(np.uint8)


def long_table(features: Features) -> pl.DataFrame:
    """A row a bar and symbol: timestamp, symbol, and a column a feature; null where it is not available."""
    import polars as pl

    n_bars, n_assets = features.values.shape[:2]
    columns = {
        "timestamp": pl.Series(np.repeat(features.timestamps, n_assets)),
        "symbol": pl.Series(features.symbols * n_bars, dtype=pl.Enum(features.symbols)),
        **{name: pl.Series(features.values[:, :, f].ravel()).fill_nan(None) for f, name in enumerate(features.names)},
    }
    return pl.DataFrame(columns)


def matrix_bytes(features: Features, recipes: tuple[Recipe, ...], prices: tuple[str, ...]) -> bytes:
    """The file that keeps features and their origin: equal ones give equal bytes."""
    about = _About(_rule_set(recipes), recipes, features.symbols, " ".join(prices), "")
    about = replace(about, sha256=_digest(about, features))
    out = io.BytesIO()
    long_table(features).write_parquet(out, compression="zstd", metadata={ABOUT: json_text(about)})
    return out.getvalue()


def _rule_set(recipes: Sequence[Recipe]) -> str | None:
    return next((str(each.spec["rule_set"]) for each in recipes if "rule_set" in each.spec), None)


def _digest(about: _About, features: Features) -> str:
    """SHA-256 over all that the file says."""
    head: dict[str, Json] = {"about": jsonable(replace(about, sha256="")), "names": list(features.names)}
    digest = hashlib.sha256(fingerprint(head).encode())
    digest.update(features.timestamps.view(np.uint8).data)
    digest.update(features.values.view(np.uint8).data)
    return digest.hexdigest()


def read_matrix(folder: Path) -> FeatureMatrix:
    """The features matrix in a folder.

    Raises
    ------
    WorkspaceError
        There is none.
    CorruptError
        It is not what was written.
    """
    import polars as pl

    path = folder / MATRIX
    if not path.is_file():
        raise WorkspaceError(
            f"{path}: there is no such file; `regimefolio features build SOURCE --into {folder}` makes it"
        )
    broken = (pl.exceptions.PolarsError, pl.exceptions.PanicException)  # what a flipped bit may end in
    remedy = f"build it anew: `regimefolio features build SOURCE --into {folder} --rebuild`"
    try:
        about = _ABOUT.validate_json(pl.read_parquet_metadata(path)[ABOUT])
        names = [name for each in about.recipes for name in each.columns]
        frame = pl.read_parquet(path, columns=["timestamp", *names], glob=False)
        stamps = frame["timestamp"].to_numpy()[:: len(about.symbols)]
        values = frame.select(names).to_numpy(order="c")
        features = Features(
            stamps, about.symbols, tuple(names), values.reshape(len(stamps), len(about.symbols), len(names))
        )
    except (*broken, OSError, KeyError, ValueError, DataError) as error:
        raise CorruptError(
            f"{path}: is no whole features matrix ({type(error).__name__}: {error}); {remedy}"
        ) from error
    if about.sha256 != _digest(about, features):
        raise CorruptError(f"{path}: is not what was written; {remedy}")
    return FeatureMatrix(path, features, about.recipes, tuple(about.prices.split()))
