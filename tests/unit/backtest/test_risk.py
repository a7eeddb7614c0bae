"""Stops, vetoes and brakes through the public door: what is recorded, what is pending, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.backtest import BacktestRunner, BacktestSpec, ExecutionSpec, RiskSpec, Run
from regimefolio.core.errors import ConfigError
from regimefolio.core.types import REASONS
from regimefolio.market import Market
from regimefolio.portfolio import Ensemble, PortfolioSpec
from tests.scripted import Scripted, regimes, written

FREE = ExecutionSpec(commission_bps=0, slippage_bps=0)


def run_of(
    market: Market, alpha: tuple[float, ...], risk: dict[str, Any], label: tuple[int, ...] = (), **execution: Any
) -> Run:
    """One asset, ordered at every bar with these alphas, long and short."""
    both = {"kind": "proportional", "long_short": True}
    spec = PortfolioSpec.model_validate({"rebalance": "daily", "allocator": both})
    terms = ExecutionSpec.model_validate({"commission_bps": 0, "slippage_bps": 0, **execution})
    runner = BacktestRunner(market, spec, terms, 1000.0, risk=RiskSpec.model_validate(risk))
    path = regimes(market, ("up", "down"), label) if label else None
    ensemble = Ensemble.static([Scripted(alpha=tuple((a,) for a in alpha))], [1.0])
    return runner.run(ensemble, 1 + terms.delay, path)


def of(*closes: float) -> Market:
    return written([[close] for close in closes])


STOP = {"stop": {"kind": "stop_loss", "loss": 0.1}}


def reasons_of(run: Run) -> list[tuple[int, str]]:
    assert run.simulation.trades is not None
    return [(int(each["bar"]), REASONS[each["reason"]]) for each in run.simulation.trades]


def test_a_stop_is_a_trade_with_its_reason() -> None:
    run = run_of(of(100, 100, 100, 85, 80, 80), (1.0,) * 6, STOP)
    assert reasons_of(run) == [(1, "order"), (4, "stop_loss")]
    assert run.simulation.equity.tolist() == pytest.approx([1000, 1000, 1000, 850, 800, 800])
    assert run.simulation.resting() == []


def test_what_is_due_is_pending_and_told() -> None:
    run = run_of(of(100, 100, 100, 85), (1.0,) * 4, STOP)
    assert run.simulation.positions() == [("A", 1.0, 0.0)]
    assert run.simulation.resting() == [("A", None, "stop_loss", None)]
    turns = run_of(of(100, 100, 100, 85), (1.0, 1.0, 1.0, -1.0), STOP)
    assert turns.simulation.positions() == [("A", 1.0, -1.0)]  # closed, and sold short at the same fill


def test_stops_that_wait_are_told_at_their_prices() -> None:
    run = run_of(
        of(100, 100, 120),
        (1.0,) * 3,
        {"stop": [{"kind": "trailing_stop", "fall": 0.25}, {"kind": "take_profit", "gain": 0.5}]},
    )
    assert run.simulation.resting() == [("A", 90.0, "trailing_stop", 150.0)]
    assert run.orders()["resting"] == [{"symbol": "A", "stop": 90.0, "reason": "trailing_stop", "goal": 150.0}]


def test_orders_that_will_lapse_are_not_pending() -> None:
    closes = of(100, 100, 100, 80, 80, 80)
    assert run_of(closes, (1.0,) * 6, STOP).simulation.positions() == [("A", 0.0, None)]
    assert run_of(closes, (1.0,) * 6, {**STOP, "re_entry": 1}).simulation.positions() == [("A", 0.0, 1.0)]
    late = run_of(closes, (1.0,) * 6, {**STOP, "re_entry": 50}, delay=1)
    assert late.simulation.in_flight() == []
    vetoed = run_of(closes, (0.0,) * 4 + (1.0, 1.0), {"vetoes": {"down": "longs"}}, (0, 0, 0, 0, 1, 0), delay=1)
    assert vetoed.simulation.in_flight() == []
    assert vetoed.simulation.positions() == [("A", 0.0, 1.0)]


def test_a_bankrupt_account_waits_for_nothing() -> None:
    run = run_of(of(100, 100, 100, 250, 250), (-1.0,) * 5, {"stop": {"kind": "take_profit", "gain": 0.5}})
    assert run.simulation.status == "bankrupt"
    assert run.orders()["resting"] == []
    assert [each["target"] for each in run.orders()["positions"]] == [None]  # type: ignore[index, union-attr, call-overload]


def test_a_veto_holds_and_reduces_but_opens_nothing() -> None:
    run = run_of(
        of(*[100] * 7), (0.5, 1.0, 1.0, 0.0, 1.0, -1.0, 0.0), {"vetoes": {"down": "longs"}}, (0, 1, 1, 1, 1, 0, 0)
    )
    assert run.simulation.weights is not None
    assert run.simulation.weights[:, 0].tolist() == pytest.approx([0, 1, 1, 1, 0, 0, -1])


def test_a_brake_shrinks_orders_at_their_fill() -> None:
    brake = {"drawdown_brake": {"begin": 0.1, "full": 0.3, "floor": 0.5, "window": 10}}
    run = run_of(of(100, 100, 80, 80, 80), (1.0,) * 5, brake)
    assert run.simulation.weights is not None
    assert run.simulation.weights[3, 0] == pytest.approx(0.75)  # 20% down is half of the way to the floor
    assert run.target[2, 0] == 1.0  # what was decided is recorded as it was
    assert run.simulation.positions()[0].target == pytest.approx(0.75)


def test_a_volatility_target_scales_what_is_decided() -> None:
    closes = [100.0]
    for i in range(9):
        closes.append(closes[-1] * (1.02 if i % 2 else 1 / 1.02))
    target = {"volatility_target": {"annual": 0.1, "lookback": 4}}
    run = run_of(of(*closes), (1.0,) * 10, target)
    returns = np.diff(closes)[4:8] / np.array(closes)[4:8]
    assert run.target[8, 0] == pytest.approx(0.1 / (returns.std(ddof=1) * np.sqrt(252)), rel=1e-12)


@pytest.mark.parametrize(
    ("risk", "place", "message"),
    [
        ({"stop": {"kind": "stop_los", "loss": 0.1}}, "stop", "did you mean 'stop_loss'"),
        (
            {"stop": [{"kind": "time_stop", "bars": 5}, {"kind": "time_stop", "bars": 9}]},
            "stop",
            "'time_stop' is listed twice",
        ),
        (
            {"stop": {"kind": "mae_stop", "winners": 30, "memory": 20}},
            "stop",
            "30 winners are needed, but only 20 remembered",
        ),
        ({"drawdown_brake": {"begin": 0.3, "full": 0.1}}, "drawdown_brake", "full 0.1 must be at least begin 0.3"),
        ({"vetoes": {"up": "long"}}, "vetoes", "longs"),
    ],
)
def test_what_contradicts_itself_is_refused(risk: dict[str, Any], place: str, message: str) -> None:
    with pytest.raises((ValidationError, ConfigError)) as caught:
        RiskSpec.model_validate(risk)
    assert message in str(caught.value)
    assert place in str(caught.value)


def test_a_veto_of_an_unknown_regime_is_refused() -> None:
    spec = {"data": {"source": "sample:us5"}, "strategies": ["momentum_rank"], "risk": {"vetoes": {"bear": "any"}}}
    with pytest.raises(ValidationError, match="no regime_detector has a regime 'bear'"):
        BacktestSpec.model_validate(spec)
    with pytest.raises(ValidationError, match="known: bear, bull, neutral"):
        BacktestSpec.model_validate({**spec, "regime_detector": "trend", "risk": {"vetoes": {"turbulent": "any"}}})


@pytest.mark.parametrize("key", ["volatility_target", "drawdown_brake"])
def test_what_needs_one_account_is_refused_for_many(key: str) -> None:
    value = {"annual": 0.1} if key == "volatility_target" else {"begin": 0.1, "full": 0.2}
    with pytest.raises(ConfigError, match=f"risk.{key} is for a shared account"):
        run_of(of(100, 100, 100), (1.0,) * 3, {key: value}, accounts="per_asset")
