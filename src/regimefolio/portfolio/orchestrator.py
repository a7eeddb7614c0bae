"""Allocation to allocators: many are asked at every rebalance, and what they would hold is blended."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, PlainSerializer, PlainValidator, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from regimefolio.core.arrays import time_text
from regimefolio.core.component import Model, Part, placed_error
from regimefolio.core.errors import ConfigError, DataError, ModelError, within
from regimefolio.core.types import FAILED, OK, Allocation, Bool, Float, Json
from regimefolio.market.view import Market, View
from regimefolio.portfolio.allocators.base import Allocator, asked, usable
from regimefolio.portfolio.blends import Blend, PerformanceBlend, Proposals
from regimefolio.portfolio.measuring import Measure, Measured, measured
from regimefolio.portfolio.moments import CovarianceTransformers, ExpectedReturns, Historical, LedoitWolf
from regimefolio.portfolio.sample import Sample

OnFailure = Literal["exclude", "equal_weight", "previous_weights"]


class AllocatorEntry(Model):
    """An allocator and its name; written `{kind: …, parameters, name: …}` or as a kind, which then is its name."""

    allocator: Part[Allocator]
    name: str = Field(min_length=1)

    @classmethod
    def read(cls, value: Any) -> AllocatorEntry:
        """The entry that a kind or a mapping describes."""
        if isinstance(value, AllocatorEntry):
            return value
        rest = dict(value) if isinstance(value, Mapping) else value
        name = rest.pop("name", None) if isinstance(rest, dict) else None
        try:
            allocator = Allocator.of(rest)
        except ConfigError as error:
            raise PydanticCustomError("part", "{text}", {"text": str(error)}) from None
        return cls(allocator=allocator, name=allocator.kind if name is None else name)

    def write(self) -> dict[str, Json]:
        """The mapping that `read` understands."""
        return {**self.allocator.spec(), "name": self.name}


class _Answer(NamedTuple):
    """What one allocator gave; no weights where it failed and nothing took its place."""

    weights: Float | None
    status: str = OK
    message: str = ""
    traceback: str = ""


class Orchestration(Model):
    """Which allocators are asked, on which moments, and how what they give becomes one portfolio.

    `lookback`, `expected_returns` and `covariance_transformers` hold for every allocator that has such a parameter and
    says nothing else.
    """

    optimizers: tuple[
        Annotated[AllocatorEntry, PlainValidator(AllocatorEntry.read), PlainSerializer(AllocatorEntry.write)], ...
    ] = Field(min_length=1, description="the allocators that are asked")
    orchestration_type: Part[Blend] = Field(description="how their weights become one")
    lookback: int = Field(252, ge=10, description="bars whose returns count")
    expected_returns: Part[ExpectedReturns] = Field(Historical(), description="what is expected of returns")
    covariance_transformers: CovarianceTransformers = Field(
        (LedoitWolf(),), description="what is made of the sample's covariance, in this order"
    )
    on_failure: OnFailure = Field("exclude", description="what takes the place of an allocator that fails")
    measure: tuple[Measure, ...] = Field(("time",), description="what is measured of each: time, memory")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [entry.name for entry in self.optimizers]
        for position, name in enumerate(names):
            if name in names[:position]:
                text = f"{name!r} stands here twice; give each a name of its own, as {{kind: …, name: …}}"
                raise placed_error(("optimizers", position), text)
        return self

    @model_validator(mode="after")
    def _inner_blends_look_at_no_past(self) -> Self:
        for position, entry in enumerate(self.optimizers):
            inner = entry.allocator
            if isinstance(inner, AllocationOrchestrator) and isinstance(inner.orchestration_type, PerformanceBlend):
                text = (
                    f"{inner.orchestration_type.kind} looks at what each allocator gave before, which is not kept of "
                    "an orchestrator inside another; use a blend there that does not, such as equal"
                )
                raise placed_error(("optimizers", position, "orchestration_type"), text)
        return self

    @model_validator(mode="after")
    def _blend_fits(self) -> Self:
        try:
            self.orchestration_type.must_fit(self.names)
        except ConfigError as error:
            raise placed_error(("orchestration_type", *error.place), str(error)) from None
        return self

    @model_validator(mode="after")
    def _allocators_bear_what_holds_for_all(self) -> Self:
        for position, allocator in enumerate(self.allocators):
            try:
                type(allocator).model_validate(allocator.plain())
            except ValidationError as error:
                text = f"with the lookback and moments that hold for all: {error.errors()[0]['msg']}"
                raise placed_error(("optimizers", position), text) from None
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """How the allocators are called, in their order."""
        return tuple(entry.name for entry in self.optimizers)

    @property
    def allocators(self) -> tuple[Allocator, ...]:
        """The allocators with the moments that hold for all, where they say nothing else."""
        return tuple(self._with_moments(entry.allocator) for entry in self.optimizers)

    def _with_moments(self, allocator: Allocator) -> Allocator:
        fields, said = type(allocator).model_fields, allocator.model_fields_set
        shared = ("lookback", "expected_returns", "covariance_transformers")
        update = {name: getattr(self, name) for name in shared if name in fields and name not in said}
        if isinstance(allocator, AllocationOrchestrator):  # nobody keeps what it measures, which would spoil our peak
            update["measure"] = ()
        return allocator.model_copy(update=update) if update else allocator


class AllocationOrchestrator(Allocator, Orchestration, kind="orchestrator"):
    """Asks many allocators at every rebalance, on the same past and the same moments, and blends what they would hold.

    One that fails is told as a status, never silently replaced.
    """

    @property
    def long_only(self) -> bool:
        return all(each.long_only for each in self.allocators)

    @property
    def warmup(self) -> int:
        return self.orchestration_type.warmup_with(max(each.warmup for each in self.allocators))

    @property
    def uses_alpha(self) -> bool:
        return self.expected_returns.uses_alpha or any(each.uses_alpha for each in self.allocators)

    def must_fit(self, market: Market) -> None:
        for position, each in enumerate(self.allocators):
            with within("optimizers", position):
                each.must_fit(market)

    @property
    def page_view_files(self) -> tuple[str, ...]:
        files = [*self.orchestration_type.page_view_files]
        files += [file for each in self.allocators for file in each.page_view_files]
        return tuple(dict.fromkeys(files))

    def weights(self, view: View) -> Float:
        return self.run_allocation(view).weights

    def allocate(self, view: View) -> Allocation:
        return self.run_allocation(view)

    def run_allocation(self, view: View) -> Allocation:
        """Ask every allocator, and blend what they give.

        Raises
        ------
        ModelError
            None of them gave weights, or the blend's cannot be used.
        """
        view = self.orchestration_type.narrowed(view)
        calls = [
            measured(lambda each=each, name=name: self._answer(each, name, view), self.measure)  # type: ignore[misc]
            for each, name in zip(self.allocators, self.names, strict=True)
        ]
        answers = [call.result for call in calls]
        gave = [k for k, answer in enumerate(answers) if answer.weights is not None]
        if not gave:
            told = "; ".join(f"{name}: {each.message}" for name, each in zip(self.names, answers, strict=True))
            raise ModelError(f"no allocator gave weights at {time_text(view.market.timestamps[-1])}: {told}")
        table = np.full((len(answers), view.alpha.size), np.nan)
        for k in gave:
            table[k] = answers[k].weights
        names, allocators = self.names, self.allocators
        proposals = Proposals(tuple(names[k] for k in gave), tuple(allocators[k] for k in gave), table[gave])
        blended = self.orchestration_type.blend(proposals, view)
        weights = usable(blended.weights, f"blend {self.orchestration_type.kind}", view)
        parts = np.zeros(len(answers))
        parts[gave] = blended.parts
        return self._told(view, weights, table, parts, calls)

    def without(self, name: str, allocation: Allocation, view: View) -> Float:
        """The weights (N,) that the others blend into at a bar; NaN where none of them gave any, or none has a part.

        Parameters
        ----------
        name : str
            The allocator that is left out.
        allocation : Allocation
            What was decided with it.
        view : View
            What was known; its `past` is without it, too.
        """
        gave: Bool = np.isfinite(allocation.df_allocation.sum(axis=1))
        gave[allocation.allocators.index(name)] = False
        kept = np.flatnonzero(gave)
        if not kept.size:
            return np.full(view.alpha.size, np.nan)
        names, allocators = self.names, self.allocators
        proposals = Proposals(
            tuple(names[k] for k in kept), tuple(allocators[k] for k in kept), allocation.df_allocation[kept]
        )
        try:
            return self.orchestration_type.blend(proposals, self.orchestration_type.narrowed(view)).weights
        except ModelError:  # such as custom parts that the others have none of
            return np.full(view.alpha.size, np.nan)

    def _told(
        self, view: View, weights: Float, table: Float, parts: Float, calls: list[Measured[_Answer]]
    ) -> Allocation:
        expected, volatility, concentration = self._statistics(view, table)
        answers = [call.result for call in calls]
        return Allocation(
            timestamp=view.market.timestamps[-1],
            symbols=view.market.symbols,
            weights=weights,
            allocators=self.names,
            df_allocation=table,
            blend=parts,
            status=tuple(each.status for each in answers),
            message=tuple(each.message for each in answers),
            traceback=tuple(each.traceback for each in answers),
            seconds=np.array([call.seconds for call in calls]),
            peak_mb=np.array([call.peak_mb for call in calls]),
            resident_mb=np.array([call.resident_mb for call in calls]),
            expected_return=expected,
            volatility=volatility,
            concentration=concentration,
        )

    def _answer(self, allocator: Allocator, name: str, view: View) -> _Answer:
        """What one allocator gives, or what takes its place; its own past is the rows that it gave before."""
        past = tuple(each.alone[name] for each in view.past if name in each.alone)
        try:
            return _Answer(asked(allocator, view._replace(past=past)))
        except Exception as error:  # a door: one allocator's failure is a status
            text, where = f"{type(error).__name__}: {error}", traceback.format_exc()
        return self._in_its_place(text, where, past, view)

    def _in_its_place(self, text: str, where: str, past: tuple[Allocation, ...], view: View) -> _Answer:
        if self.on_failure == "equal_weight" and view.tradable.any():
            return _Answer(view.tradable / view.tradable.sum(), FAILED, f"{text}; equal weights took its place", where)
        given = [each.weights for each in past if np.isfinite(each.weights).all()]
        if self.on_failure == "previous_weights" and given:
            kept = np.where(view.tradable, given[-1], 0.0)
            return _Answer(kept, FAILED, f"{text}; its weights of the time before took its place", where)
        return _Answer(None, FAILED, f"{text}; it was left out", where)

    def _statistics(self, view: View, table: Float) -> tuple[Float, Float, Float]:
        """Expected return and volatility of a bar, and concentration, of each row of weights."""
        sample, gross = Sample.of(view, self.lookback), np.abs(table).sum(axis=1)
        with np.errstate(invalid="ignore"):
            concentration: Float = (table * table).sum(axis=1) / (gross * gross)
        if not sample.assets.size:
            return np.full_like(gross, np.nan), np.full_like(gross, np.nan), concentration
        held = table[:, sample.assets]
        try:
            covariance = sample.covariance(self.covariance_transformers)
            expected: Float = held @ sample.expected(self.expected_returns, covariance)
        except (ModelError, DataError):  # the allocators that ask for these moments have failed with them
            return np.full_like(gross, np.nan), np.full_like(gross, np.nan), concentration
        variance = np.einsum("mi,ij,mj->m", held, covariance, held)
        return expected, np.sqrt(np.maximum(variance, 0.0)), concentration
