"""A batch: results in order, one failure costs one trial, threads change nothing."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from regimefolio.backtest import BacktestManager, BacktestRunner, ExecutionSpec, Trial, TrialResult, in_order
from regimefolio.core.errors import DataError, WorkspaceError
from regimefolio.core.progress import Progress
from regimefolio.core.types import SignalBuffer, Signals
from regimefolio.market.view import Market
from regimefolio.portfolio import Ensemble, PortfolioSpec, SignalStack
from regimefolio.strategies import BollingerMeanReversion, Strategy
from regimefolio.testing import synthetic_market

MARKET = synthetic_market(500)
START = 60


class Broken(Strategy, kind="scripted_broken"):
    """Fails when it is asked."""

    how: str = "DataError"

    @property
    def warmup(self) -> int:
        return 0

    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        if self.how == "DataError":
            raise DataError("no such feature")
        raise ZeroDivisionError("by zero")


def runner() -> BacktestRunner:
    return BacktestRunner(MARKET, PortfolioSpec(rebalance="weekly"), ExecutionSpec())


def manager(threads: int = 1, **options: object) -> BacktestManager:
    return BacktestManager(runner(), START, lambda each: each.signals(MARKET), threads=threads, **options)  # type: ignore[arg-type]


def trials(count: int = 12) -> list[Trial]:
    return [Trial(n, BollingerMeanReversion(lookback=50 - 4 * n, width=1.0)) for n in range(count)]


def bits(result: TrialResult) -> bytes:
    assert result.returns is not None
    assert result.decision_return is not None
    return result.returns.tobytes() + result.decision_return.tobytes() + repr(result.outcome.metrics).encode()


@pytest.mark.parametrize(("alpha", "confidence"), [(np.nan, 0.0), (1.5, 0.5), (-1.5, 0.5), (0.5, -0.1), (0.5, np.nan)])
def test_signals_out_of_range_are_refused_before_they_are_kept(alpha: float, confidence: float) -> None:
    given = BollingerMeanReversion().signals(MARKET)
    panels = given.alpha.copy(), given.confidence.copy()
    panels[0][70, 3], panels[1][70, 3] = alpha, confidence
    unsound = replace(given, alpha=panels[0], confidence=panels[1])
    message = f"bollinger_mean_reversion: alpha must lie in -1 … 1 and confidence in 0 … 1, but {MARKET.symbols[3]} at "
    with pytest.raises(DataError, match=message):
        SignalStack.of([unsound])
    kept: list[int] = []
    batch = BacktestManager(runner(), START, lambda each: unsound, lambda trial, signals: kept.append(trial.number))
    (found,) = batch.run(trials(1))
    assert (found.outcome.status, kept) == ("failed", [])
    assert message in found.outcome.message


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_order_whatever_the_threads(threads: int) -> None:
    found = manager(threads).run(trials())
    assert [each.outcome.parameters for each in found] == [trial.parameters for trial in trials()]
    alone = [
        runner().run(Ensemble.static([trial.strategy], [1.0]), START, record=False).simulation for trial in trials()
    ]
    for result, simulation in zip(found, alone, strict=True):
        assert result.returns is not None
        assert result.returns.tobytes() == simulation.returns.tobytes()
        assert result.returns.size == 500 - START
        assert result.decision_return is not None
        assert result.decision_return.size == 500


def test_threads_change_no_bit() -> None:
    one, many = manager(1).run(trials()), manager(4).run(trials())
    assert [bits(each) for each in one] == [bits(each) for each in many]
    assert len({bits(each) for each in one}) == len(one)


@pytest.mark.parametrize("threads", [1, 3])
def test_one_failure_costs_one_trial(threads: int) -> None:
    wanted = [*trials(3), Trial(3, Broken()), *trials(3), Trial(7, Broken(how="other"))]
    found = manager(threads).run(wanted)
    assert [each.outcome.status for each in found] == ["ok"] * 3 + ["failed"] + ["ok"] * 3 + ["failed"]
    assert found[3].outcome.message == "DataError: no such feature"
    assert found[7].outcome.message == "ZeroDivisionError: by zero"
    assert found[3].returns is None
    assert found[3].decision_return is None
    assert found[3].outcome.metrics == {}
    assert found[3].outcome.parameters == {"kind": "scripted_broken", "how": "DataError"}
    assert 'raise DataError("no such feature")' in found[3].details
    assert found[0].details == ""
    assert bits(found[1]) == bits(found[5])


@pytest.mark.parametrize("threads", [1, 3])
def test_a_full_disk_is_no_failure_of_a_trial(threads: int) -> None:
    def full(trial: Trial, signals: Signals) -> None:
        raise WorkspaceError("the disk is full")

    with pytest.raises(WorkspaceError, match="the disk is full"):
        manager(threads, keep=full).run(trials())


def test_whatever_else_keeping_does_wrong_is_the_trials() -> None:
    def picky(trial: Trial, signals: Signals) -> None:
        if trial.number == 1:
            raise ValueError("not this one")

    found = manager(keep=picky).run(trials(3))
    assert [each.outcome.status for each in found] == ["ok", "failed", "ok"]


def test_signals_are_kept_before_they_are_scored_once_each() -> None:
    kept: dict[int, str] = {}

    def keep(trial: Trial, signals: Signals) -> None:
        assert trial.number not in kept
        kept[trial.number] = signals.strategy

    manager(3, keep=keep).run(trials())
    assert kept == dict.fromkeys(range(12), "bollinger_mean_reversion")


def test_signals_may_reach_beyond_the_bars_that_are_scored() -> None:
    """Phase 1 saves signals for all training bars and scores the first two thirds: the rest changes nothing."""
    short = MARKET.until(300)
    scored = BacktestRunner(short, PortfolioSpec(rebalance="weekly"), ExecutionSpec())
    long, cut = (
        BacktestManager(scored, START, lambda each, on=market: each.signals(on)).run(trials(3))  # type: ignore[misc]
        for market in (MARKET, short)
    )
    assert [bits(each) for each in long] == [bits(each) for each in cut]


def test_progress_counts_every_trial() -> None:
    class Counting(Progress):
        steps = 0
        lock = threading.Lock()

        def advance(self, steps: int = 1) -> None:
            with self.lock:
                self.steps += steps

    progress = Counting()
    manager(3).run([*trials(5), Trial(5, Broken())], progress)
    assert progress.steps == 6


def test_no_trials() -> None:
    assert manager(2).run([]) == []


# The executor by itself


@pytest.mark.parametrize("threads", [1, 4])
def test_work_is_handed_back_in_order(threads: int) -> None:
    def slow_first(n: int) -> int:
        time.sleep(0.03 / (n + 1))
        return n * n

    assert in_order(slow_first, range(8), threads) == [n * n for n in range(8)]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_first_error_ends_the_work(threads: int) -> None:
    begun: list[int] = []

    def work(n: int) -> int:
        begun.append(n)
        if n == 2:
            raise ValueError("two")
        time.sleep(0.002)
        return n

    with pytest.raises(ValueError, match="two"):
        in_order(work, range(200), threads)
    assert len(begun) < 200


def test_more_threads_are_at_work_at_once() -> None:
    barrier = threading.Barrier(3, timeout=10)
    assert in_order(lambda n: (barrier.wait(), n)[1], range(3), 3) == [0, 1, 2]
    assert np.array_equal(in_order(lambda n: n, [], 3), [])
