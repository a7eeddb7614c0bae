"""Costs by kind, what intervened, and what to doubt: by hand, and adding up to what a run's ledger says."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from regimefolio.backtest import BacktestRunner, BacktestSpec, ExecutionSpec, Run, run_backtest
from regimefolio.backtest.risk import NO_RISK, DrawdownBrake, RiskSpec, StopLoss
from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.files import json_text
from regimefolio.core.types import Float
from regimefolio.evaluation import (
    costs_by_kind,
    doubtful_stops,
    interest,
    interventions,
    profit_and_loss,
    round_trips,
    trading_document,
    write_equity,
    write_weights,
)
from regimefolio.market import Market
from regimefolio.portfolio import Ensemble, PortfolioSpec
from tests.scripted import Scripted, regimes, written

DEAR: dict[str, Any] = {
    "commission_bps": [{"up_to": 20_000, "bps": 10}, {"bps": 4}],
    "slippage_bps": 3,
    "spread_bps": 4,
    "fee_per_order": 2,
    "fee_per_share": 0.01,
    "min_fee_per_order": 30,
    "impact": 1.0,
    "cash_rate": 0.02,
    "financing_rate": 0.05,
    "borrow_rate": 0.03,
}
LONG_SHORT = {"kind": "proportional", "long_short": True}
ALONE = {"commission_bps": 7, "slippage_bps": 3, "borrow_rate": 0.03, "cash_rate": 0.02, "accounts": "per_asset"}


def run_of(execution: dict[str, Any], risk: dict[str, Any] | None = None, **portfolio: Any) -> Run:
    spec = BacktestSpec.model_validate(
        {
            "data": {"source": "sample:us5"},
            "strategies": [{"kind": "bollinger_mean_reversion", "lookback": 10}],
            "portfolio": {"allocator": LONG_SHORT, "rebalance": {"every": 3}, **portfolio},
            "execution": execution,
            "risk": risk or {},
        }
    )
    return run_backtest(spec)[2]


@pytest.mark.parametrize(
    ("execution", "risk"),
    [
        ({}, {}),
        (DEAR, {}),
        ({**DEAR, "delay": 2, "max_participation": 1e-5, "on_excess": "carry", "shares": "whole"}, {}),
        (DEAR, {"stop": [{"kind": "stop_loss", "loss": 0.03}, {"kind": "take_profit", "gain": 0.04}], "re_entry": 1}),
        (ALONE, {"stop": {"kind": "trailing_stop", "fall": 0.05}}),
    ],
    ids=["proportional", "all kinds", "carried on", "stops", "accounts apart"],
)
def test_kinds_add_up_to_what_was_paid(execution: dict[str, Any], risk: dict[str, Any]) -> None:
    run = run_of(execution, risk)
    trips = round_trips(run)
    found = costs_by_kind(run, trips)
    total = run.simulation.cost.sum()
    assert sum(found) == pytest.approx(total, rel=1e-12)
    assert min(found) >= 0.0
    paid = ("borrow_rate", "fee_per_order", "impact")
    assert [found.borrow > 0, found.fees > 0, found.impact > 0] == [name in execution for name in paid]
    assert run.traded is not None
    cash = profit_and_loss(run.simulation, run.traded.prices, run.traded.terms.delay).cash.sum()
    assert interest(run, trips) == pytest.approx(cash + found.borrow, abs=1e-6)


def test_each_kind_by_hand() -> None:
    """1,000 at 100 buys 5 of A for 500: 10 bp of 200 and 4 of 300, half of a spread of 4 and 3 bp, 2 + 5 · 0.01."""
    flat = np.full((4, 1), 100.0)
    market = written(flat, flat)
    execution = ExecutionSpec.model_validate(
        {
            "commission_bps": [{"up_to": 200, "bps": 10}, {"bps": 4}],
            "slippage_bps": 3,
            "spread_bps": 4,
            "fee_per_order": 2,
            "fee_per_share": 0.01,
            "shares": "whole",
        }
    )
    portfolio = PortfolioSpec.model_validate({"rebalance": "daily", "constraints": {"max_position": 0.51}})
    runner = BacktestRunner(market, portfolio, execution, 1000.0)
    run = runner.run(Ensemble.static([Scripted(alpha=((1.0,), (1.0,), (1.0,)))], [1.0]), 1)
    found = costs_by_kind(run, round_trips(run))
    assert found == pytest.approx((0.32, 2.05, 0.25, 0.0, 0.0))
    cheap = replace(run, traded=run.traded._replace(terms=least(run, 3.0))) if run.traded is not None else run
    assert costs_by_kind(cheap, round_trips(run)).fees == pytest.approx(2.68)  # 0.32 + 2.68 are the least fee of 3


def least(run: Run, fee: float) -> Any:
    assert run.traded is not None
    terms = run.traded.terms
    return terms._replace(frictions=terms.frictions._replace(min_fee=fee))


class TestInterventions:
    def run(self, risk: RiskSpec, prices: list[float], labels: str = "aaaaa") -> Run:
        """All in one asset from bar 1 on, decided at every bar."""
        market = written(np.array(prices)[:, None], np.array(prices)[:, None])
        free = ExecutionSpec(commission_bps=0, slippage_bps=0, fill="next_close")
        runner = BacktestRunner(market, PortfolioSpec(rebalance="daily"), free, 1000.0, risk=risk)
        alpha = tuple((1.0,) for _ in prices)
        known = regimes(market, ("a", "b"), ["ab".index(label) for label in labels])
        return runner.run(Ensemble.static([Scripted(alpha=alpha)], [1.0]), 1, known)

    def test_nothing_is_asked_for(self) -> None:
        run = self.run(NO_RISK, [100, 100, 80, 80, 80])
        assert interventions(run, NO_RISK, round_trips(run)) == (4, {}, None, None, None)

    def test_a_brake(self) -> None:
        risk = RiskSpec(drawdown_brake=DrawdownBrake(begin=0.1, full=0.3, floor=0.0))
        run = self.run(risk, [100, 100, 80, 80, 80])
        # Down 20% at bars 2 and 3, which decide for 3 and 4: half of the targets is left.
        found = interventions(run, risk, round_trips(run))
        assert found.drawdown_brake == pytest.approx((2, 0.5))
        calm = self.run(risk, [100, 100, 100, 100, 100])
        braked = interventions(calm, risk, round_trips(calm)).drawdown_brake
        assert braked is not None
        assert (braked.decisions, math.isnan(braked.left)) == (0, True)

    def test_vetoes(self) -> None:
        risk = RiskSpec(vetoes={"b": "longs"})
        run = self.run(risk, [100, 100, 80, 80, 80], "abbab")  # the last bar's decision is not filled
        assert interventions(run, risk, round_trips(run)).vetoed == 2
        shorts = RiskSpec(vetoes={"b": "shorts"})
        assert interventions(run, shorts, round_trips(run)).vetoed == 0

    def test_stops_are_counted_by_what_they_are(self) -> None:
        risk = RiskSpec(stop=(StopLoss(loss=0.1),), re_entry=0)
        run = self.run(risk, [100, 100, 80, 80, 80])
        assert interventions(run, risk, round_trips(run)).stops == {"stop_loss": 1}

    def test_a_volatility_target(self) -> None:
        risk = RiskSpec.model_validate({"volatility_target": {"annual": 0.1, "lookback": 2}})
        run = self.run(risk, [100, 90, 100, 90, 100])
        gross = np.nansum(np.abs(run.target[:4]), axis=1)
        scaled = interventions(run, risk, round_trips(run)).volatility_target
        assert scaled == pytest.approx((gross.mean(), gross.min(), gross.max()))
        assert gross.min() < 0.1


class TestDoubtfulStops:
    def trips(self, low: float, ranged: bool) -> tuple[Any, Market]:
        """One asset at 100, whose bar 20 has a doubtful low, or close."""
        prices: Float = np.full((30, 1), 100.0) + np.arange(30.0)[:, None] % 3
        lows = prices.copy()
        lows[20] = low
        market = written(prices if ranged else lows, prices if ranged else lows)
        panel = market.panel
        panel = replace(panel, low=lows, high=prices) if ranged else replace(panel, open=None)
        market = Market(panel)
        free = ExecutionSpec(commission_bps=0, slippage_bps=0)
        risk = RiskSpec(stop=(StopLoss(loss=0.1),))
        runner = BacktestRunner(market, PortfolioSpec(rebalance="daily"), free, 1000.0, risk=risk)
        run = runner.run(Ensemble.static([Scripted(alpha=tuple((1.0,) for _ in prices))], [1.0]), 1)
        return round_trips(run), market

    @pytest.mark.parametrize("ranged", [True, False])
    def test_a_slipped_decimal_is_doubted_and_a_fall_is_not(self, ranged: bool) -> None:
        trips, market = self.trips(1.0, ranged)
        assert trips.exit_bar.tolist()[0] == (20 if ranged else 21)  # of closes it is seen a bar before
        assert doubtful_stops(trips, market.panel).tolist() == [0]
        trips, market = self.trips(80.0, ranged)
        assert trips.exit_bar.tolist()[0] == (20 if ranged else 21)
        assert doubtful_stops(trips, market.panel).tolist() == []


def test_the_document_is_json_and_names_stops_and_delistings() -> None:
    run = run_of(DEAR, {"stop": {"kind": "stop_loss", "loss": 0.03}})
    assumed = (("KO", np.datetime64("2015-01-30T00:00:00.000000000")),)
    panel = written(run.simulation.equity[:, None] * np.ones(5), np.ones((len(run.simulation.equity), 5))).panel
    trips = round_trips(run)
    document = trading_document(replace(run, assumed=assumed), RiskSpec(stop=(StopLoss(loss=0.03),)), panel, trips)
    again = json.loads(json_text(document))
    assert again == document
    assert list(again) == ["costs", "interest", "interventions", "doubtful_stops", "assumed_delistings"]
    assert again["assumed_delistings"] == [{"symbol": "KO", "at": "2015-01-30T00:00:00"}]
    assert again["interventions"]["stops"] == {"stop_loss": int((trips.reason == 2).sum())}


def test_equity_and_weights_as_files(tmp_path: Path) -> None:
    run = run_of(DEAR)
    for ending in ("csv", "parquet"):
        write_equity(run, tmp_path / f"equity.{ending}")
        write_weights(run, tmp_path / f"weights.{ending}")
    simulation, start = run.simulation, run.simulation.start
    equity, weights = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("equity", "weights"))
    assert equity.columns == ["date", "equity", "cash", "turnover", "cost", "return"]
    assert weights.columns == ["date", *simulation.symbols]
    for name in ("equity", "cash", "turnover", "cost"):
        assert equity[name].to_list() == getattr(simulation, name)[start:].tolist()
    assert equity["return"].to_list() == simulation.returns.tolist()
    assert simulation.weights is not None
    assert weights.drop("date").rows() == [tuple(row) for row in simulation.weights[start:].tolist()]
    assert equity["date"].to_list() == simulation.timestamps[start:].astype("datetime64[D]").tolist()
    for name, table in (("equity", equity), ("weights", weights)):
        assert pl.read_csv(tmp_path / f"{name}.csv", try_parse_dates=True).equals(table)


def test_such_files_are_refused_as_those_of_trips_are(tmp_path: Path) -> None:
    run = run_of({})
    with pytest.raises(ConfigError, match=r"equity is written to a file that ends in \.csv, \.parquet; rename it"):
        write_equity(run, tmp_path / "equity.json")
    write_weights(run, tmp_path / "weights.csv")
    with pytest.raises(ConfigError, match="is there already"):
        write_weights(run, tmp_path / "weights.csv")
    odd = replace(run, simulation=replace(run.simulation, symbols=("date", "A", "B", "C", "D")))
    with pytest.raises(DataError, match="a symbol is called 'date', as the column of times; give it another name"):
        write_weights(odd, tmp_path / "others.csv")
    bare = replace(run, simulation=replace(run.simulation, weights=None), traded=None)
    with pytest.raises(DataError, match="need a recorded run"):
        write_weights(bare, tmp_path / "others.csv")
    with pytest.raises(DataError, match="need a recorded run"):
        costs_by_kind(bare, round_trips(run))
