"""Combinations and single strategies beside the portfolio: each row is the run that one would make by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regimefolio.backtest import BacktestSpec, load_market, run_backtest
from regimefolio.core.errors import ConfigError
from regimefolio.evaluation import PortfolioEvaluator, paired_sharpe_difference
from regimefolio.market.view import Market
from regimefolio.strategies import MomentumRank
from tests.workflows import write_prices

FILE: dict[str, object] = {
    "data": {"source": "file:prices.csv"},
    "benchmark": "equal_weight",
    "strategies": [
        {"kind": "bollinger_mean_reversion", "lookback": 10, "width": 1.0, "weight": 1},
        {"kind": "momentum_rank", "lookback": 16, "skip": 1, "weight": 2},
    ],
    "portfolio": {"combination_method": "confidence_weighted", "rebalance": "weekly"},
    "risk_free": 0.01,
}

ADAPTIVE: dict[str, object] = {
    "regime_detector": {"kind": "trend", "on": "equal_weight", "average": 40, "slope": 5, "high": 60},
    "adaptive": {
        "bull": {"strategies": {"momentum_rank": {"lookback": 40}}, "weights": {"momentum_rank": 1.0}},
        "bear": {"weights": {"bollinger_mean_reversion": 1.0}},
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("prices")
    write_prices(made)
    return made


def spec(changes: Mapping[str, object] | None = None) -> BacktestSpec:
    return BacktestSpec.model_validate({**FILE, **(changes or {})})


def evaluator(folder: Path, changes: Mapping[str, object] | None = None) -> PortfolioEvaluator:
    made = spec(changes)
    return PortfolioEvaluator(made, load_market(made.data, made.benchmark, folder)[1], seed=3)


def by_hand(folder: Path, changes: Mapping[str, object]) -> Mapping[str, float]:
    return run_backtest(spec(changes), folder)[1].metrics


def equal(ours: Mapping[str, float], theirs: Mapping[str, float]) -> bool:
    return np.array_equal(list(ours.values()), list(theirs.values()), equal_nan=True)


@pytest.mark.parametrize("adaptive", [{}, ADAPTIVE], ids=["static", "adaptive"])
def test_each_combination_is_the_backtest_that_says_so(adaptive: dict[str, object], folder: Path) -> None:
    made = evaluator(folder, adaptive)
    rows = made.compare_combinations()
    assert [(row.combination_method, row.on_conflict, row.chosen) for row in rows] == [
        ("weighted", "net", False),
        ("confidence_weighted", "net", True),
        ("rank_average", "net", False),
        ("best_strategy", "net", False),
        ("confidence_weighted", "flat", False),
        ("confidence_weighted", "best", False),
    ]
    for row in rows:
        portfolio = {"combination_method": row.combination_method, "on_conflict": row.on_conflict}
        assert equal(row.run.metrics, by_hand(folder, {**adaptive, "portfolio": portfolio})), row
    assert len({row.run.metrics["sharpe"] for row in rows}) == len(rows)


def test_each_strategy_stands_alone_under_the_same_rules(folder: Path) -> None:
    rows = evaluator(folder).compare_strategies()
    entries = FILE["strategies"]
    assert isinstance(entries, list)
    assert [row.strategy.kind for row in rows] == ["bollinger_mean_reversion", "momentum_rank"]
    start = MomentumRank(lookback=16, skip=1).warmup  # that of the portfolio, for the faster strategy too
    for row, entry in zip(rows, entries, strict=True):
        metrics, bars = row.run.metrics, evaluator(folder).bars
        assert len(bars) == 900 - start - 1
        if entry["kind"] == "momentum_rank":
            assert equal(metrics, by_hand(folder, {"strategies": [entry]}))


def test_a_strategy_alone_adapts_as_it_does_in_the_portfolio(folder: Path) -> None:
    rows = evaluator(folder, ADAPTIVE).compare_strategies()
    alone = {"bull": {"strategies": {"momentum_rank": {"lookback": 40}}}}
    entries = FILE["strategies"]
    assert isinstance(entries, list)
    expected = by_hand(folder, {**ADAPTIVE, "adaptive": alone, "strategies": [entries[1]]})
    assert equal(rows[1].run.metrics, expected)


def test_differences_are_paired_and_from_the_portfolio(folder: Path) -> None:
    made = evaluator(folder)
    row = made.compare_strategies()[0]
    above = row.run.portfolio_minus
    assert above.point == pytest.approx(made.run.metrics["sharpe"] - row.run.metrics["sharpe"], rel=1e-12)
    assert above.low < above.point < above.high
    ours = made.run.simulation.returns
    assert made.compared().portfolio_minus == paired_sharpe_difference(ours, ours, 252.0, 3, risk_free=0.01 / 252.0)


def test_signals_and_regimes_are_computed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    original = MomentumRank.signals

    def counted(self: MomentumRank, market: Market, *rest: object) -> object:
        asked.append(self.fingerprint)
        return original(self, market, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(MomentumRank, "signals", counted)
    made = evaluator(folder, ADAPTIVE)
    made.compare_combinations()
    made.compare_strategies()
    assert len(asked) == len(set(asked)) == 2  # its two variants


def test_without_conflicts_no_rule_on_them_is_compared(folder: Path) -> None:
    alone = {"strategies": ["momentum_rank"]}
    made = evaluator(folder, alone)
    assert len(made.compare_combinations()) == 4
    assert made.conflicts.conflicts == made.conflicts.of == 0
    assert np.isnan(made.conflicts.share)
    assert made.conflicts.by_pair == ()


def test_a_bankrupt_run_has_no_difference(folder: Path) -> None:
    made = evaluator(folder)
    equity = made.run.simulation.equity.copy()
    equity[-3:] = 0.0
    assert np.isfinite(made._portfolio_minus(made.run).point)
    ruined = replace(made.run, simulation=replace(made.run.simulation, equity=equity))
    assert np.isnan(made._portfolio_minus(ruined)[:3]).all()


def test_accounts_of_one_asset_are_not_compared_by_ranks(folder: Path) -> None:
    found = evaluator(folder, {"execution": {"accounts": "per_asset"}}).compare_combinations()
    assert {row.combination_method for row in found} == {"weighted", "confidence_weighted", "best_strategy"}


def test_nothing_is_compared_where_nothing_looks_at_alphas(folder: Path) -> None:
    with pytest.raises(ConfigError, match="inverse_volatility looks at prices alone, so that no strategy and no"):
        evaluator(folder, {"portfolio": {"allocator": "inverse_volatility"}})
