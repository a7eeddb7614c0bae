"""Parts: whatever a user may add is one class whose fields are its parameters.

    class Reversal(Strategy, kind="reversal"):
        lookback: int = Field(5, ge=1, description="bars looked back")
        def signals(self, market, out=None): ...

The class keyword registers the part; its fields give validation, documentation, forms and search spaces.
"""

from __future__ import annotations

import difflib
import hashlib
import inspect
import json
import re
import sys
from abc import ABC
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Json


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint such as `did you mean 'sharpe'?`, or the known words when none is near."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(words)}" if words else "nothing is known here"


def fingerprint(value: Json) -> str:
    """SHA-256 of the canonical JSON of a value: sorted keys, no spaces, no NaN."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def placed_error(place: Sequence[str | int], message: str) -> PydanticCustomError:
    """A mistake found by a model, about a value that stands at `place` below it."""
    return PydanticCustomError("placed", "{text}", {"place": list(place), "text": message})


FOLDER = "folder"
"""Where the context of a validation says at which folder the files start that are read with it."""


class Model(BaseModel):
    """A frozen piece of configuration that refuses unknown keys and hints at the right one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    beside: ClassVar[tuple[str, ...]] = ()
    """Keys that may stand beside the fields where a file describes this, taken away by whoever reads it."""

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            mistakes = [
                placed_error([str(key)], cls._unknown(str(key))) for key in value if key not in cls.model_fields
            ]
            if len(mistakes) == 1:
                raise mistakes[0]
            if mistakes:
                details = [InitErrorDetails(type=mistake, input=value) for mistake in mistakes]
                raise ValidationError.from_exception_data(cls.__name__, details)
        return value

    @classmethod
    def _unknown(cls, key: str) -> str:
        if key in cls.beside:
            return f"{key!r} is no field of {cls.__name__}, but stands beside them: use {cls.__name__}.read({{…}})"
        return f"unknown key {key!r}; {did_you_mean(key, (*cls.model_fields, *cls.beside))}"

    def plain(self) -> dict[str, Json]:
        """The fields as JSON values."""
        return self.model_dump(mode="json")


def _rate(value: float) -> float:
    if abs(value) > 0.5:
        raise ValueError("a rate is a fraction a year between -0.5 and 0.5: 0.02 is 2%")
    return value


def _folder_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", value):
        raise ValueError("must be made of letters, digits, `_`, `.` and `-`, and begin with a letter or a digit")
    return value


Rate = Annotated[float, AfterValidator(_rate)]
"""A field that takes an interest rate, as a fraction a year."""

Plugins = Annotated[tuple[str, ...], Field(description="modules, or paths of .py files, with parts of one's own")]
"""A field that names them; `Document.parse` imports them before it looks at the parts."""

FolderName = Annotated[str, AfterValidator(_folder_name)]
"""A field that takes a name which a folder can have."""


class Component(Model, ABC):
    """A part: frozen parameters and the work that they describe. Never changes after construction."""

    kind: ClassVar[str] = ""
    family: ClassVar[str] = ""

    def __init_subclass__(cls, kind: str = "", family: str = "", **keywords: Any) -> None:
        super().__init_subclass__(**keywords)

    @classmethod
    def __pydantic_init_subclass__(cls, kind: str = "", family: str = "", **keywords: Any) -> None:
        super().__pydantic_init_subclass__(**keywords)
        if family:
            cls.family = family
            _REGISTRY.setdefault(family, {})
        if kind:
            if not cls.family:
                raise TypeError(f"{cls.__name__} names a kind but belongs to no family")
            if inspect.isabstract(cls):
                missing = ", ".join(sorted(cls.__abstractmethods__))
                raise TypeError(f"{cls.__name__} must define {missing}")
            known = _REGISTRY[cls.family].get(kind)
            if known is not None and _home(known) != _home(cls):
                raise TypeError(f"{known.__qualname__} in {_home(known)[0]} is already the {cls.family} {kind!r}")
            cls.kind = kind
            _REGISTRY[cls.family][kind] = cls

    @classmethod
    def of(cls, value: Any) -> Self:
        """The part that a name or a mapping `{kind: …, parameters}` describes.

        Raises
        ------
        ConfigError
            The kind is not known.
        pydantic.ValidationError
            A parameter is wrong.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
            article = "an" if cls.family[0] in "aeiou" else "a"
            raise ConfigError(f"{article} {cls.family} is a name or a mapping with `kind`, but this is {value!r}")
        parameters = dict(value)
        kind = parameters.pop("kind")
        known = registered(cls.family)
        if kind not in known:
            hint = did_you_mean(kind, known)
            own = "; one of your own is found if its module stands under `plugins`" if hint.startswith("known") else ""
            raise ConfigError(f"unknown {cls.family} {kind!r}; {hint}{own}")
        part = known[kind].read(parameters)
        if not isinstance(part, cls):
            raise ConfigError(f"{kind!r} is a {type(part).__name__}, not a {cls.__name__}")
        return part

    @classmethod
    def read(cls, parameters: Mapping[str, Any]) -> Component:
        """The part of this kind with these parameters; more than they say where keys `beside` them do.

        Raises
        ------
        pydantic.ValidationError
            A parameter is wrong.
        """
        return cls.model_validate(dict(parameters))

    def spec(self) -> dict[str, Json]:
        """The mapping that `of` turns back into this part."""
        return {"kind": self.kind, **self.plain()}

    @property
    def fingerprint(self) -> str:
        """SHA-256 of kind and parameters."""
        return fingerprint(self.spec())


_REGISTRY: dict[str, dict[str, type[Component]]] = {}


def _home(part: type[Component]) -> tuple[str, str]:
    """The file, or else the module, and the name of a class: equal ones were read twice from the same place."""
    file = getattr(sys.modules.get(part.__module__), "__file__", None)
    return file or part.__module__, part.__qualname__


def registered(family: str) -> Mapping[str, type[Component]]:
    """The parts of a family that are known so far, by kind."""
    return dict(_REGISTRY.get(family, {}))


class _Part:
    """Tells pydantic to read and write a field as a part of its family."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any) -> Component:
            try:
                part: Component = source.of(value)
            except ConfigError as error:
                raise PydanticCustomError("part", "{text}", {"text": str(error)}) from error
            return part

        write = core_schema.plain_serializer_function_ser_schema(lambda part: part.spec())
        return core_schema.no_info_plain_validator_function(read, serialization=write)


C = TypeVar("C", bound=Component)
Part = Annotated[C, _Part()]
"""`Part[Strategy]`: a field that takes a strategy's name, mapping or instance."""
