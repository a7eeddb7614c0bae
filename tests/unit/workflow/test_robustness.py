"""What validation writes about other circumstances, each number found again by a run of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regimefolio.backtest import BacktestRunner, ExecutionSpec, load_market
from regimefolio.core.errors import CorruptError
from regimefolio.core.files import read_json, read_npy, write_json
from regimefolio.core.types import SignalBuffer, Signals
from regimefolio.evaluation import rolling_risk
from regimefolio.market import Market
from regimefolio.portfolio import Ensemble
from regimefolio.strategies import Strategy
from regimefolio.workflow import Workspace
from regimefolio.workflow.phases.base import Job
from regimefolio.workflow.phases.choices import ensemble_of, read_choices, read_weights
from regimefolio.workflow.phases.parameter_discovery import trials_of
from tests.workflows import BARS, EMBARGO, TRAIN, Changes, coordinator, hashes, spec

TEST = TRAIN + EMBARGO


@pytest.fixture
def workspace(finished: Path) -> Workspace:
    return coordinator(finished).workspace


@pytest.fixture
def found(workspace: Workspace) -> Any:
    return read_json(workspace.analysis / "robustness.json")


def job_of(folder: Path) -> Job:
    dataset, market = load_market(spec().data, spec().benchmark, folder)
    return Job(spec(), coordinator(folder).workspace, dataset, market)


def sharpe_of(job: Job, execution: ExecutionSpec, classifier: str) -> float:
    weights = read_weights(job).classifiers[classifier].weights
    runner = BacktestRunner(job.market, job.spec.portfolio, execution)
    detector = next(each for each in job.spec.regime_classifiers if each.kind == classifier)
    ensemble = ensemble_of(job, read_choices(job), classifier, weights)
    return runner.run(ensemble, TEST, detector.detect(job.market)).metrics["sharpe"]


def test_contributions_sum_to_the_profit_and_loss_of_the_run(workspace: Workspace) -> None:
    parts = read_json(workspace.analysis / "contributions.json")
    equity = read_npy(workspace.performance / "validation_equity.npy")[0]
    assert parts["total"] == equity[-1] - 1e6
    for name in ("by_strategy", "by_side", "by_regime", "by_asset"):
        assert sum(parts[name].values()) == pytest.approx(parts["total"], rel=1e-9), name
    assert parts["follows_alpha"]
    assert list(parts["by_strategy"]) == ["bollinger_mean_reversion", "momentum_rank", "unattributed", "cash"]
    assert parts["by_strategy"]["unattributed"] == 0.0


def test_the_placebo_counts_itself(found: Any, workspace: Workspace) -> None:
    placebo = found["placebo"]
    scores, shifts = np.array(placebo["scores"]), np.array(placebo["shifted_by"])
    decisions = BARS - TEST + 1
    assert placebo["wanted"] == 500 > len(shifts)  # the test is short: all there are
    assert shifts.tolist() == list(range(21, decisions - 21 + 1))
    assert placebo["at_least_as_good"] == (scores >= placebo["real"]).sum()
    assert placebo["p_value"] == (1 + placebo["at_least_as_good"]) / (1 + len(scores))
    results = read_json(workspace.performance / "validation_results.json")
    assert placebo["real"] == results["runs"][results["selected"]]["metrics"]["sharpe"]


def test_costs_and_delay_are_those_of_runs_with_them(found: Any, finished: Path) -> None:
    job = job_of(finished)
    selected = read_weights(job).selected
    by_multiple = {each["multiple"]: each["selected"]["sharpe"] for each in found["costs"]["multiples"]}
    assert list(by_multiple) == [0.0, 1.0, 2.0, 5.0]
    for multiple, sharpe in by_multiple.items():
        execution = ExecutionSpec(commission_bps=5 * multiple, slippage_bps=5 * multiple)
        assert sharpe == sharpe_of(job, execution, selected)
    delayed = ExecutionSpec(commission_bps=5, slippage_bps=5, delay=1)
    assert found["one_bar_later"]["selected"]["sharpe"] == sharpe_of(job, delayed, selected) != by_multiple[1.0]


def test_the_break_even_lies_where_the_return_changes_its_sign(found: Any) -> None:
    even = found["costs"]["break_even"]["return"]["multiple"]
    growth = {each["multiple"]: each["selected"]["cagr"] for each in found["costs"]["multiples"]}
    assert even is not None
    assert all((cagr > 0) == (multiple < even) for multiple, cagr in growth.items())


def test_every_trial_is_run_on_the_test_bars(found: Any, finished: Path) -> None:
    job, trials = job_of(finished), found["trials"]
    assert len(trials["parameter_discovery"]["test"]) == 4
    assert len(trials["ensemble_optimization"]["test"]) == 12
    runner = job.runner(job.market)
    for trial in trials_of(job.spec):
        run = runner.run(Ensemble.static([trial.strategy], [1.0]), TEST)
        outcome = read_json(job.workspace.trial_file(trial.number))
        assert trials["parameter_discovery"]["test"][trial.number] == run.metrics["sharpe"]
        assert trials["parameter_discovery"]["training"][trial.number] == outcome["metrics"]["sharpe"]
    weights = read_weights(job)
    for classifier in ("gaussian_hmm", "trend"):  # what was assembled is what validation ran
        number = weights.classifiers[classifier].trial
        ours = sharpe_of(job, job.spec.execution, classifier)
        assert trials["ensemble_optimization"]["test"][number] == ours
    assert trials["ensemble_optimization"]["chosen"] == weights.classifiers[weights.selected].trial


def test_each_strategy_stands_alone(found: Any, finished: Path) -> None:
    job = job_of(finished)
    for row in found["alone"]:
        strategy = Strategy.of({"kind": row["strategy"], **row["parameters"]})
        run = job.runner(job.market).run(Ensemble.static([strategy], [1.0]), TEST)
        assert row["metrics"]["sharpe"] == run.metrics["sharpe"]


def test_the_surface_is_made_of_the_trials(found: Any, workspace: Workspace) -> None:
    surface = found["surface"]["strategies"]["momentum_rank"]
    assert surface["parameters"] == ["lookback"]
    scores = [read_json(workspace.trial_file(n))["metrics"]["sharpe"] for n in (2, 3)]
    assert surface["points"] == [[16, scores[0]], [40, scores[1]]]


def test_rolling_risk_is_that_of_the_curves(workspace: Workspace) -> None:
    equity = read_npy(workspace.performance / "validation_equity.npy")
    rolling = read_npy(workspace.performance / "validation_rolling.npy")
    assert rolling.shape == (2, *equity.shape)
    returns = equity[1] / np.concatenate([[1e6], equity[1, :-1]]) - 1
    expected = rolling_risk(returns, 252, 252.0)
    known = np.isfinite(expected.sharpe)
    assert known.sum() == equity.shape[1] - 251
    assert rolling[0, 1, known] == pytest.approx(expected.sharpe[known], rel=1e-9)
    assert rolling[1, 1, known] == pytest.approx(expected.volatility[known], rel=1e-9)


def test_an_allocator_that_does_not_follow_alpha_leaves_all_unattributed(folder: Path) -> None:
    allocator = {"kind": "risk_parity", "lookback": 20}
    changes: Changes = {("portfolio", "allocator"): allocator, ("execution", "commission_bps"): 0}
    made = coordinator(folder, {**changes, ("execution", "slippage_bps"): 0})
    made.run()
    parts = read_json(made.workspace.analysis / "contributions.json")
    assert not parts["follows_alpha"]
    assert parts["by_strategy"]["unattributed"] == pytest.approx(parts["total"], rel=1e-9)
    found = read_json(made.workspace.analysis / "robustness.json")
    assert [each["multiple"] for each in found["costs"]["multiples"]] == [0.0, 1.0]
    assert found["costs"]["break_even"]["return"]["reason"] == "no costs"


def test_a_replay_of_another_form_is_corrupt(finished: Path) -> None:
    made = coordinator(finished)
    path = made.workspace.ensemble_file(2)
    write_json(path, {"metrics": {}})
    with pytest.raises(CorruptError, match=r"ensemble_trial_2\.json: parameters: has another form"):
        made.run()


def test_an_edited_replay_is_used(finished: Path) -> None:
    made = coordinator(finished)
    before = hashes(made.workspace)
    path = made.workspace.ensemble_file(0)
    edited = read_json(path)
    edited["metrics"]["sharpe"] = 9.0
    write_json(path, edited)
    steps = made.run()
    assert [step.action for step in steps] == ["reuse", "reuse", "reuse", "run"]
    found = read_json(made.workspace.analysis / "robustness.json")["trials"]["ensemble_optimization"]
    assert found["best"] == 0
    after = hashes(made.workspace)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"performance/ensemble_trial_0.json", "analysis/robustness.json"}


class Fragile(Strategy, kind="fragile"):
    """Breaks at one level, and on the test bars at another."""

    level: float = 0.5

    @property
    def warmup(self) -> int:
        return 1

    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        bars = market.panel.n_bars
        if self.level == 0.9 or (self.level == 0.7 and bars == BARS):
            raise ValueError(f"level {self.level} on {bars} bars")
        panels = self.buffer(market, out)
        panels.alpha[:] = np.where(np.arange(bars)[:, None] % 7 < 7 * self.level, self.level, 0.1)
        panels.confidence[:] = 1.0
        return self.emit(market, panels, horizon=1)


def test_a_trial_that_failed_is_not_run_again_and_one_that_fails_now_has_no_score(folder: Path) -> None:
    space = ("phases", 0, "config", "parameter_space")
    made = coordinator(folder, {("strategies",): ["fragile"], space: {"fragile": {"level": [0.3, 0.5, 0.7, 0.9]}}})
    made.run()
    found = read_json(made.workspace.analysis / "robustness.json")["trials"]["parameter_discovery"]
    training, test = ([score is not None for score in found[name]] for name in ("training", "test"))
    assert training == [True, True, True, False]
    assert test == [True, True, False, False]
    assert found["trials"] == 2
