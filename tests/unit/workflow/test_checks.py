"""The checks of validation bite: a strategy that looks ahead is found wherever the test begins."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from regimefolio.backtest import BacktestRunner, Run
from regimefolio.core.errors import ConfigError, CorruptError
from regimefolio.core.files import read_json
from regimefolio.core.types import RegimePath, SignalBuffer, Signals
from regimefolio.evaluation import Interval, return_moments, sharpe_interval
from regimefolio.market import Market
from regimefolio.portfolio import Ensemble
from regimefolio.strategies import Strategy
from regimefolio.testing import synthetic_market
from regimefolio.workflow.phases.checks import future_is_unseen, holds_up
from tests.workflows import EMBARGO, TRAIN, coordinator, spec


class Peeking(Strategy, kind="peeking"):
    """Buys what will have risen `ahead` bars later."""

    ahead: int = 1

    @property
    def warmup(self) -> int:
        return 1

    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        panels, close = self.buffer(market, out), market.panel.close
        for panel in panels:
            panel[:] = 0.0
        panels.alpha[: -self.ahead] = np.sign(np.nan_to_num(close[self.ahead :] - close[: -self.ahead]))
        panels.confidence[: -self.ahead] = 1.0
        return self.emit(market, panels, horizon=1)


@pytest.mark.parametrize("start", range(300, 307))
@pytest.mark.parametrize("ahead", [1, 2])
def test_a_look_ahead_is_found_wherever_the_test_begins(ahead: int, start: int) -> None:
    market, made = synthetic_market(600), spec()
    detector, ensemble = made.regime_classifiers[1], Ensemble.static([Peeking(ahead=ahead)], [1.0])

    def rerun(other: Market) -> tuple[Run, RegimePath]:
        regimes = detector.detect(other)
        return BacktestRunner(other, made.portfolio, made.execution).run(ensemble, start, regimes), regimes

    run, regimes = rerun(market)
    assert [check.passed for check in future_is_unseen(market, run, regimes, start, rerun, 0, 1)] == [False, False]


def test_weights_that_float32_cannot_hold_switch_all_the_same(finished: Path) -> None:
    made = coordinator(finished)
    path = made.workspace.analysis / "ensemble_weights.json"
    weights = read_json(path)
    for shares in weights["classifiers"]["trend"]["weights"].values():
        shares.update({"bollinger_mean_reversion": 0.29, "momentum_rank": 0.72})
    path.write_text(json.dumps(weights))
    made.run()
    switches, *_, file = read_json(made.workspace.performance / "validation_results.json")["checks"]
    assert switches["passed"]
    assert not file["passed"]  # adaptive_strategy.yaml has the weights that were searched


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('"selected": "trend"', '"selected": "trendy"', ConfigError),
        ('"momentum_rank"', '"momentum"', CorruptError),
        ('"classifiers"', '"detectors"', CorruptError),
    ],
)
def test_weights_of_another_form_are_refused(old: str, new: str, error: type[Exception], finished: Path) -> None:
    made = coordinator(finished)
    path = made.workspace.analysis / "ensemble_weights.json"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(error, match=r"ensemble_weights\.json"):
        made.run()


def test_every_sharpe_ratio_is_of_excess_returns(folder: Path) -> None:
    made = coordinator(folder, {("risk_free",): 0.05})
    made.run()
    performance = made.workspace.performance
    results = read_json(performance / "validation_results.json")
    sharpes = {name: run["metrics"]["sharpe"] for name, run in results["runs"].items()}
    chosen = results["selected"]
    for name, difference in results["selected_minus"].items():
        assert difference["point"] == pytest.approx(sharpes[chosen] - sharpes[name], rel=1e-9)
    weights = read_json(made.workspace.analysis / "ensemble_weights.json")
    overfitting = read_json(made.workspace.analysis / "overfitting.json")
    objective = weights["classifiers"][chosen]["objective"]
    assert overfitting["sharpe_per_bar"] * 252**0.5 == pytest.approx(objective, rel=1e-9)
    held = next(each for each in results["checks"] if each["name"].startswith("test Sharpe"))
    training = np.load(performance / "ensemble_returns.npy")[weights["classifiers"][chosen]["trial"]]
    assert held["numbers"]["training"] == pytest.approx(objective, rel=1e-9)
    expected = sharpe_interval(training, 252.0, 0, level=0.9, risk_free=0.05 / 252)
    assert held["numbers"]["quantile_5"] == expected.low
    assert return_moments(training, 0.05 / 252).sharpe == overfitting["sharpe_per_bar"]
    assert results["window"]["first_test_bar"] == TRAIN + EMBARGO


def test_an_undefined_sharpe_ratio_says_why_and_holds_nothing_up() -> None:
    why = "undefined (fewer than 2 bars, or the returns do not vary)"
    known, unknown = Interval(1.0, 0.25, 1.8, 0.9), Interval(math.nan, math.nan, math.nan, 0.9)
    never_traded, nothing_to_compare = holds_up(math.nan, known), holds_up(0.5, unknown)
    assert not never_traded.passed
    assert never_traded.details == (
        f"test Sharpe {why}; training Sharpe 1.00, 5% quantile of 1,000 block resamples 0.25"
    )
    assert not nothing_to_compare.passed
    assert nothing_to_compare.details == (
        f"test Sharpe 0.50; training Sharpe {why}, 5% quantile of 1,000 block resamples {why}"
    )
    assert holds_up(0.5, known).passed


@pytest.mark.parametrize("trial", [-1, 999])
def test_a_trial_that_is_not_there_is_refused(trial: int, finished: Path) -> None:
    made = coordinator(finished)
    path = made.workspace.analysis / "ensemble_weights.json"
    weights = read_json(path)
    weights["classifiers"][weights["selected"]]["trial"] = trial
    path.write_text(json.dumps(weights))
    with pytest.raises(CorruptError, match="trial"):
        made.run()


def test_regimes_in_another_order_are_refused(finished: Path) -> None:
    made = coordinator(finished)
    path = made.workspace.analysis / "regime_optimal_params.json"
    choices = read_json(path)
    choices["trend"] = dict(reversed(choices["trend"].items()))
    path.write_text(json.dumps(choices))
    with pytest.raises(CorruptError, match="regimes of trend must be bull, neutral, bear, in this order"):
        made.run()
