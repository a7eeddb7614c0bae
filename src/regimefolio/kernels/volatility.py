"""Scaling a row of weights to the volatility that it would have had of late."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import lean, summing
from regimefolio.kernels.constraints import Limits

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]


LEAST = 1e-14
"""A deviation that is no more than rounding."""

CANCELLED = 1e-12
"""A net below this part of the gross is rounding."""


class Scaling(NamedTuple):
    """What weights are scaled to.

    Attributes
    ----------
    target : float
        Deviation of one-bar returns; 0 = weights stay as they are.
    lookback : int
        How many returns it is measured on, up to the decision.
    returns : ndarray of shape (T, N), or (0, 0) without a target
        One-bar returns, 0 where one is missing.
    """

    target: float
    lookback: int
    returns: Float


_NONE = np.zeros((0, 0))
_NONE.flags.writeable = False

NO_SCALING = Scaling(0.0, 0, _NONE)


@summing
def _earned(weights: Float, returns: Float) -> float:
    """The return of weights (N,) at one bar; NaN weights are none."""
    total = 0.0
    for n in range(weights.size):
        total += weights[n] * returns[n] if weights[n] == weights[n] else 0.0
    return total


@lean
def deviation_of(t: int, weights: Float, scaling: Scaling) -> float:
    """Sample deviation of what weights (N,) would have earned at the last bars up to `t`; 0 of fewer than two.

    Source: Welford (1962), Note on a Method for Calculating Corrected Sums of Squares and Products.
    """
    count, mean, squares = 0, 0.0, 0.0
    for i in range(max(t + 1 - scaling.lookback, 1), t + 1):
        x = _earned(weights, scaling.returns[i])
        count += 1
        change = x - mean
        mean += change / count
        squares += change * (x - mean)
    return math.sqrt(squares / (count - 1)) if count > 1 else 0.0


@lean
def _room(weights: Float, sector: Int, limits: Limits) -> float:
    """The largest factor by which weights (N,) can be multiplied within their limits."""
    gross, net, largest = 0.0, 0.0, 0.0
    for n in range(weights.size):
        if weights[n] == weights[n]:
            gross += abs(weights[n])
            net += weights[n]
            largest = max(largest, abs(weights[n]))
    room = limits.max_gross / gross if gross > 0.0 else np.inf
    if largest > 0.0:
        room = min(room, limits.max_position / largest)
    if net > CANCELLED * gross:
        room = min(room, limits.max_net / net)
    elif net < -CANCELLED * gross:
        room = min(room, limits.min_net / net)
    if limits.max_sector < np.inf:
        for n in range(weights.size):
            inside = 0.0
            for m in range(weights.size):
                if sector[m] == sector[n] and weights[m] == weights[m]:
                    inside += abs(weights[m])
            if inside > 0.0:
                room = min(room, limits.max_sector / inside)
    return room


@lean
def scale_row(t: int, sector: Int, limits: Limits, scaling: Scaling, weights: Float) -> None:
    """Scale the weights (N,) that bar `t` decides, NaN where there is no order; above 1 as far as every limit holds."""
    deviation = deviation_of(t, weights, scaling)
    if deviation > LEAST:
        factor = scaling.target / deviation
        if factor > 1.0:
            factor = max(min(factor, _room(weights, sector, limits)), 1.0)
        for n in range(weights.size):
            weights[n] *= factor
