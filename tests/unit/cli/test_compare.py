"""`compare`: one row a combination, one a strategy, and the conflicts between them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regimefolio import api
from tests.unit.cli.conftest import Call
from tests.workflows import BARS, DAYS

BACKTEST = """backtest:
  name: two
  data: {source: "file:prices.csv"}
  strategies: [{kind: momentum_rank, lookback: 16, skip: 3}, {kind: bollinger_mean_reversion, width: 1.0}]
  portfolio: {on_conflict: flat}
"""


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "two.yaml"
    path.write_text(BACKTEST)
    return path


def test_combinations_strategies_and_conflicts_are_shown(file: Path, call: Call) -> None:
    code, out, err = call("compare", "two.yaml")
    assert (code, err) == (0, "")
    text = " ".join(out.split())
    _, outcome, run = api.run_backtest(api.read_backtest(file))
    sharpe = f"{outcome.metrics['sharpe']:.2f}".replace("-", "−")
    assert f"two: {BARS - 20} bars, {DAYS[20]} to {DAYS[-1]}" in text
    assert f"weighted, the file's {sharpe} " in text
    assert f"the portfolio {sharpe} " in text
    for name in ("confidence_weighted", "rank_average", "best_strategy", "weighted, net", "weighted, best"):
        assert f"{name} " in text
    assert "momentum_rank and bollinger_mean_reversion" in text
    assert run.conflicts is not None
    assert f"opposite signs on {run.conflicts.share:.1%} of {run.conflicts.of:,} asset-bars; on_conflict: flat" in text
    assert max(map(len, out.splitlines())) <= 80


def test_where_nothing_contradicts_there_is_no_table_of_noughts(file: Path, call: Call) -> None:
    file.write_text(BACKTEST.replace("skip: 3}", "skip: 3, weight: 0}"))
    out = call("compare", "two.yaml").out
    assert "\nConflicts: none of 0 asset-bars; on_conflict: flat\n" in out
    assert "asset-bars of share" not in " ".join(out.split())


def test_json_has_every_row_with_all_metrics(file: Path, call: Call) -> None:
    code, out, err = call("compare", "two.yaml", "--json", "--seed", "5")
    assert (code, err) == (0, "")
    found = json.loads(out)
    _, outcome, _ = api.run_backtest(api.read_backtest(file))
    assert [row["combination_method"] for row in found["combinations"] if row["on_conflict"] == "flat"] == [
        "weighted",
        "confidence_weighted",
        "rank_average",
        "best_strategy",
    ]
    assert [row["chosen"] for row in found["combinations"]] == [True, False, False, False, False, False]
    assert found["combinations"][0]["metrics"] == found["portfolio"]["metrics"]
    assert set(found["portfolio"]["metrics"]) == set(outcome.metrics)
    assert [row["strategy"]["kind"] for row in found["strategies"]] == ["momentum_rank", "bollinger_mean_reversion"]
    assert set(found["strategies"][0]["portfolio_minus"]) == {"point", "low", "high", "level", "share_positive"}
    assert found["conflicts"]["by_pair"][0]["names"] == ["momentum_rank", "bollinger_mean_reversion"]
    assert call("compare", "two.yaml", "--json", "--seed", "5").out == out
    assert call("compare", "two.yaml", "--json").out != out


def test_quiet_is_the_tables_alone(file: Path, call: Call) -> None:
    assert "The same signals" in call("compare", "two.yaml", "--quiet").out


def test_a_backtest_tells_its_conflicts_in_one_line(file: Path, call: Call) -> None:
    lines = [line for line in call("backtest", "two.yaml").out.splitlines() if "Conflicts" in line]
    _, _, run = api.run_backtest(api.read_backtest(file))
    assert run.conflicts is not None
    assert lines == [
        f"Conflicts: opposite signs on {run.conflicts.share:.1%} of {run.conflicts.of:,} asset-bars; on_conflict: flat"
    ]
    found = json.loads(call("backtest", "two.yaml", "--json").out)
    assert found["conflicts"]["conflicts"] == run.conflicts.conflicts
    file.write_text(BACKTEST.replace(", {kind: bollinger_mean_reversion, width: 1.0}", ""))
    assert "Conflicts" not in call("backtest", "two.yaml").out


def test_a_mistake_has_its_place(file: Path, call: Call) -> None:
    file.write_text(BACKTEST.replace("on_conflict: flat", "constraints: {min_positions: 9}"))
    code, out, err = call("compare", "two.yaml", "-q")
    assert (code, out) == (2, "")
    assert "two.yaml:5:" in err
    assert "min_positions 9 is more than the 4 assets of this data; lower it" in err
