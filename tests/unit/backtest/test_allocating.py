"""An allocation run: the blend, each optimizer alone, the blend without each, and the files of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.api import Allocation
from regimefolio.backtest import (
    AllocationFolder,
    AllocationRun,
    AllocationSpec,
    BacktestRunner,
    Run,
    allocate,
    failures,
    prepare,
    read_allocation,
    results_document,
    run_allocations,
)
from regimefolio.core.errors import ConfigError, CorruptError, LockedError, MissingDataError, StaleError
from regimefolio.core.files import json_text, read_json, write_json
from regimefolio.core.types import Float
from regimefolio.market.view import Market, View
from regimefolio.portfolio import Allocator, StackedBlend
from regimefolio.testing import synthetic_market

PANEL = synthetic_market(260).panel
MARKET = Market(PANEL, benchmark=np.linspace(100.0, 130.0, PANEL.n_bars))


class Moody(Allocator, kind="moody"):
    """Equal weights, but in every second month, when it fails."""

    def weights(self, view: View) -> Float:
        if int(view.market.timestamps[-1].astype("datetime64[M]").astype(np.int64)) % 2:
            raise RuntimeError("not this month")
        return view.tradable / max(view.tradable.sum(), 1)


def spec(**said: object) -> AllocationSpec:
    return AllocationSpec.model_validate(
        {
            "data": {"source": "sample:us5"},
            "benchmark": "index",
            "strategies": [{"kind": "momentum_rank", "lookback": 30, "skip": 5}],
            "orchestration_type": "equal",
            "optimizers": ["min_variance", "hrp", {"kind": "proportional", "name": "alpha"}],
            "lookback": 40,
            "measure": [],
            **said,
        }
    )


@pytest.fixture(scope="module")
def run() -> AllocationRun:
    return run_allocations(spec(), MARKET)


def equal(one: Run, other: Run) -> bool:
    return one.simulation.equity.tobytes() == other.simulation.equity.tobytes() and one.metrics == other.metrics


def backtest(allocator: Allocator, said: AllocationSpec | None = None) -> Run:
    """What a backtest with this allocator gives on the same bars."""
    described = (said or spec()).backtest()
    start = prepare(described, MARKET).start
    portfolio = described.portfolio.model_copy(update={"allocator": allocator})
    runner = BacktestRunner(MARKET, portfolio, described.execution)
    return runner.run(described.ensemble(), start)


def test_the_blend_is_the_backtest_of_the_orchestrator_to_the_bit(run: AllocationRun) -> None:
    alone = backtest(spec().orchestrator)
    assert equal(run.blend, alone)
    assert run.blend.target.tobytes() == alone.target.tobytes()


def test_each_optimizer_alone_is_the_backtest_of_it_to_the_bit(run: AllocationRun) -> None:
    asked = spec().orchestrator
    for name, allocator in zip(asked.names, asked.allocators, strict=True):
        assert equal(run.optimizers[name], backtest(allocator)), name
    assert equal(run.equal_weight, backtest(Allocator.of("equal_weight")))


def test_the_blend_without_one_is_that_of_a_run_without_it(run: AllocationRun) -> None:
    for name in ("min_variance", "hrp", "alpha"):
        kept = [entry for entry in spec().optimizers if entry.name != name]
        fewer = run_allocations(spec(optimizers=kept), MARKET)
        first = int(np.flatnonzero(MARKET.timestamps == fewer.bars[0])[0])
        assert first == run.blend.simulation.start
        assert equal(run.without[name], fewer.blend), name


def test_constraints_hold_for_each_of_them_after_the_blend() -> None:
    found = run_allocations(spec(constraints={"max_position": 0.15}), MARKET)
    assert max(np.abs(each.weights).max() for each in found.allocations) > 0.15
    assert np.nanmax(np.abs(found.blend.target)) <= 0.15
    assert found.blend.metrics["exposure"] > 0.5


def test_one_that_fails_at_some_dates_has_no_order_there_and_keeps_its_place() -> None:
    said = spec(optimizers=["moody", "hrp"])
    found = run_allocations(said, MARKET)
    failed = [each.status[0] == "failed" for each in found.allocations]
    assert failures(found) == {"moody": sum(failed), "hrp": 0}
    assert 0 < sum(failed) < len(failed)
    traded = found.optimizers["moody"].simulation.turnover[found.optimizers["moody"].simulation.start :]
    filled = [int(np.flatnonzero(MARKET.timestamps == each.timestamp)[0]) + 1 for each in found.allocations]
    start = found.optimizers["moody"].simulation.start
    for bar, is_out in zip(filled, failed, strict=True):
        if bar < PANEL.n_bars:
            assert bool(traded[bar - start] == 0.0) == is_out, bar
    # the others' dates are not moved by it
    assert equal(found.optimizers["hrp"], run_allocations(spec(optimizers=["hrp"]), MARKET).optimizers["hrp"])


def test_rebalances_do_not_depend_on_the_first_bar() -> None:
    dates = []
    for cut in (0, 7):
        cells: dict[str, Any] = {
            name: np.ascontiguousarray(getattr(PANEL, name)[cut:])
            for name in ("timestamps", "open", "high", "low", "close", "volume", "member")
        }
        panel = replace(PANEL, **cells)
        found = run_allocations(spec(leave_one_out=False), Market(panel, benchmark=panel.close[:, 0]))
        dates.append([each.timestamp for each in found.allocations[1:]])
    assert len(dates[0]) > 5
    assert dates[1] == dates[0][-len(dates[1]) :]


def test_a_benchmark_without_prices_is_an_error() -> None:
    for benchmark in (None, np.full(PANEL.n_bars, np.nan)):
        with pytest.raises(MissingDataError, match="benchmark 'index' has no price at the bars that trade"):
            run_allocations(spec(), Market(PANEL, benchmark=benchmark))


def test_a_benchmark_that_begins_after_trading_is_an_error_and_no_flat_line() -> None:
    late = np.linspace(100.0, 130.0, PANEL.n_bars)
    late[: int(np.searchsorted(PANEL.timestamps, run_allocations(spec(), MARKET).bars[0])) + 1] = np.nan
    with pytest.raises(MissingDataError, match=r"begins at .*, but trading at .*, up to which"):
        run_allocations(spec(), Market(PANEL, benchmark=late))


def test_a_benchmark_that_ends_before_the_data_is_an_error_before_anything_is_decided() -> None:
    early = np.linspace(100.0, 130.0, PANEL.n_bars)
    early[-21:] = np.nan
    assert run_allocations(spec(), Market(PANEL, benchmark=early)).benchmark.equity[-1] > 0.0
    early[-22:] = np.nan
    asked: list[View] = []

    def noted(view: View, make: Callable[[], Allocation]) -> Allocation:
        asked.append(view)
        return make()

    with pytest.raises(MissingDataError, match=r"benchmark 'index' ends at .*, after which it would be a flat line"):
        run_allocations(spec(), Market(PANEL, benchmark=early), noted)
    assert not asked


def test_expected_returns_of_alphas_need_strategies() -> None:
    with pytest.raises(ValidationError, match="alpha_scores looks at alphas, and no strategies give any"):
        spec(optimizers=["hrp"], expected_returns="alpha_scores", strategies=[])


def test_what_no_backtest_may_say_is_refused_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    said = "benchmark: index, orchestration_type: equal, optimizers: [hrp], data: {source: 'sample:us5'}"
    for more, text in (
        ("constraints: {max_gross: 1.5}", r"2:15: max_gross 1\.5 would overdraw cash without shorts"),
        ("strategies: [momentum_rank, momentum_rank]", "2:1: .*momentum_rank"),
    ):
        file.write_text(f"allocation: {{{said},\n{more}}}\n")
        with pytest.raises(ConfigError, match=text):
            read_allocation(file)


def test_an_optimizer_that_the_data_does_not_fit_is_named_with_its_place() -> None:
    with pytest.raises(ConfigError, match="one_hot: unknown symbol 'SPY'") as caught:
        run_allocations(spec(optimizers=["hrp", {"kind": "one_hot", "symbol": "SPY"}]), MARKET)
    assert caught.value.place == ("optimizers", 1)


def test_one_optimizer_alone_leaves_nothing_to_leave_out() -> None:
    assert run_allocations(spec(optimizers=["hrp"]), MARKET).without == {}
    assert run_allocations(spec(leave_one_out=False), MARKET).without == {}


# On disk


def files(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.rglob("*.json")}


def kept(tmp_path: Path, said: AllocationSpec, inputs: str = "prices") -> AllocationFolder:
    return AllocationFolder(said, inputs, tmp_path)


def test_a_run_that_was_stopped_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    said = spec()
    whole, stopped = kept(tmp_path / "whole", said), kept(tmp_path / "stopped", said)
    with whole.opened():
        expected = run_allocations(said, MARKET, whole.kept)
    asked: list[np.datetime64] = []

    def tired(view: View, make: object) -> Allocation:
        asked.append(view.market.timestamps[-1])
        if len(asked) == 4:
            raise KeyboardInterrupt
        return stopped.kept(view, make)  # type: ignore[arg-type]

    with pytest.raises(KeyboardInterrupt), stopped.opened():
        run_allocations(said, MARKET, tired)
    again = kept(tmp_path / "stopped", said)
    with again.opened():
        found = run_allocations(said, MARKET, again.kept)
    assert again.reused == 3
    assert equal(found.blend, expected.blend)
    for name in said.orchestrator.names:
        assert equal(found.without[name], expected.without[name])
    assert files(whole.root) == files(again.root)
    assert json_text(results_document(said, "prices", found)) == json_text(results_document(said, "prices", expected))


def test_what_was_made_from_something_else_is_refused_or_taken_away(tmp_path: Path) -> None:
    with kept(tmp_path, spec()).opened():
        run_allocations(spec(), MARKET, kept(tmp_path, spec()).kept)
    before = files(tmp_path)
    other = kept(tmp_path, spec(lookback=50))
    with (
        pytest.raises(StaleError, match=r"of another configuration \(optimizers, lookback\); .* --force"),
        other.opened(),
    ):
        pass
    others = kept(tmp_path, spec(lookback=50), "others")
    with (
        pytest.raises(StaleError, match=r"another configuration \(optimizers, lookback\) and other data"),
        others.opened(),
    ):
        pass
    assert files(tmp_path) == before
    with other.opened(force=True):
        assert not files(tmp_path)
        run_allocations(spec(lookback=50), MARKET, other.kept)
    # a seed, or whether to leave one out, changes nothing that is kept
    with kept(tmp_path, spec(lookback=50, seed=1, leave_one_out=False)).opened():
        pass


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with kept(tmp_path, spec()).opened(), pytest.raises(LockedError), kept(tmp_path, spec()).opened():
        pass


@pytest.mark.parametrize("harm", ["a weight", "no digest", "no file of ours", "a stranger"])
def test_a_file_that_is_not_what_was_written_is_an_error(tmp_path: Path, harm: str) -> None:
    folder = kept(tmp_path, spec())
    with folder.opened():
        run_allocations(spec(), MARKET, folder.kept)
    path = sorted((folder.root / "allocations").iterdir())[1]
    document = read_json(path)
    if harm == "a weight":
        symbol = next(iter(document["weights"]))
        document["weights"][symbol] *= 1.0000001
    elif harm == "no digest":
        del document["sha256"]
    elif harm == "no file of ours":
        document = {"weights": 3}
    else:
        document["weights"]["ZZZ"] = document["weights"].pop(next(iter(document["weights"])))
    write_json(path, document)
    with folder.opened(), pytest.raises(CorruptError, match=f"{path.name}: is not the allocation .* delete it and run"):
        run_allocations(spec(), MARKET, folder.kept)


def test_the_whole_way_on_the_built_in_sample(tmp_path: Path) -> None:
    said = spec(
        data={"source": "sample:us5", "start": "2006-01-01", "end": "2007-12-31"},
        benchmark="equal_weight",
        lookback=100,
    )
    first = allocate(said, tmp_path)
    told = json.loads(first.folder.results.read_text())
    assert told["blend"]["metrics"]["sharpe"] == first.run.blend.metrics["sharpe"]
    assert told["rebalances"] == len(first.run.allocations) == len(list((first.folder.root / "allocations").iterdir()))
    assert list(told["optimizers"]) == ["min_variance", "hrp", "alpha"]
    again = allocate(said, tmp_path)
    assert again.folder.reused == len(first.run.allocations)
    assert json.loads(again.folder.results.read_text()) == told


def test_a_blend_that_trades_on_paper_pays_what_the_run_pays_unless_it_says() -> None:
    def paid(blend: object) -> float:
        asked = spec(orchestration_type=blend, execution={"commission_bps": 2, "slippage_bps": 1}).orchestrator
        assert isinstance(asked.orchestration_type, StackedBlend)
        return asked.orchestration_type.cost_bps

    assert paid("stacked") == pytest.approx(3.0)
    assert paid({"kind": "stacked", "cost_bps": 7}) == 7.0


def test_what_is_kept_says_what_held_for_each_optimizer(tmp_path: Path) -> None:
    said = spec(optimizers=["inverse_volatility", "hrp"], orchestration_type="stacked")
    folder = kept(tmp_path, said)
    with folder.opened():
        found = run_allocations(said, MARKET, folder.kept)
    for told in (
        read_json(folder.root / "allocation.json")["allocation"],
        results_document(said, "", found)["parameters"],
    ):
        assert [each["lookback"] for each in told["optimizers"]] == [40, 40]
        assert told["orchestration_type"]["cost_bps"] == 10.0


def test_for_whom_the_first_decision_waits() -> None:
    assert spec().slowest == ("min_variance", 40)
    assert (
        spec(strategies=[{"kind": "momentum_rank", "lookback": 60, "skip": 5}]).slowest[0] == "strategy momentum_rank"
    )
    assert spec(orchestration_type={"kind": "optimized", "window": 50}).slowest == ("optimized", 40 + 50 + 2 * 21)
    for who, named in (({"kind": "hrp", "lookback": 300}, "hrp needs 300 bars"), ("ridge", "ridge needs 420 bars")):
        with pytest.raises(ConfigError, match=f"{named} before it can say anything, but the data has 260"):
            run_allocations(spec(optimizers=[who, "equal_weight"]), MARKET)


class Greedy(Allocator, kind="greedy"):
    """More than there is."""

    def weights(self, view: View) -> Float:
        return 0.5 * view.tradable.astype(np.float64)


def test_more_than_there_is_is_a_failure() -> None:
    found = run_allocations(spec(optimizers=["greedy", "hrp"]), MARKET)
    assert failures(found) == {"greedy": len(found.allocations), "hrp": 0}
    assert "they are shares of what may be invested, 1 at most" in found.allocations[0].message[0]
