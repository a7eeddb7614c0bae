"""Weights that evolution finds."""

from __future__ import annotations

from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.searched import SearchOptimizer
from regimefolio.portfolio.sample import Sample
from regimefolio.portfolio.search import evolved


class CmaEs(SearchOptimizer, kind="cma_es"):
    """The best long-only weights of sum 1 that CMA-ES, an evolution, meets for any objective of the last returns.

    `SearchOptimizer` says what the objectives are.
    Source: Hansen and Ostermeier (2001), Completely Derandomized Self-Adaptation in Evolution Strategies; w = x² / Σx²
    of the points x, see `regimefolio.portfolio.search`.
    """

    def fitted(self, sample: Sample) -> Float:
        return evolved(self.score(sample.returns), sample.assets.size, self.generations, self.seed)
