"""Configuration files: strict YAML whose every mistake is shown with its file, line and column."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from regimefolio.core.component import FOLDER, Model, Plugins, did_you_mean
from regimefolio.core.errors import ConfigError, RegimefolioError
from regimefolio.core.files import path_of
from regimefolio.core.plugins import lies_in, load_installed, load_plugin

Place = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

COMMANDS = {
    "workflow": "regimefolio run",
    "backtest": "regimefolio backtest",
    "rerank": "regimefolio rerank",
    "allocation": "regimefolio allocate",
}
MAX_DEPTH = 40
MAX_DIGITS = 300
MAX_SHOWN = 300
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class Mark:
    """A place in a file; line and column count from 1."""

    path: Path
    line: int
    column: int
    text: str

    def error(self, message: str) -> ConfigError:
        """The message with its place and the line it speaks of, where a person can take that in."""
        place = f"{self.path}:{self.line}:{self.column}: {message}"
        if len(self.text) > MAX_SHOWN:
            return ConfigError(place)
        pointer = " " * (self.column - 1) + "^"
        return ConfigError(f"{place}\n  {self.text}\n  {pointer}")


@dataclass(frozen=True)
class Document:
    """A configuration file: its values, and where each of them stands."""

    path: Path
    data: dict[str, Any]
    marks: dict[Place, Mark]

    def parse(self, model: type[M], section: str, folder: Path = Path()) -> M:
        """The model in the section that the file must consist of; files that are read at once start at `folder`.

        Raises
        ------
        ConfigError
            With file:line:column, the line and a hint, for the first mistake; the others are listed below it.
        """
        for key in self.data:
            if key != section:
                hint = f"`{COMMANDS[key]}` takes such a file" if key in COMMANDS else did_you_mean(key, [section])
                raise self.marks[(key,)].error(f"unknown section {key!r}; {hint}")
        if section not in self.data:
            raise ConfigError(f"{self.path}:1:1: the file must consist of one section `{section}:`")
        if section != "system":
            load_system()
        try:
            self._load_plugins(section)
            return self._validated(model, section, folder)
        except ConfigError as error:
            if home := self._project_elsewhere(section):
                error.add_note(
                    f"  plugins are looked for in {Path.cwd()}, where the command runs; this file's own are in {home}: "
                    "run the command there"
                )
            raise

    def _validated(self, model: type[M], section: str, folder: Path) -> M:
        try:
            return model.model_validate(self.data[section], context={FOLDER: folder})
        except ValidationError as error:
            found: dict[tuple[Mark, str], list[str]] = {}
            for loc, text in _flatten(error):
                allowed, _, given = text.partition(_GIVEN)
                found.setdefault((self._place((section, *loc)), given or text), []).append(allowed if given else "")
            first, *others = [mark.error(_joined(allowed, given)) for (mark, given), allowed in found.items()]
            for other in others:
                first.add_note(str(other))
            raise first from None

    def _load_plugins(self, section: str) -> None:
        """Import what the section names under `plugins:`, before its parts are looked at."""
        for index, name in self._plugins(section):
            try:
                load_plugin(name)
            except ConfigError as error:
                raise self._place((section, "plugins", index)).error(str(error)) from error.__cause__

    def _plugins(self, section: str) -> list[tuple[int, str]]:
        """What stands in the list `plugins:` of the section, with its place in it; not checked yet."""
        values = self.data[section]
        names = values.get("plugins") if isinstance(values, dict) else None
        listed = enumerate(names if isinstance(names, list) else ())
        return [(index, name) for index, name in listed if isinstance(name, str)]

    def _project_elsewhere(self, section: str) -> Path | None:
        """The folder around the file in which its plugins lie, where that is not the present one."""
        for folder in self.path.resolve().parents:
            if folder == Path.cwd():
                return None
            if (folder / SYSTEM_FILE).is_file() or any(lies_in(folder, name) for _, name in self._plugins(section)):
                return folder
        return None

    @contextmanager
    def placing(self, section: str) -> Iterator[None]:
        """Show errors about values of this file, found when its data is there, with their file, line and column."""
        try:
            yield
        except RegimefolioError as error:
            if not error.place:
                raise
            placed = self._place((section, *error.place)).error(str(error))
            for note in getattr(error, "__notes__", ()):
                placed.add_note(note)
            raise placed from error

    def _place(self, place: Place) -> Mark:
        found: Place = ()
        for step in place:  # a step that stands nowhere in the file names a model, not a key
            if (*found, step) in self.marks:
                found = (*found, step)
        return self.marks[found]


SYSTEM_FILE = Path("config/system_config.yaml")
"""Where the working folder says what holds for all of its work."""


class SystemSpec(Model):
    """What holds for every file that is read in this working folder; the section `system:` of its own file."""

    plugins: Plugins = ()


def load_system() -> SystemSpec:
    """Import what installed packages offer and what the working folder's `config/system_config.yaml` names.

    Raises
    ------
    ConfigError
        That file has a mistake, or a plugin cannot be imported.
    """
    load_installed()
    return read_document(SYSTEM_FILE).parse(SystemSpec, "system") if SYSTEM_FILE.is_file() else SystemSpec()


_WORDS = {
    **dict.fromkeys(("tuple_type", "list_type"), "a list belongs here, such as [a, b]"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number"),
    "finite_number": "must be a finite number",
    "string_type": "must be text; put it in quotes",
    "path_type": "must be the path of a file",
    "literal_error": "must be {expected}",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}",
    "union_tag_not_found": "{discriminator} is missing",
    "too_short": "must hold at least {min_length}, but holds {actual_length}",
    "too_long": "must hold at most {max_length}, but holds {actual_length}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
}
"""What pydantic's mistakes are called here, by their type."""


_GIVEN = ", but this is "


def _joined(allowed: Sequence[str], given: str) -> str:
    """What is allowed at a place, whichever of several forms it may have, and what was given; or what is said there."""
    if not any(allowed):
        return given
    first, *others = allowed
    return " or ".join([first, *(each.removeprefix("must be ") for each in others)]) + f"{_GIVEN}{given}"


def _words(kind: str, message: str, context: Mapping[str, Any]) -> str:
    """A mistake in plain words; its own message where there are none."""
    if kind.startswith("date_"):
        return "write a date as 2015-01-31"
    if kind == "literal_error":  # YAML's words for these
        context = {"expected": {"True": "true", "False": "false"}.get(context["expected"], context["expected"])}
    if kind in _WORDS:
        plain = {key: str(value).removesuffix(".0") for key, value in context.items()}
        return _WORDS[kind].format_map(plain)
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def _flatten(error: ValidationError) -> list[tuple[Place, str]]:
    """The mistakes of a validation with their whole place, those inside parts included."""
    found: list[tuple[Place, str]] = []
    items = error.errors()
    for item in items:
        place: Place = item["loc"]
        if item["type"] == "too_short" and any(place == other["loc"][: len(place)] != other["loc"] for other in items):
            continue  # only because of items that are mistakes themselves
        if item["type"] == "default_factory_not_called":
            continue  # only because of a mistake in what this default follows from
        context = item.get("ctx", {})
        inner = context.get("error")
        if isinstance(inner, ValidationError):
            found += [((*place, *rest), text) for rest, text in _flatten(inner)]
        elif item["type"] == "placed":
            found.append(((*place, *context["place"]), context["text"]))
        elif item["type"] in ("model_type", "dict_type", "model_attributes_type"):
            found.append((place, "a mapping of keys to values belongs here; leave the key out to take the defaults"))
        elif item["type"] == "missing":
            found.append((place, f"`{place[-1]}` is missing"))
        else:
            given = item.get("input")
            shown = isinstance(given, str | int | float | bool) and item["type"] != "part"
            text = _words(item["type"], item["msg"], context)
            found.append((place, f"{text}{_GIVEN}{given!r}" if shown else text))
    return found


def read_document(path: str | Path) -> Document:
    """Read a configuration file, and the one that it `extends`.

    Plain YAML with fewer surprises: `no`, `on`, `010`, `0o17` and `12:30` are text; `1e-6` is a number;
    repeated keys, anchors, aliases and tags are errors.

    Raises
    ------
    ConfigError
        The file is missing, is not YAML, or says something twice.
    """
    return _read(path_of(path), ())


def _read(path: Path, children: tuple[Path, ...]) -> Document:
    if path.resolve() in (child.resolve() for child in children):
        raise ConfigError(f"{path}: extends itself through {' → '.join(map(str, children))}")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = [file.name for file in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        hint = f" ({did_you_mean(path.name, near)})" if near else ""
        raise ConfigError(f"{path}: there is no such file{hint}") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: is a folder; name a configuration file in it, such as {path / 'my.yaml'}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text ({error})") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name a file that you may read") from None
    document = _compose(path, text)
    parent = document.data.pop("extends", None)
    if parent is None:
        return document
    if not isinstance(parent, str):
        raise document.marks[("extends",)].error("`extends` must name a file")
    try:
        base = _read(path.parent / path_of(parent), (*children, path))
    except ConfigError as error:
        error.add_note(f"{path}:{document.marks[('extends',)].line}: it is extended here")
        raise
    kept = {place: mark for place, mark in base.marks.items() if not _replaced(place, document.data)}
    return Document(path, _merge(base.data, document.data), {**kept, **document.marks})


def _merge(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return {key: _merge(base.get(key), over[key]) if key in over else base[key] for key in {**base, **over}}
    return over


def _replaced(place: Place, over: Any) -> bool:
    """Whether a value of the extended file lies inside one that `over` puts another in the place of."""
    for step in place:
        if not isinstance(over, dict):
            return True
        if step not in over:
            return False
        over = over[step]
    return False


class _Refused(yaml.MarkedYAMLError):
    """YAML that a configuration file may not use."""


class _Loader(yaml.SafeLoader):
    """Plain YAML: no anchor, alias or tag, and no endless nesting."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        assert isinstance(event, yaml.NodeEvent)
        assert isinstance(event.start_mark, yaml.Mark)
        if event.anchor is not None:
            text = "anchors and aliases are not supported; write the value out"
        elif getattr(event, "tag", None) is not None:
            text = "tags are not supported; write the value alone, in quotes where it is text"
        elif self._depth > MAX_DEPTH:
            text = f"nested deeper than {MAX_DEPTH} levels"
        else:
            self._depth += 1
            node = super().compose_node(parent, index)
            self._depth -= 1
            return node
        raise _Refused(problem=text, problem_mark=event.start_mark)


def _compose(path: Path, text: str) -> Document:
    lines = text.splitlines() or [""]

    def mark(at: yaml.Mark | None) -> Mark:
        line = min(at.line, len(lines) - 1) if at else 0
        return Mark(path, line + 1, (at.column if at else 0) + 1, lines[line])

    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        what = "" if isinstance(error, _Refused) else "not YAML: "
        raise mark(error.problem_mark).error(f"{what}{error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position)
        character = f"character {text[error.position]!r}"
        raise ConfigError(f"{path}:{line + 1}:1: not YAML: the line holds the {character}; take it out") from None
    if not isinstance(node, yaml.MappingNode):
        raise mark(node.start_mark if node else None).error("the file must be a mapping of keys to values")
    marks: dict[Place, Mark] = {(): mark(node.start_mark)}
    data = _construct(node, (), marks, mark)
    return Document(path, data, marks)


def _construct(
    node: yaml.Node, place: Place, marks: dict[Place, Mark], mark: Callable[[yaml.Mark | None], Mark]
) -> Any:
    if isinstance(node, yaml.MappingNode):
        mapping: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise mark(key_node.start_mark).error("a key must be plain text")
            key = key_node.value
            if key in mapping:
                first = marks[(*place, key)].line
                raise mark(key_node.start_mark).error(f"key {key!r} was already given in line {first}")
            marks[(*place, key)] = mark(key_node.start_mark)
            mapping[key] = _construct(value_node, (*place, key), marks, mark)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, item in enumerate(node.value):
            marks[(*place, index)] = mark(item.start_mark)
            items.append(_construct(item, (*place, index), marks, mark))
        return items
    return _scalar(node, mark)


def _scalar(node: yaml.Node, mark: Callable[[yaml.Mark | None], Mark]) -> Any:
    assert isinstance(node, yaml.ScalarNode)
    text: str = node.value
    if node.style is not None:
        return text
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text) and len(text) < MAX_DIGITS:
        return int(text)
    if _NUMBER.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise mark(node.start_mark).error("the number is too large")
        return number
    if _DATE.fullmatch(text):
        try:
            return datetime.date.fromisoformat(text)
        except ValueError as error:
            raise mark(node.start_mark).error(f"{text!r} is not a date: {error}") from None
    return text
