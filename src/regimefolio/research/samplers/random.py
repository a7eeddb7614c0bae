"""Points drawn at random, none twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from pydantic import Field

from regimefolio.research.samplers.base import Sampler, Space, Told

P = TypeVar("P")

LISTED = 100_000
"""Up to so many points a space is shuffled as a whole; of a larger one, points are drawn until enough are different."""


class Random(Sampler, kind="random"):
    """Tries points drawn uniformly, each at most once; all of them where there are no more than `trials`.

    The first n points are the same whatever `trials` is. Source: Bergstra and Bengio (2012), Random Search for
    Hyper-Parameter Optimization.
    """

    trials: int = Field(100, ge=1, le=LISTED, description="points to try, of each strategy or each classifier")
    seed: int | None = Field(None, ge=0, description="of the draws; the workflow's own, if not said")

    def ask(self, space: Space[P], told: Sequence[Told] = (), seed: int = 0, stream: str = "") -> list[P]:
        if told:
            return []
        rng = np.random.default_rng([seed if self.seed is None else self.seed, *stream.encode()])
        if space.size is not None and space.size <= LISTED:
            points = space.grid()
            return [points[n] for n in rng.permutation(len(points))[: self.trials]]
        found: dict[str, P] = {}
        while len(found) < self.trials:
            point = space.draw(rng)
            found.setdefault(json.dumps(point, sort_keys=True), point)
        return list(found.values())
