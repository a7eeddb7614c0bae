"""Who may be held: the assets that pass filters, ranked by what was known of them, the best of them kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, TypeAlias

import numpy as np
from pydantic import Field, PlainSerializer, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from regimefolio.core.component import Model, placed_error
from regimefolio.core.errors import ConfigError, RegimefolioError
from regimefolio.core.types import Bool, Float32, Int, Panel, read_only
from regimefolio.kernels.ranking import Keeping, kept_rows

PLACE = ("portfolio", "selection")

RATINGS = ("Recommend.All", "Recommend.MA", "Recommend.Other")

Column: TypeAlias = Callable[[str], Float32]
"""The feature of a name, of shape (T, N), as it was known at each bar; NaN = not available."""

_CONDITION = re.compile(
    r"\s*(?P<feature>[A-Za-z_][\w.]*(?:\(\s*\d+\s*\))?)\s*(?P<sign>>=|<=|>|<)\s*"
    r"(?P<bound>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*"
)
_COMPARE = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}


@dataclass(frozen=True)
class Condition:
    """What a feature must be like; written `Recommend.All > 0.1`.

    Features are float32, and so is the bound: a rating of one tenth is not above 0.1. What is not available is not
    like anything.
    """

    feature: str
    sign: str
    bound: float

    @classmethod
    def read(cls, value: Any) -> Condition:
        """The condition that a text says."""
        if isinstance(value, Condition):
            return value
        found = _CONDITION.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            text = f"{value!r} is no filter; write a feature, one of > >= < <= and a number, as `Recommend.All > 0.1`"
            raise PydanticCustomError("part", "{text}", {"text": text})
        return cls(re.sub(r"\s", "", found["feature"]), found["sign"], float(found["bound"]))

    def __str__(self) -> str:
        return f"{self.feature} {self.sign} {self.bound:g}"

    def holds(self, values: Float32) -> Bool:
        """Where it is so."""
        return _COMPARE[self.sign](values, np.float32(self.bound))


Filter: TypeAlias = Annotated[Condition, PlainValidator(Condition.read), PlainSerializer(str)]
"""A field that takes the text of a condition."""


class Selection(Model):
    """Narrows what an allocator may hold, at each decision: filter, rank, keep the best.

    Equals in rank are told apart by the other ratings in their order (`then_by`), then who is held stands first, and
    at last a lot decides that is drawn from the name of the asset and the time of the bar: neither the alphabet nor the
    order of the columns has a say. Held is what the last scheduled rebalance kept; it leaves when it fails a filter,
    and what has no bar is left as it is.
    """

    filter: tuple[Filter, ...] = Field((), description="conditions that all must hold, as `Recommend.All > 0.1`")
    rank_by: str = Field("Recommend.All", description="feature by which those that pass are ranked")
    then_by: tuple[str, ...] | None = Field(
        None, description="features that rank equals; the other ratings where rank_by is one, if not said"
    )
    order: Literal["descending", "ascending"] = Field("descending", description="whether the largest or smallest lead")
    top_n: int | None = Field(None, ge=1, description="how many are kept; all that pass, if not said")
    keep_until_rank: int | None = Field(
        None, ge=1, description="rank down to which a held asset stays; if not said, being held is no merit"
    )
    max_per_sector: int | None = Field(None, ge=1, description="most that are kept of one sector")
    side: Literal["long", "short"] = Field("long", description="short: the allocator's weights are sold short")

    @model_validator(mode="after")
    def _ranks_are_asked_for(self) -> Self:
        if self.keep_until_rank is not None and self.keep_until_rank < (self.top_n or 0):
            text = f"keep_until_rank {self.keep_until_rank} is above top_n {self.top_n}: a place is free then anyway"
            raise placed_error(("keep_until_rank",), f"{text}; raise it to {self.top_n} or more")
        if self.keep_until_rank is not None and self.top_n is None:
            text = "keep_until_rank holds on to some of the best, but without top_n all are kept; name top_n too"
            raise placed_error(("keep_until_rank",), text)
        return self

    @property
    def features(self) -> tuple[str, ...]:
        """The features that are asked for, each once."""
        return tuple(dict.fromkeys([*(each.feature for each in self.filter), *self._ranking]))

    @property
    def _ranking(self) -> tuple[str, ...]:
        """The features that rank, the first first."""
        rest = RATINGS if self.rank_by in RATINGS else ()
        return tuple(dict.fromkeys((self.rank_by, *(rest if self.then_by is None else self.then_by))))

    def kept(self, panel: Panel, column: Column, decide: Bool) -> Bool:
        """Who may be held at each bar, of shape (T, N), from what is known there.

        Parameters
        ----------
        panel : Panel
            Whose members with a bar are candidates.
        column : callable
            The feature of a name.
        decide : ndarray of shape (T,), bool
            The bars of the schedule: what they keep is held until the next of them.

        Raises
        ------
        ConfigError
            A sector cap where the data names no sectors, or a feature that is not known.
        """
        if self.max_per_sector is not None and panel.sectors is None:
            raise ConfigError(
                "max_per_sector needs data with sectors, and this data names none; name a file of them in "
                "data.sectors, or leave the cap out",
                (*PLACE, "max_per_sector"),
            )
        eligible, named = panel.member & np.isfinite(panel.close), self._placed(column)
        absent = panel.member & ~eligible
        for position, condition in enumerate(self.filter):
            eligible &= condition.holds(named(condition.feature, "filter", position))
        if self.top_n is None and self.max_per_sector is None:
            return eligible
        ranks = [named(feature, "rank_by" if k == 0 else "then_by") for k, feature in enumerate(self._ranking)]
        keys = np.stack(ranks if self.order == "descending" else [-each for each in ranks])
        eligible &= ~np.isnan(keys[0])
        out = np.empty(eligible.shape, dtype=bool)
        times = panel.timestamps.astype(np.int64)
        kept_rows(eligible, keys, absent, decide, times, _numbers(panel.symbols), self._keeping(panel), out)
        return out

    def _keeping(self, panel: Panel) -> Keeping:
        names = panel.sectors or ("",) * panel.n_assets
        codes = {name: code for code, name in enumerate(sorted(set(names)))}
        sector: Int = np.array([codes[name] for name in names], dtype=np.int64)
        return Keeping(self.top_n or 0, self.keep_until_rank or 0, self.max_per_sector or 0, sector)

    @staticmethod
    def _placed(column: Column) -> Callable[..., Float32]:
        """The features, with the place of what asked for one in the errors about it."""

        def named(feature: str, *place: str | int) -> Float32:
            try:
                return column(feature)
            except RegimefolioError as error:
                error.place = (*PLACE, *place)
                raise

        return named


def _numbers(names: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """A number for each name that nothing but the name decides."""
    digests = b"".join(hashlib.sha256(name.encode()).digest()[:8] for name in names)
    return read_only(np.frombuffer(digests, dtype="<u8").astype(np.uint64))
