"""One backtest: signals, targets, money, metrics. A full run and a replay of saved signals are the same code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from regimefolio.backtest.spec import BacktestSpec, ExecutionSpec, load_market
from regimefolio.core.component import fingerprint
from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import TRADE, Bool, Float, Int, Json, Outcome, RegimePath, Simulation, read_only
from regimefolio.kernels.metrics import NAMES, REGIME_NAMES, all_metrics, reasons, regime_metrics
from regimefolio.kernels.simulate import BANKRUPT, Costs, Ledger, decision_return, empty_ledger, simulate
from regimefolio.market import Dataset, Market
from regimefolio.portfolio import Conflicts, Ensemble, PortfolioManager, PortfolioSpec, SignalStack


@dataclass(frozen=True, eq=False)
class Run:
    """A simulation, what it is worth, and what was decided.

    `row` (T,) is the row of the ensemble's weights that ruled at each bar, `decide` (T,) the bars that decided,
    `target` (T, N) what they decided, NaN elsewhere. `conflicts` is None where the run was not recorded.
    """

    simulation: Simulation
    metrics: Mapping[str, float]
    reasons: Mapping[str, str]
    regime_metrics: Mapping[str, Mapping[str, float]]
    row: Int
    decide: Bool
    target: Float
    conflicts: Conflicts | None = None

    def outcome(self, parameters: Mapping[str, Json], artifacts: tuple[str, ...] = ()) -> Outcome:
        """The result as it is written to JSON; its fingerprint is that of the parameters."""
        return Outcome(
            fingerprint(dict(parameters)),
            self.simulation.status,
            parameters,
            self.metrics,
            self.reasons,
            self.regime_metrics,
            artifacts,
        )


class BacktestRunner:
    """Runs ensembles on one market with one portfolio rule, one set of costs and one capital.

    Raises
    ------
    ConfigError
        Parts that do not fit the data or each other: `next_open` without opens, a sector limit without sectors.
    InfeasibleError
        Limits that no weights on this data can keep together.
    """

    def __init__(
        self,
        market: Market,
        portfolio: PortfolioSpec,
        execution: ExecutionSpec,
        initial_capital: float = 1_000_000.0,
        risk_free: float = 0.0,
    ) -> None:
        panel = market.panel
        cost = (execution.commission_bps + execution.slippage_bps) * 1e-4
        if cost * portfolio.constraints.max_gross >= 1.0:
            raise ConfigError(
                f"costs of {cost:.0%} of what is traded cannot be paid from equity where max_gross is "
                f"{portfolio.constraints.max_gross:g}; lower commission_bps, slippage_bps or max_gross",
                ("execution",),
            )
        self.market = market
        self.initial_capital = initial_capital
        self.manager = PortfolioManager(portfolio, market)
        self.fill = execution.fill_on(panel.open is not None)
        opens = panel.open if self.fill == "next_open" else panel.close
        assert opens is not None  # fill_on has seen to it
        self._fill_prices = opens
        self._benchmark = _returns(market.benchmark, panel.n_bars)
        self._per_year = panel.periods_per_year
        self._risk_free = risk_free / self._per_year
        self._costs = Costs(
            commission=execution.commission_bps * 1e-4,
            slippage=execution.slippage_bps * 1e-4,
            cash_rate=execution.cash_rate / self._per_year,
        )

    def signals(self, ensemble: Ensemble) -> SignalStack:
        """The signals of an ensemble's strategies on this market, each as if it had always run."""
        return SignalStack.of([strategy.signals(self.market) for strategy in ensemble.strategies])

    def run(self, ensemble: Ensemble, start: int, regimes: RegimePath | None = None, record: bool = True) -> Run:
        """A complete backtest: compute the signals, then do what `replay` does."""
        return self.replay(self.signals(ensemble), ensemble, start, regimes, record)

    def replay(
        self,
        stack: SignalStack,
        ensemble: Ensemble,
        start: int,
        regimes: RegimePath | None = None,
        record: bool = False,
    ) -> Run:
        """A backtest from signals that exist already; no indicator is computed.

        Parameters
        ----------
        stack : SignalStack
            Arrays of shape (T, S, N) in the order of the ensemble's strategies.
        start : int
            The first bar that trades; what it trades was decided at the bar before.
        regimes : RegimePath, optional
            Rules which row of the ensemble's weights holds; a change is a rebalance where the ensemble adapts.
            Metrics by regime come with it in any case.
        record : bool
            Whether to keep weights and trades, and count conflicts.

        Raises
        ------
        DataError
            `start` leaves no bar to decide at, or fewer than two bars to trade.
        """
        panel = self.market.panel
        if not 1 <= start <= panel.n_bars - 2:
            raise DataError(f"the first bar that trades must be 1 … {panel.n_bars - 2}, but is {start}; use more bars")
        adapts = regimes if ensemble.regimes else None
        row = ensemble.rows(regimes, panel.n_bars)
        decide = self.manager.decisions(adapts, start)
        target = self.manager.targets(stack, ensemble, row, decide)
        ledger = empty_ledger(panel.n_bars, panel.n_assets, record)
        status = simulate(
            self._fill_prices, panel.close, target, decide, start, self.initial_capital, self._costs, ledger
        )
        simulation = self._simulation(ledger, target[-1], start, status, record)
        values = np.empty(len(NAMES))
        all_metrics(ledger, self.initial_capital, start, self._benchmark, self._per_year, self._risk_free, values)
        metrics = dict(zip(NAMES, values.tolist(), strict=True))
        by_regime = {}
        if regimes is not None:
            by_regime = self.by_regime(simulation.decision_return, regimes.label, regimes.names)
        conflicts = self.manager.conflicts(stack, ensemble, row, decide) if record else None
        return Run(simulation, metrics, reasons(values), by_regime, row, decide, target, conflicts)

    def by_regime(self, decision_return: Float, label: Int, names: tuple[str, ...]) -> dict[str, dict[str, float]]:
        """The metrics of `REGIME_NAMES` in each regime, on this market's clock."""
        found = np.empty((len(names), len(REGIME_NAMES)))
        regime_metrics(read_only(decision_return), read_only(label), len(names), self._per_year, self._risk_free, found)
        return {
            name: dict(zip(REGIME_NAMES, row.tolist(), strict=True)) for name, row in zip(names, found, strict=True)
        }

    def _simulation(self, ledger: Ledger, pending: Float, start: int, status: int, record: bool) -> Simulation:
        panel = self.market.panel
        return Simulation(
            timestamps=panel.timestamps,
            symbols=panel.symbols,
            start=start,
            initial_capital=self.initial_capital,
            equity=ledger.equity,
            cash=ledger.cash,
            turnover=ledger.turnover,
            cost=ledger.cost,
            decision_return=decision_return(ledger.pre_fill, start),
            shares=ledger.shares,
            pending=pending.copy(),
            weights=ledger.weights if record else None,
            trades=self._trades(ledger.traded) if record else None,
            status="bankrupt" if status == BANKRUPT else "ok",
        )

    def _trades(self, traded: Float) -> NDArray[np.void]:
        bar, asset = np.nonzero(traded)
        orders = np.zeros(bar.size, dtype=TRADE)
        orders["bar"], orders["asset"] = bar, asset
        orders["shares"] = traded[bar, asset]
        orders["price"] = self._fill_prices[bar, asset]
        orders["value"] = orders["shares"] * orders["price"]
        orders["cost"] = np.abs(orders["value"]) * (self._costs.commission + self._costs.slippage)
        return orders


def _returns(closes: Float | None, n_bars: int) -> Float:
    """Simple returns (T,) of a price series; NaN at its first bar and where a price is missing, or everywhere."""
    out = np.full(n_bars, np.nan)
    if closes is not None:
        out[1:] = closes[1:] / closes[:-1] - 1.0
    return out


class Prepared(NamedTuple):
    """What a backtest needs beside its market; `start` is the first bar after the warm-up."""

    runner: BacktestRunner
    ensemble: Ensemble
    regimes: RegimePath | None
    start: int


def prepare(spec: BacktestSpec, market: Market) -> Prepared:
    """Everything that `run_backtest` does before it runs.

    Raises
    ------
    ConfigError, DataError, InfeasibleError
        Whatever is wrong with the file and the data together.
    """
    ensemble = spec.ensemble()
    regimes = None if spec.regime_detector is None else spec.regime_detector.detect(market)
    start = max(1, ensemble.warmup + 1)
    if start > market.panel.n_bars - 2:
        raise ConfigError(
            f"the strategies need {ensemble.warmup} bars before their first opinion, "
            f"but the data has {market.panel.n_bars}; use more data or shorter windows"
        )
    runner = BacktestRunner(market, spec.portfolio, spec.execution, spec.initial_capital, spec.risk_free)
    return Prepared(runner, ensemble, regimes, start)


def run_backtest(spec: BacktestSpec, folder: Path = Path()) -> tuple[Dataset, Outcome, Run]:
    """Run what a `backtest:` file describes, from the first bar after the warm-up.

    Raises
    ------
    ConfigError, DataError, InfeasibleError
        Whatever is wrong with the file, the data, or both together.
    """
    dataset, market = load_market(spec.data, spec.benchmark, folder)
    runner, ensemble, regimes, start = prepare(spec, market)
    run = runner.run(ensemble, start, regimes)
    parameters: dict[str, Json] = {**spec.plain(), "data_fingerprint": dataset.fingerprint}
    return dataset, run.outcome(parameters), run
