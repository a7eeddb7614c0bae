"""What every sampler is: a rule by which the next points follow from those that were tried."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np

from regimefolio.core.component import Component
from regimefolio.core.errors import ConfigError

Told: TypeAlias = tuple[Any, float]
"""A point that was tried, and its score; a higher one is better, NaN is none."""

P = TypeVar("P")
P_co = TypeVar("P_co", covariant=True)


class Space(Protocol[P_co]):
    """What is searched; its points are JSON values, such as parameters by name, or a list of weights."""

    @property
    def size(self) -> int | None:
        """How many points there are, without making them; None where they cannot be counted."""

    def grid(self) -> Sequence[P_co]:
        """Every point, in order.

        Raises
        ------
        ConfigError
            There are too many, or they cannot be counted.
        """

    def draw(self, rng: np.random.Generator) -> P_co:
        """One point, all being equally likely."""


class Sampler(Component, family="sampler"):
    """Says which points of a space are tried.

    It holds no state: what it was told is an argument, so a search that was stopped goes on from its files.
    """

    @abstractmethod
    def ask(self, space: Space[P], told: Sequence[Told] = (), seed: int = 0, stream: str = "") -> list[P]:
        """The next points to be tried, all different; none when the search is over.

        Parameters
        ----------
        space : Space
        told : sequence of (point, score)
            What was tried so far, in order.
        seed : int
            Of the whole work; a sampler may have one of its own.
        stream : str
            What is searched: two searches of one work draw different numbers.

        Raises
        ------
        ConfigError
            The space is not one that this sampler can search.
        """


def single_batch(sampler: Sampler, space: Space[P], seed: int, stream: str) -> list[P]:
    """All points of a search that needs no scores.

    Raises
    ------
    ConfigError
        The sampler wants to be told scores before it asks for more, which a workflow does not do yet; or as `ask`.
    """
    points = sampler.ask(space, seed=seed, stream=stream)
    if sampler.ask(space, [(point, math.nan) for point in points], seed, stream):
        raise ConfigError(
            f"{sampler.kind} asks batch by batch, and a workflow runs a single batch; let it ask for all at once"
        )
    return points
