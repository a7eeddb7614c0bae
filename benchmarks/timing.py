"""Seconds, measured so that a shared machine disturbs them least."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Spent(NamedTuple):
    """The least seconds of some runs: on the clock, and of processors, which others on the machine do not take away."""

    clock: float
    processor: float


def least_seconds(works: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, Spent]:
    """What each work takes, the works taking turns, after one run of each that warms up."""
    for work in works.values():
        work()
    least = dict.fromkeys(works, Spent(float("inf"), float("inf")))
    for _ in range(repeats):
        for name, work in works.items():
            gc.collect()
            clock, processor = time.perf_counter(), time.process_time()
            work()
            spent = Spent(time.perf_counter() - clock, time.process_time() - processor)
            least[name] = Spent(*map(min, least[name], spent))
    return least
