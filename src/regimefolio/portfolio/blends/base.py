"""What blends are: from what several allocators would hold to what is held."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple, Self

import numpy as np

from regimefolio.core.component import Component
from regimefolio.core.types import Float
from regimefolio.market.view import View
from regimefolio.portfolio.allocators.base import Allocator


class Proposals(NamedTuple):
    """What the allocators give at one bar that can be used, or what took its place.

    Parameters
    ----------
    names : tuple of m str
    allocators : tuple of m Allocator
    weights : ndarray of shape (m, N)
        Finite, at least one row.
    """

    names: tuple[str, ...]
    allocators: tuple[Allocator, ...]
    weights: Float


class Blended(NamedTuple):
    """Weights (N,), and the part (m,) that each proposal has in them; NaN where they are no sum of parts."""

    weights: Float
    parts: Float

    @classmethod
    def of(cls, parts: Float, proposals: Proposals) -> Self:
        """The sum of the proposals, each times its part."""
        return cls(parts @ proposals.weights, parts)

    @classmethod
    def equally(cls, proposals: Proposals) -> Self:
        """The mean of the proposals."""
        count = len(proposals.names)
        return cls(proposals.weights.mean(axis=0), np.full(count, 1.0 / count))


class Blend(Component, family="blend"):
    """How the weights of several allocators become one: the `orchestration_type` of an allocation.

    Its answer depends on its parameters, the proposals and the view alone. `regimefolio.testing.BlendContract` checks
    this.
    """

    @property
    def warmup(self) -> int:
        """Bars that pass before it can say what it means."""
        return 0

    @property
    def page_view_files(self) -> tuple[str, ...]:
        """Files of page views that it looks at; `load_market` gives the market what they tell."""
        return ()

    def warmup_with(self, allocators: int) -> int:
        """Bars that pass before it and allocators that need so many can say what they mean."""
        return max(self.warmup, allocators)

    def must_fit(self, names: tuple[str, ...]) -> None:
        """Refuse allocators of these names, if it cannot blend them.

        Raises
        ------
        ConfigError
            Says why, at which of its parameters, and what to do.
        """
        return None

    def narrowed(self, view: View) -> View:
        """The view that the allocators are shown: some blends choose assets before they ask."""
        return view

    @abstractmethod
    def blend(self, proposals: Proposals, view: View) -> Blended:
        """The weights of a bar; `view.past` has what was proposed and blended before."""
