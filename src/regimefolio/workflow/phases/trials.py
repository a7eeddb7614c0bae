"""Runs the trials of phase 1: those of our strategies in threads, those of a user's own in processes.

Both do the same work with the same functions, so that where a trial ran cannot be told from its files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from regimefolio.backtest import BacktestManager, Died, Overdue, Trial, TrialResult, in_processes
from regimefolio.core.component import fingerprint
from regimefolio.core.files import read_npy, remove, sweep_temporaries, write_npy
from regimefolio.core.plugins import Origin, load_origin, origins
from regimefolio.core.types import Json, Outcome, Panel, Signals
from regimefolio.evaluation import InformationCoefficient, information_coefficient
from regimefolio.market import Dataset, Market
from regimefolio.strategies import Strategy
from regimefolio.workflow.phases.base import Job
from regimefolio.workflow.spec import WorkflowSpec
from regimefolio.workflow.workspace import Workspace


@dataclass(frozen=True, eq=False)
class Scored:
    """A trial's result, and the information coefficient of its signals; None where it has no signals."""

    result: TrialResult
    coefficient: InformationCoefficient | None = None


@dataclass(frozen=True)
class Assignment:
    """What a worker process is told: what to import, the workflow, where prices and results lie, the first bar.

    `arrays` are paths of .npy files by the name of a Panel's field, `index` and `benchmark` among them; `files` are
    what the market knows of files by their source; `others` are the Panel's fields that are no arrays.
    """

    modules: tuple[Origin, ...]
    spec: dict[str, Json]
    root: Path
    arrays: Mapping[str, Path]
    files: Mapping[str, Path]
    others: Mapping[str, Any]
    start: int


def run_trials(job: Job, trials: Sequence[Trial], start: int) -> list[Scored]:
    """One result a trial, in order; their signals are saved."""
    foreign = [trial for trial in trials if in_a_process(job, trial.strategy)]
    found: dict[int, Scored] = {}
    if foreign:
        with _assigned(job, foreign, start) as assignment:
            described = [(trial.number, trial.strategy.spec()) for trial in foreign]
            limit = job.spec.discovery.time_limit
            done = in_processes(begin, assignment, described, job.threads, job.progress.advance, limit)
        sweep_temporaries(job.workspace.signals)  # of workers that were killed
        found = {
            trial.number: scored if isinstance(scored, Scored) else _given_up(job, trial, scored)
            for trial, scored in zip(foreign, done, strict=True)
        }
    ours = [trial for trial in trials if trial.number not in found]
    found |= {trial.number: scored for trial, scored in zip(ours, in_threads(job, ours, start), strict=True)}
    return [found[trial.number] for trial in trials]


def in_a_process(job: Job, strategy: Strategy) -> bool:
    """Whether trials of this strategy run in processes: where there is more than one thread, a user's own do.

    One that another process cannot import, such as a class that was typed into a notebook, runs here.
    """
    return job.threads > 1 and bool(origins(strategy)) and origins(job.spec) is not None


def in_threads(job: Job, trials: Sequence[Trial], start: int) -> list[Scored]:
    """Run trials here: on the first two thirds of training, their signals saved on all of it, and measured."""
    market, coefficients = job.training, dict[int, InformationCoefficient]()
    delay = job.spec.execution.delay
    runner = job.runner(market.until(job.n_fit))

    def keep(trial: Trial, signals: Signals) -> None:
        write_npy(job.workspace.signal_file(trial.number), np.stack([signals.alpha, signals.confidence]))
        coefficients[trial.number] = information_coefficient(
            signals, market.panel, runner.fill, first=start - 1 - delay, last=job.n_fit, delay=delay
        )

    manager = BacktestManager(runner, start, lambda strategy: strategy.signals(market), keep, job.threads)
    results = manager.run(trials, job.progress)
    return [Scored(result, coefficients.get(trial.number)) for trial, result in zip(trials, results, strict=True)]


def begin(assignment: Assignment) -> Callable[[tuple[int, Json]], Scored]:
    """What a worker does with a trial's number and strategy, once it has the user's modules and sees the prices."""
    for origin in assignment.modules:
        load_origin(origin)
    values: dict[str, Any] = {name: read_npy(path, mmap_mode="r") for name, path in assignment.arrays.items()}
    index, benchmark = values.pop("index", None), values.pop("benchmark", None)
    panel = Panel(**values, **assignment.others)
    spec = WorkflowSpec.model_validate(assignment.spec)
    files = {source: read_npy(path, mmap_mode="r") for source, path in assignment.files.items()}
    market = Market(panel, index, benchmark, files)
    dataset = Dataset(panel, index, about="", defects=(), fingerprint="")
    job = Job(spec, Workspace(assignment.root), dataset, market, threads=1)
    return lambda trial: in_threads(job, [Trial(trial[0], Strategy.of(trial[1]))], assignment.start)[0]


@contextmanager
def _assigned(job: Job, trials: Sequence[Trial], start: int) -> Iterator[Assignment]:
    """The market as files beside the results, for as long as workers read them.

    After a crash they stay, named as temporary files are, and the next run clears them away.
    """
    market, folder = job.market, job.workspace.metadata
    values = {each.name: getattr(market.panel, each.name) for each in fields(Panel)}
    others = {name: value for name, value in values.items() if not isinstance(value, np.ndarray)}
    values |= {"index": market.index, "benchmark": market.benchmark}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    paths = {name: folder / f".{name}.npy.tmp" for name in arrays}
    files = {source: folder / f".file_{number}.npy.tmp" for number, source in enumerate(market.files)}
    try:
        for name, path in paths.items():
            write_npy(path, arrays[name])
        for source, path in files.items():
            write_npy(path, market.files[source])
        modules = tuple(origins([job.spec, [trial.strategy for trial in trials]]) or ())
        yield Assignment(modules, job.spec.model_dump(mode="json"), job.workspace.root, paths, files, others, start)
    finally:
        for path in (*paths.values(), *files.values()):
            remove(path)


def _given_up(job: Job, trial: Trial, why: Died | Overdue) -> Scored:
    """The result of a trial that ended its worker twice, or took too long; nothing of it is kept."""
    remove(job.workspace.signal_file(trial.number))
    if isinstance(why, Overdue):
        text = f"it took longer than the time_limit of {why.limit:g} seconds, and its worker process was stopped"
    else:
        text = (
            f"its worker process ended twice while it worked on this trial ({why.how}): the strategy crashed it, "
            "or the machine ran out of memory"
        )
    failed = Outcome(fingerprint(trial.parameters), "failed", trial.parameters, {}, message=text)
    return Scored(TrialResult(failed, details=text))
