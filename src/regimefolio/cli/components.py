"""`regimefolio components`: the parts that a configuration file may name, and their parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import typer

from regimefolio.cli.door import Debug, Json, door

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from rich.console import Console, RenderableType
    from rich.text import Text

    from regimefolio.api import Component
    from regimefolio.core.types import Json as Value

EPILOG = """\b
regimefolio components
regimefolio components strategy
regimefolio components momentum_rank
regimefolio components strategy momentum_rank --json

A family is written as it is spoken, in the plural too: regime_detector, "regime detectors". The name
of a part is enough to show it."""

WORDS: Mapping[object, str] = {int: "integer", float: "number", str: "text", bool: "true or false", Path: "path"}
"""Types as people say them."""

Bound: TypeAlias = float | date


@dataclass(frozen=True)
class Parameter:
    """One field of a part; a bound that is excluded is itself no allowed value, and None is no bound."""

    name: str
    type: str
    required: bool
    default: Value
    minimum: Bound | None
    minimum_excluded: bool
    maximum: Bound | None
    maximum_excluded: bool
    choices: list[Value] | None
    description: str


@dataclass(frozen=True)
class Description:
    """A part as its class says it: the first sentence of its docstring, whether it takes long, and its fields."""

    family: str
    kind: str
    summary: str
    slow: bool
    parameters: list[Parameter]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(components)


@door
def components(
    family: Annotated[
        str | None,
        typer.Argument(metavar="FAMILY", help="Such as strategy, or a part; shows parameters.", show_default=False),
    ] = None,
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="One part alone, such as momentum_rank.", show_default=False)
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List strategies and other parts, with their parameters."""
    from regimefolio.cli.display import console

    found = described(family, kind)
    if json:
        from regimefolio.core.files import json_text

        typer.echo(json_text([asdict(each) for each in found]), nl=False)
    elif family is None:
        _show_list(console(), found)
    else:
        _show_parameters(console(), found)


def described(family: str | None = None, kind: str | None = None) -> list[Description]:
    """The registered parts, of one family or one kind if it is named, in the order of families and kinds.

    A kind may stand in the place of its family.

    Raises
    ------
    ConfigError
        There is no such family, or no such kind in it.
    """
    from regimefolio import api
    from regimefolio.core.component import did_you_mean

    api.load_plugins()
    families: Sequence[str] = [each for each in api.FAMILIES if kind is None and family in api.registered(each)]
    if families:
        kind = family
    else:
        families = api.FAMILIES if family is None else [_family(family, api.FAMILIES)]
        if kind is not None and kind not in (known := api.registered(families[0])):
            raise api.ConfigError(f"unknown {families[0]} {kind!r}; {did_you_mean(kind, known)}")
    return [
        describe(part)
        for each in families
        for name, part in sorted(api.registered(each).items())
        if kind in (None, name)
    ]


def _family(word: str, families: Iterable[str]) -> str:
    """The family that a word means: in any case, with spaces, hyphens or underscores, in the singular or plural."""
    from regimefolio import api
    from regimefolio.core.component import did_you_mean

    spoken = " ".join(re.split(r"[\s_-]+", word.strip().lower()))
    for family in families:
        if spoken in (written := family.replace("_", " "), _plural(written)):
            return family
    hint = did_you_mean(spoken.replace(" ", "_"), (family.replace(" ", "_") for family in families))
    raise api.ConfigError(f"unknown family {word!r}; {hint}")


def _plural(family: str) -> str:
    if family.endswith("s"):
        return family
    return f"{family[:-1]}ies" if re.search("[^aeiou]y$", family) else f"{family}s"


def describe(part: type[Component]) -> Description:
    """What a part's class says of itself."""
    fields = [_parameter(name, field) for name, field in part.model_fields.items()]
    slow = "slow" not in part.model_fields and getattr(part, "slow", False)
    return Description(part.family, part.kind, _first_sentence(part.__doc__), slow, fields)


def _first_sentence(docstring: str | None) -> str:
    paragraph = " ".join(inspect.cleandoc(docstring or "").partition("\n\n")[0].split())
    return re.split(r"(?<=[.!?]) (?=[A-Z`])", paragraph)[0]


def _parameter(name: str, field: FieldInfo) -> Parameter:
    low, low_excluded = _bound(field, "ge", "gt")
    high, high_excluded = _bound(field, "le", "lt")
    choices = list(get_args(field.annotation)) if get_origin(field.annotation) is Literal else None
    return Parameter(
        name=name,
        type=_words(field.annotation),
        required=field.is_required(),
        default=_default(field),
        minimum=low,
        minimum_excluded=low_excluded,
        maximum=high,
        maximum_excluded=high_excluded,
        choices=choices,
        description=field.description or "",
    )


def _bound(field: FieldInfo, included: str, excluded: str) -> tuple[Bound | None, bool]:
    """A field's bound, and whether it is itself no allowed value."""
    for name in (excluded, included):
        for mark in field.metadata:
            value: Bound | None = getattr(mark, name, None)
            if value is not None:
                return value, name == excluded
    return None, False


def _default(field: FieldInfo) -> Value:
    from pydantic_core import to_jsonable_python

    from regimefolio.api import Component

    if field.is_required():
        return None

    def plain(value: Any) -> Value:
        if isinstance(value, Component):
            return value.spec()
        return list(map(plain, value)) if isinstance(value, tuple) else to_jsonable_python(value)

    return plain(field.get_default(call_default_factory=True, validated_data={}))


def _words(annotation: Any) -> str:
    """A field's type as people say it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _words(arguments[0])
    if origin is Literal:
        return "choice"
    if origin in (Union, UnionType):
        return " or ".join("none" if each is NoneType else _words(each) for each in arguments)
    if origin in (list, tuple, set, frozenset):
        inner = dict.fromkeys(_plural(_words(each)) for each in arguments if each is not ...)
        return f"list of {' and '.join(inner)}"
    if origin is dict:
        return f"mapping of {' to '.join(_plural(_words(each)) for each in arguments)}"
    family = getattr(annotation, "family", "")
    return WORDS.get(annotation) or family or getattr(annotation, "__name__", str(annotation))


def takes(parameter: Parameter) -> str:
    """What a parameter may be, in words: `integer from 1 to 252`, `number above 0`, `2 or 3`."""
    if parameter.choices is not None:
        return " or ".join(map(str, parameter.choices))
    words = [parameter.type]
    if parameter.minimum is not None:
        words.append(f"{'above' if parameter.minimum_excluded else 'from'} {_short(parameter.minimum)}")
    if parameter.maximum is not None:
        words.append(f"{'below' if parameter.maximum_excluded else 'to'} {_short(parameter.maximum)}")
    return " ".join(words)


def _short(bound: Bound) -> str:
    """A bound without needless digits; large powers of two as such."""
    if isinstance(bound, int):
        power = bound.bit_length() - 1
        return f"2^{power}" if power >= 31 and bound == 1 << power else f"{bound:,}"
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def _show_list(screen: Console, found: list[Description]) -> None:
    from rich.table import Table
    from rich.text import Text

    from regimefolio.cli.tables import printable

    widest = max((len(each.kind) for each in found), default=0)
    for family in dict.fromkeys(each.family for each in found):
        rows = Table.grid(padding=(0, 2))
        rows.add_column(min_width=widest + 2, no_wrap=True)
        rows.add_column()
        for each in found:
            if each.family == family:
                rows.add_row(f"  {printable(each.kind)}", _summary(each))
        screen.print(Text(_plural(family.replace("_", " ")).capitalize(), style="bold"), rows, "", sep="\n")
    screen.print("With their parameters: `regimefolio components strategy`, or another family.", style="dim")


def _summary(part: Description) -> Text:
    """A part's summary, and whether it takes long."""
    from rich.text import Text

    from regimefolio.cli.tables import printable

    return Text(printable(part.summary), style="not bold") + Text(" (slow)" if part.slow else "", style="dim not bold")


def _show_parameters(screen: Console, found: list[Description]) -> None:
    from rich.text import Text

    from regimefolio.cli.tables import pair, printable, table

    several = len({each.family for each in found}) > 1  # a kind may stand in more than one of them
    for number, each in enumerate(found):
        name = f"{each.family} {each.kind}" if several else each.kind
        head = Text(f"{printable(name)}: ", style="bold") + _summary(each)
        parts: list[RenderableType] = [Text(), head] if number else [head]
        if each.parameters:
            columns = ["parameter", ">default", "what it takes, and means"]
            rows = [
                (field.name, _shown_default(field), pair(takes(field), field.description)) for field in each.parameters
            ]
            parts.append(table("", columns, rows))
        else:
            parts.append(Text("\nno parameters", style="dim"))
        screen.print(*parts, sep="\n")


def _shown_default(field: Parameter) -> str:
    from regimefolio.cli.tables import parameters

    if field.required:
        return "required"
    parts = field.default if isinstance(field.default, list) else [field.default]
    if parts and all(isinstance(each, dict) and "kind" in each for each in parts):
        return parameters({field.name: field.default}, [field.name])
    return "none" if field.default is None else str(field.default)
