"""Parts of a user's own: modules and files named under `plugins:`, and what installed packages offer.

Importing a module registers the parts in it. An import that fails stops the work, and says where.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from pydantic import BaseModel

from regimefolio.core.component import Component, did_you_mean
from regimefolio.core.errors import ConfigError
from regimefolio.core.files import path_of

GROUP = "regimefolio.plugins"
"""The entry points of installed packages that name modules with parts."""

_OWN = "__regimefolio_plugin__"
"""In a module that was loaded from its file here: the text that was executed."""


class Origin(NamedTuple):
    """Where a module comes from, so that another process can import it.

    `file` and `source` only where its name does not suffice: the text is the one that was executed here, whatever the
    file holds by now.
    """

    module: str
    file: str | None = None
    source: str = ""


def load_plugin(name: str, folder: Path = Path()) -> ModuleType:
    """Import what one item of a `plugins:` list names; a file that has not changed since is not executed again.

    Parameters
    ----------
    name : str
        A module, such as `my_project.strategies`, or the path of a .py file.
    folder : Path
        Where a relative path starts, and where modules are looked for besides the installed ones.

    Raises
    ------
    ConfigError
        There is no such module or file, or importing it failed: with its file, line and error.
    """
    if _is_a_path(name):
        return _from_file(name, (folder / path_of(name)).resolve())
    _search_in(folder.resolve())
    known = f"plugin {name!r}"
    try:
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(name=name)
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name and not name.startswith(f"{error.name}."):
            raise _failure(known, error) from error
        raise ConfigError(
            f"{known}: there is no module {error.name!r}, neither installed nor in {folder.resolve()}; "
            "a file is named by its path, such as strategies/mine.py"
        ) from None
    except (Exception, SystemExit) as error:  # a door: the user's code
        raise _failure(known, error) from error


def lies_in(folder: Path, name: str) -> bool:
    """Whether a folder holds what an item of a `plugins:` list names, by a relative path or as a module."""
    if _is_a_path(name):
        return (folder / path_of(name)).is_file()
    place = folder.joinpath(*name.split("."))
    return place.is_dir() or place.with_name(f"{place.name}.py").is_file()


def _is_a_path(name: str) -> bool:
    return name.endswith(".py") or "/" in name or "\\" in name


def load_installed() -> None:
    """Import what installed packages offer under `regimefolio.plugins`.

    Raises
    ------
    ConfigError
        One of them cannot be imported.
    """
    for point in sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value)):
        package = f" of the package {point.dist.name}" if point.dist else ""
        try:
            point.load()
        except (Exception, SystemExit) as error:  # a door: the user's code
            raise _failure(f"plugin {point.name!r}{package}", error) from error


def origins(value: object) -> list[Origin] | None:
    """What another process has to import before it can make the parts in a value: modules from outside regimefolio.

    None where it cannot import one of them: what was typed into a session or a notebook, or runs as a script.
    """
    found = []
    for name in homes(value):
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if module is None or name == "__main__" or not isinstance(file, str):
            return None
        found.append(Origin(name, file, str(vars(module)[_OWN])) if _OWN in vars(module) else Origin(name))
    return found


def load_origin(origin: Origin) -> None:
    """Import a module that another process named."""
    if origin.module not in sys.modules:
        if origin.file is None:
            importlib.import_module(origin.module)
        else:
            _execute(origin.module, Path(origin.file), origin.source)


def homes(value: object) -> list[str]:
    """The modules from outside regimefolio in which the parts in a value are defined; by name, sorted."""
    return sorted(
        {
            base.__module__
            for part in parts_in(value)
            for base in type(part).__mro__
            if issubclass(base, Component) and base.__module__.partition(".")[0] != "regimefolio"
        }
    )


def parts_in(value: object) -> Iterator[Component]:
    """All parts that a part, a description or a collection holds, at any depth; itself first where it is one."""
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, Component):
            yield each
        if isinstance(each, BaseModel):
            pending += [getattr(each, name) for name in type(each).model_fields]
        elif isinstance(each, Mapping):
            pending += each.values()
        elif isinstance(each, list | tuple):
            pending += each


def sources(modules: Iterable[str]) -> list[tuple[str, str | None]]:
    """Name and text of these modules and of every module of the user's that they use, sorted; None: it is not known.

    A plugin's file goes by its own name, wherever it lies. An installed module, or one of Python's, is none of the
    user's.
    """
    pending, found = list(modules), dict[str, tuple[str, str | None]]()
    while pending:
        name = pending.pop()
        if name in found:
            continue
        module = sys.modules.get(name)
        by_file = module is not None and _OWN in vars(module)
        found[name] = (Path(str(getattr(module, "__file__", ""))).name if by_file else name, _text(module))
        for value in list(vars(module).values()) if module else ():
            used = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            if isinstance(used, str) and _is_the_users(sys.modules.get(used)):
                pending.append(used)
    return sorted(found.values(), key=lambda each: (each[0], each[1] or ""))


def _text(module: ModuleType | None) -> str | None:
    """What was executed, where that is known; otherwise what stands in the file now."""
    if module is None:
        return None
    if _OWN in vars(module):
        return str(vars(module)[_OWN])
    try:
        return inspect.getsource(module)
    except (OSError, TypeError):
        return None


def _is_the_users(module: ModuleType | None) -> bool:
    file = getattr(module, "__file__", None)
    if module is None or not isinstance(file, str) or module.__name__.partition(".")[0] == "regimefolio":
        return False
    elsewhere = (sysconfig.get_path(each) for each in ("stdlib", "platstdlib", "purelib", "platlib"))
    return not any(Path(file).is_relative_to(folder) for folder in elsewhere)


def _from_file(name: str, path: Path) -> ModuleType:
    """The module in a file: the one that is there, if its source is still the same."""
    known = f"plugin {name!r}"
    try:
        source = path.read_bytes().decode()
    except FileNotFoundError:
        near = [each.name for each in path.parent.glob("*.py")] if path.parent.is_dir() else []
        hint = f" ({did_you_mean(path.name, near)})" if near else ""
        raise ConfigError(
            f"{known}: there is no file {path}{hint}; relative paths start at {Path.cwd()}, where the command runs"
        ) from None
    except OSError as error:
        raise ConfigError(f"{known}: {path} cannot be read ({error.strerror}); name a .py file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{known}: {path} is not UTF-8 text ({error}); name a .py file") from None
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == str(path) and vars(module).get(_OWN, source) == source:
            return module
    module_name = f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    try:
        return _execute(module_name, path, source)
    except (Exception, SystemExit) as error:  # a door: the user's code
        raise _failure(known, error, path) from error


def _execute(name: str, path: Path, source: str) -> ModuleType:
    """Execute a file's text as a module of this name; modules beside it can be imported by it."""
    _search_in(path.parent)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # the name ends with .py
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), vars(module))
    except BaseException:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before
        raise
    setattr(module, _OWN, source)
    return module


def _search_in(folder: Path) -> None:
    """Find modules in a folder too, after all others: a file there never stands in for an installed package."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    importlib.invalidate_caches()


def _failure(known: str, error: BaseException, path: Path | None = None) -> ConfigError:
    """The error of a plugin's import: file and line in the user's own code, what happened, and what to do."""
    if isinstance(error, SyntaxError) and error.filename:
        place = f"{error.filename}:{error.lineno}"
        said = f"{type(error).__name__}: {error.msg}"
        line = (error.text or "").strip()
    else:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
        own = [frame for frame in frames if path is not None and frame.filename == str(path)]
        last = (own or frames)[-1]
        place, said = f"{last.filename}:{last.lineno}", f"{type(error).__name__}: {error}"
        line = last.line or ""
    if line:
        said += f"\n    {line}"
    return ConfigError(f"{known} cannot be imported\n  {place}: {said}\n  Mend it, or take the plugin out of the list.")
