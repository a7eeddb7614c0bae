"""A workflow as a configuration file says it: the section `workflow:`."""

from __future__ import annotations

import datetime
import functools
from collections import Counter
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from regimefolio.backtest import ExecutionSpec, Interest, RiskSpec, rate_of_cash
from regimefolio.core.component import FolderName, Model, Part, Plugins, did_you_mean, placed_error
from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Json
from regimefolio.market import DataSpec
from regimefolio.portfolio import PortfolioSpec
from regimefolio.regimes import RegimeDetector
from regimefolio.research import Grid, ParameterSpace, Sampler, Simplex, single_batch
from regimefolio.strategies import Strategy

Selection: TypeAlias = Literal["sharpe", "sortino", "max_drawdown", "total_return"]
Objective: TypeAlias = Literal["sharpe", "sortino", "calmar", "return", "drawdown", "minimize_regime_drawdown"]


class Split(Model):
    """Training bars end at `train_end`; the first `embargo` bars after them belong to nobody."""

    train_end: datetime.date
    embargo: int = Field(21, ge=0, description="bars")


class WorkflowData(DataSpec):
    """The data and its split into training and test bars."""

    split: Split


class DiscoveryConfig(Model):
    """Phase 1: which parameters are tried."""

    algorithm: Part[Sampler] = Grid()
    parameter_space: dict[str, ParameterSpace]
    objective: Selection = "sharpe"
    capture_signals: Literal["all"] = "all"
    time_limit: float | None = Field(
        None, gt=0, description="seconds that a trial of a strategy of one's own may take in a process; none: no limit"
    )


class AnalysisConfig(Model):
    """Phase 2: which parameters did best in which regime, and how much evidence that takes."""

    method: Literal["retrospective"] = "retrospective"
    group_by: tuple[Literal["regime", "classifier"], ...] = ("regime", "classifier")
    metrics: tuple[Literal["sharpe", "sortino", "max_drawdown", "total_return", "volatility"], ...] = (
        "sharpe",
        "sortino",
        "max_drawdown",
    )
    select_by: Selection = "sharpe"
    min_bars: int = Field(252, ge=1)
    min_episodes: int = Field(5, ge=1)
    shrinkage: float = Field(504.0, ge=0, description="bars of evidence that the score over all bars counts for")


class WeightConstraints(Model):
    """The weight vectors that phase 3 tries."""

    sum_to_one: Literal[True] = True
    min_weight: float = Field(0.0, ge=0, lt=1)
    step: float | None = Field(0.25, gt=0, le=1, description="distance of neighbours; null: none, for random search")


class EnsembleConfig(Model):
    """Phase 3: strategy weights by regime."""

    algorithm: Part[Sampler] = Grid()
    signal_replay: Literal[True] = True
    objective: Objective = "sharpe"
    weight_constraints: WeightConstraints = WeightConstraints()


class ValidationConfig(Model):
    """Phase 4: the chosen strategy on bars that nothing before it has seen."""

    data_split: Literal["test"] = "test"
    mode: Literal["adaptive"] = "adaptive"
    verify_transitions: bool = True


class DiscoveryPhase(Model):
    """Phase 1 of the list."""

    name: Literal["parameter_discovery"]
    type: Literal["optimization"]
    config: DiscoveryConfig


class AnalysisPhase(Model):
    """Phase 2 of the list."""

    name: Literal["regime_analysis"]
    type: Literal["analysis"]
    config: AnalysisConfig = AnalysisConfig()


class EnsemblePhase(Model):
    """Phase 3 of the list."""

    name: Literal["ensemble_optimization"]
    type: Literal["optimization"]
    config: EnsembleConfig = EnsembleConfig()


class ValidationPhase(Model):
    """Phase 4 of the list."""

    name: Literal["validation"]
    type: Literal["backtest"]
    config: ValidationConfig = ValidationConfig()


PhaseSpec = Annotated[DiscoveryPhase | AnalysisPhase | EnsemblePhase | ValidationPhase, Field(discriminator="name")]
ORDER = ("parameter_discovery", "regime_analysis", "ensemble_optimization", "validation")


class WorkflowSpec(Model):
    """The whole job: data, parts, and the four phases in order."""

    name: FolderName = Field(description="the folder's name")
    type: Literal["regime_adaptive_optimization"] = "regime_adaptive_optimization"
    output_dir: str = "results"
    seed: int = Field(0, ge=0)
    plugins: Plugins = ()
    data: WorkflowData
    benchmark: str = Field("equal_weight", description="equal_weight, index, a symbol, or a source of one")
    strategies: tuple[Part[Strategy], ...] = Field(min_length=1)
    portfolio: PortfolioSpec = PortfolioSpec()
    execution: ExecutionSpec = ExecutionSpec()
    risk: RiskSpec = RiskSpec()
    initial_capital: float = Field(1_000_000.0, gt=0)
    risk_free: Interest = Field(default_factory=rate_of_cash, description="a year; execution.cash_rate if not said")
    regime_classifiers: tuple[Part[RegimeDetector], ...] = Field(min_length=1)
    phases: tuple[PhaseSpec, ...]

    @field_validator("strategies", "regime_classifiers")
    @classmethod
    def _one_of_a_kind(cls, parts: tuple[Strategy | RegimeDetector, ...]) -> tuple[Strategy | RegimeDetector, ...]:
        twice = [kind for kind, count in Counter(part.kind for part in parts).items() if count > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} is listed twice; results are named by kind")
        return parts

    @model_validator(mode="after")
    def _vetoes_are_known(self) -> Self:
        known = [name for detector in self.regime_classifiers for name in detector.names]
        self.risk.must_be_known(known, "regime_classifiers")
        return self

    @model_validator(mode="after")
    def _strategies_have_a_say(self) -> Self:
        if not self.portfolio.uses_alpha:
            text = f"{self.portfolio.allocator.kind} looks at prices alone, so that all trials of strategies would be"
            hint = "equal; take an allocator that looks at alphas, such as proportional, or `regimefolio backtest`"
            raise placed_error(("portfolio", "allocator"), f"{text} {hint}")
        return self

    @model_validator(mode="after")
    def _phases_in_order(self) -> Self:
        names = tuple(phase.name for phase in self.phases)
        if names != ORDER:
            found = ", ".join(names) or "none"
            raise placed_error(("phases",), f"phases must be {', '.join(ORDER)}, in this order, but are {found}")
        return self

    @model_validator(mode="after")
    def _spaces_fit(self) -> Self:
        kinds = {strategy.kind: strategy for strategy in self.strategies}
        section = ("phases", 0, "config", "parameter_space")
        for kind, space in self.discovery.parameter_space.items():
            if kind not in kinds:
                text = f"{kind!r} is not among the strategies; {did_you_mean(kind, kinds)}"
                raise placed_error((*section, kind), text)
            bare = kinds[kind].bare
            try:
                mistakes = space.mistakes(type(bare), bare.plain(), functools.partial(self.points, kind))
            except ConfigError as error:
                raise placed_error((*section, kind), str(error)) from None
            for place, text in mistakes:
                raise placed_error((*section, kind, *place), text)
        return self

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        try:
            self.weights()
        except ConfigError as error:
            raise placed_error(("phases", 2, "config", "weight_constraints"), str(error)) from None
        return self

    def points(self, kind: str) -> list[dict[str, Json]]:
        """The parameter sets of a strategy that phase 1 tries; its own alone where it is not searched.

        Raises
        ------
        ConfigError
            The space is not one that the algorithm can search.
        """
        space = self.discovery.parameter_space.get(kind)
        return [{}] if space is None else single_batch(self.discovery.algorithm, space, self.seed, kind)

    def candidates(self) -> list[Strategy]:
        """All parameter sets of all strategies, in the order of the file."""
        return [strategy.with_parameters(each) for strategy in self.strategies for each in self.points(strategy.kind)]

    def weights(self) -> list[list[float]]:
        """The vectors of strategy weights that phase 3 tries.

        Raises
        ------
        ConfigError
            There are none, or the algorithm cannot search them.
        """
        limits = self.ensemble.weight_constraints
        space = Simplex(len(self.strategies), limits.step, limits.min_weight)
        return single_batch(self.ensemble.algorithm, space, self.seed, "weights")

    @property
    def discovery(self) -> DiscoveryConfig:
        return next(phase.config for phase in self.phases if isinstance(phase, DiscoveryPhase))

    @property
    def analysis(self) -> AnalysisConfig:
        return next(phase.config for phase in self.phases if isinstance(phase, AnalysisPhase))

    @property
    def ensemble(self) -> EnsembleConfig:
        return next(phase.config for phase in self.phases if isinstance(phase, EnsemblePhase))

    @property
    def validation(self) -> ValidationConfig:
        return next(phase.config for phase in self.phases if isinstance(phase, ValidationPhase))

    def common(self) -> dict[str, Json]:
        """What every phase depends on: all but the names, the classifiers and the phases themselves."""
        return self.model_dump(mode="json", exclude={"name", "output_dir", "plugins", "regime_classifiers", "phases"})
