"""Search for the best of all long-only weights of sum 1, whatever the score, with evolution or a swarm.

Both move points x of a space without limits or of a box, and look at the weights that they stand for. They
are seeded, and find the same weights for the same score.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Float

Score = Callable[[Float], Float]
"""What each of P weightings (P, n) is worth, (P,); more is better."""


def weights_of(points: Float) -> Float:
    """The weights (P, n) that P points (P, n) stand for: w = x² / Σx².

    Every weighting is reached, with weights of 0 inside the space and without kinks, and a score that is concave in the
    weights has no local best but the best. Points at 0 are equal weights.
    Source: Li, McKenzie and Yin (2021), From the simplex to the sphere: faster constrained optimization using the
    Hadamard parametrization, section 2.
    """
    squared = points * points
    total = squared.sum(axis=1, keepdims=True)
    return np.where(total > 0.0, squared / np.where(total > 0.0, total, 1.0), 1.0 / points.shape[1])


def evolved(score: Score, n: int, generations: int, seed: int) -> Float:
    """The best weights (n,) that CMA-ES meets, from equal weights on.

    Source: Hansen and Ostermeier (2001), Completely Derandomized Self-Adaptation in Evolution Strategies; the library
    is `cmaes`, Nomura and Shibata (2024).
    """
    from cmaes import CMA

    search = CMA(mean=np.full(n, n**-0.5), sigma=0.5 * n**-0.5, seed=seed)
    best, most = np.full(n, 1.0 / n), -np.inf
    with threadpool_limits(1):  # many small decompositions, which threads only slow down
        for _ in range(generations):
            points = np.array([search.ask() for _ in range(search.population_size)])
            weights = weights_of(points)
            found = score(weights)
            if found.max() > most:
                best, most = weights[found.argmax()], found.max()
            search.tell(list(zip(points, -found, strict=True)))
            if search.should_stop():
                break
    return best


def swarmed(score: Score, n: int, generations: int, particles: int, seed: int) -> Float:
    """The best weights (n,) that a swarm of particles meets in the box 0 … 1, equal weights among its first.

    Source: Kennedy and Eberhart (1995), Particle Swarm Optimization, with the inertia of Zhan et al. (2009), Adaptive
    Particle Swarm Optimization; the library is pymoo, Blank and Deb (2020).
    """
    must_have_pymoo()
    from pymoo.algorithms.soo.nonconvex.pso import PSO
    from pymoo.core.problem import Problem
    from pymoo.optimize import minimize

    class Weights(Problem):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(n_var=n, n_obj=1, xl=0.0, xu=1.0)

        def _evaluate(self, x: Float, out: dict[str, Any], *args: object, **settings: object) -> None:
            out["F"] = -score(weights_of(x))

    first = np.sqrt(np.random.default_rng(seed).dirichlet(np.ones(n), particles))
    first[0] = n**-0.5
    swarm = PSO(pop_size=particles, sampling=first)
    with threadpool_limits(1):  # many small products, which threads only slow down
        found: Float = minimize(Weights(), swarm, ("n_gen", generations), seed=seed).X
    return weights_of(found[np.newaxis])[0]


def must_have_pymoo() -> None:
    """Refuse a particle swarm where its library is not installed.

    Raises
    ------
    ConfigError
        With the line that installs it.
    """
    try:
        import pymoo  # noqa: F401
    except ImportError:
        raise ConfigError('a particle swarm needs pymoo: pip install "regimefolio[search]"') from None
