"""Portfolios at 90 rebalances of 252 returns, covariance included, against skfolio: least variance, equal risk, a tree.

The peer is asked for a few of the same rebalances, since it takes too long for all of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np
from skfolio.optimization import HierarchicalRiskParity, MeanRisk, RiskBudgeting
from threadpoolctl import threadpool_limits

from benchmarks.market import market
from benchmarks.timing import least_seconds
from regimefolio.core.types import Float
from regimefolio.kernels.bisection import bisect
from regimefolio.kernels.minimum_variance import minimum_variance
from regimefolio.kernels.risk_budgeting import risk_budgeting
from regimefolio.portfolio.clusters import leaf_order

REBALANCES, WINDOW, APART = 90, 252, 21
Optimizer = Callable[[Sequence[Float]], list[Float]]


class Peer(Protocol):
    """What skfolio's optimizers are."""

    weights_: Float

    def fit(self, returns: Float) -> object:
        """Find the weights."""


def covariance_of(returns: Float) -> Float:
    centred = returns - returns.mean(axis=0)
    return centred.T @ centred / (len(returns) - 1)


def least_variance(windows: Sequence[Float]) -> list[Float]:
    """Each rebalance is told what the one before it held."""
    found: list[Float] = []
    for returns in windows:
        n_assets = returns.shape[1]
        held = found[-1] > 0.0 if found else np.zeros(n_assets, dtype=bool)
        found.append(np.empty(n_assets))
        minimum_variance(covariance_of(returns), np.ones(n_assets), held, found[-1])
    return found


def equal_risk(windows: Sequence[Float]) -> list[Float]:
    found = []
    for returns in windows:
        n_assets = returns.shape[1]
        found.append(np.empty(n_assets))
        risk_budgeting(covariance_of(returns), np.full(n_assets, 1.0 / n_assets), found[-1])
    return found


def along_a_tree(windows: Sequence[Float]) -> list[Float]:
    found = []
    for returns in windows:
        covariance = covariance_of(returns)
        deviation = np.sqrt(covariance.diagonal())
        found.append(np.empty(len(deviation)))
        bisect(covariance, leaf_order(covariance / np.outer(deviation, deviation)), found[-1])
    return found


def asked(peer: Callable[[], Peer], windows: Sequence[Float]) -> list[Float]:
    """The weights of skfolio's optimizer, which mends what it calls a covariance that is not positive definite."""
    found = []
    for returns in windows:
        optimizer = peer()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimizer.fit(returns)
        found.append(optimizer.weights_)
    return found


def residual(returns: Float, weights: Float) -> float:
    """How far the conditions of least variance are from true, as a fraction of λ."""
    gradient = covariance_of(returns) @ weights
    level = gradient[weights > 0.0].mean()
    wrong = np.where(weights > 0.0, np.abs(gradient - level), level - gradient)
    return float(wrong.max() / level)


def run() -> None:
    """20, 100 and 500 assets, one thread."""
    ours: dict[str, tuple[Optimizer, Callable[[], Peer]]] = {
        "least variance": (least_variance, MeanRisk),
        "equal risk": (equal_risk, RiskBudgeting),
        "tree": (along_a_tree, HierarchicalRiskParity),
    }
    print(f"optimizers: {REBALANCES} rebalances, {WINDOW} returns each, 1 thread; a rebalance, and skfolio's")
    for n_assets in (20, 100, 500):
        close = market(WINDOW + 1 + APART * REBALANCES, n_assets).panel.close
        returns = close[1:] / close[:-1] - 1.0
        windows = [np.ascontiguousarray(returns[i * APART : i * APART + WINDOW]) for i in range(REBALANCES)]
        some = windows[:: REBALANCES // (2 if n_assets > 100 else 6)]
        for name, (optimizer, peer) in ours.items():
            with threadpool_limits(1):
                spent = least_seconds(
                    {"ours": partial(optimizer, windows), "peer": partial(asked, peer, some)},
                    1 if n_assets > 100 else 3,
                )
            mine, theirs = spent["ours"].clock / REBALANCES, spent["peer"].clock / len(some)
            worst = max(map(residual, windows, least_variance(windows))) if optimizer is least_variance else 0.0
            checked = f"; conditions met to {worst:.0e}" if worst else ""
            print(
                f"{n_assets:3d} {name:14s}: {mine * 1e6:.0f} µs, skfolio {theirs * 1e3:.1f} ms, "
                f"ratio {theirs / mine:.0f}{checked}",
                flush=True,
            )
