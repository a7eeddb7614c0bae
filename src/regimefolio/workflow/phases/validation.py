"""Phase 4: the strategies that were fixed, on bars that nothing before has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from regimefolio.backtest import BacktestSpec, Run, bought_and_held, in_order
from regimefolio.core.documents import read_document
from regimefolio.core.errors import CorruptError
from regimefolio.core.files import jsonable, read_json, read_npy, write_json, write_npy
from regimefolio.core.types import REASONS, Float, Json, RegimePath, Simulation
from regimefolio.evaluation import (
    paired_sharpe_difference,
    probabilistic_sharpe_ratio,
    return_moments,
    round_trips,
    sharpe_interval,
    trading_document,
    trips_document,
)
from regimefolio.market import Market
from regimefolio.portfolio import Ensemble
from regimefolio.regimes import RegimeDetector, episodes, transition_counts
from regimefolio.strategies import Strategy
from regimefolio.workflow.phases.base import Job, Phase
from regimefolio.workflow.phases.checks import Check, future_is_unseen, holds_up, switches_with_regimes
from regimefolio.workflow.phases.choices import (
    STATIC,
    Choices,
    Weights,
    choices_file,
    ensemble_of,
    read_choices,
    read_weights,
    rows_of,
    weights_file,
)
from regimefolio.workflow.phases.parameter_discovery import trials_of
from regimefolio.workflow.phases.robustness import (
    Chosen,
    contributions,
    equal_weight,
    replayable,
    robustness,
    rolling,
)
from regimefolio.workflow.phases.signal_quality import signal_quality
from regimefolio.workflow.spec import WorkflowSpec
from regimefolio.workflow.workspace import Workspace

BEST_TRIAL, EQUAL_WEIGHT, BENCHMARK, INDEX = "best_trial", "equal_weight", "benchmark", "index"


@dataclass(frozen=True, eq=False)
class Validated:
    """What phase 4 found out before it is written: all runs by name, in the order of the report.

    `held` are the closes of what is bought and held beside them, a benchmark of its own and the index.
    """

    runs: dict[str, Run]
    paths: dict[str, RegimePath]
    ensembles: dict[str, Ensemble]
    rows: list[Ensemble]
    selected: str
    held: dict[str, Float]


class Validation(Phase):
    """Writes the results, the curves they were made from, every trade and round trip of the chosen strategy."""

    name: ClassVar[str] = "validation"
    owns: ClassVar[tuple[str, ...]] = (
        "performance/validation_results.json",
        "performance/validation_equity.npy",
        "performance/validation_weights.npy",
        "performance/validation_labels.npy",
        "performance/validation_rolling.npy",
        "performance/risk_free.npy",
        "analysis/validation_trades.json",
        "analysis/round_trips.json",
        "analysis/trading.json",
        "analysis/robustness.json",
        "analysis/contributions.json",
        "analysis/signal_quality.json",
    )

    def configuration(self, spec: WorkflowSpec) -> Json:
        """The whole workflow but for its names."""
        return spec.model_dump(mode="json", exclude={"name", "output_dir"})

    def inputs(self, workspace: Workspace, spec: WorkflowSpec) -> Sequence[Path]:
        """The choices, the weights, and the returns of the weights' search."""
        return (
            choices_file(workspace),
            weights_file(workspace),
            workspace.analysis / "adaptive_strategy.yaml",
            workspace.performance / "ensemble_returns.npy",
            *sorted(workspace.performance.glob("trial_*.json")),
            *sorted(workspace.performance.glob("ensemble_trial_*.json")),
        )

    def run(self, job: Job) -> None:
        """Run everything on the test bars, check it, write it."""
        choices, weights = read_choices(job), read_weights(job)
        done = self._validate(job, choices, weights)
        selected, start = done.selected, job.test_start
        training = _training_returns(job, weights)
        detector = next(each for each in job.spec.regime_classifiers if each.kind == selected)
        checks = self._checks(job, done, detector, training)
        _write(job, done, checks, weights.objective)
        ensemble, regimes = done.ensembles[selected], done.paths[selected]
        chosen = Chosen(
            choices,
            weights,
            replayable(job, ensemble, regimes),
            done.runs[selected],
            equal_weight(job, regimes),
            done.paths,
        )
        write_json(job.workspace.analysis / "contributions.json", contributions(job, chosen))
        write_json(job.workspace.analysis / "robustness.json", robustness(job, chosen))
        quality = signal_quality(job, done.rows, (STATIC, *detector.names))
        write_json(job.workspace.analysis / "signal_quality.json", quality)
        job.progress.say(
            f"validation: {sum(check.passed for check in checks)} of {len(checks)} checks passed on "
            f"{job.dataset.panel.n_bars - start} test bars"
        )

    def _validate(self, job: Job, choices: Choices, weights: Weights) -> Validated:
        spec, market, start = job.spec, job.market, job.test_start
        detectors = spec.regime_classifiers
        job.progress.stage("validation", len(detectors) + 4)
        found = in_order(lambda each: each.detect(market), detectors, job.threads, job.progress.advance)
        paths = {detector.kind: path for detector, path in zip(detectors, found, strict=True)}
        runner = job.runner(market)
        ensembles = {
            name: ensemble_of(job, choices, name, weights.classifiers[name].weights) for name in (*paths, STATIC)
        }
        ensembles[BEST_TRIAL] = Ensemble.static([_best_trial(job)], [1.0])
        selected = weights.selected
        # What does not adapt knows no regimes, but is measured in the chosen ones, to show where adapting pays.
        static = job.runner(market, vetoes=False)
        runs = {
            name: (runner if name in paths else static).run(each, start, paths.get(name, paths[selected]))
            for name, each in ensembles.items()
        }
        job.progress.advance()
        runs[EQUAL_WEIGHT] = equal_weight(job, paths[selected]).replay(record=True)
        order = (selected, *(name for name in runs if name != selected))
        rows = rows_of(job, choices, selected, weights.classifiers[selected].weights)
        return Validated({name: runs[name] for name in order}, paths, ensembles, rows, selected, _held(job))

    def _checks(self, job: Job, done: Validated, detector: RegimeDetector, training: Float) -> list[Check]:
        """What must hold of the chosen strategy, each with its numbers."""
        market, start = job.market, job.test_start
        run, ensemble = done.runs[done.selected], done.ensembles[done.selected]
        checks = []
        if job.spec.validation.verify_transitions:
            checks.append(switches_with_regimes(job.runner(market), run, done.rows, done.paths[done.selected]))
        job.progress.advance()

        def rerun(changed: Market) -> tuple[Run, RegimePath]:
            regimes = detector.detect(changed)
            return job.runner(changed, changed=True).run(ensemble, start, regimes), regimes

        checks += future_is_unseen(market, run, done.paths[done.selected], start, rerun, job.spec.seed, job.threads)
        job.progress.advance(2)
        year, free = job.dataset.panel.periods_per_year, job.risk_free(slice(job.n_fit, job.n_train))
        interval = sharpe_interval(training, year, job.spec.seed, level=0.9, risk_free=free)
        checks.append(holds_up(run.metrics["sharpe"], interval))
        checks.append(_is_the_file(job, ensemble, detector))
        return checks


def _training_returns(job: Job, weights: Weights) -> Float:
    """What the chosen strategy returned on the bars its weights were chosen on."""
    rows = read_npy(job.workspace.performance / "ensemble_returns.npy")
    trial = weights.classifiers[weights.selected].trial
    if trial >= len(rows):
        raise CorruptError(
            f"{weights_file(job.workspace)}: classifiers / {weights.selected} / trial is {trial}, but there are "
            f"{len(rows)} trials; put it back, or run --from ensemble_optimization"
        )
    found: Float = rows[trial]
    return found


def _best_trial(job: Job) -> Strategy:
    """The strategy of phase 1 with the best objective; the first of equals."""
    objective = job.spec.discovery.objective
    trials = trials_of(job.spec)

    def score(number: int) -> float:
        value = read_json(job.workspace.trial_file(number))["metrics"].get(objective)
        return -np.inf if value is None else float(value)

    return trials[max(range(len(trials)), key=score)].strategy


def _is_the_file(job: Job, ensemble: Ensemble, detector: RegimeDetector) -> Check:
    """Whether adaptive_strategy.yaml, which a person takes away, says what was validated."""
    path = job.workspace.analysis / "adaptive_strategy.yaml"
    described = read_document(path).parse(BacktestSpec, "backtest")
    theirs = described.ensemble()
    same = (
        described.regime_detector == detector
        and (theirs.strategies, theirs.regimes) == (ensemble.strategies, ensemble.regimes)
        and np.array_equal(theirs.weights, ensemble.weights)
        and (described.portfolio, described.execution) == (job.spec.portfolio, job.spec.execution)
        and described.risk == job.spec.risk.for_regimes(detector.names)
    )
    other = "others; edit it and ensemble_weights.json alike, or undo both edits with --from ensemble_optimization"
    text = "the same" if same else other
    return Check(
        "adaptive_strategy.yaml is what was validated",
        same,
        f"detector, strategies, parameters and weights of {len(ensemble.weights)} rows are {text}",
        {"rows": len(ensemble.weights)},
    )


def _write(job: Job, done: Validated, checks: Sequence[Check], objective: str) -> None:
    workspace, start, year = job.workspace, job.test_start, job.dataset.panel.periods_per_year
    performance, runs = workspace.performance, done.runs
    chosen = runs[done.selected]
    free = job.risk_free(slice(start, None))
    moments = return_moments(chosen.simulation.returns, free)
    others = [name for name in runs if name != done.selected]
    results: dict[str, object] = {
        "selected": done.selected,
        "objective": objective,
        "window": _window(job),
        "runs": {name: _figures(run) for name, run in runs.items()},
        "selected_minus": {
            name: paired_sharpe_difference(
                chosen.simulation.returns, runs[name].simulation.returns, year, job.spec.seed, risk_free=free
            )._asdict()
            for name in others
        },
        "probabilistic_sharpe_ratio": probabilistic_sharpe_ratio(*moments),
        "checks": checks,
        "regimes": {name: _regimes(path, start) for name, path in done.paths.items()},
        "orders": chosen.orders(),
    }
    curves = [run.simulation.equity[start:] for run in runs.values()]
    for name, closes in done.held.items():
        equity, figures = _bought_and_held(job, closes)
        curves.append(equity)
        results[name] = figures
    write_npy(performance / "validation_equity.npy", np.stack(curves))
    write_npy(performance / "validation_rolling.npy", rolling(job, np.stack(curves)))
    write_npy(performance / "risk_free.npy", job.risk_free())
    assert chosen.simulation.weights is not None
    write_npy(performance / "validation_weights.npy", chosen.simulation.weights[start:])
    write_npy(performance / "validation_labels.npy", np.stack([path.label[start:] for path in done.paths.values()]))
    trades = _trades(chosen.simulation, done.paths[done.selected], job.spec.execution.delay)
    write_json(workspace.analysis / "validation_trades.json", trades)
    trips = round_trips(chosen)
    write_json(workspace.analysis / "round_trips.json", trips_document(trips))
    risk = job.spec.risk.for_regimes(done.paths[done.selected].names)
    write_json(workspace.analysis / "trading.json", trading_document(chosen, risk, job.dataset.panel, trips))
    write_json(performance / "validation_results.json", results)


def _window(job: Job) -> dict[str, object]:
    stamps = job.dataset.panel.timestamps.astype("datetime64[s]")
    return {
        "training": {"first": stamps[0], "last": stamps[job.n_train - 1], "bars": job.n_train},
        "parameters_chosen_on": {"first": stamps[0], "last": stamps[job.n_fit - 1], "bars": job.n_fit},
        "weights_chosen_on": {
            "first": stamps[job.n_fit],
            "last": stamps[job.n_train - 1],
            "bars": job.n_train - job.n_fit,
        },
        "embargo_bars": job.spec.data.split.embargo,
        "test": {"first": stamps[job.test_start], "last": stamps[-1], "bars": len(stamps) - job.test_start},
        "first_test_bar": job.test_start,
        "periods_per_year": job.dataset.panel.periods_per_year,
        "risk_free": float(job.risk_free(slice(job.test_start, None)).mean()) * job.dataset.panel.periods_per_year,
    }


def _figures(run: Run) -> dict[str, object]:
    return {
        "status": run.simulation.status,
        "metrics": run.metrics,
        "reasons": run.reasons,
        "regime_metrics": run.regime_metrics,
    }


def _regimes(path: RegimePath, start: int) -> dict[str, object]:
    """Names, episodes and transitions on the test bars; bars count from the first test bar."""
    label = path.label[start:]
    return {
        "names": path.names,
        "episodes": [run._asdict() for run in episodes(label)],
        "transitions": transition_counts(label, len(path.names)),
    }


def _held(job: Job) -> dict[str, Float]:
    """The closes of a benchmark that is neither a run nor the index, and of the index, where there are such."""
    market, known = job.market, {}
    if market.benchmark is not None and job.spec.benchmark not in (EQUAL_WEIGHT, INDEX):
        known[BENCHMARK] = market.benchmark
    if market.index is not None:
        known[INDEX] = market.index
    return known


def _bought_and_held(job: Job, closes: Float) -> tuple[Float, dict[str, object]]:
    """What is bought at the first test bar and held, as the results tell it."""
    year = job.dataset.panel.periods_per_year
    held = bought_and_held(closes, job.test_start, job.spec.initial_capital, year, job.risk_free())
    return held.equity, {"status": "ok", "metrics": held.metrics, "reasons": {}, "regime_metrics": {}}


def _trades(simulation: Simulation, path: RegimePath, delay: int) -> Json:
    """Every filled order with the regime known when it was decided."""
    assert simulation.trades is not None
    known = [None if label < 0 else path.names[label] for label in path.label.tolist()]
    stamps = simulation.timestamps.astype("datetime64[s]")
    return jsonable(
        {
            "columns": ["filled_at", "symbol", "shares", "price", "value", "cost", "reason", "regime"],
            "rows": [
                [
                    stamps[bar],
                    simulation.symbols[asset],
                    shares,
                    price,
                    value,
                    cost,
                    REASONS[reason],
                    known[bar - 1 - delay],
                ]
                for bar, asset, shares, price, value, cost, reason, _ in simulation.trades.tolist()
            ],
        }
    )
