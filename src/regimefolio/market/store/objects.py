"""Arrays and lists as files named by the hash of what they hold: written once, checked whenever they are read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regimefolio.core.component import fingerprint
from regimefolio.core.errors import CorruptError
from regimefolio.core.files import read_json, read_npy, write_json, write_npy
from regimefolio.core.types import Json


def content_hash(array: NDArray[Any]) -> str:
    """SHA-256 of an array's type, shape and numbers in C order.

    The file's bytes are not hashed: a header may look different under another version of a library, the numbers may
    not. So the same prices have the same name wherever and whenever they are imported.
    """
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape}\n".encode())
    digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()


class Objects:
    """The files of one folder, each named by what it holds.

    Parameters
    ----------
    folder : Path
        Need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put_array(self, array: NDArray[Any]) -> str:
        """Store an array, if it is not there whole already, and return its name."""
        name = content_hash(array)
        try:
            self.array(name)
        except CorruptError:
            write_npy(self.folder / f"{name}.npy", array)
        return name

    def array(self, name: str) -> NDArray[Any]:
        """The array of this name.

        Raises
        ------
        CorruptError
            The file is missing, torn, or holds something else.
        """
        path = self.folder / f"{name}.npy"
        if not path.is_file():
            raise _missing(path)
        array = read_npy(path)
        if content_hash(array) != name:
            raise _rotten(path)
        return array

    def put_json(self, value: Json) -> str:
        """Store a JSON value, if it is not there whole already, and return its name."""
        name = fingerprint(value)
        try:
            self.json(name)
        except CorruptError:
            write_json(self.folder / f"{name}.json", value)
        return name

    def json(self, name: str) -> Json:
        """The JSON value of this name.

        Raises
        ------
        CorruptError
            As `array`.
        """
        path = self.folder / f"{name}.json"
        if not path.is_file():
            raise _missing(path)
        value: Json = read_json(path)
        if fingerprint(value) != name:
            raise _rotten(path)
        return value


_REMEDY = "restore the store from a copy, or import the prices into a store of another name"


def _missing(path: Path) -> CorruptError:
    return CorruptError(f"{path}: is missing; {_REMEDY}")


def _rotten(path: Path) -> CorruptError:
    return CorruptError(f"{path}: does not hold what its name says: the disk or a person changed it; {_REMEDY}")
