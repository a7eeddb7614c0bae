"""Weights that a swarm finds."""

from __future__ import annotations

from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.market.view import Market
from regimefolio.portfolio.allocators.searched import SearchOptimizer
from regimefolio.portfolio.sample import Sample
from regimefolio.portfolio.search import must_have_pymoo, swarmed


class ParticleSwarm(SearchOptimizer, kind="particle_swarm"):
    """The best long-only weights of sum 1 that a swarm of particles meets for any objective of the last returns.

    `SearchOptimizer` says what the objectives are. It needs the extra `search`.
    Source: Kennedy and Eberhart (1995), Particle Swarm Optimization; w = x² / Σx² of the points x, see
    `regimefolio.portfolio.search`.
    """

    particles: int = Field(40, ge=2, le=10_000, description="points that move")

    def must_fit(self, market: Market) -> None:
        must_have_pymoo()

    def fitted(self, sample: Sample) -> Float:
        return swarmed(self.score(sample.returns), sample.assets.size, self.generations, self.particles, self.seed)
