"""Words and tools that every part of the twin uses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

Prices = Mapping[str, float]
"""Symbol to price; a symbol without a bar is absent."""

Weights = Mapping[str, float]
"""Symbol to fraction of equity; a symbol without an order is absent."""


def root(rising: Callable[[float], float], low: float, high: float) -> float:
    """Where a rising function crosses zero, to the last bit."""
    for _ in range(2000):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if rising(middle) <= 0.0:
            low = middle
        else:
            high = middle
    return low


def lowest(convex: Callable[[float], float], low: float, high: float) -> float:
    """Where a convex function is least, between two places."""
    for _ in range(300):
        third = (high - low) / 3.0
        if convex(low + third) < convex(high - third):
            high -= third
        else:
            low += third
    return 0.5 * (low + high)


def mean(x: Sequence[float]) -> float:
    return math.fsum(x) / len(x)


def deviation(x: Sequence[float]) -> float:
    """Sample standard deviation."""
    m = mean(x)
    return math.sqrt(math.fsum((v - m) ** 2 for v in x) / (len(x) - 1))


def linear_quantile(x: Sequence[float], share: float) -> float:
    ordered = sorted(x)
    place = share * (len(x) - 1)
    low = ordered[math.floor(place)]
    high = ordered[math.ceil(place)]
    return low + (place - math.floor(place)) * (high - low)
