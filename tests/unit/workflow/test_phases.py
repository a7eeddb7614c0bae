"""What the phases write: made of training bars alone, the same everywhere, and about nothing but the work."""

from __future__ import annotations

import getpass
import json
import re
import socket
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from regimefolio.backtest import BacktestRunner, BacktestSpec, ExecutionSpec, load_market
from regimefolio.core.documents import read_document
from regimefolio.core.errors import ModelError
from regimefolio.core.files import read_json, read_npy
from regimefolio.core.types import RegimePath, SignalBuffer, Signals
from regimefolio.evaluation import round_trips
from regimefolio.market import Market
from regimefolio.portfolio import Ensemble, PortfolioSpec, RiskParity
from regimefolio.strategies import Strategy
from regimefolio.workflow import Workspace
from regimefolio.workflow.phases.parameter_discovery import first_bar, trials_of
from regimefolio.workflow.phases.validation import _trades
from tests.scripted import Scripted, regimes, written
from tests.workflows import (
    BARS,
    EMBARGO,
    NAMES,
    SYMBOLS,
    TRAIN,
    Changes,
    closes,
    coordinator,
    hashes,
    spec,
    write_prices,
)

FIT = 2 * TRAIN // 3
TEST = TRAIN + EMBARGO


@pytest.fixture
def workspace(finished: Path) -> Workspace:
    return coordinator(finished).workspace


def of_training(found: dict[str, str]) -> dict[str, str]:
    """The files of phases 1 to 3."""
    validation = ("validation_", "round_trips", "trading", "robustness", "contributions", "signal_quality")
    return {name: sha for name, sha in found.items() if not any(each in name for each in validation)}


# The future


@pytest.mark.parametrize("future", ["noise", "cut short", "a crash"])
def test_training_never_sees_a_test_bar(future: str, folder: Path) -> None:
    """Other prices from the first bar after training on, the embargo included, change nothing that phases 1-3 write."""
    made = coordinator(folder)
    made.run()
    before = hashes(made.workspace)
    close = closes()
    if future == "noise":
        close[TRAIN:] = 50.0 * np.exp(0.05 * np.random.default_rng(1).standard_normal((BARS - TRAIN, 4)))
    elif future == "a crash":
        close[TRAIN:] *= 0.01
    else:
        close = close[: TRAIN + EMBARGO + 3]
    write_prices(folder, close)
    steps = coordinator(folder).run()
    assert {step.reason for step in steps} == {"the data changed"}
    after = hashes(made.workspace)
    assert of_training(after) == of_training(before)
    assert len(of_training(after)) > 30
    validated = "performance/validation_equity.npy"
    assert after[validated] != before[validated]


def test_the_last_training_bar_is_seen(folder: Path) -> None:
    """The spy above can see: one bar earlier, everything changes."""
    made = coordinator(folder)
    made.run()
    before = hashes(made.workspace)
    close = closes()
    close[TRAIN - 1] *= 1.05
    write_prices(folder, close)
    coordinator(folder).run()
    after = hashes(made.workspace)
    assert after["signals/trial_0.npy"] != before["signals/trial_0.npy"]
    assert after["performance/ensemble_returns.npy"] != before["performance/ensemble_returns.npy"]
    assert after["performance/returns.npy"] == before["performance/returns.npy"]  # scored on the first two thirds


def test_parameters_are_chosen_on_the_first_two_thirds_of_training(folder: Path) -> None:
    made = coordinator(folder)
    made.run()
    before = hashes(made.workspace)
    close = closes()
    close[FIT:TRAIN] *= 1.0 + 0.02 * np.sin(np.arange(TRAIN - FIT))[:, None]
    write_prices(folder, close)
    coordinator(folder).run()
    after = hashes(made.workspace)
    for name in ("performance/trial_0.json", "performance/trials.parquet", "analysis/regime_optimal_params.json"):
        assert after[name] == before[name], name
    assert after["performance/ensemble_returns.npy"] != before["performance/ensemble_returns.npy"]


# Equal work, equal bytes


@pytest.mark.parametrize("threads", [1, 5])
def test_the_place_and_the_threads_change_no_byte(threads: int, workspace: Workspace, tmp_path_factory: Any) -> None:
    elsewhere: Path = tmp_path_factory.mktemp("another_place") / "of another depth"
    elsewhere.mkdir()
    write_prices(elsewhere)
    made = coordinator(elsewhere, {("output_dir",): "out/put"}, threads=threads)
    made.run()
    assert hashes(made.workspace) == hashes(workspace)


def test_results_hold_no_time_place_or_person(workspace: Workspace) -> None:
    """Clock times, durations, host, pid and absolute paths live in metadata."""
    forbidden = [
        re.escape(socket.gethostname()),
        rf"\b{re.escape(getpass.getuser())}\b",
        r"/tmp|/home|/root|/work|/var",
        r"\bpid\b|\bseconds\b|\bduration\b|\bmegabytes\b|created_at",
        r"\b20[2-9]\d-\d\d-\d\dT",  # the prices end in 2013
    ]
    texts = [path for path in workspace.root.rglob("*.*") if path.suffix in (".json", ".yaml")]
    results = [path for path in texts if path.parent.name in ("signals", "performance", "analysis")]
    assert len(results) > 20
    for path in results:
        for pattern in forbidden:
            found = re.search(pattern, path.read_text("utf-8"))
            assert found is None, f"{workspace.relative(path)}: {found}"
    assert re.search(r"\b20[2-9]\d-\d\d-\d\dT", (workspace.metadata / "workflow.json").read_text())
    assert "seconds" in (workspace.metadata / "audit.jsonl").read_text()


def test_every_json_file_is_strict(workspace: Workspace) -> None:
    def refuse(text: str) -> float:
        raise AssertionError(f"{text} is no JSON")

    for path in workspace.root.rglob("*.json"):
        json.loads(path.read_text("utf-8"), parse_constant=refuse)


def test_nothing_else_lies_in_the_workspace(workspace: Workspace) -> None:
    names = {re.sub(r"\d+", "n", workspace.relative(path)) for path in workspace.root.rglob("*") if path.is_file()}
    assert names == {
        "metadata/workflow.json",
        "metadata/workflow.yaml",
        "metadata/axes.json",
        "metadata/audit.jsonl",
        "metadata/lock",
        "signals/trial_n.npy",
        "performance/trial_n.json",
        "performance/trials.parquet",
        "performance/returns.npy",
        "performance/decision_returns.npy",
        "performance/ensemble_trial_n.json",
        "performance/ensemble_returns.npy",
        "performance/validation_results.json",
        "performance/validation_equity.npy",
        "performance/validation_weights.npy",
        "performance/validation_labels.npy",
        "performance/validation_rolling.npy",
        "performance/risk_free.npy",
        "analysis/regime_labels_gaussian_hmm.npy",
        "analysis/regime_labels_trend.npy",
        "analysis/regime_probability_gaussian_hmm.npy",
        "analysis/regime_probability_trend.npy",
        "analysis/regimes.json",
        "analysis/regime_fits.json",
        "analysis/regime_optimal_params.json",
        "analysis/ensemble_weights.json",
        "analysis/overfitting.json",
        "analysis/adaptive_strategy.yaml",
        "analysis/validation_trades.json",
        "analysis/round_trips.json",
        "analysis/trading.json",
        "analysis/robustness.json",
        "analysis/contributions.json",
        "analysis/signal_quality.json",
        *(f"checkpoints/{name}.json" for name in NAMES),
    }


# Phase 1


def test_saved_signals_are_the_strategies_own_on_all_training_bars(workspace: Workspace, finished: Path) -> None:
    market = load_market(spec().data, spec().benchmark, finished)[1]
    for trial in trials_of(spec()):
        panel = read_npy(workspace.signal_file(trial.number))
        signals = trial.strategy.signals(market)
        assert panel.shape == (2, TRAIN, len(SYMBOLS))
        assert panel[0].tobytes() == signals.alpha[:TRAIN].tobytes()
        assert panel[1].tobytes() == signals.confidence[:TRAIN].tobytes()


def test_trials_are_numbered_across_strategies_and_scored_on_the_same_bars(
    workspace: Workspace, finished: Path
) -> None:
    trials = trials_of(spec())
    assert [(t.number, t.strategy.kind, t.parameters["lookback"]) for t in trials] == [
        (0, "bollinger_mean_reversion", 5),
        (1, "bollinger_mean_reversion", 15),
        (2, "momentum_rank", 16),
        (3, "momentum_rank", 40),
    ]
    start = first_bar(trials, FIT, spec())
    assert start == 42
    late = spec().model_copy(update={"execution": ExecutionSpec(delay=2)})
    assert first_bar(trials, FIT, late) == 44
    by_risk = PortfolioSpec(allocator=RiskParity(lookback=50))
    assert first_bar(trials, FIT, spec().model_copy(update={"portfolio": by_risk})) == 51
    returns = read_npy(workspace.performance / "returns.npy")
    decisions = read_npy(workspace.performance / "decision_returns.npy")
    assert returns.shape == (4, FIT - start)
    assert decisions.shape == (4, FIT)
    assert np.isfinite(decisions[:, start - 1 : FIT - 2]).all()
    assert np.isnan(decisions[:, : start - 1]).all()
    market = load_market(spec().data, spec().benchmark, finished)[1].until(FIT)
    runner = BacktestRunner(market, spec().portfolio, spec().execution)
    table = pl.read_parquet(workspace.performance / "trials.parquet")
    for trial in trials:
        run = runner.run(Ensemble.static([trial.strategy], [1.0]), start)
        outcome = read_json(workspace.trial_file(trial.number))
        assert returns[trial.number].tobytes() == run.simulation.returns.tobytes()
        assert outcome["parameters"] == trial.parameters
        assert outcome["metrics"]["sharpe"] == run.metrics["sharpe"] == table["sharpe"][trial.number]
        assert outcome["artifacts"] == [f"signals/trial_{trial.number}.npy"]
        assert "ic_mean" in outcome["metrics"]


# Phase 2


def regime_path(workspace: Workspace, classifier: str) -> RegimePath:
    names = tuple(read_json(workspace.analysis / "regimes.json")[classifier]["names"])
    stamps = np.array(read_json(workspace.metadata / "axes.json")["timestamps"], "datetime64[ns]")[:TRAIN]
    return RegimePath(
        stamps,
        names,
        read_npy(workspace.probability_file(classifier)),
        read_npy(workspace.labels_file(classifier)),
    )


def test_regimes_are_the_detectors_on_the_training_bars(workspace: Workspace, finished: Path) -> None:
    market = load_market(spec().data, spec().benchmark, finished)[1].until(TRAIN)
    for detector in spec().regime_classifiers:
        path, saved = detector.detect(market), regime_path(workspace, detector.kind)
        assert saved.label.tobytes() == path.label.tobytes()
        assert saved.probability.tobytes() == path.probability.tobytes()


def test_what_the_detectors_saw_and_learnt_is_written_down(workspace: Workspace, finished: Path) -> None:
    market = load_market(spec().data, spec().benchmark, finished)[1].until(TRAIN)
    seen = read_json(workspace.analysis / "regimes.json")
    learnt = read_json(workspace.analysis / "regime_fits.json")
    for detector in spec().regime_classifiers:
        path, about, fits = regime_path(workspace, detector.kind), seen[detector.kind], learnt[detector.kind]
        rebuilt = np.full(TRAIN, -1)
        for label, first, last in about["runs"]:
            rebuilt[first : last + 1] = label
        assert rebuilt.tolist() == path.label.tolist()
        for k, (row, counts) in enumerate(zip(about["transition_matrix"], about["transitions"], strict=True)):
            if sum(counts):
                assert row == pytest.approx([n / sum(counts) for n in counts])
                if row[k] < 1.0:
                    assert about["expected_duration"][path.names[k]] == pytest.approx(1.0 / (1.0 - row[k]))
        assert fits["names"] == list(detector.names)
        assert len(fits["fits"]) == len(detector.fit_reports(market))
    hmm, trend = learnt["gaussian_hmm"], learnt["trend"]
    assert hmm["compared"] == len(hmm["fits"]) - 1 > 0
    assert hmm["permuted"] == sum(each["agreement"]["best"] > each["agreement"]["same"] for each in hmm["fits"][1:])
    for each in hmm["fits"]:
        assert all(one["low"] < one["mean"] < one["high"] for one in each["regimes"])
    assert (trend["compared"], trend["permuted"], trend["fits"]) == (0, 0, [])


def test_the_choice_in_a_regime_has_the_best_shrunk_score(workspace: Workspace) -> None:
    """Recomputed from the saved decision returns: Sharpe in the regime, shrunk towards that over all bars."""
    config = spec().analysis
    returns = read_npy(workspace.performance / "decision_returns.npy")
    choices = read_json(workspace.analysis / "regime_optimal_params.json")
    numbers = {"bollinger_mean_reversion": (0, 1), "momentum_rank": (2, 3)}

    def sharpe(row: Any) -> float:
        return float(row.mean() / row.std(ddof=1) * 252**0.5)

    seen = set()
    for classifier in ("gaussian_hmm", "trend"):
        path = regime_path(workspace, classifier)
        for k, regime in enumerate(path.names):
            bars = (path.label[:FIT] == k) & np.isfinite(returns[0])
            for kind, trials in numbers.items():
                choice = choices[classifier][regime][kind]
                every = {n: sharpe(returns[n][np.isfinite(returns[n])]) for n in trials}
                shrunk = {
                    n: (bars.sum() * sharpe(returns[n][bars]) + config.shrinkage * every[n])
                    / (bars.sum() + config.shrinkage)
                    for n in trials
                }
                expected = max(every, key=lambda n: every[n]) if choice["evidence"]["fallback"] else None
                best = max(shrunk, key=lambda n: shrunk[n]) if expected is None else expected
                assert choice["trial"] == best, (classifier, regime, kind)
                assert choice["evidence"]["bars"] == bars.sum()
                assert choice["evidence"]["score"] == pytest.approx(sharpe(returns[best][bars]), rel=1e-9)
                if expected is None:
                    assert choice["evidence"]["shrunk"] == pytest.approx(shrunk[best], rel=1e-9)
                seen.add(choice["trial"])
    assert seen == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("config", "fallback"),
    [
        ({"min_bars": 400}, r"too little evidence: \d+ of 400 bars"),
        ({"min_bars": 1, "min_episodes": 99}, r"too little evidence: \d+ of 99 episodes"),
    ],
)
def test_too_little_evidence_takes_the_best_over_all_bars_and_says_so(
    config: dict[str, object], fallback: str, finished: Path
) -> None:
    made = coordinator(finished, {("phases", 1, "config"): config})
    made.run()
    choices = read_json(made.workspace.analysis / "regime_optimal_params.json")
    pooled = {kind: choice["trial"] for kind, choice in choices["static"]["all"].items()}
    for classifier in ("gaussian_hmm", "trend"):
        for regime in choices[classifier].values():
            assert {kind: choice["trial"] for kind, choice in regime.items()} == pooled
            for choice in regime.values():
                assert re.fullmatch(fallback, choice["evidence"]["fallback"])


# Phase 3


def test_every_weight_vector_is_replayed_and_the_best_assembled(workspace: Workspace) -> None:
    weights = read_json(workspace.analysis / "ensemble_weights.json")
    returns = read_npy(workspace.performance / "ensemble_returns.npy")
    assert list(weights["classifiers"]) == ["static", "gaussian_hmm", "trend"]
    assert [found["trial"] for found in weights["classifiers"].values()] == [3, 7, 11]
    assert returns.shape == (12, TRAIN - FIT)
    assert {found["replay_equals_full_run"] for found in weights["classifiers"].values()} == {True}
    trials = [read_json(workspace.ensemble_file(n)) for n in range(12)]
    for number, trial in enumerate(trials):
        total = np.prod(1.0 + returns[number]) - 1.0
        assert trial["metrics"]["total_return"] == pytest.approx(total, rel=1e-9)
    for first, name in ((4, "gaussian_hmm"), (8, "trend")):
        for regime, chosen in weights["classifiers"][name]["weights"].items():
            assert sum(chosen.values()) == 1.0
            tried = [trials[n]["parameters"]["weights"][regime] for n in range(first, first + 3)]
            assert chosen in tried
    static = weights["classifiers"]["static"]["weights"]["all"]
    assert weights["classifiers"]["trend"]["weights"]["all"] == static
    best = max(("gaussian_hmm", "trend"), key=lambda name: weights["classifiers"][name]["objective"])
    assert weights["selected"] == best


@pytest.mark.parametrize("objective", ["sortino", "calmar", "return", "drawdown", "minimize_regime_drawdown"])
def test_every_objective_works(objective: str, finished: Path) -> None:
    made = coordinator(finished, {("phases", 2, "config", "objective"): objective})
    made.run()
    weights = read_json(made.workspace.analysis / "ensemble_weights.json")
    assert weights["objective"] == objective
    assert weights["selected"] in ("gaussian_hmm", "trend")
    results = read_json(made.workspace.performance / "validation_results.json")
    assert results["objective"] == objective


def test_a_minimum_weight_holds_in_every_vector(finished: Path) -> None:
    changes: Changes = {("phases", 2, "config", "weight_constraints"): {"step": 0.25, "min_weight": 0.25}}
    made = coordinator(finished, changes)
    made.run()
    weights = read_json(made.workspace.analysis / "ensemble_weights.json")
    for found in weights["classifiers"].values():
        for chosen in found["weights"].values():
            assert min(chosen.values()) >= 0.25


# Phase 4


def test_the_saved_strategy_is_the_validated_one(workspace: Workspace, finished: Path) -> None:
    """`adaptive_strategy.yaml` by itself, run from the first test bar, makes the validated curve to the bit."""
    described = read_document(workspace.analysis / "adaptive_strategy.yaml").parse(BacktestSpec, "backtest")
    market = load_market(described.data, described.benchmark, finished)[1]
    assert described.regime_detector is not None
    regimes = described.regime_detector.detect(market)
    runner = BacktestRunner(market, described.portfolio, described.execution, described.initial_capital)
    run = runner.run(described.ensemble(), TEST, regimes)
    equity = read_npy(workspace.performance / "validation_equity.npy")
    held = read_npy(workspace.performance / "validation_weights.npy")
    assert equity[0].tobytes() == run.simulation.equity[TEST:].tobytes()
    assert run.simulation.weights is not None
    assert held.tobytes() == run.simulation.weights[TEST:].tobytes()
    assert run.simulation.trades is not None
    trades = read_json(workspace.analysis / "validation_trades.json")
    assert len(trades["rows"]) == len(run.simulation.trades)
    assert [row[2] for row in trades["rows"]] == run.simulation.trades["shares"].tolist()
    assert {row[6] for row in trades["rows"]} == {"order"}
    told, counted = read_json(workspace.analysis / "round_trips.json"), run.metrics
    result = [row[told["columns"].index("result")] for row in told["rows"]]
    assert result.count("open") == counted["open_trips"]
    assert len(result) - result.count("open") == told["statistics"]["all"]["all"]["trips"] == counted["round_trips"] > 0
    profit = [row[told["columns"].index("profit")] for row in told["rows"]]
    assert profit == round_trips(run).profit.tolist()


@pytest.mark.parametrize(("delay", "decided"), [(0, ["c", "d"]), (2, ["a", "b", "c", "d"])])
def test_a_trade_is_written_with_the_regime_of_its_decision(delay: int, decided: list[str]) -> None:
    """It buys on what is known at bars 0 and 2, and sells on 1 and 3."""
    market = written([[100.0], [110.0], [100.0], [110.0], [100.0], [110.0], [100.0], [110.0]])
    runner = BacktestRunner(market, PortfolioSpec(rebalance="daily"), ExecutionSpec(delay=delay))
    run = runner.run(Ensemble.static([Scripted(alpha=((1.0,), (0.0,), (1.0,), (0.0,)))], [1.0]), 3)
    path = regimes(market, tuple("abcdefgh"), list(range(8)))
    rows: Any = _trades(run.simulation, path, delay)
    assert [row[-1] for row in rows["rows"]] == decided


def test_validation_stands_on_test_bars_after_the_embargo(workspace: Workspace) -> None:
    results = read_json(workspace.performance / "validation_results.json")
    weights = read_json(workspace.analysis / "ensemble_weights.json")
    assert results["selected"] == weights["selected"] == "trend"
    assert results["window"]["first_test_bar"] == TEST
    assert results["window"]["test"]["bars"] == BARS - TEST
    equity = read_npy(workspace.performance / "validation_equity.npy")
    names = list(results["runs"])
    assert names == ["trend", "gaussian_hmm", "static", "best_trial", "equal_weight"]
    assert equity.shape == (len(names), BARS - TEST)
    for name, curve in zip(names, equity, strict=True):
        total = results["runs"][name]["metrics"]["total_return"]
        assert total == pytest.approx(curve[-1] / 1e6 - 1.0, rel=1e-12)


def test_the_checks_pass_and_say_their_numbers(workspace: Workspace) -> None:
    checks = read_json(workspace.performance / "validation_results.json")["checks"]
    assert len(checks) == 5
    switches, cut, noise, _, file = checks
    assert file["passed"]
    assert switches["passed"]
    assert switches["numbers"]["changes"] >= 5
    assert switches["numbers"]["missed"] == switches["numbers"]["differing"] == 0
    assert cut["passed"]
    assert noise["passed"]
    assert (BARS - TEST) // 2 - 5 < cut["numbers"]["bars"] <= (BARS - TEST) // 2 + 1  # it ends at a decision


def test_the_best_trial_is_the_best_by_the_objective(workspace: Workspace, finished: Path) -> None:
    outcomes = [read_json(workspace.trial_file(n)) for n in range(4)]
    best = max(outcomes, key=lambda outcome: outcome["metrics"]["sharpe"])
    market = load_market(spec().data, spec().benchmark, finished)[1]
    run = BacktestRunner(market, spec().portfolio, spec().execution).run(
        Ensemble.static([Strategy.of(best["parameters"])], [1.0]), TEST
    )
    results = read_json(workspace.performance / "validation_results.json")
    assert results["runs"]["best_trial"]["metrics"]["sharpe"] == run.metrics["sharpe"]


# Searches that prove nothing


def test_a_strategy_that_never_trades_cannot_be_chosen_by(folder: Path) -> None:
    width = ("phases", 0, "config", "parameter_space", "bollinger_mean_reversion")
    with pytest.raises(
        ModelError, match=r"bollinger_mean_reversion: none of its 2 trials has a sharpe \(.*do not vary"
    ):
        coordinator(folder, {width: {"width": [50.0, 60.0]}}).run()
    assert not (folder / "results" / "small" / "performance" / "trials.parquet").exists()


def test_the_static_objective_is_measured_in_the_classifiers_own_episodes(folder: Path) -> None:
    made = coordinator(folder, {("phases", 2, "config", "objective"): "minimize_regime_drawdown"})
    made.run()
    found = read_json(made.workspace.analysis / "ensemble_weights.json")["classifiers"]
    whole = found["static"]["objective"]
    assert found["static"]["static_objective"] == whole < 0.0
    inside = [found[classifier]["static_objective"] for classifier in ("gaussian_hmm", "trend")]
    assert all(whole - 1e-12 <= each < 0.0 for each in inside)  # an episode is never worse than the whole
    assert max(inside) > whole + 0.001


CALLS = iter(range(10**6))


class Moody(Strategy, kind="moody"):
    """Thinks something else at every call."""

    level: float = 0.5

    @property
    def warmup(self) -> int:
        return 1

    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        panels = self.buffer(market, out)
        rng = np.random.default_rng(next(CALLS))
        panels.alpha[:] = rng.uniform(-self.level, self.level, panels.alpha.shape)
        panels.confidence[:] = 1.0
        return self.emit(market, panels, horizon=1)


def test_a_strategy_that_changes_its_mind_is_found_by_the_full_run(folder: Path) -> None:
    space = ("phases", 0, "config", "parameter_space")
    with pytest.raises(ModelError, match="moody gives other signals than it gave before, from bar 0 on"):
        coordinator(folder, {("strategies",): ["moody"], space: {"moody": {"level": [0.25, 0.5]}}}).run()
