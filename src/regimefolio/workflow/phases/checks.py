"""What must hold of a validated strategy: it switches with the regime and only then, and it has not seen the future."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from regimefolio.backtest import BacktestRunner, Run, in_order
from regimefolio.core.types import Bool, Float, RegimePath
from regimefolio.evaluation import Interval
from regimefolio.kernels.metrics import reason
from regimefolio.market import Market
from regimefolio.portfolio import Ensemble


@dataclass(frozen=True)
class Check:
    """One thing that must hold, whether it does, and the numbers that say so."""

    name: str
    passed: bool
    details: str
    numbers: Mapping[str, float]


def switches_with_regimes(runner: BacktestRunner, run: Run, rows: Sequence[Ensemble], regimes: RegimePath) -> Check:
    """Whether every decision is the one that its regime's own ensemble makes, and every change of regime is a decision.

    `rows` are the ensembles that rule where no regime is known and in each regime, made apart from the adaptive one
    and run by themselves, so that a switch too late, too early or to the wrong settings shows as a target that differs.
    """
    start, label = run.simulation.start, regimes.label
    decided = np.flatnonzero(run.decide)
    expected = np.full(run.target.shape, np.nan)
    for row, alone in enumerate(rows):
        bars = decided[label[decided] + 1 == row]
        if bars.size:
            only = np.zeros_like(run.decide)
            only[bars] = True
            targets = runner.manager.targets(runner.signals(alone), alone, alone.rows(None, len(label)), only)
            expected[bars] = targets[bars]
    differ = int(_differ(run.target[decided], expected[decided]).any(axis=1).sum())
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
    """The run is the same, bar for bar and bit for bit, when its second half is cut off or replaced by noise.

    The last bar that stays decides, and its decision is compared too: a strategy that looks one bar ahead shows there
    and nowhere else.
    """
    middle = start + (market.panel.n_bars - start) // 2
    deciding = np.flatnonzero(run.decide[start + 1 : middle + 1])
    last = start + 1 + int(deciding[-1]) if deciding.size else middle
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
                f"regimes, decisions, weights, cash and equity of {last + 1 - start} test bars compared to the bit: "
                f"{same}",
                {"bars": last + 1 - start, "first_difference": -1 if first is None else first - start},
            )
        )
    return checks


def holds_up(test: float, training: Interval) -> Check:
    """Whether the test Sharpe is above the 5% quantile of what resampling the training bars shows.

    `training` is the 90% interval under the bootstrap. What is undefined is above nothing, and nothing is above it.
    """
    return Check(
        "test Sharpe above the 5% quantile of the training Sharpe",
        bool(test > training.low),
        f"test Sharpe {_stated(test)}; training Sharpe {_stated(training.point)}, 5% quantile of 1,000 block resamples "
        f"{_stated(training.low)}",
        {"test": test, "training": training.point, "quantile_5": training.low},
    )


def _stated(sharpe: float) -> str:
    """A Sharpe ratio as a sentence says it, with the reason where it is undefined."""
    return f"undefined ({reason('sharpe')})" if np.isnan(sharpe) else f"{sharpe:.2f}"


def _differ(ours: Float, theirs: Float) -> Bool:
    """Where two arrays are not the same to the bit; two NaNs are, both being no order."""
    return (ours != theirs) & ~(np.isnan(ours) & np.isnan(theirs))


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
    decided = run.decide[: last + 1]
    differs[decided] |= _differ(run.target[: last + 1][decided], other.target[: last + 1][decided]).any(axis=1)
    return int(np.flatnonzero(differs)[0]) if differs.any() else None


def with_noise_after(market: Market, last: int, seed: int) -> Market:
    """The market with every price after bar `last` replaced by a seeded random walk; missing bars stay missing.

    Rates of files after it are noise as well.
    """
    rng = np.random.default_rng(seed)

    def noisy(prices: Float) -> Float:
        out = prices.copy()
        shape = (len(prices) - last - 1, *prices.shape[1:])
        walk = np.exp(np.cumsum(0.03 * rng.standard_normal(shape), axis=0))
        level = np.where(np.isfinite(prices[last]), prices[last], 1.0)
        out[last + 1 :] = np.where(np.isfinite(prices[last + 1 :]), level * walk, np.nan)
        return out

    def stirred(known: Float) -> Float:
        out = known.copy()
        out[last + 1 :] = 0.05 * rng.random(out[last + 1 :].shape)
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
    return Market(changed, index, benchmark, {source: stirred(known) for source, known in market.files.items()})
