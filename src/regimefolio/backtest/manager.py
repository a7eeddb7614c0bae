"""A batch of backtests on one market: results in order, threads, progress; one failure costs one trial."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from regimefolio.backtest.executors import in_order
from regimefolio.backtest.runner import BacktestRunner
from regimefolio.core.component import fingerprint
from regimefolio.core.errors import WorkspaceError
from regimefolio.core.progress import Progress
from regimefolio.core.types import Float, Json, Outcome, Signals, read_only
from regimefolio.portfolio import Ensemble, SignalStack, must_be_sound
from regimefolio.strategies import Strategy

_WHOLE = read_only(np.ones((1, 1), np.float32))
"""The weights of an ensemble of one strategy."""


@dataclass(frozen=True)
class Trial:
    """One parameter set to be run once; numbered from 0 across strategies."""

    number: int
    strategy: Strategy

    @property
    def parameters(self) -> dict[str, Json]:
        return self.strategy.spec()


@dataclass(frozen=True, eq=False)
class TrialResult:
    """A trial's outcome, and its returns (T,) and decision returns (T,) on the bars it was scored on.

    Both are None when it failed; `details` then holds the traceback.
    """

    outcome: Outcome
    returns: Float | None = None
    decision_return: Float | None = None
    details: str = ""


class BacktestManager:
    """Runs trials of single strategies.

    Parameters
    ----------
    runner : BacktestRunner
        On the bars that trials are scored on.
    start : int
        The first bar that trades, for all trials alike.
    signals : callable
        The signals of a strategy on all bars that are wanted; the first T of them are scored.
    keep : callable
        Receives a trial and its signals before it is scored, in the trial's thread.
    """

    def __init__(
        self,
        runner: BacktestRunner,
        start: int,
        signals: Callable[[Strategy], Signals],
        keep: Callable[[Trial, Signals], None] = lambda trial, signals: None,
        threads: int = 1,
    ) -> None:
        self._runner = runner
        self._start = start
        self._signals = signals
        self._keep = keep
        self._threads = threads

    def run(self, trials: Sequence[Trial], progress: Progress | None = None) -> list[TrialResult]:
        """One result a trial, in order, whatever the number of threads."""
        return in_order(self._run, trials, self._threads, (progress or Progress()).advance)

    def _run(self, trial: Trial) -> TrialResult:
        try:
            signals = self._signals(trial.strategy)
            must_be_sound(signals)
            self._keep(trial, signals)
            bars = self._runner.market.panel.n_bars
            stack = SignalStack(signals.alpha[:bars, None, :], signals.confidence[:bars, None, :])
            run = self._runner.replay(stack, Ensemble((trial.strategy,), _WHOLE), self._start)
        except WorkspaceError:
            raise  # a full disk is no failure of the trial
        except (Exception, SystemExit) as error:  # a door: one trial
            text = f"{type(error).__name__}: {error}"
            failed = Outcome(fingerprint(trial.parameters), "failed", trial.parameters, {}, message=text)
            return TrialResult(failed, details=traceback.format_exc())
        simulation = run.simulation
        return TrialResult(run.outcome(trial.parameters), simulation.returns, simulation.decision_return)
