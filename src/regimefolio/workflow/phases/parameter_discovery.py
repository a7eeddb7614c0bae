"""Phase 1: every parameter set of every strategy, run once on the first two thirds of training, its signals saved."""

from __future__ import annotations

import io
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from regimefolio.backtest import Trial, TrialResult
from regimefolio.core.errors import ConfigError, ModelError
from regimefolio.core.files import jsonable, write_bytes, write_json, write_npy
from regimefolio.core.plugins import homes
from regimefolio.core.progress import Progress
from regimefolio.core.types import Float, Json, Outcome
from regimefolio.evaluation import InformationCoefficient
from regimefolio.workflow.phases.base import Job, Phase
from regimefolio.workflow.phases.trials import in_a_process, in_threads, run_trials
from regimefolio.workflow.spec import WorkflowSpec
from regimefolio.workflow.workspace import Workspace


class ParameterDiscovery(Phase):
    """Writes one signal file and one result a trial, and all returns as two tables."""

    name: ClassVar[str] = "parameter_discovery"
    owns: ClassVar[tuple[str, ...]] = (
        "signals/trial_*.npy",
        "performance/trial_*.json",
        "performance/trials.parquet",
        "performance/returns.npy",
        "performance/decision_returns.npy",
    )

    def configuration(self, spec: WorkflowSpec) -> Json:
        """The common part, the parameter spaces, in whose order trials are numbered, and the objective."""
        order: dict[str, Json] = {kind: list(space.root) for kind, space in spec.discovery.parameter_space.items()}
        return {**spec.common(), "phase": spec.discovery.plain(), "order": order}

    def inputs(self, workspace: Workspace, spec: WorkflowSpec) -> Sequence[Path]:
        """None: it is the first."""
        return ()

    def run(self, job: Job) -> None:
        """Run all trials; a failed one is a failed result, unless all of a strategy fail."""
        trials = trials_of(job.spec)
        start = first_bar(trials, job.n_fit, job.spec)
        self._announce(job, trials, start)
        job.progress.stage("parameter discovery", len(trials))
        scored = run_trials(job, trials, start)
        results = [each.result for each in scored]
        failed = [(trial, result) for trial, result in zip(trials, results, strict=True) if result.returns is None]
        for trial, result in failed:
            job.workspace.audit.record(
                "failed trial", trial=trial.number, message=result.outcome.message, details=result.details
            )
            place = _place(trial, result.details)
            job.progress.say(f"trial {trial.number} ({trial.strategy.kind}) failed: {result.outcome.message}{place}")
        for kind in dict.fromkeys(trial.strategy.kind for trial, _ in failed):
            same = [(trial, result) for trial, result in failed if trial.strategy.kind == kind]
            if len(same) == sum(trial.strategy.kind == kind for trial in trials):
                first, result = same[0]
                text = f"{result.outcome.message}{_place(first, result.details)}"
                error = ModelError(f"all {len(same)} trials of {kind} failed; the first one: {text}")
                error.add_note(f"  mend it and run again; the tracebacks are in {job.workspace.audit.path}")
                raise error
        outcomes = [
            _with_coefficient(each.result.outcome, each.coefficient, job.workspace, trial)
            for trial, each in zip(trials, scored, strict=True)
        ]
        _must_be_comparable(job, trials, outcomes)
        self._write(job, trials, outcomes, results)

    def _announce(self, job: Job, trials: list[Trial], start: int) -> None:
        """Say what is ahead, timing one trial of each of our strategies whose kernels are compiled."""
        seconds, quiet = 0.0, replace(job, progress=Progress(), threads=1)
        ours = [trial for trial in trials if not in_a_process(job, trial.strategy)]
        foreign = len(trials) - len(ours)
        for kind in dict.fromkeys(trial.strategy.kind for trial in ours):
            same = [trial for trial in ours if trial.strategy.kind == kind]
            for _ in range(2):  # the first time compiles
                begun = time.perf_counter()
                in_threads(quiet, same[:1], start)  # on a market of its own, which remembers no indicator
                spent = time.perf_counter() - begun
            seconds += spent * len(same) / job.threads
        panel = job.training.panel
        megabytes = len(trials) * 2 * 4 * panel.n_bars * panel.n_assets / 1e6
        text = f"parameter discovery: {len(trials)} trials, {megabytes:.0f} MB of signals"
        if ours:
            text += f", about {max(seconds, 0.1):.1f} s"
        if foreign:
            text += f"{' and' if ours else ','} {foreign} of strategies of your own, in processes"
        job.progress.say(text)
        limit, here = job.spec.discovery.time_limit, [each.strategy.kind for each in ours if homes(each.strategy)]
        if limit is not None and here:
            job.progress.say(
                f"time_limit {limit:g} does not hold for {', '.join(dict.fromkeys(here))}: trials that run in the "
                "command itself cannot be stopped; use more than one thread"
            )

    def _write(self, job: Job, trials: list[Trial], outcomes: list[Outcome], results: list[TrialResult]) -> None:
        workspace = job.workspace
        for trial, outcome in zip(trials, outcomes, strict=True):
            write_json(workspace.trial_file(trial.number), outcome)
        write_bytes(workspace.performance / "trials.parquet", _table(trials, outcomes))
        write_npy(workspace.performance / "returns.npy", _stacked([result.returns for result in results]))
        write_npy(
            workspace.performance / "decision_returns.npy", _stacked([result.decision_return for result in results])
        )


def _place(trial: Trial, details: str) -> str:
    """Where in the strategy's own file a trial failed, as its traceback says, or nothing."""
    own = getattr(sys.modules.get(type(trial.strategy.bare).__module__), "__file__", None)
    lines = re.findall(rf'^  File "{re.escape(own)}", line (\d+)', details, re.MULTILINE) if own else []
    return f" ({own}:{lines[-1]})" if lines else ""


def _must_be_comparable(job: Job, trials: Sequence[Trial], outcomes: Sequence[Outcome]) -> None:
    """Refuse a strategy none of whose trials has a score: there would be nothing to choose its parameters by."""
    score = job.spec.analysis.select_by
    for kind in dict.fromkeys(trial.strategy.kind for trial in trials):
        same = [outcome for trial, outcome in zip(trials, outcomes, strict=True) if trial.strategy.kind == kind]
        if all(np.isnan(outcome.metrics.get(score, np.nan)) for outcome in same):
            why = next((outcome.reasons[score] for outcome in same if score in outcome.reasons), "no trial ran")
            place = job.spec.strategies.index(next(each for each in job.spec.strategies if each.kind == kind))
            raise ModelError(
                f"{kind}: none of its {len(same)} trials has a {score} ({why}), so no parameters can be chosen; "
                "give it other values in parameter_space, or take it out of the strategies",
                ("strategies", place),
            )


def trials_of(spec: WorkflowSpec) -> list[Trial]:
    """What phase 1 tries, numbered from 0 across strategies."""
    return [Trial(number, strategy) for number, strategy in enumerate(spec.candidates())]


def first_bar(trials: Sequence[Trial], n_bars: int, spec: WorkflowSpec) -> int:
    """The first bar that can fill after the longest warm-up, so that all trials are scored on the same bars.

    The allocator's warm-up counts too, and so does a delay of the fills.

    Raises
    ------
    ConfigError
        The longest warm-up leaves fewer than 252 bars.
    """
    longest = max(trials, key=lambda trial: trial.strategy.warmup)
    warmup, who = longest.strategy.warmup, f"trial {longest.number} ({longest.parameters})"
    if spec.portfolio.allocator.warmup > warmup:
        warmup, who = spec.portfolio.allocator.warmup, f"allocator {spec.portfolio.allocator.kind}"
    start = warmup + 1 + spec.execution.delay
    if start + 252 > n_bars:
        raise ConfigError(
            f"{who} needs {start} bars of warm-up and 252 to be scored on, "
            f"{start + 252} in all, but parameters are chosen on {n_bars} bars; "
            "use shorter windows or a later data.split.train_end",
            ("data", "split", "train_end"),
        )
    return start


def _with_coefficient(
    outcome: Outcome, found: InformationCoefficient | None, workspace: Workspace, trial: Trial
) -> Outcome:
    """The outcome with its information coefficient and the name of its signals."""
    if found is None or outcome.status == "failed":
        return outcome
    measured = {"ic_mean": found.mean, "ic_ir": found.ir, "ic_t": found.t_value}
    undefined = {name: found.reason for name, value in measured.items() if np.isnan(value)}
    return replace(
        outcome,
        metrics={**outcome.metrics, **measured},
        reasons={**outcome.reasons, **undefined},
        artifacts=(workspace.relative(workspace.signal_file(trial.number)),),
    )


def _stacked(rows: Sequence[Float | None]) -> Float:
    """One row a trial; that of a failed trial is NaN."""
    length = next(row.size for row in rows if row is not None)
    return np.stack([np.full(length, np.nan) if row is None else row for row in rows])


def _table(trials: Sequence[Trial], outcomes: Sequence[Outcome]) -> bytes:
    """One row a trial, as Parquet."""
    names = next(tuple(outcome.metrics) for outcome in outcomes if outcome.metrics)
    columns: dict[str, list[object]] = {
        "trial": [trial.number for trial in trials],
        "strategy": [trial.strategy.kind for trial in trials],
        "parameters": [json.dumps(jsonable(trial.strategy.plain()), sort_keys=True) for trial in trials],
        "fingerprint": [outcome.fingerprint for outcome in outcomes],
        "status": [outcome.status for outcome in outcomes],
        **{name: [float(outcome.metrics.get(name, np.nan)) for outcome in outcomes] for name in names},
    }
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer, compression="zstd")
    return buffer.getvalue()
