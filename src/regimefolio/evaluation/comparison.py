"""The same signals combined in other ways, and the portfolio against each of its strategies alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np

from regimefolio.backtest import BacktestRunner, BacktestSpec, Run, prepare
from regimefolio.core.errors import ConfigError, must_be
from regimefolio.core.types import Times
from regimefolio.evaluation.overfitting import SharpeDifference, paired_sharpe_difference
from regimefolio.kernels.metrics import part_of
from regimefolio.market import Market
from regimefolio.portfolio import (
    CombinationMethod,
    Conflicts,
    Ensemble,
    OnConflict,
    RegimeSettings,
    SignalStack,
)
from regimefolio.strategies import Strategy


@dataclass(frozen=True)
class ComparedRun:
    """One run beside the portfolio's own, on the same bars, at the same costs.

    `portfolio_minus` is how far the portfolio's Sharpe ratio is above this one's, with the interval of a paired
    stationary bootstrap; NaN where one of them has none, or went bankrupt.
    """

    status: str
    metrics: Mapping[str, float]
    reasons: Mapping[str, str]
    portfolio_minus: SharpeDifference


@dataclass(frozen=True)
class CombinationRow:
    """One way to combine the signals; `chosen` is the portfolio's own."""

    combination_method: CombinationMethod
    on_conflict: OnConflict
    chosen: bool
    run: ComparedRun


@dataclass(frozen=True)
class StrategyRow:
    """One strategy alone, with weight 1 everywhere; it adapts to regimes as it does in the portfolio."""

    strategy: Strategy
    run: ComparedRun


class PortfolioEvaluator:
    """Runs what a backtest file describes in other ways; signals and regimes are computed once.

    Parameters
    ----------
    spec : BacktestSpec
    market : Market
        Of the spec's data, benchmark and rates, as `load_market` gives it.
    seed : int
        Of the bootstraps.

    Raises
    ------
    ConfigError, DataError, InfeasibleError
        As `run_backtest`.
    """

    def __init__(self, spec: BacktestSpec, market: Market, seed: int = 0) -> None:
        must_be(BacktestSpec, spec, "spec", "read_backtest(file) reads one")
        must_be(Market, market, "market", "load_market gives one")
        if not spec.portfolio.uses_alpha:
            kind = spec.portfolio.allocator.kind
            text = f"{kind} looks at prices alone, so that no strategy and no combination differs from another"
            raise ConfigError(f"{text}; take an allocator that looks at alphas", ("portfolio", "allocator"))
        runner, self._ensemble, self._regimes, self._start = prepare(spec, market)
        self._spec, self._market, self._seed = spec, market, seed
        self._risk_free = part_of(runner.risk_free, slice(self._start, None))
        self._stack = runner.signals(self._ensemble)
        self.run: Run = runner.replay(self._stack, self._ensemble, self._start, self._regimes, record=True)

    @property
    def conflicts(self) -> Conflicts:
        """How often the strategies contradict each other."""
        assert self.run.conflicts is not None  # it was recorded
        return self.run.conflicts

    @property
    def bars(self) -> Times:
        """The bars that every run trades on."""
        return self._market.timestamps[self._start :]

    def compare_combinations(self) -> tuple[CombinationRow, ...]:
        """One row a method, with the portfolio's own rule on conflicts; its own method with the other rules after them.

        The latter only where there are conflicts at all. Accounts of one asset have no ranks across assets.
        """
        chosen = self._spec.portfolio
        methods: tuple[CombinationMethod, ...] = get_args(CombinationMethod)
        if self._spec.execution.accounts == "per_asset":
            methods = tuple(method for method in methods if method != "rank_average")
        others: tuple[OnConflict, ...] = get_args(OnConflict) if self.conflicts.conflicts else ()
        ways = [(method, chosen.on_conflict) for method in methods]
        ways += [(chosen.combination_method, rule) for rule in others if rule != chosen.on_conflict]
        rows = []
        for method, rule in ways:
            portfolio = chosen.model_copy(update={"combination_method": method, "on_conflict": rule})
            own = portfolio == chosen
            run = self.run if own else self._replay(self._spec.model_copy(update={"portfolio": portfolio}))
            rows.append(CombinationRow(method, rule, own, self._compared(run)))
        return tuple(rows)

    def compare_strategies(self) -> tuple[StrategyRow, ...]:
        """One row a strategy, in the order of the file."""
        columns = [strategy.fingerprint for strategy in self._ensemble.strategies]
        rows = []
        for entry in self._spec.strategies:
            alone = self._alone(entry.strategy)
            used = [columns.index(variant.fingerprint) for variant in alone.strategies]
            stack = SignalStack.joined(
                [self._stack.alpha[:, s] for s in used], [self._stack.confidence[:, s] for s in used]
            )
            rows.append(StrategyRow(entry.strategy, self._compared(self._replay(self._spec, stack, alone))))
        return tuple(rows)

    def compared(self) -> ComparedRun:
        """The portfolio's own run, in the same form."""
        return self._compared(self.run)

    def _alone(self, strategy: Strategy) -> Ensemble:
        """The ensemble of one strategy, with its own parameters in each regime."""
        spec, kind = self._spec, strategy.kind
        if spec.adaptive is None or spec.regime_detector is None:
            return Ensemble.static([strategy], [1.0])
        settings = {
            regime: RegimeSettings(strategies={kind: said.strategies[kind]} if kind in said.strategies else {})
            for regime, said in spec.adaptive.items()
        }
        return Ensemble.adaptive([strategy], [1.0], spec.regime_detector.names, settings)

    def _replay(self, spec: BacktestSpec, stack: SignalStack | None = None, ensemble: Ensemble | None = None) -> Run:
        runner = BacktestRunner(
            self._market, spec.portfolio, spec.execution, spec.initial_capital, spec.risk_free, spec.risk
        )
        return runner.replay(stack or self._stack, ensemble or self._ensemble, self._start, self._regimes)

    def _compared(self, run: Run) -> ComparedRun:
        return ComparedRun(run.simulation.status, run.metrics, run.reasons, self._portfolio_minus(run))

    def _portfolio_minus(self, run: Run) -> SharpeDifference:
        year = self._market.panel.periods_per_year
        ours, theirs = self.run.simulation.returns, run.simulation.returns
        if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
            return SharpeDifference(math.nan, math.nan, math.nan, 0.95, math.nan)
        return paired_sharpe_difference(ours, theirs, year, self._seed, risk_free=self._risk_free)
