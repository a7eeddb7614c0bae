"""`allocate`: a table of all runs, files that are gone on from, and mistakes at their place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regimefolio.api import AllocationSpec, read_allocation
from tests.unit.cli.conftest import Call

RUN = """allocation:
  name: small
  data: {source: "file:prices.csv"}
  benchmark: equal_weight
  strategies: [{kind: momentum_rank, lookback: 30, skip: 5}]
  orchestration_type: equal
  optimizers: [min_variance, hrp, {kind: proportional, name: alpha}]
  lookback: 60
  rebalance: {every: 60}
"""


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "small_allocation.yaml"
    path.write_text(RUN)
    return path


def test_all_runs_are_rows_and_every_rebalance_is_a_file(file: Path, call: Call) -> None:
    code, out, err = call("allocate", file.name)
    assert (code, err) == (0, "")
    told = json.loads((file.parent / "results/small/results.json").read_text())
    for row, metrics in (
        ("blend, equal", told["blend"]["metrics"]),
        ("equal weight", told["equal_weight"]["metrics"]),
        ("benchmark, equal_weight", told["benchmark"]["metrics"]),
        ("alpha", told["optimizers"]["alpha"]["metrics"]),
    ):
        shown = f"{metrics['sharpe']:.2f}".replace("-", "−")
        assert any(line.split()[: len(row.split()) + 1] == [*row.split(), shown] for line in out.splitlines()), row
    page = (file.parent / "results/small/report.html").read_text(encoding="utf-8")
    assert f"had a Sharpe ratio of {told['blend']['metrics']['sharpe']:.2f}".replace("-", "−") in page
    count = len(list((file.parent / "results/small/allocations").iterdir()))
    assert f"small: {count} rebalances; " in out
    assert max(map(len, out.splitlines())) <= 80
    again = call("allocate", file.name)
    assert f"small: {count} rebalances, {count} of them decided before" in " ".join(again.out.split())


def test_json_is_what_stands_in_the_file(file: Path, call: Call) -> None:
    code, out, _ = call("allocate", file.name, "--json")
    assert code == 0
    assert json.loads(out) == json.loads((file.parent / "results/small/results.json").read_text())


def test_another_run_in_the_same_folder_needs_force(file: Path, call: Call) -> None:
    call("allocate", file.name, "-q")
    file.write_text(RUN.replace("lookback: 60", "lookback: 70"))
    code, _, err = call("allocate", file.name, "-q")
    assert code == 2
    assert "holds a run of another configuration" in err
    assert call("allocate", file.name, "-q", "--force").code == 0


@pytest.mark.parametrize(
    ("said", "instead", "message"),
    [
        ("  orchestration_type: equal\n", "", "`orchestration_type` is missing"),
        ("orchestration_type: equal", "orchestration_type: equl", "did you mean 'equal'?"),
        ("benchmark: equal_weight", "benchmark: SPX", "unknown series 'SPX'"),
        ("min_variance, hrp", "hrp, hrp", "'hrp' stands here twice"),
        ("min_variance, hrp", "min_varance, hrp", "did you mean 'min_variance'?"),
        (
            "  strategies: [{kind: momentum_rank, lookback: 30, skip: 5}]\n",
            "",
            "alpha looks at alphas, and no strategies give any; name some under `strategies`, or leave it out",
        ),
        ("allocation:", "backtest:", "unknown section 'backtest'; `regimefolio backtest` takes such a file"),
    ],
)
def test_mistakes_are_told_at_their_place(file: Path, call: Call, said: str, instead: str, message: str) -> None:
    file.write_text(RUN.replace(said, instead))
    code, _, err = call("allocate", file.name, "-q")
    assert code == 2
    assert f"{file.name}:" in err
    assert message in err


def test_the_file_is_read_as_it_is_written(file: Path) -> None:
    spec = read_allocation(file)
    assert AllocationSpec.model_validate(spec.plain()) == spec
