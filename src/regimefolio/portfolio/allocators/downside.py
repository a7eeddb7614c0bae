"""What optimizers share that look at the bad bars of a portfolio rather than at its covariance."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.optimizer import ReturnRiskOptimizer
from regimefolio.portfolio.convex import Rows, budget, minimised, not_negative
from regimefolio.portfolio.sample import Sample


class Risk(NamedTuple):
    """A measure of risk as a convex program: ½·x'Px + q'x of x, the weights and further variables, at its least.

    Parameters
    ----------
    linear : ndarray of shape (k,)
        q.
    rows : tuple of Rows
        What ties the further variables to the weights; homogeneous, so that weights may have any sum.
    quadratic : ndarray of shape (k, k), optional
        P.
    """

    linear: Float
    rows: tuple[Rows, ...]
    quadratic: Float | None = None


class DownsideOptimizer(ReturnRiskOptimizer):
    """The long-only weights of sum 1 of least risk, or of most expected return for risk, of the returns that were.

    The covariance counts only where what is expected depends on it.
    """

    objective: Literal["min_risk", "max_ratio"] = Field(
        "min_risk", description="the least risk, or the most expected return for it"
    )

    @property
    def uses_alpha(self) -> bool:
        return self.objective != "min_risk" and super().uses_alpha

    @abstractmethod
    def risk(self, returns: Float) -> Risk:
        """The measure of risk of weights on returns (T, n)."""

    def fitted(self, sample: Sample) -> Float:
        n_assets, risk = sample.assets.size, self.risk(sample.returns / sample.unit)
        if self.objective == "min_risk":
            rows = budget(n_assets)
        else:
            expected = self.expected(sample) / sample.unit
            best = expected.max()
            if not best > 0.0:
                return np.zeros(n_assets)
            rows = (Rows("equal", expected[None] / best, np.ones(1)), not_negative(n_assets))
        return self.shares(sample, minimised(risk.linear, (*rows, *risk.rows), risk.quadratic))


def beyond(losses: Float, confidence: float, n_returns: int) -> Risk:
    """The mean of the worst losses, of a part 1 − `confidence` of `n_returns` bars.

    `losses` (T, k) times the variables are the losses of the bars; a level and T excesses beyond it are further
    variables. Source: Rockafellar and Uryasev (2000), Optimization of Conditional Value-at-Risk, eq. 9.
    """
    n_bars, k = losses.shape
    eye, tail = np.eye(n_bars), (1.0 - confidence) * n_returns
    excess = np.hstack([losses, -np.ones((n_bars, 1)), -eye])
    above_zero = np.hstack([np.zeros((n_bars, k + 1)), -eye])
    linear = np.concatenate([np.zeros(k), [1.0], np.full(n_bars, 1.0 / tail)])
    zeros = np.zeros(n_bars)
    return Risk(linear, (Rows("below", excess, zeros), Rows("below", above_zero, zeros)))


def drawdowns(returns: Float) -> tuple[Rows, Rows]:
    """Ties variables after the weights to drawdowns: what the sum of returns lies below its highest, T of them.

    Source: Chekhlov, Uryasev and Zabarankin (2005), Drawdown Measure in Portfolio Optimization, section 6.
    """
    n_bars, n_assets = returns.shape
    eye, zeros = np.eye(n_bars), np.zeros(n_bars)
    falls = np.hstack([-returns, np.eye(n_bars, k=-1) - eye])
    return Rows("below", falls, zeros), Rows("below", np.hstack([np.zeros((n_bars, n_assets)), -eye]), zeros)
