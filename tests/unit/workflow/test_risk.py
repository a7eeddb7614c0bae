"""Stops, vetoes, a volatility target and a brake go through all four phases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.api import write_report
from regimefolio.backtest import BacktestSpec
from regimefolio.core.documents import read_document
from regimefolio.core.files import read_json
from tests.workflows import SYMBOLS, actions, closes, coordinator, spec, write_prices

RISK: dict[str, Any] = {
    "stop": [{"kind": "stop_loss", "loss": 0.03}, {"kind": "mae_stop", "winners": 3}],
    "re_entry": 2,
    "vetoes": {"turbulent": "longs", "bear": "any"},
    "volatility_target": {"annual": 0.1, "lookback": 20},
    "drawdown_brake": {"begin": 0.01, "full": 0.1, "floor": 0.2, "window": 60},
}

RISKY: dict[Any, object] = {("risk",): RISK, ("benchmark",): "AAA"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("risk")
    write_prices(made)
    coordinator(made, RISKY).run()
    return made / "results" / "small"


def test_every_check_passes(folder: Path) -> None:
    checks = read_json(folder / "performance" / "validation_results.json")["checks"]
    assert len(checks) > 3
    assert [check for check in checks if not check["passed"]] == []


def test_what_is_taken_away_has_the_risk_of_what_was_validated(folder: Path) -> None:
    described = read_document(folder / "analysis" / "adaptive_strategy.yaml").parse(BacktestSpec, "backtest")
    assert described.regime_detector is not None
    assert described.risk == spec({("risk",): RISK}).risk.for_regimes(described.regime_detector.names)
    assert len(described.risk.vetoes) == 1  # of the two, that of the chosen detector


def test_stops_closed_something_and_the_report_says_so(folder: Path) -> None:
    trips = read_json(folder / "analysis" / "round_trips.json")
    reasons = {row[trips["columns"].index("closed_by")] for row in trips["rows"]}
    assert reasons & {"stop_loss", "mae_stop"}
    assert "stop loss" in write_report(folder).read_text(encoding="utf-8")


def test_what_trading_cost_and_what_had_a_say_is_told(folder: Path) -> None:
    results = read_json(folder / "performance" / "validation_results.json")
    found = read_json(folder / "analysis" / "trading.json")
    run = results["runs"][results["selected"]]
    assert sum(found["costs"].values()) == pytest.approx(run["metrics"]["costs"], rel=1e-12)
    trips = read_json(folder / "analysis" / "round_trips.json")
    closed = [row[trips["columns"].index("closed_by")] for row in trips["rows"]]
    stops = found["interventions"]["stops"]
    assert stops == {name: closed.count(name) for name in stops}
    assert sum(stops.values()) == sum(name not in (None, "order", "delisting") for name in closed)
    assert 0 < found["interventions"]["vetoed"] <= found["interventions"]["decisions"]
    assert found["interventions"]["drawdown_brake"] is not None


def test_a_benchmark_of_its_own_is_bought_and_held(folder: Path) -> None:
    found = read_json(folder / "performance" / "validation_results.json")
    close = closes()[found["window"]["first_test_bar"] :, SYMBOLS.index("AAA")]
    equity = np.load(folder / "performance" / "validation_equity.npy")
    assert len(equity) == len(found["runs"]) + 1
    np.testing.assert_allclose(equity[-1], 1e6 * close / close[0], rtol=1e-12)
    assert found["benchmark"]["metrics"]["total_return"] == pytest.approx(close[-1] / close[0] - 1.0)
    page = write_report(folder).read_text(encoding="utf-8")
    assert "Benchmark (AAA)" in page
    assert "The benchmark was bought once and held" in page


def test_another_risk_is_another_workflow(folder: Path) -> None:
    root = folder.parent.parent
    assert actions(coordinator(root, RISKY).plan()) == "uuuu"
    assert actions(coordinator(root, {**RISKY, ("risk",): {**RISK, "re_entry": 3}}).plan()) == "rrrr"


def test_a_veto_of_a_regime_that_no_classifier_has_is_refused() -> None:
    with pytest.raises(ValidationError, match="no regime_classifiers has a regime 'bere'; did you mean 'bear'"):
        spec({("risk",): {"vetoes": {"bere": "longs"}}})
