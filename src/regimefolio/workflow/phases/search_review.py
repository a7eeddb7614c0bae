"""The search in hindsight: how its trials did on the test bars, and how its scores depend on the parameters.

Runs after everything was chosen; what it finds may not be used to choose anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ValidationError

from regimefolio.backtest import BacktestManager, in_order
from regimefolio.core.errors import CorruptError
from regimefolio.core.files import read_json
from regimefolio.core.types import RegimePath
from regimefolio.evaluation import persistence, search_surface
from regimefolio.portfolio import Ensemble
from regimefolio.workflow.phases.base import Job
from regimefolio.workflow.phases.choices import ALL_BARS, STATIC, Choices, Weights, ensemble_of
from regimefolio.workflow.phases.parameter_discovery import trials_of

SCORE = "sharpe"


class _Parameters(BaseModel):
    classifier: str
    weights: dict[str, dict[str, float]]


class Replayed(BaseModel):
    """ensemble_trial_<n>.json, as far as it is needed to run the trial again."""

    parameters: _Parameters
    metrics: dict[str, float | None]


def replays_of(job: Job) -> list[Replayed]:
    """What phase 3 replayed, by number.

    Raises
    ------
    CorruptError
        A file has another form.
    """
    found: list[Replayed] = []
    while (path := job.workspace.ensemble_file(len(found))).is_file():
        try:
            found.append(Replayed.model_validate(read_json(path)))
        except ValidationError as error:
            place = " / ".join(map(str, error.errors()[0]["loc"]))
            raise CorruptError(f"{path}: {place}: has another form; run --from ensemble_optimization") from None
    return found


def parameter_trials_afterwards(job: Job) -> dict[str, object]:
    """The Sharpe ratios of phase 1's trials in training and on the test bars, where each is run now.

    One that failed in training is left alone: it may have ended the process that it ran in.
    """
    market, trials = job.market, trials_of(job.spec)
    ran = [trial for trial in trials if read_json(job.workspace.trial_file(trial.number))["status"] != "failed"]
    manager = BacktestManager(
        job.runner(market), job.test_start, lambda strategy: strategy.signals(market), threads=job.threads
    )
    results = manager.run(ran, job.progress)
    job.progress.advance(len(trials) - len(ran))
    test = dict.fromkeys((trial.number for trial in trials), math.nan)
    for trial, result in zip(ran, results, strict=True):
        test[trial.number] = _number(result.outcome.metrics.get(SCORE))
    return _compared([_score_of(job, trial.number, SCORE) for trial in trials], list(test.values()))


def weight_trials_afterwards(
    job: Job, choices: Choices, weights: Weights, paths: Mapping[str, RegimePath], replays: Sequence[Replayed]
) -> dict[str, object]:
    """The Sharpe ratios of phase 3's replays in training and afterwards; `chosen` is the number of the selected one."""
    runner = job.runner(job.market)

    def ensemble(each: Replayed) -> Ensemble:
        return ensemble_of(job, choices, each.parameters.classifier, each.parameters.weights)

    first = {each.parameters.classifier: each for each in reversed(replays)}  # one is as good as another: same columns
    stacks = {classifier: runner.signals(ensemble(each)) for classifier, each in first.items()}

    def score(each: Replayed) -> float:
        classifier = each.parameters.classifier
        run = runner.replay(stacks[classifier], ensemble(each), job.test_start, paths.get(classifier))
        return run.metrics[SCORE]

    test = in_order(score, replays, job.threads, job.progress.advance)
    chosen = weights.classifiers[weights.selected].trial
    return {**_compared([_number(each.metrics.get(SCORE)) for each in replays], test), "chosen": chosen}


def surfaces(job: Job, choices: Choices) -> dict[str, object]:
    """The objective of phase 1 over each strategy's two most influential parameters, where it has any."""
    objective, found = job.spec.discovery.objective, dict[str, object]()
    trials = trials_of(job.spec)
    for strategy in job.spec.strategies:
        space = job.spec.discovery.parameter_space.get(strategy.kind)
        same = [trial for trial in trials if trial.strategy.kind == strategy.kind]
        surface = search_surface(
            [trial.strategy.plain() for trial in same],
            [_score_of(job, trial.number, objective) for trial in same],
            [] if space is None else list(space.root),
            choices[STATIC][ALL_BARS][strategy.kind].parameters,
        )
        if surface is not None:
            found[strategy.kind] = surface
    return {"objective": objective, "strategies": found}


def _compared(training: Sequence[float], test: Sequence[float]) -> dict[str, object]:
    found = persistence(np.array(training, dtype=np.float64), np.array(test, dtype=np.float64))
    return {"training": training, "test": test, **found._asdict()}


def _score_of(job: Job, trial: int, name: str) -> float:
    return _number(read_json(job.workspace.trial_file(trial))["metrics"].get(name))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
