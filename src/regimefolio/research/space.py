"""Which parameter values and which weights a search may try, as a configuration file writes them down."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Self, TypeAlias

import numpy as np
from pydantic import (
    ConfigDict,
    Field,
    JsonValue,
    RootModel,
    StrictFloat,
    StrictInt,
    ValidationError,
    model_serializer,
    model_validator,
)

from regimefolio.core.component import Component, Model, did_you_mean
from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Float

MAX_POINTS = 1_000_000
"""Points that a grid may have."""

# Inside Axis, int and float are keys of the file; the types go by other names there.
Integers: TypeAlias = tuple[StrictInt, StrictInt]
Numbers: TypeAlias = tuple[StrictFloat, StrictFloat]
Count: TypeAlias = int
Choices: TypeAlias = Annotated[tuple[JsonValue, ...], Field(min_length=1)]

FORMS = "a list, {int: [low, high]}, {float: [low, high]} or {choice: […]}"


class Axis(Model):
    """The values of one parameter: `[10, 20]`, `{int: [a, b], step: k}`, `{float: [a, b], step: x}`.

    `{choice: [10, 20]}` spells the list out. Integers are one apart; other numbers without a step have no grid.
    """

    int: Integers | None = Field(None, description="lowest and highest integer")
    float: Numbers | None = Field(None, description="lowest and highest number")
    choice: Choices | None = Field(None, description="the values themselves")
    step: StrictFloat | None = Field(None, gt=0, description="distance of neighbours; between integers 1")

    @model_validator(mode="before")
    @classmethod
    def _list_is_choice(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return {"choice": value}
        if not isinstance(value, Mapping | Axis):
            raise ValueError(f"the values of a parameter are {FORMS}")
        return value

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = [name for name in ("int", "float", "choice") if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of int, float and choice"
            raise ValueError(f"the values of a parameter are {FORMS}, but there is {found}")
        bounds = self.int or self.float
        if bounds is not None and bounds[0] > bounds[1]:
            raise ValueError(f"low <= high must hold, but these are {bounds[0]} and {bounds[1]}")
        if self.int is not None and self.step is not None and not self.step.is_integer():
            raise ValueError(f"the step between integers must be an integer, but is {self.step}")
        if self.choice is not None:
            if self.step is not None:
                raise ValueError("`step` belongs to `int` and `float`, not to a list of values")
            texts = [json.dumps(value, sort_keys=True) for value in self.choice]
            for position, text in enumerate(texts):
                if text in texts[:position]:
                    raise ValueError(f"{text} is listed twice")
        return self

    @model_serializer
    def _as_written(self) -> JsonValue:
        if self.choice is not None:
            return list(self.choice)
        if self.int is not None:
            return {"int": list(self.int), **({} if self.step is None else {"step": int(self.step)})}
        return {"float": list(self.float or ()), **({} if self.step is None else {"step": self.step})}

    @property
    def ends(self) -> tuple[JsonValue, ...]:
        """The bounds of a range, or all values of a choice."""
        return self.choice or self.int or self.float or ()

    @property
    def count(self) -> Count:
        """How many values the grid has, without making them.

        Raises
        ------
        ConfigError
            A range of numbers without a step.
        """
        if self.choice is not None:
            return len(self.choice)
        low, step = self._decimals()
        return int((Decimal(repr(self.ends[-1])) - low) / step) + 1

    @property
    def values(self) -> Sequence[JsonValue]:
        """The values on the grid; the high bound is one of them where whole steps lead to it.

        Raises
        ------
        ConfigError
            A range of numbers without a step.
        """
        if self.choice is not None:
            return self.choice
        return [self._nth(i) for i in range(self.count)]

    def draw(self, rng: np.random.Generator) -> JsonValue:
        """A value, all being equally likely; of a range without a step one of six significant digits."""
        if self.float is None or self.step is not None:
            position = int(rng.integers(self.count))
            return self._nth(position) if self.choice is None else self.choice[position]
        low, high = self.float
        return min(max(float(f"{rng.uniform(low, high):.6g}"), low), high)

    def _nth(self, position: Count) -> Count | StrictFloat:
        """The value of a range at a position.

        In decimal, as the file has them: 0.1 and two steps of 0.1 make 0.3, not 0.30000000000000004.
        """
        low, step = self._decimals()
        return (float if self.int is None else int)(low + position * step)

    def _decimals(self) -> tuple[Decimal, Decimal]:
        """Low bound and step of a range."""
        if self.step is None and self.int is None:
            raise ConfigError(f"a grid over {{float: {list(self.ends)}}} needs a `step`")
        return Decimal(repr(self.ends[0])), Decimal(repr(self.step or 1))


class ParameterSpace(RootModel[dict[str, Axis]]):
    """The values of each parameter that is searched, in the order of the file.

    A space without parameters has one point: the defaults.
    """

    model_config = ConfigDict(frozen=True)

    @property
    def size(self) -> int | None:
        """Points of the grid; None where a range of numbers has no step."""
        if any(axis.float is not None and axis.step is None for axis in self.root.values()):
            return None
        return math.prod(axis.count for axis in self.root.values())

    def grid(self) -> list[dict[str, JsonValue]]:
        """Every combination of values, the last parameter changing fastest.

        Raises
        ------
        ConfigError
            A range of numbers without a step, or more than MAX_POINTS points.
        """
        if self.size is not None and self.size > MAX_POINTS:
            raise ConfigError(f"the grid has {self.size:,} points, more than {MAX_POINTS:,}; take larger steps")
        values = [axis.values for axis in self.root.values()]
        return [dict(zip(self.root, point, strict=True)) for point in itertools.product(*values)]

    def draw(self, rng: np.random.Generator) -> dict[str, JsonValue]:
        """A value of each parameter, independent of the others."""
        return {name: axis.draw(rng) for name, axis in self.root.items()}

    def mistakes(
        self,
        component: type[Component],
        given: Mapping[str, JsonValue] | None = None,
        points: Callable[[], Iterable[Mapping[str, JsonValue]]] | None = None,
    ) -> list[tuple[tuple[str, ...], str]]:
        """What is wrong with this space for a part: a place inside the space, and a message.

        Parameters
        ----------
        component : type of Component
        given : mapping, optional
            Parameters of the part that are not searched.
        points : callable, optional
            The points that will be tried; the whole grid, if not said and if there is one.

        Returns
        -------
        list of (place, message)
            Unknown parameters, then values that the part refuses (of a range its bounds), then the first point that
            it refuses as a whole.

        Raises
        ------
        ConfigError
            What `points` raises.
        """
        given = given or {}
        found: list[tuple[tuple[str, ...], str]] = []
        for name, axis in self.root.items():
            known = (*component.model_fields, *component.beside)
            if name not in known:
                hint = did_you_mean(name, known)
                found.append(((name,), f"{component.kind} has no parameter {name!r}; {hint}"))
                continue
            for value in axis.ends:
                text = _refusal(component, {**given, name: value}, name)
                if text:
                    found.append(((name,), f"{component.kind} refuses {name} = {json.dumps(value)}: {text}"))
        if found or (points is None and self.size is None):
            return found
        for point in (points or self.grid)():
            text = _refusal(component, {**given, **point})
            if text:
                return [((), f"{component.kind} refuses {json.dumps(point)}: {text}")]
        return []


def _refusal(component: type[Component], parameters: Mapping[str, JsonValue], only: str = "") -> str:
    """Why a part does not take its parameters, or does not take `only` that one; empty when it does."""
    try:
        component.read(parameters)
    except ValidationError as error:
        for item in error.errors():
            if not only or item["loc"][:1] == (only,):
                message = item["msg"].removeprefix("Value error, ")
                where = "" if only or not item["loc"] else f"{'.'.join(map(str, item['loc']))}: "
                return where + message[:1].lower() + message[1:]
    return ""


@dataclass(frozen=True)
class Simplex:
    """The vectors of n weights, each at least `minimum`, that sum to one; in whole steps where there is a step."""

    n: int
    step: float | None
    minimum: float = 0.0

    def __post_init__(self) -> None:
        if self.step is None and self.n * self.minimum > 1.0 + 1e-9:
            raise ConfigError(f"{self.n} weights, each at least {self.minimum}, cannot sum to one")

    @property
    def size(self) -> int | None:
        """How many vectors there are; None without a step.

        Raises
        ------
        ConfigError
            Steps that do not add up to one, or a minimum that cannot be met.
        """
        if self.step is None:
            return None
        _, _, free = _units(self.n, self.step, self.minimum)
        return math.comb(free + self.n - 1, self.n - 1)

    def grid(self) -> list[list[float]]:
        """Every vector, as `simplex` lists them.

        Raises
        ------
        ConfigError
            As `simplex`; and there is no step.
        """
        if self.step is None:
            raise ConfigError("a grid over weights needs a `step`, such as 0.25")
        vectors: list[list[float]] = simplex(self.n, self.step, self.minimum).tolist()
        return vectors

    def draw(self, rng: np.random.Generator) -> list[float]:
        """A vector, all being equally likely: uniform on the simplex, or on the vectors in whole steps."""
        if self.step is None:
            spread = rng.standard_exponential(self.n)
            shares = self.minimum + (1.0 - self.n * self.minimum) * (spread / spread.sum())
            return [float(share) for share in shares]
        units, least, free = _units(self.n, self.step, self.minimum)
        bars = np.sort(rng.choice(free + self.n - 1, self.n - 1, replace=False))
        edges = np.concatenate([[-1], bars, [free + self.n - 1]])
        return [float(gap) for gap in (np.diff(edges) - 1 + least) / units]


def simplex(n: int, step: float, minimum: float = 0.0) -> Float:
    """All weight vectors on a grid that are at least `minimum` each and sum to one, in lexicographic order.

    Parameters
    ----------
    n : int
        Weights in a vector.
    step : float
        Distance of neighbours; a whole number of steps makes one.
    minimum : float
        Least weight.

    Returns
    -------
    ndarray of shape (R, n), float64
        Each weight is a quotient of whole numbers, rounded once: 3/10 is 0.3.

    Raises
    ------
    ConfigError
        Steps that do not add up to one, a minimum that cannot be met, or more than MAX_POINTS vectors.
    """
    units, least, free = _units(n, step, minimum)
    count = math.comb(free + n - 1, n - 1)
    if count > MAX_POINTS:
        raise ConfigError(
            f"{n} weights in steps of {step} make {count:,} vectors, more than {MAX_POINTS:,}; take a larger step"
        )
    # Stars and bars: the n - 1 bars among free + n - 1 places leave n gaps, whose lengths are the weights.
    bars = np.array(list(itertools.combinations(range(free + n - 1), n - 1)), dtype=np.int64).reshape(count, n - 1)
    edges = np.pad(bars, ((0, 0), (1, 0)), constant_values=-1)
    edges = np.pad(edges, ((0, 0), (0, 1)), constant_values=free + n - 1)
    return (np.diff(edges, axis=1) - 1 + least) / units


def _units(n: int, step: float, minimum: float) -> tuple[int, int, int]:
    """Steps that make one, steps that each weight has at least, and steps that remain to be given away."""
    units = round(1.0 / step) if 0.0 < step <= 1.0 else 0
    if units == 0 or abs(units * step - 1.0) > 1e-9:
        raise ConfigError(f"whole steps must add up to one, as 0.25 or 0.1 do, but the step is {step}")
    least = math.ceil(minimum / step - 1e-9)
    free = units - n * least
    if n < 1 or minimum < 0.0 or free < 0:
        raise ConfigError(f"{n} weights in steps of {step}, each at least {minimum}, cannot sum to one")
    return units, least, free
