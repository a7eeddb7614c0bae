"""Rates of a year and commissions in tiers, from what a file says to what a run pays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.backtest import BacktestRunner, BacktestSpec, ExecutionSpec, interest, load_market, run_backtest
from regimefolio.backtest.commission import changes_of, in_words
from regimefolio.backtest.rates import borrow_fees
from regimefolio.core.documents import read_document
from regimefolio.core.errors import ConfigError, MissingDataError
from regimefolio.evaluation import PortfolioEvaluator
from regimefolio.market import Market
from regimefolio.portfolio import Ensemble, PortfolioSpec
from tests.scripted import Scripted, regimes, written
from tests.workflows import BARS, DAYS, write_prices

DAILY = PortfolioSpec.model_validate({"rebalance": "daily"})
FREE: dict[str, Any] = {"commission_bps": 0, "slippage_bps": 0}
CASH = Scripted(alpha=((-1.0, 0.0),))
KNOWN = np.array([0.252, 0.504, 0.0, -0.252])


def lent(rates: dict[str, Any], close: Any = ((100.0, 50.0),) * 4) -> Market:
    market = written(close)
    return Market(market.panel, files={source: np.array(known) for source, known in rates.items()})


def test_a_bar_earns_what_was_known_at_the_close_before() -> None:
    market = lent({"file:rates.csv": KNOWN})
    assert interest("file:rates.csv", market).tolist() == pytest.approx([0.001, 0.001, 0.002, 0.0])
    assert interest(0.252, market).tolist() == [0.001]
    runner = BacktestRunner(market, DAILY, ExecutionSpec(cash_rate="file:rates.csv", **FREE), 1000.0)
    found = runner.run(Ensemble.static([CASH], [1.0]), 1)
    assert found.simulation.equity == pytest.approx([1000, 1001, 1003.002, 1003.002], rel=1e-14)


def test_cash_has_no_return_for_risk_whatever_its_rate_does() -> None:
    """Neither over bars nor over decisions, at any delay."""
    market = lent({"file:rates.csv": KNOWN})
    path = regimes(market, ("only",), [0] * 4)
    for delay in (0, 1):
        execution = ExecutionSpec(cash_rate="file:rates.csv", delay=delay, **FREE)
        found = BacktestRunner(market, DAILY, execution, 1000.0).run(Ensemble.static([CASH], [1.0]), 1 + delay, path)
        assert found.metrics["sharpe"] == pytest.approx(0.0, abs=1e-11)
        assert found.metrics["volatility"] > 0.0
    assert found.risk_free == pytest.approx(KNOWN[1:3].mean())
    early = BacktestRunner(market, DAILY, ExecutionSpec(cash_rate="file:rates.csv", **FREE), 1000.0)
    only = early.run(Ensemble.static([CASH], [1.0]), 1, path).regime_metrics["only"]
    assert only["bars"] == 2
    assert only["volatility"] > 0.0
    assert only["sharpe"] == pytest.approx(0.0, abs=1e-11)


def test_a_rate_that_never_changes_is_a_number() -> None:
    """To the last bit where sums are not taken of it, and to rounding elsewhere."""
    rng = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(0.01 * rng.standard_normal((60, 2)), axis=0))
    one, other = written(close), lent({"file:a": np.full(60, 0.03), "file:b": np.full((60, 2), 0.02)}, close)
    said = ExecutionSpec(cash_rate=0.03, borrow_rate=0.02)
    told = ExecutionSpec(cash_rate="file:a", borrow_rate="file:b")
    odd = PortfolioSpec.model_validate(
        {"rebalance": "daily", "allocator": {"kind": "proportional", "long_short": True}}
    )
    alpha = tuple(map(tuple, rng.uniform(-1, 1, (60, 2)).tolist()))
    ensemble = Ensemble.static([Scripted(alpha=alpha)], [1.0])
    path = regimes(one, ("x", "y"), [t // 7 % 2 for t in range(60)])
    plain = BacktestRunner(one, odd, said, 1000.0).run(ensemble, 2, path)
    dated = BacktestRunner(other, odd, told, 1000.0).run(ensemble, 2, path)
    assert (plain.simulation.equity == dated.simulation.equity).all()
    assert dict(dated.metrics) == pytest.approx(dict(plain.metrics), rel=1e-11, nan_ok=True)
    for name in ("x", "y"):
        assert dated.regime_metrics[name] == pytest.approx(plain.regime_metrics[name], rel=1e-11)


def test_borrow_fees_of_symbols() -> None:
    market = written(((100.0, 50.0, 10.0),) * 3)
    assert borrow_fees(0.0, market).size == 0
    assert borrow_fees(0.252, market).tolist() == [[0.001] * 3]
    assert borrow_fees({"default": 0.252, "B": 0.504}, market).tolist() == [[0.001, 0.002, 0.001]]
    assert borrow_fees({"A": 0, "B": 0.504, "C": 0.252}, market).tolist() == [[0.0, 0.002, 0.001]]
    with pytest.raises(ConfigError, match=r"'Bb' is not a symbol of the data; did you mean 'B'\?"):
        borrow_fees({"default": 0.1, "Bb": 0.2}, market)
    with pytest.raises(ConfigError, match="there is no rate for B, C; add them, or a default"):
        borrow_fees({"A": 0.1}, market)


def test_each_short_pays_its_own_fee() -> None:
    market = lent({"file:borrow.csv": np.array([[0.252, 0.0], [0.504, 0.252], [0.252, 0.0], [0.0, 0.0]])})
    shorts = Scripted(alpha=((-1.0, -1.0),))
    both = PortfolioSpec.model_validate(
        {"rebalance": {"every": 99}, "allocator": {"kind": "proportional", "long_short": True}}
    )
    execution = ExecutionSpec(borrow_rate="file:borrow.csv", **FREE)
    found = BacktestRunner(market, both, execution, 1000.0).run(Ensemble.static([shorts], [1.0]), 1).simulation
    # 500 of each are short from bar 1 on: 0.2% and 0.1% of it at bar 2, 0.1% and nothing at bar 3.
    assert found.cost == pytest.approx([0, 0, 1.5, 0.5], rel=1e-12)


def test_a_market_that_was_loaded_without_the_file_says_so() -> None:
    with pytest.raises(ConfigError, match=r"the market was loaded without file:rates\.csv; give load_market"):
        BacktestRunner(written(((1.0, 1.0),) * 4), DAILY, ExecutionSpec(cash_rate="file:rates.csv"))


FILE = """\
backtest:
  data: {source: "file:prices.csv"}
  strategies: [momentum_rank]
  portfolio: {constraints: {max_gross: 0.5}}
  execution: {cash_rate: "file:rates.csv", borrow_rate: {default: 0.01}}
"""


def read(folder: Path, text: str = FILE) -> BacktestSpec:
    path = folder / "backtest.yaml"
    path.write_text(text)
    return read_document(path).parse(BacktestSpec, "backtest")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_prices(tmp_path)
    (tmp_path / "rates.csv").write_text(f"date,rate\n{DAYS[0]},0.01\n{DAYS[BARS // 2]},0.05\n")
    return tmp_path


def test_a_file_is_read_from_the_folder_and_is_part_of_what_a_run_is(folder: Path) -> None:
    spec = read(folder)
    assert spec.risk_free == "file:rates.csv"
    _, outcome, run = run_backtest(spec, folder)
    assert 0.01 < run.risk_free < 0.05
    (folder / "rates.csv").write_text(f"date,rate\n{DAYS[0]},0.01\n{DAYS[BARS // 2]},0.06\n")
    _, changed, other = run_backtest(spec, folder)
    assert changed.fingerprint != outcome.fingerprint
    half = BARS // 2 + 1  # the changed rate is first earned at the bar after it
    assert (run.simulation.equity[:half] == other.simulation.equity[:half]).all()
    assert run.simulation.equity[half] != other.simulation.equity[half]


def test_evaluations_measure_against_the_rates_of_the_file(folder: Path) -> None:
    spec = read(folder)
    _, market = load_market(spec.data, spec.benchmark, folder, spec.execution, spec.risk_free)
    evaluator = PortfolioEvaluator(spec, market)
    same = next(row for row in evaluator.compare_combinations() if row.chosen)
    assert same.run.portfolio_minus.point == 0.0
    alone = evaluator.compare_strategies()[0].run
    assert alone.metrics["sharpe"] == pytest.approx(evaluator.run.metrics["sharpe"])


@pytest.mark.parametrize("name", ["cash_rate", "financing_rate", "borrow_rate", "risk_free"])
def test_a_file_that_is_missing_is_named_at_its_place(folder: Path, name: str) -> None:
    said = "risk_free: file:none.csv" if name == "risk_free" else f"execution: {{{name}: 'file:none.csv'}}"
    text = FILE.replace('execution: {cash_rate: "file:rates.csv", borrow_rate: {default: 0.01}}', said)
    with pytest.raises(MissingDataError) as caught:
        run_backtest(read(folder, text), folder)
    assert caught.value.place == (("risk_free",) if name == "risk_free" else ("execution", name))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"cash_rate": "2%"}, "a rate is a number such as 0.02, or a file such as file:rates.csv"),
        ({"cash_rate": "file:"}, "a rate is a number"),
        ({"cash_rate": [0.02]}, "a rate is a number such as 0.02, or a file such as file:rates.csv"),
        ({"borrow_rate": "high"}, "a fee is a number such as 0.02, one for each symbol such as {default"),
        ({"borrow_rate": [0.02]}, "a fee is a number such as 0.02, one for each symbol such as {default"),
        ({"commission_bps": {"bps": 2}}, "a commission is basis points such as 5, or tiers such as"),
        ({"cash_rate": 2}, "a rate is a fraction a year between -0.5 and 0.5"),
        ({"cash_rate": {"A": 0.1}}, "a rate is a number such as 0.02, or a file"),
        ({"borrow_rate": -0.1}, "greater than or equal to 0"),
        ({"borrow_rate": {"A": -0.1}}, "greater than or equal to 0"),
        ({"borrow_rate": {"A": 30}}, "a fee is a fraction a year, at most 1: 0.3 is 30%"),
        ({"borrow_rate": {}}, "at least 1 item"),
        ({"commission_bps": 5000}, "less than 5000"),
        ({"commission_bps": []}, "at least 1 item"),
        ({"commission_bps": [{"up_to": 10, "bps": 1}]}, "the last tier goes on without end"),
        ({"commission_bps": [{"bps": 1}, {"bps": 2}]}, "only the last tier goes on without end"),
        ({"commission_bps": [{"up_to": 10, "bps": 1}, {"up_to": 10, "bps": 1}, {"bps": 2}]}, "tiers ascend"),
        ({"commission_bps": [{"upto": 10, "bps": 1}, {"bps": 2}]}, "did you mean 'up_to'"),
    ],
)
def test_what_is_no_rate_or_commission_is_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises((ValidationError, ConfigError), match=message):
        ExecutionSpec.model_validate(said)


@pytest.mark.parametrize(
    "said",
    [
        {"cash_rate": "file:rates.csv", "borrow_rate": {"default": 0.1, "A": 0.9}},
        {"commission_bps": [{"up_to": 10.0, "bps": 3}, {"bps": 1}], "borrow_rate": "file:borrow.csv"},
    ],
)
def test_what_is_written_is_read_again(said: dict[str, Any]) -> None:
    spec = ExecutionSpec.model_validate(said)
    assert ExecutionSpec.model_validate(spec.plain()) == spec


def test_tiers_become_changes_of_a_rate() -> None:
    spec = ExecutionSpec.model_validate(
        {"commission_bps": [{"up_to": 10_000, "bps": 10}, {"up_to": 100_000, "bps": 5}, {"bps": 8}], "slippage_bps": 2}
    )
    assert changes_of(spec.commission_bps) == pytest.approx(np.array([[1e4, 1e5], [-5e-4, 3e-4]]))
    assert changes_of(5.0).size == 0
    assert spec.proportional_cost == pytest.approx(0.0012)  # of the dearest tier
    assert spec.frictions == ["commission_bps"]
    assert in_words(spec.commission_bps) == "10 bp up to 10,000, 5 bp up to 100,000 and 8 bp above"
    assert (
        in_words(5.0)
        == in_words(ExecutionSpec.model_validate({"commission_bps": [{"bps": 5}]}).commission_bps)
        == "5 bp"
    )


def test_accounts_apart_have_one_commission() -> None:
    execution = ExecutionSpec.model_validate(
        {"commission_bps": [{"up_to": 10, "bps": 3}, {"bps": 1}], "accounts": "per_asset"}
    )
    with pytest.raises(
        ConfigError, match=r"execution\.commission_bps, in tiers, is for a shared account; leave it out"
    ):
        BacktestRunner(written(((1.0, 1.0),) * 4), DAILY, execution)


def test_an_order_pays_each_tier_its_part() -> None:
    tiers = [{"up_to": 200, "bps": 100}, {"up_to": 500, "bps": 50}, {"bps": 10}]
    execution = ExecutionSpec.model_validate({"commission_bps": tiers, "slippage_bps": 0, "min_fee_per_order": 3})
    half = Scripted(alpha=((0.6, 0.4), (0.001, 0.0), (0.0, 0.0)))
    market = written(((100.0, 50.0),) * 5)
    found = BacktestRunner(market, DAILY, execution, 1000.0).run(Ensemble.static([half], [1.0]), 1).simulation
    assert found.trades is not None
    for trade in found.trades:
        size = abs(trade["value"])
        part = 0.01 * min(size, 200) + 0.005 * min(max(size - 200, 0), 300) + 0.001 * max(size - 500, 0)
        assert trade["cost"] == pytest.approx(max(part, 3.0), rel=1e-12)
    assert found.cash[1] == pytest.approx(0.0, abs=1e-9)
