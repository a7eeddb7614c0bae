"""Weights that evolution finds."""

from __future__ import annotations

from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.searched import SearchOptimizer
from regimefolio.portfolio.sample import Sample
from regimefolio.portfolio.search import evolved


class CmaEs(SearchOptimizer, kind="cma_es"):
    """The best long-only weights of sum 1 that CMA-ES meets for an objective; see `SearchOptimizer` for these.

    Source: Hansen and Ostermeier (2001), Completely Derandomized Self-Adaptation in Evolution Strategies; w = x² / Σx²
    of the points x, see `regimefolio.portfolio.search`.
    """

    def fitted(self, sample: Sample) -> Float:
        return evolved(self.score(sample.returns), sample.assets.size, self.generations, self.seed)
