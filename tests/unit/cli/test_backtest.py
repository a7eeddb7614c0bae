"""`backtest`: metrics, regimes and orders of one file."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from regimefolio import api
from tests.unit.cli.conftest import Call
from tests.workflows import BARS, DAYS

BACKTEST = """backtest:
  name: ranks
  data: {source: "file:prices.csv"}
  benchmark: equal_weight
  strategies: [{kind: momentum_rank, lookback: 16, skip: 3}]
  regime_detector: {kind: trend, average: 40, slope: 5, high: 60, "on": equal_weight}
"""


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "ranks.yaml"
    path.write_text(BACKTEST)
    return path


def test_metrics_regimes_and_orders_are_shown(file: Path, call: Call) -> None:
    code, out, err = call("backtest", "ranks.yaml")
    assert (code, err) == (0, "")
    _, outcome, _ = api.run_backtest(api.read_backtest(file))
    text = " ".join(out.split())
    assert f"ranks: {BARS - 20} bars, {DAYS[20]} to {DAYS[-1]}, benchmark equal_weight" in text
    assert f"Sharpe ratio {outcome.metrics['sharpe']:.2f}" in text
    assert f"maximum drawdown −{-outcome.metrics['max_drawdown']:.1%}" in text
    assert f"costs paid {outcome.metrics['costs']:,.0f}" in text
    for regime in ("bull", "neutral", "bear"):
        assert f"{regime} {outcome.regime_metrics[regime]['bars']:,.0f} " in text
    assert f"Pending: decided at {DAYS[-1]}" in text
    assert max(map(len, out.splitlines())) <= 80


def test_compiling_is_announced(file: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    call("backtest", "ranks.yaml")
    assert "Compiling" not in call("backtest", "ranks.yaml").out
    monkeypatch.setattr(api, "kernels_are_compiled", lambda entry: False)
    assert call("backtest", "ranks.yaml").out.startswith("Compiling kernels, on the first run only")
    for option in ("--quiet", "--json"):
        assert "Compiling" not in call("backtest", "ranks.yaml", option).out


def test_json_is_the_outcome_and_its_orders(file: Path, call: Call) -> None:
    code, out, err = call("backtest", "ranks.yaml", "--json")
    assert (code, err) == (0, "prices.csv: 4 symbols, 900 bars, 2010-01-04 to 2013-06-14 (csv, wide)\n")
    found = json.loads(out)
    _, outcome, run = api.run_backtest(api.read_backtest(file))
    assert found["fingerprint"] == outcome.fingerprint
    assert found["metrics"] == {name: None if math.isnan(v) else v for name, v in outcome.metrics.items()}
    wanted = dict(zip(run.simulation.symbols, run.simulation.pending.tolist(), strict=True))
    held = dict(zip(run.simulation.symbols, run.simulation.weights[-1].tolist(), strict=True))  # type: ignore[index]
    assert found["orders"]["decided_at"] == f"{DAYS[-1]}T00:00:00"
    assert found["orders"]["positions"] == [
        {"symbol": name, "held": held[name], "target": wanted[name]} for name in wanted if wanted[name] or held[name]
    ]
    assert found["orders"]["positions"]


def test_orders_in_flight_are_shown(file: Path, call: Call) -> None:
    file.write_text(f"{BACKTEST}  portfolio: {{rebalance: daily}}\n  execution: {{delay: 2, sizing: on_change}}\n")
    code, out, err = call("backtest", "ranks.yaml")
    assert (code, err) == (0, "")
    text = " ".join(out.split())
    assert "In flight symbol decided at target filled at bar" in text
    found = json.loads(call("backtest", "ranks.yaml", "--json").out)["orders"]["in_flight"]
    assert {(each["decided_at"], each["fills_in"]) for each in found} == {
        (f"{DAYS[-3]}T00:00:00", 1),
        (f"{DAYS[-2]}T00:00:00", 2),
    }
    for each in found:
        assert f"{each['symbol']} {each['decided_at'][:10]}" in text
    assert "those that do not differ from the order before them come to nothing" in text


def test_the_rate_that_ratios_are_above_is_named(file: Path, call: Call) -> None:
    assert "risk-free" not in call("backtest", "ranks.yaml").out
    file.write_text(f"{BACKTEST}  execution: {{cash_rate: 0.02}}\n")
    for command in ("backtest", "compare"):
        assert "risk-free rate of 2.00% a year" in " ".join(call(command, "ranks.yaml").out.split())
    file.write_text(f"{BACKTEST}  execution: {{cash_rate: 0.02}}\n  risk_free: 0\n")
    assert "risk-free rate of 0.00% a year" in " ".join(call("backtest", "ranks.yaml").out.split())


def test_undefined_metrics_come_with_their_reason(file: Path, call: Call) -> None:
    file.write_text(
        BACKTEST.replace("momentum_rank, lookback: 16, skip: 3", "bollinger_mean_reversion, width: 50")
    )  # never beyond its band: never in the market
    code, out, _ = call("backtest", "ranks.yaml")
    assert code == 0
    text = " ".join(out.split())
    assert "Sharpe ratio –" in text
    assert "– Calmar ratio: equity was never below its peak" in text
    assert f"nothing is held, and nothing was wanted at {DAYS[-1]}" in text


def test_bad_prices_are_a_mistake(file: Path, folder: Path, call: Call) -> None:
    prices = (folder / "prices.csv").read_text().splitlines()
    prices[7] = prices[7].rsplit(",", 1)[0] + ",zero"
    (folder / "prices.csv").write_text("\n".join(prices))
    code, out, err = call("backtest", "ranks.yaml", "-q")
    assert (code, out) == (2, "")
    assert "prices.csv: line 8, column DDD: not a number, found 'zero'" in err
    assert "regimefolio data check prices.csv" in err


def test_round_trips_are_shown_and_written(file: Path, folder: Path, call: Call) -> None:
    code, out, err = call("backtest", "ranks.yaml", "--trips", "trips.csv")
    assert (code, err) == (0, "")
    _, outcome, run = api.run_backtest(api.read_backtest(file))
    found = api.round_trips(run)
    every = api.trip_statistics(found)["all"]["all"]
    text = " ".join(out.split())
    assert "Round trips that are closed" in text
    assert f"all {every.trips:,} {every.won / every.trips:.0%} " in text
    assert f"trips.csv: {len(found):,} round trips" in text
    assert max(map(len, out.splitlines())) <= 80
    lines = (folder / "trips.csv").read_text().splitlines()
    assert len(lines) == 1 + len(found)
    assert lines[0].startswith("symbol,side,entry_bar,entry_at,")
    told = json.loads(call("backtest", "ranks.yaml", "--json").out)["round_trips"]
    assert told["all"]["all"]["trips"] == outcome.metrics["round_trips"] == every.trips > 0
    assert sum(each["trips"] for each in told["entry_regime"].values()) == every.trips


def test_equity_and_weights_are_written(file: Path, folder: Path, call: Call) -> None:
    code, out, err = call("backtest", "ranks.yaml", "--equity", "equity.csv", "--weights", "weights.csv")
    assert (code, err) == (0, "")
    assert f"equity.csv: {BARS - 20} bars weights.csv: {BARS - 20} bars" in " ".join(out.split())
    assert (folder / "equity.csv").read_text().startswith(f"date,equity,cash,turnover,cost,return\n{DAYS[20]},")
    assert (folder / "weights.csv").read_text().startswith(f"date,AAA,BBB,CCC,DDD\n{DAYS[20]},")
    for option in ("--equity", "--weights"):
        code, _, err = call("backtest", "ranks.yaml", option, f"{option[2:]}.csv")
        assert code == 2
        assert f"{option[2:]}.csv: is there already" in " ".join(err.split())


def test_two_tables_do_not_go_into_one_file(file: Path, folder: Path, call: Call) -> None:
    code, _, err = call("backtest", "ranks.yaml", "--equity", "both.csv", "--weights", "./both.csv", "--force")
    assert (code, " ".join(err.split())) == (
        2,
        "error: --trips, --equity and --weights name one file; name different ones",
    )
    assert not (folder / "both.csv").exists()


def test_costs_and_what_had_a_say_are_told(file: Path, folder: Path, call: Call) -> None:
    rows = (folder / "prices.csv").read_text().splitlines()
    at, where = 450, 1 + 3  # a slipped decimal of DDD, far below any stop
    cells = rows[at].split(",")
    rows[at] = ",".join([*cells[:where], f"{float(cells[where]) / 100:.4f}", *cells[where + 1 :]])
    (folder / "prices.csv").write_text("\n".join([*rows, ""]))
    risk = "  risk: {stop: {kind: stop_loss, loss: 0.3}, re_entry: 0, vetoes: {bear: longs}}\n"
    every = "  portfolio: {allocator: equal_weight, rebalance: daily}\n"
    file.write_text(f"{BACKTEST}{risk}{every}  execution: {{cash_rate: 0.02}}\n")
    code, out, err = call("backtest", "ranks.yaml")
    assert (code, err) == (0, "")
    text, found = " ".join(out.split()), json.loads(call("backtest", "ranks.yaml", "--json").out)
    assert sum(found["costs"].values()) == pytest.approx(found["metrics"]["costs"])
    assert f"Costs: commission {found['costs']['commission']:,.0f}, slippage and spread" in text
    assert "interest on cash" in text
    assert [each["symbol"] for each in found["doubtful_stops"]] == ["DDD"]
    day = str(DAYS[at])  # the close was seen the bar before
    assert f"1 stop closes at bars that `regimefolio data check` calls doubtful: DDD {day}." in text
    assert found["interventions"]["stops"] == {"stop_loss": 1}
    assert "stops closed 1 round trip: stop loss 1" in text
    vetoed, decisions = found["interventions"]["vetoed"], found["interventions"]["decisions"]
    assert f"a side that a veto forbids was asked for at {vetoed} of {decisions} decisions" in text
    assert max(map(len, out.splitlines())) <= 80
    (folder / "mask.csv").write_text(f"symbol,date\nDDD,{DAYS[at - 1]}\n")
    file.write_text(file.read_text().replace('"file:prices.csv"', '"file:prices.csv", mask: mask.csv'))
    out = call("backtest", "ranks.yaml").out
    assert "mask.csv: 1 bar taken as missing" in " ".join(out.split())
    assert "doubtful" not in out


def test_a_file_that_cannot_take_trips_is_refused_before_the_run(
    file: Path, folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "trips.json").write_text("mine")
    with monkeypatch.context() as patched:
        patched.setattr(api, "run_backtest", lambda spec: pytest.fail("it ran"))
        assert "trips.json: is there already" in call("backtest", "ranks.yaml", "--trips", "trips.json").err
        assert "ends in .csv, .parquet, .json" in call("backtest", "ranks.yaml", "--trips", "trips.xls").err
    assert call("backtest", "ranks.yaml", "--trips", "trips.json", "--force", "-q").code == 0
    assert json.loads((folder / "trips.json").read_text())["rows"]
