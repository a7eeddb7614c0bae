"""An allocation run: many allocators, their blend, and what each would have earned alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, PlainSerializer, PlainValidator, model_validator

from regimefolio.backtest.held import Held, bought_and_held
from regimefolio.backtest.rates import Interest
from regimefolio.backtest.runner import Run, prepare
from regimefolio.backtest.spec import BacktestSpec, ExecutionSpec, StrategyEntry, must_be_possible, rate_of_cash
from regimefolio.core.arrays import time_text
from regimefolio.core.component import FolderName, Plugins, placed_error
from regimefolio.core.documents import read_document
from regimefolio.core.errors import ConfigError, MissingDataError, must_be
from regimefolio.core.progress import Progress
from regimefolio.core.types import Allocation, Float, Times
from regimefolio.kernels.metrics import part_of
from regimefolio.market import DataSpec, Market, Rebalance
from regimefolio.market.traded import patience
from regimefolio.market.view import View
from regimefolio.portfolio import (
    AllocationOrchestrator,
    Constraints,
    EqualWeight,
    Known,
    Orchestration,
    PerformanceBlend,
    PortfolioSpec,
)


class AllocationSpec(Orchestration):
    """An allocation run; the section `allocation:` of a file.

    Its keys are those of an orchestrator, and those of a backtest around it. The strategies' alphas are for the
    optimizers that look at them.
    """

    name: FolderName = Field("allocation", description="the folder's name")
    output_dir: str = "results"
    seed: int = Field(0, ge=0, description="of the intervals")
    plugins: Plugins = ()
    data: DataSpec
    benchmark: str = Field(description="equal_weight, index, a symbol, or a source of one")
    strategies: tuple[
        Annotated[StrategyEntry, PlainValidator(StrategyEntry.read), PlainSerializer(StrategyEntry.write)], ...
    ] = Field((), description="whose alphas the optimizers see that look at alphas")
    constraints: Constraints = Constraints()
    rebalance: Rebalance = "monthly"
    execution: ExecutionSpec = ExecutionSpec()
    initial_capital: float = Field(1_000_000.0, gt=0)
    risk_free: Interest = Field(default_factory=rate_of_cash, description="a year; execution.cash_rate if not said")
    leave_one_out: bool = Field(True, description="whether the blend is also run without each optimizer")

    @property
    def orchestrator(self) -> AllocationOrchestrator:
        """The allocator that it is about; a blend that trades on paper pays what the run pays, if it says nothing."""
        fields = {name: getattr(self, name) for name in Orchestration.model_fields}
        blend = self.orchestration_type
        if isinstance(blend, PerformanceBlend) and "cost_bps" not in blend.model_fields_set:
            fields["orchestration_type"] = blend.model_copy(update={"cost_bps": 1e4 * self.execution.proportional_cost})
        return AllocationOrchestrator.model_construct(**fields)

    @property
    def resolved(self) -> AllocationSpec:
        """The same with what holds for each optimizer, and for the blend, where they say nothing themselves."""
        asked = self.orchestrator
        entries = zip(self.optimizers, asked.allocators, strict=True)
        optimizers = tuple(entry.model_copy(update={"allocator": each}) for entry, each in entries)
        return self.model_copy(update={"optimizers": optimizers, "orchestration_type": asked.orchestration_type})

    @property
    def slowest(self) -> tuple[str, int]:
        """For whom the first decision waits, and for how many bars."""
        asked = self.orchestrator
        needs = dict(zip(asked.names, (each.warmup for each in asked.allocators), strict=True))
        needs |= {f"strategy {entry.strategy.kind}": entry.strategy.warmup for entry in self.strategies}
        blend = asked.warmup
        if blend > max(needs.values()):
            return self.orchestration_type.kind, blend
        return max(needs.items(), key=lambda item: item[1])

    def must_fit(self, market: Market) -> None:
        """Refuse a market that lacks what an optimizer needs, or bars for the slowest, before anything is decided.

        Raises
        ------
        ConfigError, MissingDataError
            Names what is missing, and what to do.
        """
        self.orchestrator.must_fit(market)
        who, bars = self.slowest
        if bars + self.execution.delay + 3 > market.panel.n_bars:
            text = f"{who} needs {bars} bars before it can say anything, but the data has {market.panel.n_bars}"
            raise ConfigError(f"{text}; use more data or a shorter lookback", ("optimizers",))

    @model_validator(mode="after")
    def _alphas_come_from_somewhere(self) -> Self:
        asked = self.orchestrator
        for position, (name, allocator) in enumerate(zip(asked.names, asked.allocators, strict=True)):
            if allocator.uses_alpha and not self.strategies:
                text = f"{name} looks at alphas, and no strategies give any; name some under `strategies`"
                raise placed_error(("optimizers", position), f"{text}, or leave it out")
        if asked.uses_alpha and not self.strategies:
            text = f"{asked.expected_returns.kind} looks at alphas, and no strategies give any; name some under"
            raise placed_error(("expected_returns",), f"{text} `strategies`, or take another, such as shrunk")
        return self

    @model_validator(mode="after")
    def _its_backtest_is_possible(self) -> Self:
        must_be_possible(self.backtest)
        return self

    def backtest(self) -> BacktestSpec:
        """The backtest of the blend that it is short for."""
        portfolio = PortfolioSpec(allocator=self.orchestrator, constraints=self.constraints, rebalance=self.rebalance)
        return BacktestSpec(
            name=self.name,
            plugins=self.plugins,
            data=self.data,
            benchmark=self.benchmark,
            strategies=self.strategies,
            portfolio=portfolio,
            execution=self.execution,
            initial_capital=self.initial_capital,
            risk_free=self.risk_free,
        )


@dataclass(frozen=True, eq=False)
class AllocationRun:
    """What was decided at every rebalance, and what became of it; all runs trade the same bars at the same costs.

    Parameters
    ----------
    bars : ndarray of shape (T - start,), datetime64[ns]
        Those that trade.
    allocations : tuple of R Allocation
        One a rebalance, in order.
    blend : Run
        What `run_backtest` gives; recorded.
    optimizers : mapping of name to Run
        Each alone, under the same constraints; where it failed and nothing took its place it has no order.
    without : mapping of name to Run
        The blend of the others; empty where that was not asked for, or there are none.
    equal_weight : Run
        Of all that can be traded, at the same rebalances; recorded.
    benchmark : Held
        Without costs.
    risk_free : ndarray of shape (T - start,), or (1,) where it never changes
        Per bar.
    """

    bars: Times
    allocations: tuple[Allocation, ...]
    blend: Run
    optimizers: Mapping[str, Run]
    without: Mapping[str, Run]
    equal_weight: Run
    benchmark: Held
    risk_free: Float


def run_allocations(
    spec: AllocationSpec, market: Market, known: Known = lambda view, make: make(), progress: Progress | None = None
) -> AllocationRun:
    """Ask all optimizers at every rebalance, blend what they give, and trade the blend and each of them alone.

    Parameters
    ----------
    market : Market
        Of its data and benchmark, as `load_market` gives it.
    known : callable
        Where allocations are kept, so that a run can be stopped and resumed.

    Raises
    ------
    ConfigError, DataError, InfeasibleError
        Whatever is wrong with the file and the data together.
    ModelError
        At one rebalance no optimizer gave weights.
    """
    must_be(AllocationSpec, spec, "spec", "read_allocation(file) reads one")
    must_be(Market, market, "market", "load_market gives one")
    progress, asked = progress or Progress(), spec.orchestrator
    spec.must_fit(market)
    runner, ensemble, _, start = prepare(spec.backtest(), market)
    benchmark = _benchmark(spec, market, start, runner.risk_free)
    stack, manager, row = runner.signals(ensemble), runner.manager, ensemble.rows(None, market.panel.n_bars)
    decide = manager.decisions(None, start - spec.execution.delay)
    decides, decided = np.flatnonzero(decide).tolist(), _Decided(asked, spec.leave_one_out and len(asked.names) > 1)

    def taken(view: View, make: Callable[[], Allocation]) -> Allocation:
        allocation = known(view, make)
        decided.take(view, allocation)
        progress.advance()
        return allocation

    progress.stage("rebalances", len(decides))
    allocations = manager.allocations(stack, ensemble, row, decide, taken)

    def run(rows: Sequence[Float], record: bool = False) -> Run:
        target = np.full((1, *market.panel.close.shape), np.nan)
        for t, given in zip(decides, rows, strict=True):
            if np.isfinite(given).all():
                target[0, t] = manager.constrained(t, given)
        found = runner.replay_all(stack, [ensemble], start, record=record, given=target)[0]
        progress.advance()
        return found

    progress.stage("backtests", 2 + len(decided.alone) + len(decided.without))
    return AllocationRun(
        bars=market.timestamps[start:],
        allocations=allocations,
        blend=run([each.weights for each in allocations], record=True),
        optimizers={name: run(rows) for name, rows in decided.alone.items()},
        without={name: run([each.weights for each in past]) for name, past in decided.without.items()},
        equal_weight=run(decided.equal, record=True),
        benchmark=benchmark,
        risk_free=part_of(runner.risk_free, slice(start, None)),
    )


class _Decided:
    """What was decided so far by equal weights, by each optimizer, and by the blend without each; grows by bars."""

    def __init__(self, asked: AllocationOrchestrator, leave_one_out: bool) -> None:
        self._asked = asked
        self.alone: dict[str, list[Float]] = {name: [] for name in asked.names}
        self.without: dict[str, list[Allocation]] = {name: [] for name in asked.names if leave_one_out}
        self.equal: list[Float] = []

    def take(self, view: View, allocation: Allocation) -> None:
        """Add what was decided at the bar of a view."""
        self.equal.append(EqualWeight().weights(view))
        for name, weights in zip(allocation.allocators, allocation.df_allocation, strict=True):
            self.alone[name].append(weights)
        for name, past in self.without.items():
            weights = self._asked.without(name, allocation, view._replace(past=tuple(past)))
            past.append(allocation.without(name, weights))


def _benchmark(spec: AllocationSpec, market: Market, start: int, risk_free: Float) -> Held:
    closes = market.benchmark
    if closes is None or not np.isfinite(closes[start:]).any():
        raise MissingDataError(f"benchmark {spec.benchmark!r} has no price at the bars that trade; name another one")
    if not np.isfinite(closes[: start + 1]).any():
        first, traded = market.timestamps[np.isfinite(closes).argmax()], market.timestamps[start]
        raise MissingDataError(
            f"benchmark {spec.benchmark!r} begins at {time_text(first)}, but trading at {time_text(traded)}, up to "
            "which it would be a flat line; let the data begin later, or name another one"
        )
    last, allowed = int(np.flatnonzero(np.isfinite(closes))[-1]), patience(market.panel)
    if allowed is not None and market.panel.n_bars - 1 - last > allowed:
        raise MissingDataError(
            f"benchmark {spec.benchmark!r} ends at {time_text(market.timestamps[last])}, after which it would be a "
            "flat line; let the data end there, or name another one"
        )
    return bought_and_held(closes, start, spec.initial_capital, market.panel.periods_per_year, risk_free)


def read_allocation(file: str | Path) -> AllocationSpec:
    """The allocation run in a file.

    Raises
    ------
    ConfigError
        With file:line:column and a hint.
    """
    return read_document(file).parse(AllocationSpec, "allocation")
