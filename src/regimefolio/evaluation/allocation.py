"""What an allocation run shows: how weights were spread, what each optimizer cost and added, which are alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from regimefolio.backtest import AllocationRun, Run
from regimefolio.core.errors import must_be
from regimefolio.core.types import FAILED, Allocation, Float, Times
from regimefolio.evaluation.clustering import OptimizerClusters, cluster_optimizers
from regimefolio.evaluation.overfitting import SharpeDifference, paired_sharpe_difference

TOP = (5, 10, 50)
"""Of how many of the largest weights the sum is told."""

PERFORMANCE = ("cagr", "volatility", "sharpe", "max_drawdown", "skew", "turnover", "beta")
"""The metrics by whose likeness optimizers are clustered."""

UNDEFINED = SharpeDifference(math.nan, math.nan, math.nan, 0.95, math.nan)


class Holdings(NamedTuple):
    """How weights were spread over assets at R rebalances, of one portfolio or of several at once.

    Attributes
    ----------
    weights : ndarray of shape (R, …, N)
        A row with a NaN is none, and all numbers of it are NaN.
    effective_assets : ndarray of shape (R, …)
        1/Σ w², w being weights over their gross: N for equal weights, 1 for a single asset; NaN where all is cash.
    top : mapping of int to ndarray of shape (R, …)
        Share of the gross in the 5, 10 and 50 largest weights.
    above_equal : ndarray of shape (R, …)
        Assets whose share of the gross is above an equal one.
    change : ndarray of shape (R, …)
        Half the sum of |weight less the weight decided before|, without what prices did in between; NaN at the first.
    """

    weights: Float
    effective_assets: Float
    top: Mapping[int, Float]
    above_equal: Float
    change: Float

    @staticmethod
    def of(weights: Float, equal: Float) -> Holdings:
        """The holdings that weights (R, …, N) are; `equal` (R,) is an equal share at each rebalance."""
        size = np.abs(weights)
        gross = size.sum(axis=-1, keepdims=True)
        share = np.divide(size, gross, out=np.full_like(size, np.nan), where=gross > 0)
        descending = -np.sort(-share, axis=-1)
        above = share > (equal * (1.0 + 1e-9)).reshape(-1, *(1,) * (weights.ndim - 1))
        change = np.full(weights.shape[:-1], np.nan)
        change[1:] = 0.5 * np.abs(np.diff(weights, axis=0)).sum(axis=-1)
        effective: Float = 1.0 / (share * share).sum(axis=-1)
        return Holdings(
            weights,
            effective,
            {k: descending[..., :k].sum(axis=-1) for k in TOP},
            np.where(np.isnan(effective), np.nan, above.sum(axis=-1)),
            change,
        )


class Spread(NamedTuple):
    """Median, largest and sum of a measurement over rebalances; NaN where nothing was measured."""

    median: float
    largest: float
    total: float


class Resources(NamedTuple):
    """What an optimizer took: seconds of the clock, peak of Python's memory, growth of the process, in megabytes."""

    seconds: Spread
    peak_mb: Spread
    resident_mb: Spread


class Failure(NamedTuple):
    """One way in which an optimizer failed, how often, and when first and last."""

    name: str
    message: str
    rebalances: int
    first: np.datetime64
    last: np.datetime64


class Added(NamedTuple):
    """What an optimizer added: the blend less the blend of the others, after costs.

    `max_drawdown` is positive where the blend fell less with it.
    """

    sharpe: SharpeDifference
    cagr: float
    max_drawdown: float


@dataclass(frozen=True, eq=False)
class AllocationEvaluation:
    """What `evaluate_allocations` finds; M optimizers, R rebalances, N assets.

    Parameters
    ----------
    names : tuple of M str
        The optimizers.
    timestamps : ndarray of shape (R,)
        The bars that decided.
    symbols : tuple of N str
    blend : Holdings
        Of arrays (R,): what was ordered, after the portfolio's constraints; what had no bar stays as it was held.
    optimizers : Holdings
        Of arrays (R, M): what each gave, before constraints.
    failures : tuple of Failure
        By optimizer, the most frequent first.
    resources : mapping of name to Resources
    added : mapping of name to Added
        Empty where the blend was not run without each.
    minus_equal_weight, minus_benchmark : SharpeDifference
        How far the blend's Sharpe ratio is above theirs, with the interval of a paired stationary bootstrap.
    clusters : OptimizerClusters
    """

    names: tuple[str, ...]
    timestamps: Times
    symbols: tuple[str, ...]
    blend: Holdings
    optimizers: Holdings
    failures: tuple[Failure, ...]
    resources: Mapping[str, Resources]
    added: Mapping[str, Added]
    minus_equal_weight: SharpeDifference
    minus_benchmark: SharpeDifference
    clusters: OptimizerClusters


def evaluate_allocations(run: AllocationRun, per_year: float, seed: int = 0) -> AllocationEvaluation:
    """Everything that an allocation run shows beside the metrics of its runs.

    Parameters
    ----------
    run : AllocationRun
    per_year : float
        Bars in a year.
    seed : int
        Of the bootstraps.
    """
    must_be(AllocationRun, run, "run", "run_allocations gives one")
    names = tuple(run.optimizers)
    weights = weights_history(run.allocations, names)
    equal = 1.0 / np.maximum((run.equal_weight.target[run.blend.decide] > 0.0).sum(axis=1), 1)
    returns = np.stack([run.optimizers[name].simulation.returns for name in names], axis=1)
    features = np.array([[run.optimizers[name].metrics[key] for key in PERFORMANCE] for name in names])
    held = run.benchmark.equity / np.concatenate([[run.blend.simulation.initial_capital], run.benchmark.equity[:-1]])
    ours = run.blend.simulation.returns

    def minus(theirs: Float) -> SharpeDifference:
        if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):  # one of them went bankrupt
            return UNDEFINED
        return paired_sharpe_difference(ours, theirs, per_year, seed, risk_free=run.risk_free)

    return AllocationEvaluation(
        names=names,
        timestamps=np.array([each.timestamp for each in run.allocations]),
        symbols=run.blend.simulation.symbols,
        blend=Holdings.of(_ordered(run.blend), equal),
        optimizers=Holdings.of(weights, equal),
        failures=_failures(run.allocations),
        resources={name: _resources(run.allocations, name) for name in names},
        added={name: _added(run.blend, other, minus(other.simulation.returns)) for name, other in run.without.items()},
        minus_equal_weight=minus(run.equal_weight.simulation.returns),
        minus_benchmark=minus(held - 1.0),
        clusters=cluster_optimizers(names, weights, returns, features),
    )


def weights_history(allocations: Sequence[Allocation], names: Sequence[str]) -> Float:
    """What each optimizer gave at each rebalance.

    Parameters
    ----------
    allocations : sequence of R Allocation
        In order of time; an optimizer may be missing in some.
    names : sequence of M str

    Returns
    -------
    ndarray of shape (R, M, N)
        NaN where an optimizer gave nothing: its rows stay at their dates.
    """
    found = np.full((len(allocations), len(names), len(allocations[0].symbols)), np.nan)
    for row, each in zip(found, allocations, strict=True):
        for k, name in enumerate(names):
            if name in each.allocators:
                row[k] = each.df_allocation[each.allocators.index(name)]
    return found


def _failures(allocations: Sequence[Allocation]) -> tuple[Failure, ...]:
    """Every way in which an optimizer failed: by its name, then the most frequent first."""
    when: dict[tuple[str, str], list[np.datetime64]] = {}
    for each in allocations:
        for name, status, message in zip(each.allocators, each.status, each.message, strict=True):
            if status == FAILED:
                when.setdefault((name, message), []).append(each.timestamp)
    found = [Failure(name, message, len(at), at[0], at[-1]) for (name, message), at in when.items()]
    return tuple(sorted(found, key=lambda failure: (failure.name, -failure.rebalances, failure.message)))


def _ordered(run: Run) -> Float:
    """The weights (R, N) that a recorded run ordered at its rebalances; what had no bar stayed as it was."""
    target, held = run.target[run.decide], run.simulation.weights
    assert held is not None
    return np.where(np.isnan(target), held[run.decide], target)


def _resources(allocations: Sequence[Allocation], name: str) -> Resources:
    at = [(each, each.allocators.index(name)) for each in allocations if name in each.allocators]
    return Resources(
        _spread(np.array([each.seconds[k] for each, k in at])),
        _spread(np.array([each.peak_mb[k] for each, k in at])),
        _spread(np.array([each.resident_mb[k] for each, k in at])),
    )


def _spread(values: Float) -> Spread:
    known = values[np.isfinite(values)]
    if not known.size:
        return Spread(math.nan, math.nan, math.nan)
    return Spread(float(np.median(known)), float(known.max()), float(known.sum()))


def _added(blend: Run, without: Run, sharpe: SharpeDifference) -> Added:
    return Added(
        sharpe,
        blend.metrics["cagr"] - without.metrics["cagr"],
        blend.metrics["max_drawdown"] - without.metrics["max_drawdown"],
    )
