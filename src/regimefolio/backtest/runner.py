"""One backtest: signals, targets, money, metrics. A full run and a replay of saved signals are the same code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from regimefolio.backtest.overnight import overnight_of
from regimefolio.backtest.rates import interest
from regimefolio.backtest.risk import NO_RISK, RiskSpec
from regimefolio.backtest.spec import BacktestSpec, ExecutionSpec, load_market
from regimefolio.backtest.terms import execution_terms, traded_ranges
from regimefolio.core.component import fingerprint
from regimefolio.core.errors import ConfigError, DataError, must_be
from regimefolio.core.types import (
    DELISTING,
    ORDER,
    TRADE,
    Bool,
    Float,
    Int,
    Json,
    Outcome,
    RegimePath,
    Simulation,
    read_only,
)
from regimefolio.kernels.ledger import BANKRUPT, Books, Prices, empty_books, ledger_of
from regimefolio.kernels.metrics import NAMES, REGIME_NAMES, metrics_of_books, part_of, reasons, regime_metrics
from regimefolio.kernels.replay import Opinions, Schedule, replay
from regimefolio.kernels.simulate import decision_return, find_orders, of_decisions, simulate
from regimefolio.kernels.terms import Execution
from regimefolio.kernels.weights import GIVEN
from regimefolio.market import Dataset, Market, must_decide
from regimefolio.market.traded import endings, traded_prices
from regimefolio.portfolio import Conflicts, Ensemble, PortfolioManager, PortfolioSpec, SignalStack


class Traded(NamedTuple):
    """What a run was traded at.

    Attributes
    ----------
    prices : Prices
    low, high : ndarray of shape (T, N)
        Between which each bar was, NaN = no bar; both are its close where data lacks opens, highs or lows.
    at_open : bool
        Whether orders are filled at opens.
    terms : Execution
    """

    prices: Prices
    low: Float
    high: Float
    at_open: bool
    terms: Execution


@dataclass(frozen=True, eq=False)
class Run:
    """A simulation, what it is worth, and what was decided.

    `row` (T,) is the row of the ensemble's weights that ruled at each bar, `decide` (T,) the bars that decided,
    `target` (T, N) what they decided, NaN elsewhere; (0, 0) where the run was not recorded, and `conflicts` None.
    `risk_free` is the mean of the risk-free rate, a year, on the bars that trade.
    `assumed` are the assets that were taken to be delisted since nobody said why they have no bars any more, and when.
    `regimes` were known, if any; `traded` is what it was traded at, None where the run was not recorded.
    """

    simulation: Simulation
    metrics: Mapping[str, float]
    reasons: Mapping[str, str]
    regime_metrics: Mapping[str, Mapping[str, float]]
    row: Int
    decide: Bool
    target: Float
    risk_free: float
    conflicts: Conflicts | None = None
    assumed: tuple[tuple[str, np.datetime64], ...] = ()
    regimes: RegimePath | None = None
    traded: Traded | None = None

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

    def orders(self) -> dict[str, Json]:
        """What stands to be filled after the last bar, of a recorded run, as it is written to JSON."""
        simulation = self.simulation
        return {
            "decided_at": _second(simulation.timestamps[-1]),
            "positions": [dict(each._asdict()) for each in simulation.positions()],
            "in_flight": [
                {**each._asdict(), "decided_at": _second(each.decided_at)} for each in simulation.in_flight()
            ],
            "resting": [dict(each._asdict()) for each in simulation.resting()],
        }


def _second(timestamp: np.datetime64) -> str:
    return str(timestamp.astype("datetime64[s]"))


class BacktestRunner:
    """Runs ensembles on one market with one portfolio rule, one set of costs and one capital.

    Parameters
    ----------
    initial_capital : float
        Money.
    risk_free : float or str, optional
        A year, or a file that the market knows; the execution's `cash_rate` if not said, so that interest on cash is no
        gain for risk.
    risk : RiskSpec
        What closes positions, and holds orders back.

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
        risk_free: float | str | None = None,
        risk: RiskSpec = NO_RISK,
    ) -> None:
        must_be(Market, market, "market", "load_market gives one, or Market(panel)")
        must_be(PortfolioSpec, portfolio, "portfolio", "PortfolioSpec() has the defaults")
        must_be(ExecutionSpec, execution, "execution", "ExecutionSpec() has the defaults")
        panel = market.panel
        self.market = market
        self.execution = execution
        self.initial_capital = initial_capital
        self.risk = risk
        flat, self._filled = overnight_of(execution, portfolio, panel)
        alone = execution.accounts == "per_asset"
        self.manager = PortfolioManager(portfolio, market, alone, risk.volatility_target, flat)
        self.fill = execution.fill_on(panel)
        self.ended = endings(panel, execution.patience(panel), execution.delisting_return)
        self.prices = traded_prices(panel, self.fill, execution.dividends, self.ended)
        self._benchmark = _returns(market.benchmark, panel.n_bars)
        self._per_year = panel.periods_per_year
        self.risk_free = interest(execution.cash_rate if risk_free is None else risk_free, market)
        """Of each bar, (T,), or (1,) where it never changes."""
        self._terms = execution_terms(execution, portfolio, market, self.prices, risk)

    def signals(self, ensemble: Ensemble) -> SignalStack:
        """The signals of an ensemble's strategies on this market, each as if it had always run."""
        must_be(Ensemble, ensemble, "ensemble", "Ensemble.static([strategy], [1.0]) makes one")
        if not ensemble.strategies:
            return SignalStack.empty(*self.market.panel.close.shape)
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
            The first bar that trades; what it trades was decided 1 + delay bars before.
        regimes : RegimePath, optional
            Rules which row of the ensemble's weights holds; a change is a rebalance where the ensemble adapts.
            Metrics by regime come with it in any case.
        record : bool
            Whether to keep weights, targets and trades, and count conflicts.

        Raises
        ------
        DataError
            `start` leaves no bar to decide at, or fewer than two bars to trade.
        """
        return self.replay_all(stack, [ensemble], start, regimes, record)[0]

    def replay_all(
        self,
        stack: SignalStack,
        ensembles: Sequence[Ensemble],
        start: int,
        regimes: RegimePath | None = None,
        record: bool = False,
        given: Float | None = None,
    ) -> list[Run]:
        """As `replay`, for ensembles that differ in their weights alone, in one pass over the signals.

        `given` (K, T, N) are the target weights of each, where they are decided already; NaN is no order. Those of bars
        that do not decide are left out.
        """
        panel, delay = self.market.panel, self._terms.delay
        if not 1 + delay <= start <= panel.n_bars - 2:
            raise DataError(
                f"the first bar that trades must be {1 + delay} … {panel.n_bars - 2}, but is {start}; use more bars"
            )
        row = ensembles[0].rows(regimes, panel.n_bars)
        decide = self.manager.decisions(regimes if ensembles[0].regimes else None, start - delay)
        guards = self._terms.guards._replace(veto=self.risk.veto(regimes))
        shape = (len(ensembles), panel.n_bars, panel.n_assets)
        books = empty_books(*shape, record, bool(self.risk.stop), delay)
        settings = self.manager.settings
        if given is not None:
            settings = settings._replace(allocator=GIVEN)
        replay(
            self._opinions(stack, ensembles, row, decide, given),
            read_only(np.stack([ensemble.weights for ensemble in ensembles])),
            Schedule(start, decide, decide & self._filled, row),
            settings,
            self.prices,
            self.initial_capital,
            self._terms._replace(guards=guards),
            books,
        )
        values = np.empty((len(ensembles), len(NAMES)))
        metrics_of_books(books, self.initial_capital, start, self._benchmark, self._per_year, self.risk_free, values)
        runs, assumed, traded = [], self._assumed(start), self._traded() if record else None
        free = float(part_of(self.risk_free, slice(start, None)).mean()) * self._per_year
        for k, ensemble in enumerate(ensembles):
            simulation, by_regime = self._simulation(books, k, start), {}
            metrics = dict(zip(NAMES, values[k].tolist(), strict=True))
            if regimes is not None:
                by_regime = self.by_regime(simulation.decision_return, regimes.label, regimes.names)
            conflicts = self.manager.conflicts(stack, ensemble, row, decide) if record else None
            target = books.target[k]
            why = reasons(values[k])
            known = (free, conflicts, assumed, regimes, traded)
            runs.append(Run(simulation, metrics, why, by_regime, row, decide, target, *known))
        return runs

    def simulate(self, target: Float, start: int = 1, decide: Bool | None = None, record: bool = False) -> Simulation:
        """Trade target weights that are decided already; no signal, portfolio rule or limit has a say in them.

        Parameters
        ----------
        target : ndarray of shape (T, N)
            Fractions of equity decided at each bar, for the bar after it; NaN is no order.
        start : int
            The first bar that trades. What was decided 1 + delay bars before it is always ordered.
        decide : ndarray of shape (T,), bool, optional
            Among which the bars that decide are looked for, those with a target; if not said, all.
        record : bool
            Whether to keep weights and trades.

        Raises
        ------
        DataError
            Targets of another shape or type, infinite ones, or a `start` that leaves nothing to trade.
        """
        panel = self.market.panel
        must_be(np.ndarray, target, "target", "an array (T, N) of fractions of equity")
        if target.shape != panel.close.shape or target.dtype != np.float64:
            raise DataError(
                f"target must be float64 of shape {panel.close.shape}, as the market, but is {target.dtype} of shape "
                f"{target.shape}"
            )
        delay = self._terms.delay
        if not 1 + delay <= start < panel.n_bars:
            raise DataError(f"the first bar that trades must be {1 + delay} … {panel.n_bars - 1}, but is {start}")
        costs = self._terms.commission + self._terms.slippage
        look = np.ones(panel.n_bars, dtype=bool) if decide is None else decide
        decides = np.empty(panel.n_bars, dtype=bool)
        wrong = find_orders(target, look, costs, decides)
        if wrong >= 0:
            raise DataError(
                f"the targets of bar {wrong}, {_second(panel.timestamps[wrong])}, have a gross of "
                f"{np.nansum(np.abs(target[wrong])):g}, which cannot be traded at costs of {costs:.2%}; targets are "
                "fractions of equity"
            )
        books = empty_books(1, panel.n_bars, panel.n_assets, record, bool(self.risk.stop), delay)
        ledger = ledger_of(books, 0)
        books.status[0] = simulate(self.prices, target, decides, start, self.initial_capital, self._terms, ledger)
        if decides[-1]:
            books.pending[0] = target[-1]
        if record:
            books.target[0, decides] = target[decides]
            books.late[0] = books.target[0, panel.n_bars - 1 - delay : panel.n_bars - 1]
        return self._simulation(books, 0, start)

    def _traded(self) -> Traded:
        ranges = traded_ranges(self.market.panel, self.execution)
        return Traded(self.prices, ranges.low, ranges.high, self.fill == "next_open", self._terms)

    def _assumed(self, start: int) -> tuple[tuple[str, np.datetime64], ...]:
        """Assumed delistings among the bars that trade."""
        panel, ended = self.market.panel, self.ended
        which = np.flatnonzero(ended.assumed & (ended.bar >= start))
        return tuple((panel.symbols[ended.asset[i]], panel.timestamps[ended.bar[i]]) for i in which)

    def _opinions(
        self, stack: SignalStack, ensembles: Sequence[Ensemble], row: Int, decide: Bool, given: Float | None
    ) -> Opinions:
        """What is known at each bar; of an allocator that is not compiled, its targets too."""
        if given is None and self.manager.settings.allocator != GIVEN:
            given = np.empty((0, 0, 0))
        elif given is None:
            given = np.stack([self.manager.targets(stack, ensemble, row, decide) for ensemble in ensembles])
        return Opinions(stack.alpha, stack.confidence, self.manager.tradable, self.manager.silent, read_only(given))

    def by_regime(self, decision_return: Float, label: Int, names: tuple[str, ...]) -> dict[str, dict[str, float]]:
        """The metrics of `REGIME_NAMES` in each regime, on this market's clock."""
        found = np.empty((len(names), len(REGIME_NAMES)))
        earned = of_decisions(self.risk_free, self._terms.delay)
        regime_metrics(read_only(decision_return), read_only(label), len(names), self._per_year, earned, found)
        return {
            name: dict(zip(REGIME_NAMES, row.tolist(), strict=True)) for name, row in zip(names, found, strict=True)
        }

    def _simulation(self, books: Books, k: int, start: int) -> Simulation:
        """What happened to the money of one run."""
        panel, recorded = self.market.panel, books.histories[k].size > 0
        equity, cash, turnover, cost, pre_fill, _ = books.bars[k]
        return Simulation(
            timestamps=panel.timestamps,
            symbols=panel.symbols,
            start=start,
            initial_capital=self.initial_capital,
            equity=equity,
            cash=cash,
            turnover=turnover,
            cost=cost,
            decision_return=decision_return(pre_fill, start, self._terms.delay),
            shares=books.shares[k],
            pending=books.pending[k],
            weights=books.histories[k, 2] if recorded else None,
            late=books.late[k] if recorded else None,
            trades=self._trades(books, k) if recorded else None,
            levels=self._as_traded(books.levels[k]) if recorded and self.risk.stop else None,
            status="bankrupt" if books.status[k] == BANKRUPT else "ok",
        )

    def _trades(self, books: Books, k: int) -> NDArray[np.void]:
        """Every order that was filled, and what stops closed and an asset's end took away, at what it paid.

        In the order of bars and assets; of one bar and asset, in the order in which it happened.
        """
        traded, paid = books.histories[k, 1], books.histories[k, 3]
        bar, asset = np.nonzero(traded)
        orders = np.zeros(bar.size, dtype=TRADE)
        orders["bar"], orders["asset"] = bar, asset
        orders["shares"] = traded[bar, asset]
        orders["price"] = self.prices.at_fill[bar, asset]
        orders["value"] = orders["shares"] * orders["price"]
        orders["cost"] = paid[bar, asset]
        orders["reason"] = np.where(np.isnan(self.prices.fill[bar, asset]), DELISTING, ORDER)
        before, after = (self._exits(*books.exits[k, when]) for when in (0, 1))
        after["after_fill"] = True
        trades = np.concatenate([before, orders, after])
        return trades[np.lexsort((trades["asset"], trades["bar"]))]

    def _as_traded(self, levels: Float) -> Float:
        """Levels at prices as they are traded at the last bar, without what the simulator adjusts by."""
        adjustment = self.market.panel.adjustment
        price, shares = adjustment.price[-1], adjustment.shares[-1]
        scale = shares if self.execution.dividends == "cash" else price
        return np.concatenate([levels[:2] / scale, levels[2:]])

    @staticmethod
    def _exits(shares: Float, price: Float, cost: Float, reason: Float) -> NDArray[np.void]:
        """What stops closed, from the panels of a ledger."""
        bar, asset = np.nonzero(reason)
        exits = np.zeros(bar.size, dtype=TRADE)
        exits["bar"], exits["asset"] = bar, asset
        for name, panel in (("shares", shares), ("price", price), ("cost", cost), ("reason", reason)):
            exits[name] = panel[bar, asset]
        exits["value"] = exits["shares"] * exits["price"]
        return exits


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
    target = spec.risk.volatility_target
    warmup = max(ensemble.warmup, spec.portfolio.allocator.warmup, 0 if target is None else target.lookback)
    start = warmup + 1 + spec.execution.delay
    if start > market.panel.n_bars - 2:
        late = f" and fills come {spec.execution.delay} bars late," if spec.execution.delay else ""
        raise ConfigError(
            f"the strategies and the allocator need {warmup} bars before they can say anything,{late} "
            f"but the data has {market.panel.n_bars}; use more data, shorter windows or less delay"
        )
    must_decide(market.timestamps, spec.portfolio.rebalance)
    runner = BacktestRunner(market, spec.portfolio, spec.execution, spec.initial_capital, spec.risk_free, spec.risk)
    return Prepared(runner, ensemble, regimes, start)


def run_backtest(spec: BacktestSpec, folder: Path = Path()) -> tuple[Dataset, Outcome, Run]:
    """Run what a `backtest:` file describes, from the first bar after the warm-up.

    Raises
    ------
    ConfigError, DataError, InfeasibleError
        Whatever is wrong with the file, the data, or both together.
    """
    must_be(BacktestSpec, spec, "spec", "read_backtest(file) reads one")
    dataset, market = load_market(spec.data, spec.benchmark, folder, spec.execution, spec.risk_free, spec.portfolio)
    runner, ensemble, regimes, start = prepare(spec, market)
    run = runner.run(ensemble, start, regimes)
    dataset = replace(dataset, cautions=dataset.cautions + spec.cautions)
    parameters: dict[str, Json] = {**spec.plain(), "data_fingerprint": dataset.fingerprint}
    if dataset.version:
        parameters["data_version"] = dataset.version
    if market.files:
        parameters["files_fingerprint"] = market.files_fingerprint
    return dataset, run.outcome(parameters), run
