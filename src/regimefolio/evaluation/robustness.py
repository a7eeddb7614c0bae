"""What is left of a result under other circumstances: shifted regimes, other costs, later fills; all by replay."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from regimefolio.backtest import NO_RISK, BacktestRunner, ExecutionSpec, RiskSpec, Run, in_order
from regimefolio.core.types import Float, Int, RegimePath
from regimefolio.market import Market
from regimefolio.portfolio import Ensemble, PortfolioSpec, SignalStack

COARSEST_COST = 0.99
"""A cost of a unit of traded value that the simulator still can settle."""


@dataclass(frozen=True, eq=False)
class Replayable:
    """An ensemble with its signals, and the circumstances under which it ran."""

    market: Market
    portfolio: PortfolioSpec
    execution: ExecutionSpec
    initial_capital: float
    risk_free: float | str
    stack: SignalStack
    ensemble: Ensemble
    start: int
    regimes: RegimePath | None = None
    risk: RiskSpec = NO_RISK

    @property
    def first_decision(self) -> int:
        """The bar that decides what the first bar trades."""
        return self.start - 1 - self.execution.delay

    def replay(self, execution: ExecutionSpec | None = None, record: bool = False) -> Run:
        """Run it again, as it was or under another execution."""
        return self.runner(execution).replay(self.stack, self.ensemble, self.start, self.regimes, record)

    def runner(self, execution: ExecutionSpec | None = None) -> BacktestRunner:
        return BacktestRunner(
            self.market, self.portfolio, execution or self.execution, self.initial_capital, self.risk_free, self.risk
        )


@dataclass(frozen=True, eq=False)
class Placebo:
    """The score of the real regimes beside those of shifted ones.

    Parameters
    ----------
    real : float
    shifts : ndarray of shape (n,), int64
        Bars by which the regimes were shifted, ascending.
    scores : ndarray of shape (n,)
        NaN where a replay has no score; those count nowhere.
    """

    real: float
    shifts: Int
    scores: Float

    @property
    def counted(self) -> int:
        """Shifts with a score."""
        return int(np.isfinite(self.scores).sum())

    @property
    def at_least(self) -> int:
        """Shifts that did as well as the real regimes or better."""
        return int((self.scores >= self.real).sum())

    @property
    def p_value(self) -> float:
        """(1 + number at least as good)/(1 + number); NaN where there is nothing to compare."""
        undefined = math.isnan(self.real) or not self.counted
        return math.nan if undefined else (1 + self.at_least) / (1 + self.counted)


def circular_shifts(n_bars: int, wanted: int, gap: int, seed: int) -> Int:
    """Different numbers of bars by which to turn a circle of bars, none nearer to its own place than `gap`.

    Returns
    -------
    ndarray of shape (n,), int64
        Ascending; all there are where they are fewer than wanted.
    """
    possible = np.arange(gap, n_bars - gap + 1, dtype=np.int64)
    if possible.size <= wanted:
        return possible
    drawn = np.random.default_rng(seed).choice(possible, wanted, replace=False)
    return np.sort(drawn)


def shifted(regimes: RegimePath, first: int, bars: int) -> RegimePath:
    """The regimes with those from bar `first` on turned on a circle by so many bars."""
    label, probability = regimes.label.copy(), regimes.probability.copy()
    label[first:] = np.roll(label[first:], bars)
    probability[first:] = np.roll(probability[first:], bars, axis=0)
    return RegimePath(regimes.timestamps, regimes.names, probability, label)


def placebo(
    case: Replayable,
    score: Callable[[Run], float],
    shifts: Int,
    threads: int = 1,
    done: Callable[[], None] = lambda: None,
) -> Placebo:
    """Whether it matters when the regimes change: the same signals replayed with regimes at the wrong time.

    A shifted path has the same regimes, as long and as often, in the same order; only their place in time is wrong.

    Parameters
    ----------
    case : Replayable
        An ensemble that adapts to its regimes.
    score : callable
        Higher is better.
    shifts : ndarray of shape (n,), int64
    done : callable
        Called after each replay, from any thread.
    """
    regimes, runner = case.regimes, case.runner()
    assert regimes is not None

    def scored(bars: int) -> float:
        return score(runner.replay(case.stack, case.ensemble, case.start, shifted(regimes, case.first_decision, bars)))

    scores = np.array(in_order(scored, shifts.tolist(), threads, done), dtype=np.float64)
    real = score(runner.replay(case.stack, case.ensemble, case.start, regimes))
    return Placebo(real, shifts, scores)


COSTS = ("slippage_bps", "spread_bps", "fee_per_order", "fee_per_share", "min_fee_per_order", "impact")
"""What is multiplied where costs are, beside the commission."""


def with_costs(execution: ExecutionSpec, multiple: float) -> ExecutionSpec:
    """The same execution with all that a trade costs multiplied; what is held short costs what it did."""
    multiplied: dict[str, object] = {name: getattr(execution, name) * multiple for name in COSTS}
    commission = execution.commission_bps
    if isinstance(commission, tuple):
        multiplied["commission_bps"] = tuple(
            tier.model_copy(update={"bps": tier.bps * multiple}) for tier in commission
        )
    else:
        multiplied["commission_bps"] = commission * multiple
    return execution.model_copy(update=multiplied)


def greatest_multiple(execution: ExecutionSpec, most: float, gross: float = 1.0) -> float:
    """At most `most`, and no more than a trade of `gross` times equity can pay; 0 where there are no costs."""
    unit = execution.proportional_cost * max(gross, 1.0)
    if unit == 0.0 and not any(getattr(execution, name) for name in COSTS):
        return 0.0
    return min(most, COARSEST_COST / unit) if unit > 0 else most


NoBreakEven = Literal["no costs", "never ahead", "always ahead"]
"""Why there is no break-even: nothing to multiply, lost even without costs, or still there at the greatest multiple."""


class BreakEven(NamedTuple):
    """The multiple at which an advantage is gone, NaN with the reason where there is none up to `searched_to`."""

    multiple: float
    searched_to: float
    reason: NoBreakEven | None = None


def break_even(advantage: Callable[[float], float], most: float, tolerance: float = 0.01) -> BreakEven:
    """The multiple of costs at which an advantage reaches zero: multiples are doubled until it is lost, then bisected.

    An advantage that is lost and comes back is thus gone where it is lost first, at 1 where it is lost as run.

    Parameters
    ----------
    advantage : callable
        Of the multiple; one that is not finite counts as lost.
    most : float
        The greatest multiple that is tried; 0 where there is nothing to multiply.
    tolerance : float
        The multiple is known to this.
    """
    if most <= 0.0:
        return BreakEven(math.nan, most, "no costs")

    def left(multiple: float) -> bool:
        value = advantage(multiple)
        return math.isfinite(value) and value > 0.0

    if not left(0.0):
        return BreakEven(math.nan, most, "never ahead")
    low, high = 0.0, min(1.0, most)
    while left(high):
        if high >= most:
            return BreakEven(math.nan, most, "always ahead")
        low, high = high, min(2.0 * high, most)
    while high - low > tolerance:
        middle = (low + high) / 2.0
        low, high = (middle, high) if left(middle) else (low, middle)
    return BreakEven((low + high) / 2.0, most)
