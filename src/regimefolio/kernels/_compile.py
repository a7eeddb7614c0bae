"""How every kernel is compiled: cached on disk, free of the interpreter lock, IEEE arithmetic in source order."""

from __future__ import annotations

from typing import Callable, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile a function to machine code at its first call; no fast-math, so that equal work gives equal bits."""
    return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy")(function))
