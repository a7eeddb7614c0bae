"""What was decided at one bar, and how it came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from regimefolio.core.arrays import Float, set_array

OK, FAILED = "ok", "failed"
"""Whether an allocator gave weights that can be used."""


WORDS = ("status", "message", "traceback")
NUMBERS = ("blend", "seconds", "peak_mb", "resident_mb", "expected_return", "volatility", "concentration")
"""What is one text, and one number, an allocator."""


def _none() -> Float:
    return np.empty(0)


@dataclass(frozen=True, eq=False)
class Allocation:
    """The weights that an allocator gave at one bar; of one that asks others, what each of these would have held.

    M is the number of allocators that were asked, 0 where an allocator asks none.

    Parameters
    ----------
    timestamp : datetime64
        The bar after which it was decided.
    symbols : tuple of N str
    weights : ndarray of shape (N,)
        Shares of what may be invested, before constraints.
    allocators : tuple of M str
        Their names.
    df_allocation : ndarray of shape (M, N)
        What each of them gave; NaN where it failed and nothing took its place.
    blend : ndarray of shape (M,)
        Its part in `weights`, 0 where it has none; NaN where the weights are no sum of parts, as of a median.
    status : tuple of M str
        `ok` or `failed`; `message` says what went wrong, and what took its place, `traceback` where; both are "" if
        nothing did.
    seconds, peak_mb, resident_mb : ndarray of shape (M,)
        Seconds of the clock, largest megabytes of Python's memory, growth of the resident process; NaN: not measured.
    expected_return, volatility, concentration : ndarray of shape (M,)
        Of each one's weights: mean and deviation of a bar's return as the orchestrator's moments have them, and the sum
        of squares of the weights over their gross, 1/N … 1; NaN where there are no weights, or no such moments.
    """

    timestamp: np.datetime64
    symbols: tuple[str, ...]
    weights: Float
    allocators: tuple[str, ...] = ()
    df_allocation: Float = field(default_factory=lambda: np.empty((0, 0)))
    blend: Float = field(default_factory=_none)
    status: tuple[str, ...] = ()
    message: tuple[str, ...] = ()
    traceback: tuple[str, ...] = ()
    seconds: Float = field(default_factory=_none)
    peak_mb: Float = field(default_factory=_none)
    resident_mb: Float = field(default_factory=_none)
    expected_return: Float = field(default_factory=_none)
    volatility: Float = field(default_factory=_none)
    concentration: Float = field(default_factory=_none)

    def __post_init__(self) -> None:
        n, m = len(self.symbols), len(self.allocators)
        set_array(self, "weights", (n,), "float64")
        set_array(self, "df_allocation", (m, n if m else 0), "float64")
        for name in NUMBERS:
            set_array(self, name, (m,), "float64")

    @cached_property
    def alone(self) -> Mapping[str, Allocation]:
        """What each of the allocators gave, as if it were the only one; made once, for it is asked for at every bar."""
        rows = zip(self.allocators, self.df_allocation, strict=True)
        return {name: Allocation(self.timestamp, self.symbols, row) for name, row in rows}

    def without(self, name: str, weights: Float) -> Allocation:
        """What would have been decided if one allocator had not been asked; `weights` (N,) are the others' blend."""
        left = np.array([each != name for each in self.allocators])
        rows: dict[str, Any] = {
            key: tuple(value for value, kept in zip(getattr(self, key), left, strict=True) if kept)
            for key in ("allocators", *WORDS)
        }
        for key in ("df_allocation", *NUMBERS):
            rows[key] = getattr(self, key)[left]
        return replace(self, weights=weights, **rows)
