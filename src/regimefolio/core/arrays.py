"""What the types are made of: arrays of a stated shape and kind, read-only, and values as JSON knows them."""

from __future__ import annotations

from typing import Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from regimefolio.core.errors import DataError

Float: TypeAlias = NDArray[np.float64]
Float32: TypeAlias = NDArray[np.float32]
Int: TypeAlias = NDArray[np.int64]
Bool: TypeAlias = NDArray[np.bool_]
Times: TypeAlias = NDArray[np.datetime64]
Json: TypeAlias = JsonValue

A = TypeVar("A", bound=np.generic)


def read_only(array: NDArray[A]) -> NDArray[A]:
    """A C-ordered view that cannot be written: kernels are compiled for this one kind of array."""
    flags = array.flags
    if flags.c_contiguous and not flags.writeable:
        return array
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


_TYPES = {name: np.dtype(name) for name in ("float64", "float32", "int64", "bool", "datetime64[ns]")}


def set_array(instance: object, name: str, shape: tuple[int, ...], dtype: str) -> None:
    """Check the shape and the type of a field that is an array, if it is one, and keep it as `read_only` has it."""
    array = getattr(instance, name)
    if array is None:
        return
    if array.shape != shape:
        raise DataError(f"{type(instance).__name__}.{name} must have shape {shape}, but has {array.shape}")
    if array.dtype != _TYPES[dtype]:
        raise DataError(f"{type(instance).__name__}.{name} must be {dtype}, but is {array.dtype}")
    object.__setattr__(instance, name, read_only(array))


def time_seed(time: np.datetime64) -> int:
    """A time as part of a seed: its nanoseconds, which before 1970 are below 0 and no seed, modulo 2⁶⁴."""
    return int(time.astype("datetime64[ns]").astype(np.int64)) % 2**64


def time_texts(times: Times) -> list[str]:
    """Times as text: dates, where all of them are whole days, or else as finely as any of them needs."""
    units: tuple[Literal["D", "s", "ns"], ...] = ("D", "s", "ns")
    unit = next(each for each in units if (times == times.astype(f"datetime64[{each}]")).all())
    return np.datetime_as_string(times, unit=unit).tolist()


def time_text(time: np.datetime64) -> str:
    """A time as text: a date, where it is a whole day."""
    return time_texts(np.array([time]))[0]
