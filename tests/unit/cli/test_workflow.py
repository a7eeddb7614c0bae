"""`run` and `demo`: the whole flow on a small workflow, as a person and as a program sees it."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from regimefolio import api
from regimefolio.cli.results import Results
from tests.unit.cli.conftest import Call, write_workflow
from tests.workflows import BARS, EMBARGO, NAMES, TRAIN

TABLES = (
    "Best of 4 trials",
    "Parameters by regime",
    "Weights by regime",
    f"On {BARS - TRAIN - EMBARGO} test bars",
    "Checks of the adaptive",
)
STAGES = tuple(name.replace("_", " ") + ": " for name in NAMES)
REPORT = "results/small/report.html"


def stamps(folder: Path) -> dict[str, int]:
    """When every file of the results was last written."""
    results = folder / "results" / "small"
    wanted = [path for name in ("signals", "performance", "analysis") for path in (results / name).iterdir()]
    return {path.name: path.stat().st_mtime_ns for path in wanted}


def actions(text: str) -> dict[str, str]:
    return {step["phase"]: step["action"] for step in json.loads(text)["phases"]}


def test_first_run_tells_every_phase_in_order_and_ends_with_the_report(folder: Path, call: Call) -> None:
    code, out, err = call("run", "small.yaml")
    assert (code, err) == (0, "")
    expected = [part for pair in zip(STAGES, TABLES, strict=False) for part in pair] + [TABLES[-1]]
    places = [out.index(part) for part in expected]
    assert places == sorted(places)
    assert out.splitlines()[-1] == f"Report: {REPORT}"
    assert (folder / REPORT).is_file()
    assert max(map(len, out.splitlines()[:-2])) <= 80
    spec = api.read_workflow(Path("small.yaml"))
    assert Results(folder / "results" / "small", spec).answer() in " ".join(out.split())


def test_second_run_finds_the_finished_phases(folder: Path, call: Call) -> None:
    assert call("run", "small.yaml").code == 0
    before = stamps(folder)
    code, out, _ = call("run", "small.yaml")
    assert code == 0
    assert "All phases were finished before" in out
    assert all(table in out for table in TABLES)
    assert not any(stage + "2 of" in out for stage in STAGES)
    assert out.splitlines()[-1] == f"Report: {REPORT}"
    assert stamps(folder) == before


def test_json_is_pure_and_says_what_the_files_say(folder: Path, call: Call) -> None:
    code, out, err = call("run", "small.yaml", "--json")
    assert code == 0
    found = json.loads(out)
    results = folder / "results" / "small"
    validation = json.loads((results / "performance" / "validation_results.json").read_text())
    assert found["report"] == REPORT
    assert list(actions(out)) == list(NAMES)
    assert set(actions(out).values()) == {"run"}
    assert found["runs"]["static"]["metrics"] == validation["runs"]["static"]["metrics"]
    assert found["checks"] == validation["checks"]
    assert found["parameters"] == json.loads((results / "analysis" / "regime_optimal_params.json").read_text())
    assert [best["strategy"] for best in found["best_trials"]] == ["bollinger_mean_reversion", "momentum_rank"]
    assert found["answer"].startswith(("Adapting", "Whether"))
    assert "validation: " in err
    assert set(actions(call("run", "small.yaml", "--json").out).values()) == {"reuse"}


def test_quiet_prints_the_report_alone(folder: Path, call: Call) -> None:
    assert call("run", "small.yaml", "--quiet") == (0, REPORT + "\n", "")


def test_from_runs_a_phase_and_those_after_it(folder: Path, call: Call) -> None:
    call("run", "small.yaml", "-q")
    before = stamps(folder)
    code, out, _ = call("run", "small.yaml", "--from", "ensemble_optimization")
    assert code == 0
    assert ["reuse" in line for name in NAMES for line in out.splitlines() if line.startswith(name + " ")] == [
        True, True, False, False,
    ]  # fmt: skip
    changed = {name for name, stamp in stamps(folder).items() if before[name] != stamp}
    assert "ensemble_weights.json" in changed
    assert "validation_results.json" in changed
    assert not changed & {"trial_0.npy", "trial_0.json", "regime_optimal_params.json"}


def test_dry_run_says_why_and_writes_nothing(folder: Path, call: Call) -> None:
    code, out, _ = call("run", "small.yaml", "--dry-run")
    assert code == 0
    assert out.count("not finished before") == len(NAMES)
    assert not (folder / "results").exists()
    call("run", "small.yaml", "-q")
    before = stamps(folder)
    write_workflow(folder, (folder / "small.yaml").read_text().replace("min_bars: 30", "min_bars: 31"))
    planned = json.loads(call("run", "small.yaml", "--dry-run", "--json").out)
    assert [step["action"] for step in planned["phases"]] == ["reuse", "run", "run", "run"]
    assert planned["phases"][1]["reason"] == "its configuration changed"
    assert stamps(folder) == before


def test_what_a_run_wrote_is_a_workflow_and_a_backtest(folder: Path, call: Call) -> None:
    call("run", "small.yaml", "-q")
    again = call("run", "results/small/metadata/workflow.yaml", "--dry-run", "--json")
    assert set(actions(again.out).values()) == {"reuse"}
    code, out, _ = call("backtest", "results/small/analysis/adaptive_strategy.yaml", "--json")
    assert code == 0
    found = json.loads(out)
    validation = json.loads((folder / "results/small/performance/validation_results.json").read_text())
    orders = {each["symbol"]: each["target"] for each in found["orders"]["positions"]}
    assert orders
    assert orders == {  # the same strategy, so the same orders, whenever it began to trade
        each["symbol"]: pytest.approx(each["target"])
        for each in validation["orders"]["positions"]
        if each["held"] or each["target"]
    }


def test_threads_change_nothing(folder: Path, call: Call) -> None:
    one = json.loads(call("run", "small.yaml", "--json", "--threads", "1").out)
    two = json.loads(call("run", "small.yaml", "--json", "--threads", "3", "--from", "parameter_discovery").out)
    assert {**one, "phases": None} == {**two, "phases": None}


def test_masked_bars_are_counted(folder: Path, call: Call) -> None:
    prices = (folder / "prices.csv").read_text().splitlines()
    for line in range(200, 222):
        prices[line] = prices[line].rsplit(",", 1)[0] + ",-1"
    (folder / "prices.csv").write_text("\n".join(prices))
    write_workflow(folder, (folder / "small.yaml").read_text().replace("  data:\n", "  data:\n    on_bad: mask\n"))
    said = call("run", "small.yaml", "--dry-run")
    assert said.code == 0
    assert "22 defects masked (zero or negative price 22): line 201 DDD" in " ".join(said.out.split())


def test_demo_is_introduced_by_what_it_is(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(api, "demo_file", lambda: tmp_path / "small.yaml")
    code, out, _ = call("demo", "--output", "elsewhere")
    assert code == 0
    text = " ".join(out.split())
    assert "searches the parameters of bollinger_mean_reversion and momentum_rank" in text
    assert "prices.csv: 4 symbols, 900 bars" in text
    assert out.splitlines()[-1] == "Report: elsewhere/small/report.html"


def test_the_shipped_demo_is_planned(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = call("run", str(api.demo_file()), "--dry-run")
    assert code == 0
    text = " ".join(out.split())
    assert "chosen because they survived to 2022" in text
    assert "up to 2012-12-31" in text


def test_kernels_are_announced_when_they_must_be_compiled(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "kernels_are_compiled", lambda: False)
    assert "Compiling kernels" in call("run", "small.yaml").out
    assert "Compiling kernels" not in call("run", "small.yaml").out


def test_ctrl_c_stops_and_says_how_to_go_on(folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(root: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(api, "write_report", stopped)
        code, _, err = call("run", "small.yaml")
    assert (code, err) == (130, "stopped; run again to resume\n")
    assert set(actions(call("run", "small.yaml", "--json").out).values()) == {"reuse"}


def test_unknown_phase_is_a_mistake_with_a_hint(folder: Path, call: Call) -> None:
    said = call("run", "small.yaml", "--from", "validaton")
    assert said == (2, "", "error: unknown phase 'validaton'; did you mean 'validation'?\n")
    assert not (folder / "results").exists()


def test_best_trial_is_the_first_with_the_best_objective(folder: Path, tmp_path: Path) -> None:
    results = tmp_path / "w"
    (results / "performance").mkdir(parents=True)
    rows = [
        ("bollinger_mean_reversion", {"lookback": 5}, "ok", float("nan")),
        ("bollinger_mean_reversion", {"lookback": 10}, "ok", 0.2),
        ("bollinger_mean_reversion", {"lookback": 15}, "ok", 0.5),
        ("bollinger_mean_reversion", {"lookback": 25}, "ok", 0.5),
        ("momentum_rank", {"lookback": 16}, "failed", float("nan")),
    ]
    pl.DataFrame(
        {
            "trial": range(5),
            "strategy": [kind for kind, *_ in rows],
            "parameters": [json.dumps(parameters) for _, parameters, *_ in rows],
            "status": [status for *_, status, _ in rows],
            "sharpe": [sharpe for *_, sharpe in rows],
        }
    ).write_parquet(results / "performance" / "trials.parquet")
    found = Results(results, api.read_workflow(folder / "small.yaml")).best_trials()
    assert [(best.trials, best.failed, best.trial) for best in found] == [(4, 0, 2), (1, 1, None)]
