"""How every kernel is compiled: cached on disk, free of the interpreter lock, IEEE arithmetic in source order."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Callable, Mapping, Sequence, TypeVar, cast

from numba.core import config, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import PassManager
from numba.core.registry import CPUDispatcher

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
    return _compiled(function, lean=True)


def piece(function: F) -> F:
    """A lean kernel that is always compiled into its caller: handing over many arrays costs as much as a row."""
    return _compiled(function, lean=True, forceinline=True)


def summing(function: F) -> F:
    """A piece whose sums may be taken in another order: several at a time, as wide as the processor's registers.

    For functions of one row that add it up: their terms are rounded as written, and the order depends on the row's
    length and the processor, nothing else. Their loops are arranged before they are put into a caller, so whoever needs
    the same bits as another has the same function in it.
    """
    return _compiled(function, lean=True, forceinline=True, fastmath={"reassoc"})


class _Compiler(Compiler):
    """Says of lean kernels, which do not count, that their arrays share no memory; numba has no option for it."""

    def define_pipelines(self) -> list[PassManager]:
        flags = self.state.flags
        flags.noalias = not flags.nrt
        if flags.no_cpython_wrapper:
            kind = _Arranged if flags.fastmath else _Instructions
            self.state.library = kind(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
            self.state.library.enable_object_caching()
        return cast("Callable[[Compiler], list[PassManager]]", Compiler.define_pipelines)(self)


class _Arranged(JITCodeLibrary):
    """What kernels put into themselves, optimized by itself: whoever has it in it has the same sums.

    What is available externally, as all of it then is, becomes no machine code.
    """

    def _finalize_final_module(self) -> None:
        self._finalized = True
        self._get_module_for_linking()  # a copy, for callers
        self._finalized = False
        for function in self.get_defined_functions():
            function.linkage = "available_externally"
        super()._finalize_final_module()


class _Instructions(_Arranged):
    """What kernels put into themselves, and then optimize as a whole: once, and not at every call of a call."""

    def _optimize_final_module(self) -> None:
        pass


class _Kernel(CPUDispatcher):
    """What Python calls. What other kernels call is compiled apart: as instructions, and once for all values of a type.

    Numba makes machine code of both, and once more for every constant that one hands to another: twice the work.
    """

    def __init__(self, function: Callable[..., object], options: dict[str, object]) -> None:
        super().__init__(function, targetoptions=options, pipeline_class=_Compiler)
        self._inside: CPUDispatcher | None = None
        _keep(self)

    def inside(self) -> CPUDispatcher:
        """Compiles for other kernels."""
        if self._inside is None:
            options = {**self.targetoptions, "no_cpython_wrapper": True}
            self._inside = CPUDispatcher(self.py_func, targetoptions=options, pipeline_class=_Compiler)
            _keep(self._inside, "inside")
        return self._inside

    def get_call_template(  # type: ignore[override]
        self, args: Sequence[types.Type], kws: Mapping[str, types.Type]
    ) -> tuple[object, ...]:
        named = {name: types.unliteral(kind) for name, kind in kws.items()}
        return self.inside().get_call_template(tuple(map(types.unliteral, args)), named)

    def get_overload(self, sig: tuple[types.Type, ...]) -> object:  # type: ignore[override]
        return self.inside().get_overload(sig)


def _keep(dispatcher: CPUDispatcher, place: str = "") -> None:
    """Have what it compiles kept on disk, where that can be."""
    settings = vars(config)
    asked = settings["CACHE_DIR"]  # what NUMBA_CACHE_DIR says, if anything
    if folder := Path(asked) / _DIGEST if asked else _CACHE:
        settings["CACHE_DIR"] = str(folder / place)
        try:
            dispatcher.enable_caching()
        finally:
            settings["CACHE_DIR"] = asked


def _compiled(function: F, lean: bool = False, **options: object) -> F:
    if vars(config)["DISABLE_JIT"]:
        return function
    # `_nrt` is the counting of who holds an array. A C function is what numba would make for callers that are not ours.
    always = {"nopython": True, "nogil": True, "error_model": "numpy", "_nrt": not lean, "no_cfunc_wrapper": True}
    return cast("F", _Kernel(function, always | options))
