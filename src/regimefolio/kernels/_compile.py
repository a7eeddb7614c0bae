"""How every kernel is compiled: cached on disk, free of the interpreter lock, IEEE arithmetic in source order."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Callable, TypeVar, cast

import numba
from numba.core import config
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import PassManager

F = TypeVar("F", bound=Callable[..., object])


def _digest() -> str:
    """Of the source of all kernels: numba does not see a change in one that another file calls."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _private(folder: Path) -> bool:
    """Whether a folder in a place that all users share is ours alone; who writes there, writes what we execute."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    return found.st_uid == os.getuid() and found.st_mode & 0o777 == 0o700 and _writable(folder)


def _cache_folder(package: Path, home: Path | None, digest: str) -> Path | None:
    """Where machine code is kept: beside the kernels, in the user's cache, or in a folder for temporary files.

    None where none of these is ours to write: then every process compiles for itself.
    """
    if _writable(beside := package / "__pycache__" / digest):
        return beside
    if home is not None and _writable(cached := home / "regimefolio" / digest):
        return cached
    try:
        temporary = Path(tempfile.gettempdir()) / f"regimefolio-{os.getuid()}-{digest}"
    except OSError:
        return None
    return temporary if _private(temporary) else None


def _user_cache() -> Path | None:
    """The folder for caches of this user, where there is one."""
    if asked := os.environ.get("XDG_CACHE_HOME"):
        return Path(asked)
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # a user without a name
        return None


_DIGEST = _digest()
_CACHE = _cache_folder(Path(__file__).parent, _user_cache(), _DIGEST)


def kernel(function: F) -> F:
    """Compile a function to machine code at its first call; no fast-math, so that equal work gives equal bits."""
    return _compiled(function)


def lean(function: F) -> F:
    """A kernel that makes no array and returns none: it does not count who holds those that it is given.

    Counting is an atomic operation an array and call, which costs more than a row of a hundred numbers. No array that
    it writes may share memory with another one that it is given: nobody checks that, and so one loop may take many.
    """
    return _compiled(function, counts=False, pipeline=_Disjoint)


def piece(function: F) -> F:
    """A lean kernel that is always compiled into its caller: handing over many arrays costs as much as a row."""
    return _compiled(function, counts=False, inside=True, pipeline=_Disjoint)


def summing(function: F) -> F:
    """A piece whose sums may be taken in another order: several at a time, as wide as the processor's registers.

    For functions of one row that add it up: their terms are rounded as written, and the order depends on the row's
    length and the processor, nothing else. Their loops are arranged before they are put into a caller, so whoever needs
    the same bits as another has the same function in it.
    """
    return _compiled(function, counts=False, inside=True, fast_math=("reassoc",), pipeline=_Disjoint)


class _Disjoint(Compiler):
    """Tells the optimizer that the arrays which a function is given share no memory; numba has no option for it."""

    def define_pipelines(self) -> list[PassManager]:
        self.state.flags.noalias = True
        return cast("Callable[[Compiler], list[PassManager]]", Compiler.define_pipelines)(self)


def _compiled(
    function: F,
    counts: bool = True,
    inside: bool = False,
    fast_math: tuple[str, ...] = (),
    pipeline: type[Compiler] = Compiler,
) -> F:
    """`counts` is numba's counting of who holds an array; it names the option `_nrt`, and says it to nobody."""
    settings = vars(config)
    asked = settings["CACHE_DIR"]  # what NUMBA_CACHE_DIR says, if anything
    settings["CACHE_DIR"] = str(Path(asked) / _DIGEST) if asked else str(_CACHE or "")
    options: dict[str, object] = {
        "cache": bool(settings["CACHE_DIR"]),
        "nogil": True,
        "error_model": "numpy",
        "_nrt": counts,
        "pipeline_class": pipeline,
    }
    if fast_math:
        options["fastmath"] = set(fast_math)
    try:
        return cast("Callable[..., Callable[[F], F]]", numba.njit)(**options, forceinline=inside)(function)
    finally:
        settings["CACHE_DIR"] = asked
