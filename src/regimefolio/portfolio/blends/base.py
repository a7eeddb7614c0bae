"""What blends are: from what several allocators would hold to what is held."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

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


class Blend(Component, family="blend"):
    """How the weights of several allocators become one: the `orchestration_type` of an allocation.

    Its answer depends on its parameters, the proposals and the view alone.
    """

    @property
    def warmup(self) -> int:
        """Bars that pass before it can say what it means."""
        return 0

    @property
    def page_view_files(self) -> tuple[str, ...]:
        """Files of page views that it looks at; `load_market` gives the market what they tell."""
        return ()

    def narrowed(self, view: View) -> View:
        """The view that the allocators are shown: some blends choose assets before they ask."""
        return view

    @abstractmethod
    def blend(self, proposals: Proposals, view: View) -> Blended:
        """The weights of a bar; `view.past` has what was proposed and blended before."""
