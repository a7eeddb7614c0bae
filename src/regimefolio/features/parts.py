"""The features that come with the product: technical ratings, and what a portfolio filters by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import numpy as np
from pydantic import BeforeValidator, Field

from regimefolio.core.component import did_you_mean
from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Panel
from regimefolio.features.base import Columns, Feature
from regimefolio.features.ratings import INDICATORS, RuleSet, technical_ratings
from regimefolio.kernels.medians import rolling_median
from regimefolio.kernels.votes import NO_VOTE

MEANS = ("Recommend.All", "Recommend.MA", "Recommend.Other")
"""The columns of `technical_rating`."""

VOTES = tuple(f"Vote.{name}" for name in INDICATORS)
"""The columns of `technical_votes`."""

AnyRuleSet = Annotated[RuleSet, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]
"""A field that takes a rule set, with quotes or without."""


class RatingMeans(Feature, kind="technical_rating"):
    """The technical rating: the means of the votes of 15 averages, of 11 oscillators, and of both."""

    rule_set: AnyRuleSet = Field("2024", description="which of two dated sets of rules the votes follow")

    def columns(self, panel: Panel) -> Columns:
        ratings = technical_ratings(panel, self.rule_set)
        return dict(zip(MEANS, (ratings.recommend_all, ratings.recommend_ma, ratings.recommend_other), strict=True))


class RatingVotes(Feature, kind="technical_votes"):
    """Each of the 26 votes of the technical rating: 1 buy, 0 neutral, -1 sell."""

    rule_set: AnyRuleSet = Field("2024", description="which of two dated sets of rules the votes follow")

    def columns(self, panel: Panel) -> Columns:
        votes = np.moveaxis(technical_ratings(panel, self.rule_set).votes, 2, 0)
        values = votes.astype(np.float32, order="C")
        values[votes == NO_VOTE] = np.nan
        return dict(zip(VOTES, values, strict=True))


class History(Feature, kind="history"):
    """How many bars of its own an asset has had, this one included."""

    def columns(self, panel: Panel) -> Columns:
        own = np.isfinite(panel.close)
        return {self.name: np.where(own, np.cumsum(own, axis=0), np.nan)}


class MedianValue(Feature, kind="median_value"):
    """The median money that was traded at a bar: raw close times raw volume, over an asset's last own bars."""

    window: int = Field(63, ge=1, description="own bars of the median, this one included")

    def columns(self, panel: Panel) -> Columns:
        traded = panel.traded_value
        if traded is None:
            raise DataError(f"{self.name} needs volumes, and these prices have none; leave it out")
        out = np.empty(traded.shape)
        rolling_median(traded, self.window, out)
        return {self.name: out}


def parts_giving(names: Iterable[str], rule_set: RuleSet = "2024") -> tuple[Feature, ...]:
    """The features that give columns of these names, each once, in the order in which they are first needed.

    `Recommend.All` and its like come from the technical rating, `Vote.rsi` and its like from its votes, and any other
    column from the feature that it is called after, such as `median_value(63)`.

    Raises
    ------
    ConfigError
        No feature has such a name.
    """
    found: dict[str, Feature] = {}
    for name in names:
        if name in MEANS:
            part: Feature = RatingMeans(rule_set=rule_set)
        elif name in VOTES:
            part = RatingVotes(rule_set=rule_set)
        elif name.startswith(("Recommend.", "Vote.")):
            raise ConfigError(f"unknown feature {name!r}; {did_you_mean(name, (*MEANS, *VOTES))}")
        else:
            part = Feature.of(name)
        found.setdefault(part.name, part)
    return tuple(found.values())
