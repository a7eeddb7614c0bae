"""The public door: what a person hands it by mistake is named, with what belongs there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from regimefolio import api
from regimefolio.testing import synthetic_market

MARKET = synthetic_market(40)
WRONG: Any = None
PATH: Any = "file.yaml"
NAMES: Any = ["momentum_rank"]
STRATEGY: Any = api.MomentumRank()
PORTFOLIO, EXECUTION = api.PortfolioSpec(), api.ExecutionSpec()
SPEC = api.BacktestSpec.model_validate({"data": {"source": "sample:us5"}, "strategies": ["momentum_rank"]})


@pytest.mark.parametrize(
    ("enter", "message"),
    [
        (lambda: api.Market(WRONG), r"panel must be a Panel, but this is None; load_market gives a Market, "),
        (
            lambda: api.BacktestRunner(MARKET, WRONG, EXECUTION),
            r"portfolio must be a PortfolioSpec, but this is None; PortfolioSpec\(\) has the defaults",
        ),
        (lambda: api.BacktestRunner(MARKET, PORTFOLIO, WRONG), r"execution must be an ExecutionSpec, but this is None"),
        (lambda: api.BacktestRunner(WRONG, PORTFOLIO, EXECUTION), r"market must be a Market, but this is None"),
        (
            lambda: api.BacktestRunner(MARKET, PORTFOLIO, EXECUTION).run(STRATEGY, 1),
            r"ensemble must be an Ensemble, but this is MomentumRank\(.*; Ensemble\.static",
        ),
        (
            lambda: api.run_backtest(PATH),
            r"spec must be a BacktestSpec, but this is 'file\.yaml'; read_backtest\(file\) reads one",
        ),
        (lambda: api.Ensemble.static(NAMES, [1.0]), r"strategies\[0\] must be a Strategy, but this is 'momentum_rank'"),
        (lambda: api.load_data(PATH), r"spec must be a DataSpec, but this is 'file\.yaml'"),
        (lambda: api.load_market(PATH, None), r"spec must be a DataSpec, but this is 'file\.yaml'"),
        (lambda: api.PortfolioManager(WRONG, MARKET), r"spec must be a PortfolioSpec, but this is None"),
        (lambda: api.PortfolioEvaluator(PATH, MARKET), r"spec must be a BacktestSpec, but this is 'file\.yaml'"),
        (lambda: api.PortfolioEvaluator(SPEC, WRONG), r"market must be a Market, but this is None"),
        (lambda: api.StrategyEvaluator(WRONG, "next_close"), r"panel must be a Panel, but this is None"),
        (lambda: api.coordinator(PATH), r"spec must be a WorkflowSpec, but this is 'file\.yaml'; read_workflow"),
    ],
)
def test_an_argument_of_another_type_is_named_with_what_belongs_there(
    enter: Callable[[], object], message: str
) -> None:
    with pytest.raises(api.ConfigError, match=f"^{message}"):
        enter()
