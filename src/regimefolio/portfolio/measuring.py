"""What a call took: seconds of the clock, and memory."""

from __future__ import annotations

import resource
import sys
import tracemalloc
from collections.abc import Callable, Collection
from time import perf_counter
from typing import Generic, Literal, NamedTuple, TypeVar

R = TypeVar("R")
Measure = Literal["time", "memory"]

MEGABYTE = 2.0**20
_UNIT = 1.0 if sys.platform == "darwin" else 1024.0


class Measured(NamedTuple, Generic[R]):
    """A result, and what it took; NaN is not measured."""

    result: R
    seconds: float
    peak_mb: float
    resident_mb: float


def measured(call: Callable[[], R], what: Collection[Measure]) -> Measured[R]:
    """Call, and measure seconds, or Python's largest memory and how far the process grew beyond what it ever held.

    tracemalloc sees what Python and numpy allocate, not what solvers do in C, which the process' growth shows beside
    it. It makes calls of many small objects several times slower; the seconds beside it include that.
    """
    seconds = peak = grown = float("nan")
    if "memory" in what:
        owned = not tracemalloc.is_tracing()
        if owned:
            tracemalloc.start()
        tracemalloc.reset_peak()
        before, resident = tracemalloc.get_traced_memory()[0], _resident()
    begun = perf_counter()
    try:
        result = call()
    finally:
        if "time" in what:
            seconds = perf_counter() - begun
        if "memory" in what:
            peak = (tracemalloc.get_traced_memory()[1] - before) / MEGABYTE
            grown = (_resident() - resident) / MEGABYTE
            if owned:
                tracemalloc.stop()
    return Measured(result, seconds, peak, grown)


def _resident() -> float:
    """The most bytes that the process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
