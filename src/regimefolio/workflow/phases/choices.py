"""What the phases tell each other: parameters by regime, weights by regime, and the ensembles they make."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from regimefolio.core.component import did_you_mean
from regimefolio.core.errors import ConfigError, CorruptError
from regimefolio.core.files import read_json, read_npy, write_json
from regimefolio.core.types import Json
from regimefolio.portfolio import Ensemble, RegimeSettings, SignalStack
from regimefolio.strategies import Strategy
from regimefolio.workflow.phases.base import Job, trial_parameters
from regimefolio.workflow.spec import AnalysisConfig
from regimefolio.workflow.workspace import Workspace

STATIC = "static"
"""The classifier that tells nothing apart: its choices are the best pooled ones."""

ALL_BARS = "all"
"""Its one regime."""


@dataclass(frozen=True)
class Evidence:
    """How much a choice rests on: bars and episodes, its score there, over all bars, and shrunk between the two.

    `fallback` says why the best over all bars was taken instead, or is empty.
    """

    bars: int
    episodes: int
    score: float
    score_all: float
    shrunk: float
    fallback: str
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Choice:
    """The parameters of one strategy in one regime, and the trial whose signals they made."""

    parameters: dict[str, Json]
    trial: int
    evidence: Evidence


Choices = dict[str, dict[str, dict[str, Choice]]]
"""classifier → regime → strategy → choice"""

Shares = Mapping[str, Mapping[str, float]]
"""regime → strategy → weight, of one classifier"""


class Found(BaseModel):
    """What the weight search of one classifier found: weights by regime, and the number of the replay of all."""

    weights: dict[str, dict[str, float]]
    trial: int = Field(ge=0)


class Weights(BaseModel):
    """ensemble_weights.json, as phase 4 needs it."""

    objective: str
    selected: str
    classifiers: dict[str, Found]


def rank(score: float) -> float:
    """A score for comparison; an undefined one loses."""
    return -math.inf if math.isnan(score) else score


def too_little(bars: int, n_episodes: int, config: AnalysisConfig) -> str:
    """Why the evidence in one regime does not suffice, or nothing."""
    if bars < config.min_bars:
        return f"too little evidence: {bars} of {config.min_bars} bars"
    if n_episodes < config.min_episodes:
        return f"too little evidence: {n_episodes} of {config.min_episodes} episodes"
    return ""


def choices_file(workspace: Workspace) -> Path:
    """Where phase 2 writes and phases 3 and 4 read."""
    return workspace.analysis / "regime_optimal_params.json"


def weights_file(workspace: Workspace) -> Path:
    """Where phase 3 writes and phase 4 reads."""
    return workspace.analysis / "ensemble_weights.json"


def write_choices(path: Path, choices: Choices) -> None:
    """Put the choices in place as JSON."""
    write_json(path, choices)


def read_choices(job: Job) -> Choices:
    """The choices, each checked against its trial: a person may have edited the file.

    Raises
    ------
    CorruptError
        The file has another form.
    ConfigError
        The parameters of a choice are not those of its trial.
    """
    workspace, path = job.workspace, choices_file(job.workspace)
    try:
        choices = {
            classifier: {
                regime: {kind: _choice(item) for kind, item in strategies.items()}
                for regime, strategies in regimes.items()
            }
            for classifier, regimes in read_json(path).items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorruptError(
            f"{path}: has not the form classifier → regime → strategy → choice ({error!r}); run --from regime_analysis"
        ) from None
    _must_hold(path, job, choices, {STATIC: (ALL_BARS,)})
    for detector in job.spec.regime_classifiers:
        if tuple(choices[detector.kind]) != detector.names:
            raise CorruptError(
                f"{path}: the regimes of {detector.kind} must be {', '.join(detector.names)}, in this order, but are "
                f"{', '.join(choices[detector.kind])}; put them back, or run --from regime_analysis"
            )
    for classifier, regimes in choices.items():
        for regime, strategies in regimes.items():
            for kind, choice in strategies.items():
                expected = trial_parameters(workspace, choice.trial)
                if expected != {"kind": kind, **choice.parameters}:
                    raise ConfigError(
                        f"{path}: {classifier} / {regime} / {kind} has the parameters {choice.parameters}, but trial "
                        f"{choice.trial} is {expected}; name the trial whose signals belong to the parameters"
                    )
    return choices


def read_weights(job: Job) -> Weights:
    """The weights of every classifier; a person may have edited the file.

    Raises
    ------
    CorruptError
        The file has another form, or lacks a classifier, a regime or a strategy.
    """
    path = weights_file(job.workspace)
    try:
        found = TypeAdapter(Weights).validate_python(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = " / ".join(map(str, first["loc"]))
        raise CorruptError(f"{path}: {place}: {first['msg']}; run --from ensemble_optimization") from None
    _must_hold(path, job, {kind: each.weights for kind, each in found.classifiers.items()}, {STATIC: (ALL_BARS,)})
    kinds = [detector.kind for detector in job.spec.regime_classifiers]
    if found.selected not in kinds:
        raise ConfigError(
            f"{path}: selected is {found.selected!r}, which is no classifier; {did_you_mean(found.selected, kinds)}"
        )
    return found


def _must_hold(
    path: Path, job: Job, found: Mapping[str, Mapping[str, Mapping[str, object]]], more: Mapping[str, tuple[str, ...]]
) -> None:
    """Refuse a file that lacks a classifier, one of its regimes, or a strategy in one."""
    for classifier, regimes in {**more, **{each.kind: each.names for each in job.spec.regime_classifiers}}.items():
        for regime in regimes:
            for strategy in job.spec.strategies:
                if strategy.kind not in found.get(classifier, {}).get(regime, {}):
                    raise CorruptError(
                        f"{path}: holds nothing about {classifier} / {regime} / {strategy.kind}; put it back, "
                        "or run its phase again"
                    )


def rows_of(job: Job, choices: Choices, classifier: str, weights: Shares) -> list[Ensemble]:
    """What rules where no regime is known, and then in each regime, each as an ensemble of its own."""
    rows = [
        (choices[STATIC][ALL_BARS], ALL_BARS),
        *((chosen, regime) for regime, chosen in choices[classifier].items()),
    ]
    return [
        Ensemble.static(
            [each.with_parameters(chosen[each.kind].parameters) for each in job.spec.strategies],
            [weights[regime][each.kind] for each in job.spec.strategies],
        )
        for chosen, regime in rows
    ]


def _choice(item: dict[str, Any]) -> Choice:
    return Choice(dict(item["parameters"]), int(item["trial"]), Evidence(**item["evidence"]))


def ensemble_of(job: Job, choices: Choices, classifier: str, weights: Shares) -> Ensemble:
    """The ensemble that one classifier's choices and weights by regime make.

    Where no regime is known, the static choices rule with the weights under `all`. Strategies adapt through
    `Strategy.adapt_to_regime`.
    """
    pooled = choices[STATIC][ALL_BARS]
    base: list[Strategy] = [
        strategy.with_parameters(pooled[strategy.kind].parameters) for strategy in job.spec.strategies
    ]
    static = [weights[ALL_BARS][strategy.kind] for strategy in base]
    if classifier == STATIC:
        return Ensemble.static(base, static)
    settings = settings_of(choices, classifier, weights)
    return Ensemble.adaptive(base, static, tuple(choices[classifier]), settings)


def settings_of(choices: Choices, classifier: str, weights: Shares) -> dict[str, RegimeSettings]:
    """What changes in each regime, as a `backtest:` file writes it."""
    return {
        regime: RegimeSettings(
            strategies={kind: choice.parameters for kind, choice in strategies.items()}, weights=dict(weights[regime])
        )
        for regime, strategies in choices[classifier].items()
    }


def saved_signals(job: Job, choices: Choices, classifier: str, strategies: Sequence[Strategy]) -> SignalStack:
    """The saved signals of an ensemble's strategies on the training bars; nothing is computed.

    Raises
    ------
    CorruptError
        A file has another shape than (2, T, N).
    """
    searched = {strategy.kind: strategy for strategy in job.spec.strategies}
    trial = {
        searched[kind].with_parameters(choice.parameters).fingerprint: choice.trial
        for regimes in (choices[STATIC], choices[classifier])
        for by_kind in regimes.values()
        for kind, choice in by_kind.items()
    }
    shape = (2, job.n_train, job.dataset.panel.n_assets)
    panels = []
    for strategy in strategies:
        path = job.workspace.signal_file(trial[strategy.fingerprint])
        panel = read_npy(path, mmap_mode="r")
        if panel.shape != shape or panel.dtype != np.float32:
            raise CorruptError(
                f"{path}: is {panel.dtype} of shape {panel.shape}, but float32 of {shape} is expected; "
                "restore it or run --from parameter_discovery"
            )
        panels.append(panel)
    return SignalStack.joined([panel[0] for panel in panels], [panel[1] for panel in panels])
