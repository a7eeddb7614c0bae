"""Seconds, measured so that a shared machine disturbs them least."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping


def least_seconds(works: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """The least time of each work, the works taking turns, after one run of each that warms up."""
    for work in works.values():
        work()
    least = dict.fromkeys(works, float("inf"))
    for _ in range(repeats):
        for name, work in works.items():
            gc.collect()
            begun = time.perf_counter()
            work()
            least[name] = min(least[name], time.perf_counter() - begun)
    return least
