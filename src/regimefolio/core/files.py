"""The only room that writes files: a file is whole or it is not there.

Everything goes to a temporary file in the same folder, is flushed, renamed, and the folder is flushed.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import json
import os
import socket
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from regimefolio.core.errors import ConfigError, CorruptError, LockedError, WorkspaceError
from regimefolio.core.types import Json


def jsonable(value: Any) -> Json:
    """A value as JSON values: NaN becomes null, arrays lists, mappings dictionaries with text keys.

    Raises
    ------
    TypeError
        The value, or something in it, has no JSON form; an infinity has none either.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if value != value:
            return None
        if value in (float("inf"), float("-inf")):
            raise TypeError("an infinite number cannot be written; it should have been NaN with a reason")
        return value
    if isinstance(value, np.generic):
        return str(value) if isinstance(value, np.datetime64) else jsonable(value.item())
    if isinstance(value, np.ndarray):
        return [jsonable(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: jsonable(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [jsonable(item) for item in value]
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


def json_text(value: Any) -> str:
    """Indented JSON with a final newline; the order of keys is kept."""
    return json.dumps(jsonable(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


_REMEDIES = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room in your quota",
    errno.EFBIG: "raise the limit on the size of files",
    errno.EACCES: "choose a folder that you may write",
    errno.EPERM: "choose a folder that you may write",
    errno.EROFS: "choose a folder that you may write",
    errno.ENOTDIR: "a file stands where a folder is needed: choose another folder",
    errno.EEXIST: "a file stands where a folder is needed: choose another folder",
    errno.EISDIR: "a folder stands where the file belongs: take it away",
}


def path_of(path: str | Path) -> Path:
    """A path as a person writes it: `~` is their home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # nobody's home: then it is a name like any other
        return Path(path)


FILE = "file:"
"""What stands before a path where a configuration names a file among other sources."""


def file_named(source: str, folder: Path) -> Path:
    """The path in `file:PATH`; a relative one starts at `folder`."""
    return folder / path_of(source.removeprefix(FILE))


def must_be_free(path: Path, overwrite: bool) -> None:
    """Refuse a file that is there already, unless it may be written over.

    Raises
    ------
    ConfigError
        Says what to do.
    """
    if path.exists() and not overwrite:
        raise ConfigError(f"{path}: is there already; name another file, or say --force to write over it")


def refusal(path: Path, error: OSError, work: str = "cannot be written", note: str = "") -> WorkspaceError:
    """What the machine refused, why, and what to do about it."""
    remedy = _REMEDIES.get(error.errno or 0, "choose another folder")
    return WorkspaceError(f"{path}: {work} ({error.strerror or error}); {note}{remedy}")


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, data: bytes) -> None:
    """Put a whole file in place, or leave what was there.

    Raises
    ------
    WorkspaceError
        It cannot be written: a full disk, no permission, no folder.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise refusal(path, error, note="what was there is unchanged; ") from error
    try:
        _flush_folder(path.parent)
    except OSError as error:
        raise refusal(path, error, "cannot be flushed to the disk") from error


def write_text(path: Path, text: str) -> None:
    """Put a UTF-8 text file in place."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Put a JSON file in place; NaN is written as null."""
    write_text(path, json_text(value))


def write_npy(path: Path, array: NDArray[Any]) -> None:
    """Put an array in place as .npy."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_bytes(path, buffer.getvalue())


def append_line(path: Path, line: str) -> None:
    """Add one line to a log and flush it; a torn last line of a killed process is ended first.

    Raises
    ------
    WorkspaceError
        It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise refusal(path, error) from error


def last_line(path: Path) -> tuple[bytes, bool]:
    """The last line of a log without its line break, and whether it has one; empty where there is no log.

    Raises
    ------
    WorkspaceError
        It cannot be read.
    """
    try:
        with path.open("rb") as file:
            size, block = file.seek(0, os.SEEK_END), 1 << 16
            while True:
                file.seek(max(0, size - block))
                tail = file.read()
                whole = tail.endswith(b"\n")
                _, found, line = tail.removesuffix(b"\n").rpartition(b"\n")
                if found or block >= size:
                    return line, whole
                block *= 4
    except FileNotFoundError:
        return b"", True
    except OSError as error:
        raise refusal(path, error, "cannot be read") from error


def remove(path: Path) -> None:
    """Take a file away, if it is there.

    Raises
    ------
    WorkspaceError
        It cannot be taken away.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise refusal(path, error, "cannot be taken away") from error


def sweep_temporaries(folder: Path) -> None:
    """Take away what writers that were killed left behind."""
    for path in folder.rglob(".*.tmp"):
        remove(path)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex.

    Raises
    ------
    WorkspaceError
        It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WorkspaceError(f"{path}: cannot be read ({error.strerror}); restore it or run its phase again") from error


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number; NaN is written as null")


def read_json(path: Path) -> Any:
    """The value in a JSON file.

    Raises
    ------
    CorruptError
        The file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except FileNotFoundError as error:
        raise CorruptError(f"{path}: is missing; run the phase that writes it again") from error
    except OSError as error:
        raise CorruptError(f"{path}: cannot be read ({error.strerror}); restore it or run its phase again") from error
    except (ValueError, RecursionError) as error:
        raise CorruptError(f"{path}: is not JSON ({error}); restore it or run its phase again") from error


_NOT_AN_ARRAY = (ValueError, TypeError, EOFError, OSError, MemoryError, OverflowError, SyntaxError, tokenize.TokenError)
"""What numpy raises for a header or a body that is torn, flipped or not its own."""


def read_npy(path: Path, mmap_mode: Literal["r"] | None = None) -> NDArray[Any]:
    """The array in a .npy file; nothing is ever unpickled.

    Raises
    ------
    CorruptError
        The file is missing, torn or not an array.
    """
    try:
        if mmap_mode is not None:
            return np.lib.format.open_memmap(path, mode=mmap_mode)
        with path.open("rb") as file:  # np.load would take other kinds of files too
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            return array
    except FileNotFoundError as error:
        raise CorruptError(f"{path}: is missing; run the phase that writes it again") from error
    except _NOT_AN_ARRAY as error:
        raise CorruptError(f"{path}: is not a whole .npy file ({error}); run its phase again") from error


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a folder's lock file for this process.

    Raises
    ------
    LockedError
        Another process holds it; the message names its pid and host.
    WorkspaceError
        The folder cannot be written.
    """
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(path.open("ab+", buffering=0))
            _take(path, file)
        except OSError as error:
            raise refusal(path.parent, error) from error
        yield


def _take(path: Path, file: BinaryIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().decode().strip() or "another process"
        raise LockedError(f"{path.parent}: {holder} works here; wait for it or end it") from None
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
