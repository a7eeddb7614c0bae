"""What must hold of a validated strategy: it switches with the regime and only then, and it has not seen the future."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from regimefolio.backtest import BacktestRunner, Run, in_order
from regimefolio.core.types import Float, RegimePath
from regimefolio.market import Market
from regimefolio.portfolio import Ensemble


@dataclass(frozen=True)
class Check:
    """One thing that must hold, whether it does, and the numbers that say so."""

    name: str
    passed: bool
    details: str
    numbers: Mapping[str, float]


def switches_with_regimes(runner: BacktestRunner, run: Run, ensemble: Ensemble, regimes: RegimePath) -> Check:
    """Whether every decision is the one that its regime's own ensemble makes, and every change of regime is a decision.

    The ensembles of the single regimes are run by themselves, so that a switch too late, too early or to the wrong
    settings shows as a target that differs.
    """
    start, label = run.simulation.start, regimes.label
    decided = np.flatnonzero(run.decide)
    expected = np.full(run.target.shape, np.nan)
    for row in range(len(ensemble.weights)):
        bars = decided[label[decided] + 1 == row]
        if bars.size:
            used = np.flatnonzero(ensemble.weights[row])
            alone = Ensemble.static(
                [ensemble.strategies[column] for column in used], [float(ensemble.weights[row, c]) for c in used]
            )
            only = np.zeros_like(run.decide)
            only[bars] = True
            rows = alone.rows(None, len(label))
            targets = runner.manager.targets(runner.signals(alone), alone, rows, only)
            expected[bars] = targets[bars]
    differ = int((run.target[decided] != expected[decided]).any(axis=1).sum())
    changes = np.flatnonzero(label[1:] != label[:-1]) + 1
    changes = changes[changes >= start]
    missed = int((~run.decide[changes]).sum())
    return Check(
        "parameters and weights switch with the regime, and only then",
        differ == 0 and missed == 0,
        f"{changes.size} changes of regime, {missed} of them without a rebalance; {decided.size} decisions, "
        f"{differ} of them not those of the ruling regime's own settings",
        {"changes": changes.size, "missed": missed, "decisions": decided.size, "differing": differ},
    )


def future_is_unseen(
    market: Market,
    run: Run,
    regimes: RegimePath,
    start: int,
    rerun: Callable[[Market], tuple[Run, RegimePath]],
    seed: int,
    threads: int,
) -> list[Check]:
    """The run is the same, bar for bar and bit for bit, when its second half is cut off or replaced by noise."""
    last = start + (market.panel.n_bars - start) // 2
    worlds = [market.until(last + 1), with_noise_after(market, last, seed)]
    names = ("unchanged when the future is cut off", "unchanged when the future is replaced by noise")
    checks = []
    for name, (other, labels) in zip(names, in_order(rerun, worlds, threads), strict=True):
        first = _first_difference(run, regimes, other, labels, last)
        same = "no bar differs" if first is None else f"bar {first - start} of the test differs"
        checks.append(
            Check(
                name,
                first is None,
                f"regimes, weights, cash and equity of {last + 1 - start} test bars compared to the bit: {same}",
                {"bars": last + 1 - start, "first_difference": -1 if first is None else first - start},
            )
        )
    return checks


def _first_difference(run: Run, regimes: RegimePath, other: Run, labels: RegimePath, last: int) -> int | None:
    ours, theirs = run.simulation, other.simulation
    assert ours.weights is not None
    assert theirs.weights is not None
    differs = (
        (ours.equity[: last + 1] != theirs.equity[: last + 1])
        | (ours.cash[: last + 1] != theirs.cash[: last + 1])
        | (ours.weights[: last + 1] != theirs.weights[: last + 1]).any(axis=1)
        | (regimes.label[: last + 1] != labels.label[: last + 1])
    )
    return int(np.flatnonzero(differs)[0]) if differs.any() else None


def with_noise_after(market: Market, last: int, seed: int) -> Market:
    """The market with every price after bar `last` replaced by a seeded random walk; missing bars stay missing."""
    rng = np.random.default_rng(seed)

    def noisy(prices: Float) -> Float:
        out = prices.copy()
        shape = (len(prices) - last - 1, *prices.shape[1:])
        walk = np.exp(np.cumsum(0.03 * rng.standard_normal(shape), axis=0))
        level = np.where(np.isfinite(prices[last]), prices[last], 1.0)
        out[last + 1 :] = np.where(np.isfinite(prices[last + 1 :]), level * walk, np.nan)
        return out

    panel = market.panel
    close = noisy(panel.close)

    def follows(prices: Float | None) -> Float | None:
        if prices is None:
            return None
        out = prices.copy()
        out[last + 1 :] = close[last + 1 :]
        return out

    changed = replace(panel, close=close, open=follows(panel.open), high=follows(panel.high), low=follows(panel.low))
    index = None if market.index is None else noisy(market.index)
    benchmark = None if market.benchmark is None else noisy(market.benchmark)
    return Market(changed, index, benchmark)
