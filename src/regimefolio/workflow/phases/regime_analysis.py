"""Phase 2: for every classifier, regime and strategy the parameters that did best there, and how much that proves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from regimefolio.backtest import BacktestRunner, Trial, in_order
from regimefolio.core.errors import CorruptError
from regimefolio.core.files import read_npy, write_json, write_npy
from regimefolio.core.types import Float, Int, Json, RegimePath
from regimefolio.market import Market
from regimefolio.regimes import (
    RegimeDetector,
    episodes,
    expected_duration,
    transition_counts,
    transition_matrix,
)
from regimefolio.workflow.phases.base import Job, Phase
from regimefolio.workflow.phases.choices import (
    ALL_BARS,
    STATIC,
    Choice,
    Evidence,
    choices_file,
    rank,
    too_little,
    write_choices,
)
from regimefolio.workflow.phases.parameter_discovery import trials_of
from regimefolio.workflow.spec import AnalysisConfig, WorkflowSpec
from regimefolio.workflow.workspace import Workspace

Metrics = Mapping[str, float]


class RegimeAnalysis(Phase):
    """Groups the decision returns of phase 1 by regime; runs no backtest."""

    name: ClassVar[str] = "regime_analysis"
    owns: ClassVar[tuple[str, ...]] = (
        "analysis/regime_labels_*.npy",
        "analysis/regime_probability_*.npy",
        "analysis/regimes.json",
        "analysis/regime_fits.json",
        "analysis/regime_optimal_params.json",
    )

    def configuration(self, spec: WorkflowSpec) -> Json:
        """The common part, the classifiers, the search and the analysis."""
        classifiers: list[Json] = [detector.spec() for detector in spec.regime_classifiers]
        return {
            **spec.common(),
            "classifiers": classifiers,
            "search": spec.discovery.plain(),
            "phase": spec.analysis.plain(),
        }

    def inputs(self, workspace: Workspace, spec: WorkflowSpec) -> Sequence[Path]:
        """The decision returns of all trials."""
        return (workspace.performance / "decision_returns.npy",)

    def run(self, job: Job) -> None:
        """Detect the regimes of the training bars, then choose."""
        workspace, spec = job.workspace, job.spec
        returns = read_npy(workspace.performance / "decision_returns.npy")
        trials = trials_of(spec)
        if returns.shape != (len(trials), job.n_fit):
            raise CorruptError(
                f"{workspace.performance / 'decision_returns.npy'}: has shape {returns.shape}, "
                f"but {len(trials)} trials on {job.n_fit} bars are expected; run --from parameter_discovery"
            )
        market = job.training
        job.progress.stage("regime analysis", len(spec.regime_classifiers))
        paths = in_order(
            lambda detector: detector.detect(market), spec.regime_classifiers, job.threads, job.progress.advance
        )
        for detector, path in zip(spec.regime_classifiers, paths, strict=True):
            write_npy(workspace.labels_file(detector.kind), path.label)
            write_npy(workspace.probability_file(detector.kind), path.probability)
        write_json(
            workspace.analysis / "regimes.json",
            {
                detector.kind: _about(detector, path)
                for detector, path in zip(spec.regime_classifiers, paths, strict=True)
            },
        )
        write_json(
            workspace.analysis / "regime_fits.json",
            {detector.kind: _fits(detector, market) for detector in spec.regime_classifiers},
        )
        chooser = _Chooser(job.runner(market.until(job.n_fit)), trials, returns, spec.analysis)
        every_bar = np.zeros(job.n_fit, dtype=np.int64)
        choices = {STATIC: chooser.choose((ALL_BARS,), every_bar)}
        for detector, path in zip(spec.regime_classifiers, paths, strict=True):
            choices[detector.kind] = chooser.choose(path.names, path.label[: job.n_fit])
        write_choices(choices_file(workspace), choices)


class _Chooser:
    """Chooses the best trial of each strategy in each regime by its decision returns (trials, T)."""

    def __init__(self, runner: BacktestRunner, trials: Sequence[Trial], returns: Float, config: AnalysisConfig) -> None:
        self._runner = runner
        self._trials = trials
        self._returns = returns
        self._config = config
        everywhere = np.zeros(returns.shape[1], dtype=np.int64)
        self._overall = [runner.by_regime(row, everywhere, (ALL_BARS,))[ALL_BARS] for row in returns]

    def choose(self, names: tuple[str, ...], label: Int) -> dict[str, dict[str, Choice]]:
        """Regime → strategy → choice."""
        found = [self._runner.by_regime(row, label, names) for row in self._returns]
        kinds = dict.fromkeys(trial.strategy.kind for trial in self._trials)
        return {
            name: {kind: self._best(kind, name, [each[name] for each in found]) for kind in kinds} for name in names
        }

    def _best(self, kind: str, regime: str, metrics: Sequence[Metrics]) -> Choice:
        config, key = self._config, self._config.select_by
        numbers = [trial.number for trial in self._trials if trial.strategy.kind == kind]
        overall = max(numbers, key=lambda n: rank(self._overall[n][key]))  # max keeps the first of equals
        bars, runs = metrics[overall]["bars"], metrics[overall]["episodes"]
        why = "" if regime == ALL_BARS else too_little(int(bars), int(runs), config)

        def shrunk(n: int) -> float:
            weight = metrics[n]["bars"]
            return (weight * metrics[n][key] + config.shrinkage * self._overall[n][key]) / (weight + config.shrinkage)

        best = overall if why else max(numbers, key=lambda n: rank(shrunk(n)))
        evidence = Evidence(
            bars=int(metrics[best]["bars"]),
            episodes=int(metrics[best]["episodes"]),
            score=metrics[best][key],
            score_all=self._overall[best][key],
            shrunk=self._overall[best][key] if why else shrunk(best),
            fallback=why,
            metrics={name: metrics[best][name] for name in config.metrics},
        )
        return Choice(self._trials[best].strategy.plain(), best, evidence)


def _about(detector: RegimeDetector, path: RegimePath) -> dict[str, object]:
    """What the detector saw on the training bars; `runs` are its episodes as label, first bar, last bar."""
    runs, counts = episodes(path.label), transition_counts(path.label, len(path.names))
    return {
        "detector": detector.spec(),
        "names": list(path.names),
        "first_labelled_bar": next((run.first for run in runs if run.label >= 0), None),
        "bars": {name: int((path.label == k).sum()) for k, name in enumerate(path.names)},
        "episodes": {name: sum(run.label == k for run in runs) for k, name in enumerate(path.names)},
        "transitions": counts.tolist(),
        "transition_matrix": transition_matrix(counts),
        "expected_duration": dict(zip(path.names, expected_duration(counts), strict=True)),
        "runs": runs,
    }


def _fits(detector: RegimeDetector, market: Market) -> dict[str, object]:
    """What the detector learnt from the training bars, fit by fit; agreement as labels before they are debounced."""
    reports = detector.fit_reports(market)
    compared = [report.agreement for report in reports if report.agreement is not None]
    return {
        "names": detector.names,
        "compared": len(compared),
        "permuted": sum(each.permuted for each in compared),
        "fits": reports,
    }
