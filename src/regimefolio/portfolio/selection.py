"""Who may be held: the assets that pass filters, ranked by what was known of them, the best of them kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from regimefolio.core.component import Model, did_you_mean, fingerprint, placed_error, registered
from regimefolio.core.errors import ConfigError, RegimefolioError
from regimefolio.core.files import path_of
from regimefolio.core.types import Bool, Features, Float32, Int, Panel, read_only
from regimefolio.features import Feature, RatingMeans, features_of, parts_giving, read_matrix
from regimefolio.features.parts import MEANS, VOTES
from regimefolio.kernels.ranking import Keeping, kept_rows
from regimefolio.market import Market

PLACE = ("portfolio", "selection")

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
        if abs(float(found["bound"])) > np.finfo(np.float32).max:
            text = f"{value!r}: no feature, a float32, goes beyond 3.4e38; use a smaller number"
            raise PydanticCustomError("part", "{text}", {"text": text})
        return cls(_named(found["feature"]), found["sign"], float(found["bound"]))

    def __str__(self) -> str:
        return f"{self.feature} {self.sign} {self.bound:g}"

    def holds(self, values: Float32) -> Bool:
        """Where it is so."""
        return _COMPARE[self.sign](values, np.float32(self.bound))


Filter: TypeAlias = Annotated[Condition, PlainValidator(Condition.read), PlainSerializer(str)]
"""A field that takes the text of a condition."""

Name: TypeAlias = Annotated[str, AfterValidator(lambda text: _named(text))]
"""A field that takes a feature's name."""


class Selection(Model):
    """Narrows what an allocator may hold, at each decision: filter, rank, keep the best.

    Equals in rank are told apart by the other ratings in their order (`then_by`), then who is held stands first, and
    at last a lot decides that is drawn from the name of the asset and the time of the bar: neither the alphabet nor the
    order of the columns has a say. Held is what the last scheduled rebalance kept; it leaves when it fails a filter,
    and what has no bar is left as it is.
    """

    ratings: RatingMeans = Field(RatingMeans(), description="the rule set of the ratings")
    features: Path | None = Field(
        None, description="folder of a features matrix in which they are looked up; computed in memory, if not said"
    )
    filter: tuple[Filter, ...] = Field((), description="conditions that all must hold, as `Recommend.All > 0.1`")
    rank_by: Name = Field("Recommend.All", description="feature by which those that pass are ranked")
    then_by: tuple[Name, ...] | None = Field(
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
            text = f"keep_until_rank {self.keep_until_rank} is less than top_n {self.top_n}, which are kept in any case"
            raise placed_error(("keep_until_rank",), f"{text}; raise it to {self.top_n} or more, or leave it out")
        if self.keep_until_rank is not None and self.top_n is None:
            text = "keep_until_rank holds on to some of the best, but without top_n all are kept; name top_n too"
            raise placed_error(("keep_until_rank",), text)
        return self

    def in_memory(self) -> Selection:
        """The same, whose features are computed from the prices at hand, wherever else they are kept."""
        return self.model_copy(update={"features": None})

    @model_validator(mode="after")
    def _features_are_known(self) -> Self:
        known = (*MEANS, *VOTES, *registered(Feature.family))
        for place, name in self._asked:
            if name not in known and name.partition("(")[0] not in known:
                raise placed_error(place, f"unknown feature {name!r}; {did_you_mean(name, known)}")
        return self

    @property
    def ranking(self) -> tuple[str, ...]:
        """The features that rank, the first first."""
        rest = MEANS if self.rank_by in MEANS else ()
        return tuple(dict.fromkeys((self.rank_by, *(rest if self.then_by is None else self.then_by))))

    @property
    def ranks(self) -> bool:
        """Whether not all that pass the filters are kept."""
        return self.top_n is not None or self.max_per_sector is not None

    @property
    def needs(self) -> tuple[str, ...]:
        """The features that are asked for, each once."""
        ranking = self.ranking if self.ranks else ()
        return tuple(dict.fromkeys([*(each.feature for each in self.filter), *ranking]))

    @property
    def _asked(self) -> list[tuple[tuple[str | int, ...], str]]:
        """Every feature that is named, with its place."""
        then = [(("then_by", k), name) for k, name in enumerate(self.then_by or ())]
        return [
            *((("filter", k), each.feature) for k, each in enumerate(self.filter)),
            (("rank_by",), self.rank_by),
            *then,
        ]

    def known_on(self, market: Market) -> Features:
        """What it needs to know of a market's assets, as it was known at each bar: found once, and shared.

        Raises
        ------
        DataError
            The data has not what a feature is made of.
        StaleError, CorruptError, WorkspaceError
            The matrix belongs to other prices or other code, lacks a feature, is damaged, or is not there.
        """
        panel, needs = market.panel, self.needs
        if not needs:
            return Features(panel.timestamps, panel.symbols, (), np.empty((*panel.close.shape, 0), np.float32))

        def find() -> Float32:
            parts = parts_giving(needs, self.ratings.rule_set)
            found = self._computed(panel, parts) if self.features is None else self._looked_up(panel, parts)
            return np.stack([found.column(name) for name in needs], axis=2)

        key = ("features", needs, self.ratings.rule_set, self.features)
        return Features(panel.timestamps, panel.symbols, needs, market.memo(key, find))

    def _computed(self, panel: Panel, parts: Sequence[Feature]) -> Features:
        try:
            return features_of(panel, parts)
        except RegimefolioError as error:
            named = (place for place, name in self._asked if name in str(error))
            error.place = (*PLACE, *next(named, ()))
            raise

    def _looked_up(self, panel: Panel, parts: Sequence[Feature]) -> Features:
        assert self.features is not None
        try:
            return read_matrix(path_of(self.features)).known(panel, parts)
        except RegimefolioError as error:
            error.place = (*PLACE, "features")
            raise

    def about(self, panel: Panel) -> str:
        """Where what it needs to know comes from, in a sentence or two."""
        size = f"{', '.join(self.needs)} of {panel.n_assets:,} symbols at {panel.n_bars:,} bars"
        if not self.needs:
            return "No features are needed."
        rules = f" Ratings follow the rule set {self.ratings.rule_set}." if self.follows_rules else ""
        if self.features is not None:
            return f"Looked up in {self.features}: {size}.{rules}"
        return f"Computed in memory: {size}.{rules} `regimefolio features build` keeps them."

    @property
    def follows_rules(self) -> bool:
        """Whether a technical rating is among what it needs to know."""
        return not {*MEANS, *VOTES}.isdisjoint(self.needs)

    def kept_on(self, market: Market, decide: Bool) -> Bool:
        """As `kept`, of a market: computed once, and shared."""
        key = ("selection", fingerprint(self.plain()), decide.tobytes())
        return market.memo(key, lambda: self.kept(market.panel, self.known_on(market), decide))

    def kept(self, panel: Panel, features: Features, decide: Bool) -> Bool:
        """Who may be held at each bar, of shape (T, N), from what is known there.

        Parameters
        ----------
        panel : Panel
            Whose members with a bar are candidates.
        features : Features
            Of this panel, with the columns that it `needs`.
        decide : ndarray of shape (T,), bool
            The bars of the schedule: what they keep is held until the next of them.

        Raises
        ------
        ConfigError
            A sector cap where the data names no sectors.
        """
        if self.max_per_sector is not None and panel.sectors is None:
            raise ConfigError(
                "max_per_sector needs data with sectors, and this data names none; name a file of them in "
                "data.sectors, or leave the cap out",
                (*PLACE, "max_per_sector"),
            )
        eligible = panel.member & np.isfinite(panel.close)
        absent = panel.member & ~eligible
        for condition in self.filter:
            eligible &= condition.holds(features.column(condition.feature))
        if not self.ranks:
            return eligible
        keys = np.stack([features.column(name) for name in self.ranking])
        if self.order == "ascending":
            np.negative(keys, out=keys)
        eligible &= ~np.isnan(keys[0])
        out = np.empty(eligible.shape, dtype=bool)
        times, names = panel.timestamps.astype(np.int64), _numbers(panel.symbols)
        kept_rows(eligible, keys, absent, decide, times, names, self._keeping(panel), out)
        return out

    def _keeping(self, panel: Panel) -> Keeping:
        names = panel.sectors or ("",) * panel.n_assets
        codes = {name: code for code, name in enumerate(sorted(set(names)))}
        sector: Int = np.array([codes[name] for name in names], dtype=np.int64)
        return Keeping(self.top_n or 0, self.keep_until_rank or 0, self.max_per_sector or 0, sector)


def _named(text: str) -> str:
    """A feature as its column is called: one that is written as a call with all its parameters.

    Raises
    ------
    PydanticCustomError
        A parameter is wrong.
    """
    if text.partition("(")[0].strip() not in registered(Feature.family):
        return text
    try:
        return Feature.of(text).name
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except ConfigError as error:
        reason = str(error)
    raise PydanticCustomError("part", "{text}", {"text": f"{text}: {reason}"})


def _numbers(names: tuple[str, ...]) -> NDArray[np.uint64]:
    """A number for each name that nothing but the name decides."""
    digests = b"".join(hashlib.sha256(name.encode()).digest()[:8] for name in names)
    return read_only(np.frombuffer(digests, dtype="<u8").astype(np.uint64))
