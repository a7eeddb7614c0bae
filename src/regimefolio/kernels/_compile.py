"""How every kernel is compiled: cached on disk, free of the interpreter lock, IEEE arithmetic in source order."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Callable, TypeVar, cast

import numba
from numba.core import config

F = TypeVar("F", bound=Callable[..., object])


def _cache_folder() -> str:
    """A folder named after the source of all kernels: numba does not see a change in one that another file calls."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return str(Path(__file__).parent / "__pycache__" / digest.hexdigest()[:16])


_CACHE = _cache_folder()


def kernel(function: F) -> F:
    """Compile a function to machine code at its first call; no fast-math, so that equal work gives equal bits."""
    settings = vars(config)
    asked = settings["CACHE_DIR"]  # what NUMBA_CACHE_DIR says, if anything
    settings["CACHE_DIR"] = asked or _CACHE
    try:
        return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy")(function))
    finally:
        settings["CACHE_DIR"] = asked
