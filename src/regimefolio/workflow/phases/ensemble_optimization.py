"""Phase 3: strategy weights by regime, on the last third of training, by replay of the saved signals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import yaml

from regimefolio.backtest import BacktestRunner, BacktestSpec, Run, StrategyEntry, in_order
from regimefolio.core.errors import ModelError
from regimefolio.core.files import jsonable, read_npy, write_json, write_npy, write_text
from regimefolio.core.types import Float, Int, Json, Outcome, RegimePath
from regimefolio.evaluation import deflated_sharpe_ratio, drawdown_series, expected_maximum_sharpe, return_moments
from regimefolio.market import DataSpec
from regimefolio.portfolio import Ensemble, SignalStack
from regimefolio.report import edited_files
from regimefolio.workflow.phases.base import Job, Phase
from regimefolio.workflow.phases.choices import (
    ALL_BARS,
    STATIC,
    Choices,
    Shares,
    choices_file,
    ensemble_of,
    rank,
    read_choices,
    saved_signals,
    settings_of,
    too_little,
)
from regimefolio.workflow.spec import Objective, WorkflowSpec
from regimefolio.workflow.workspace import Workspace

_WHOLE = {"sharpe": "sharpe", "sortino": "sortino", "calmar": "calmar", "return": "cagr", "drawdown": "max_drawdown"}
_REGIME = {**_WHOLE, "minimize_regime_drawdown": "max_drawdown"}

BLOCK = 16
"""Weight vectors that are replayed in one pass over the signals."""


@dataclass(frozen=True, eq=False)
class _Tried:
    """One replay: weights by regime → strategy, and what came of them; no panel of it is kept."""

    weights: Shares
    outcome: Outcome
    returns: Float
    decision_return: Float


@dataclass(frozen=True, eq=False)
class _Search:
    """What the weight search of one classifier found.

    `static_objective` is that of the static ensemble in the same regimes: what the classifier's own compares with.
    """

    classifier: str
    tried: list[_Tried]
    assembled: _Tried
    objective: float
    static_objective: float
    evidence: dict[str, Json]
    replay_equals_full_run: bool


class EnsembleOptimization(Phase):
    """Writes one result a replay, the weights, and the strategy that validation will be about."""

    name: ClassVar[str] = "ensemble_optimization"
    owns: ClassVar[tuple[str, ...]] = (
        "performance/ensemble_trial_*.json",
        "performance/ensemble_returns.npy",
        "analysis/ensemble_weights.json",
        "analysis/overfitting.json",
        "analysis/adaptive_strategy.yaml",
    )

    def configuration(self, spec: WorkflowSpec) -> Json:
        """Everything up to its own section."""
        classifiers: list[Json] = [detector.spec() for detector in spec.regime_classifiers]
        return {
            **spec.common(),
            "plugins": list(spec.plugins),
            "classifiers": classifiers,
            "search": spec.discovery.plain(),
            "analysis": spec.analysis.plain(),
            "phase": spec.ensemble.plain(),
        }

    def inputs(self, workspace: Workspace, spec: WorkflowSpec) -> Sequence[Path]:
        """The choices, the regimes, all saved signals and the returns of phase 1."""
        return (
            choices_file(workspace),
            workspace.performance / "returns.npy",
            *(workspace.labels_file(detector.kind) for detector in spec.regime_classifiers),
            *(workspace.probability_file(detector.kind) for detector in spec.regime_classifiers),
            *sorted(workspace.signals.glob("trial_*.npy")),
            *sorted(workspace.performance.glob("trial_*.json")),
        )

    def run(self, job: Job) -> None:
        """Search the static weights, then those of every classifier; fix the strategy to be validated."""
        spec, choices = job.spec, read_choices(job)
        vectors = spec.weights()
        classifiers = [detector.kind for detector in spec.regime_classifiers]
        runner = job.runner(job.training)
        job.progress.say(
            f"ensemble optimization: {len(vectors)} weight vectors for each of {', '.join([STATIC, *classifiers])}"
        )
        job.progress.stage("ensemble optimization", (1 + len(classifiers)) * len(vectors))
        searches = [self._search(job, runner, choices, STATIC, vectors)]
        static = searches[0].assembled
        searches += [self._search(job, runner, choices, kind, vectors, static) for kind in classifiers]
        if not all(search.replay_equals_full_run for search in searches):
            job.progress.say("saved signals differ from those that the strategies compute; the saved ones are used")
        chosen = max(searches[1:], key=lambda search: rank(search.objective))
        self._write(job, searches, chosen)
        write_json(job.workspace.analysis / "overfitting.json", _overfitting(job, searches, chosen))
        document = {"backtest": _strategy(job, choices, chosen).plain()}
        write_text(
            job.workspace.analysis / "adaptive_strategy.yaml",
            yaml.safe_dump(jsonable(document), sort_keys=False, allow_unicode=True),
        )

    def _search(
        self,
        job: Job,
        runner: BacktestRunner,
        choices: Choices,
        classifier: str,
        vectors: Sequence[Sequence[float]],
        static: _Tried | None = None,
    ) -> _Search:
        """Replay every vector, take the best in each regime, and replay what they make together."""
        kinds = [strategy.kind for strategy in job.spec.strategies]
        names = tuple(choices[classifier])
        regimes = None if classifier == STATIC else saved_regimes(job, classifier, names)
        label = np.zeros(job.n_train, dtype=np.int64) if regimes is None else regimes.label

        def everywhere(vector: Sequence[float]) -> Shares:
            share = dict(zip(kinds, vector, strict=True))
            return {**dict.fromkeys(names, share), ALL_BARS: static.weights[ALL_BARS] if static else share}

        first = ensemble_of(job, choices, classifier, everywhere(vectors[0]))
        stack = saved_signals(job, choices, classifier, first.strategies)

        def replay(block: Sequence[Shares]) -> list[_Tried]:
            ensembles = [ensemble_of(job, choices, classifier, weights) for weights in block]
            runs = runner.replay_all(stack, ensembles, job.n_fit, regimes)
            for _ in block:
                job.progress.advance()
            return [_tried(classifier, weights, run) for weights, run in zip(block, runs, strict=True)]

        every = [everywhere(vector) for vector in vectors]
        blocks = [every[i : i + BLOCK] for i in range(0, len(every), BLOCK)]
        tried = [each for block in in_order(replay, blocks, job.threads) for each in block]
        weights, evidence = _best_by_regime(job, runner, tried, names, label)
        if static:
            weights[ALL_BARS] = static.weights[ALL_BARS]
        ensemble = ensemble_of(job, choices, classifier, weights)
        run = runner.replay(stack, ensemble, job.n_fit, regimes, record=True)
        assembled, objective = _tried(classifier, weights, run), job.spec.ensemble.objective
        return _Search(
            classifier,
            tried,
            assembled,
            _whole(objective, runner, assembled, label, names),
            _whole(objective, runner, static or assembled, label, names),
            evidence,
            full_run_agrees(job, ensemble, stack, run, regimes),
        )

    def _write(self, job: Job, searches: Sequence[_Search], chosen: _Search) -> None:
        workspace, summary = job.workspace, dict[str, Json]()
        returns: list[Float] = []
        for search in searches:
            for tried in (*search.tried, search.assembled):
                write_json(workspace.ensemble_file(len(returns)), tried.outcome)
                returns.append(tried.returns)
            summary[search.classifier] = {
                "weights": jsonable(search.assembled.weights),
                "evidence": search.evidence,
                "trial": len(returns) - 1,
                "objective": jsonable(search.objective),
                "static_objective": jsonable(search.static_objective),
                "replay_equals_full_run": search.replay_equals_full_run,
            }
        write_npy(workspace.performance / "ensemble_returns.npy", np.stack(returns))
        write_json(
            workspace.analysis / "ensemble_weights.json",
            {"objective": job.spec.ensemble.objective, "selected": chosen.classifier, "classifiers": summary},
        )


def _tried(classifier: str, weights: Shares, run: Run) -> _Tried:
    parameters = jsonable({"classifier": classifier, "weights": weights})
    assert isinstance(parameters, dict)
    simulation = run.simulation
    return _Tried(weights, run.outcome(parameters), simulation.returns, simulation.decision_return)


def saved_regimes(job: Job, classifier: str, names: tuple[str, ...]) -> RegimePath:
    """The regimes of the training bars as phase 2 wrote them."""
    return RegimePath(
        job.dataset.panel.timestamps[: job.n_train],
        names,
        read_npy(job.workspace.probability_file(classifier)),
        read_npy(job.workspace.labels_file(classifier)),
    )


def full_run_agrees(
    job: Job, ensemble: Ensemble, stack: SignalStack, replayed: Run, regimes: RegimePath | None
) -> bool:
    """Whether a run that computes every signal afresh gives the same bits as the replay did.

    False where a person edited the saved signals, which are used as they are.

    Raises
    ------
    ModelError
        A strategy does not give the signals it gave before, or the signals are the same and the runs are not.
    """
    runner = job.runner(job.training)
    fresh = runner.signals(ensemble)
    differ = (fresh.alpha != stack.alpha) | (fresh.confidence != stack.confidence)
    if differ.any():
        if not any(name.startswith("signals/") for name in edited_files(job.workspace.root)):
            bar, column, _ = np.argwhere(differ)[0]
            raise ModelError(
                f"{ensemble.strategies[column].kind} gives other signals than it gave before, from bar {bar} on, "
                "though nobody edited them; a strategy must depend on its parameters and the market alone"
            )
        return False
    run = runner.replay(fresh, ensemble, job.n_fit, regimes, record=True)
    for name in ("equity", "weights", "cost"):
        ours, theirs = getattr(run.simulation, name), getattr(replayed.simulation, name)
        if not np.array_equal(ours, theirs):
            bar = int(np.flatnonzero((ours != theirs).reshape(len(ours), -1).any(axis=1))[0])
            raise ModelError(f"replay and full run differ in {name} from bar {bar}; this is an error of regimefolio")
    return True


def _best_by_regime(
    job: Job, runner: BacktestRunner, tried: Sequence[_Tried], names: tuple[str, ...], label: Int
) -> tuple[dict[str, Mapping[str, float]], dict[str, Json]]:
    """The best vector in each regime; the best over all bars where there is too little evidence."""
    objective, config = job.spec.ensemble.objective, job.spec.analysis
    every_bar = np.zeros(job.n_train, dtype=np.int64)
    returns = [each.decision_return for each in tried]
    overall = [_scores(objective, runner, row, every_bar, (ALL_BARS,))[ALL_BARS] for row in returns]
    by_regime = [_scores(objective, runner, row, label, names) for row in returns]
    pooled = max(range(len(tried)), key=lambda n: rank(overall[n][0]))
    weights: dict[str, Mapping[str, float]] = {}
    evidence: dict[str, Json] = {}
    for name in names:
        _, bars, runs = by_regime[0][name]
        why = "" if name == ALL_BARS else too_little(bars, runs, config)
        best = pooled if why else max(range(len(tried)), key=lambda n: rank(by_regime[n][name][0]))
        weights[name] = tried[best].weights[name]
        evidence[name] = {
            "bars": bars,
            "episodes": runs,
            "score": jsonable(by_regime[best][name][0]),
            "score_all": jsonable(overall[best][0]),
            "fallback": why,
        }
    return weights, evidence


def _scores(
    objective: Objective, runner: BacktestRunner, decision_return: Float, label: Int, names: tuple[str, ...]
) -> dict[str, tuple[float, int, int]]:
    """Score, bars and episodes of each regime; a higher score is better."""
    found = {}
    for k, (name, metrics) in enumerate(runner.by_regime(decision_return, label, names).items()):
        score = metrics[_REGIME[objective]]
        if objective == "drawdown":  # of the regime's bars joined end to end, not inside one episode
            joined = decision_return[(label == k) & np.isfinite(decision_return)]
            score = float(drawdown_series(np.cumprod(1.0 + joined), 1.0).min(initial=0.0))
        found[name] = (score, int(metrics["bars"]), int(metrics["episodes"]))
    return found


def _whole(objective: Objective, runner: BacktestRunner, tried: _Tried, label: Int, names: tuple[str, ...]) -> float:
    """The objective of a whole run, by which classifiers are compared; `label` (T,) cuts it into episodes."""
    if objective != "minimize_regime_drawdown":
        return tried.outcome.metrics[_WHOLE[objective]]
    worst = [score for score, _, _ in _scores(objective, runner, tried.decision_return, label, names).values()]
    return min((score for score in worst if not math.isnan(score)), default=math.nan)


def _overfitting(job: Job, searches: Sequence[_Search], chosen: _Search) -> dict[str, Json]:
    """What the number of trials does to the chosen strategy's Sharpe ratio on the bars its weights were chosen on."""
    first = [
        return_moments(row, job.risk_free(slice(job.n_fit - row.size, job.n_fit))).sharpe
        for row in read_npy(job.workspace.performance / "returns.npy")
        if np.isfinite(row).all()
    ]
    free = job.risk_free(slice(job.n_fit, job.n_train))
    third = [
        return_moments(tried.returns, free).sharpe for search in searches for tried in (*search.tried, search.assembled)
    ]
    sharpes = np.array([*first, *third])
    moments = return_moments(chosen.assembled.returns, free)
    finite = sharpes[np.isfinite(sharpes)]
    enough = finite.size > 1
    return {
        "strategy": chosen.classifier,
        "bars": moments.n_bars,
        "trials": len(finite),
        "trials_by_phase": {
            "parameter_discovery": int(np.isfinite(first).sum()),
            "ensemble_optimization": int(np.isfinite(third).sum()),
        },
        "sharpe_per_bar": jsonable(moments.sharpe),
        "variance_of_trial_sharpes": float(np.var(finite, ddof=1)) if enough else None,
        "expected_maximum_sharpe_per_bar": expected_maximum_sharpe(finite) if enough else None,
        "deflated_sharpe_ratio": jsonable(deflated_sharpe_ratio(*moments, finite)) if enough else None,
    }


def _strategy(job: Job, choices: Choices, chosen: _Search) -> BacktestSpec:
    """The chosen adaptive strategy as a backtest that runs by itself."""
    spec, weights = job.spec, chosen.assembled.weights
    pooled = choices[STATIC][ALL_BARS]
    detector = next(each for each in spec.regime_classifiers if each.kind == chosen.classifier)
    return BacktestSpec(
        name=f"{spec.name}_adaptive",
        plugins=spec.plugins,
        data=DataSpec.model_validate(spec.data.model_dump(exclude={"split"})),
        benchmark=spec.benchmark,
        strategies=tuple(
            StrategyEntry(
                strategy=strategy.with_parameters(pooled[strategy.kind].parameters),
                weight=weights[ALL_BARS][strategy.kind],
            )
            for strategy in spec.strategies
        ),
        portfolio=spec.portfolio,
        execution=spec.execution,
        risk=spec.risk.for_regimes(detector.names),
        initial_capital=spec.initial_capital,
        risk_free=spec.risk_free,
        regime_detector=detector,
        adaptive=settings_of(choices, chosen.classifier, weights),
    )
