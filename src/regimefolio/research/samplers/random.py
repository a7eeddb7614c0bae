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

IN_VAIN = 1_000
"""Where points cannot be counted, so many draws in a row that are known already end a search: there are no others."""


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
        in_vain = 0
        while len(found) < self.trials and (in_vain < IN_VAIN or space.size is not None):
            known, point = len(found), space.draw(rng)
            found.setdefault(json.dumps(point, sort_keys=True), point)
            in_vain = 0 if len(found) > known else in_vain + 1
        return list(found.values())
