"""What an allocation run shows: spreads by hand, dates that stay where they were, and differences of real runs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from regimefolio.core.types import Allocation
from regimefolio.evaluation import AllocationEvaluation, Holdings, evaluate_allocations
from regimefolio.evaluation.allocation import weights_history
from tests.allocations import FAILS, allocation_run, allocation_spec, made

NAN = math.nan


def allocation(names: tuple[str, ...], table: list[list[float]]) -> Allocation:
    """What optimizers gave for two assets, with nothing else said of them."""
    none = np.full(len(names), NAN)
    words = ("",) * len(names)
    time, symbols, weights = np.datetime64("2020-01-31", "ns"), ("A", "B"), np.array([0.5, 0.5])
    of_each = (words, words, words, none, none, none, none, none, none)
    return Allocation(time, symbols, weights, names, np.array(table), none, *of_each)


@pytest.fixture(scope="module")
def found() -> AllocationEvaluation:
    _, dataset, run = allocation_run()
    return evaluate_allocations(run, dataset.panel.periods_per_year)


def test_holdings_by_hand() -> None:
    weights = np.array([[0.5, 0.5, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.25] * 4, [0.4, 0.1, 0.0, 0.0], [0.0] * 4])
    held = Holdings.of(weights, np.full(5, 0.25))
    np.testing.assert_allclose(held.effective_assets, [2.0, 1.0, 4.0, 1 / (0.64 + 0.04), NAN])
    assert held.above_equal[:4].tolist() == [2.0, 1.0, 0.0, 1.0]
    np.testing.assert_allclose(held.change, [NAN, 0.5, 0.75, (0.15 + 0.15 + 0.5) / 2, 0.25])
    assert math.isnan(held.above_equal[4])


def test_the_largest_weights_are_summed_over_the_gross() -> None:
    weights = np.linspace(1.0, 6.0, 60)[None, ::-1] * np.where(np.arange(60) % 2, 0.001, -0.001)
    held = Holdings.of(weights, np.array([1 / 60]))
    share = np.sort(np.abs(weights[0]))[::-1] / np.abs(weights).sum()
    for k in (5, 10, 50):
        assert held.top[k][0] == pytest.approx(share[:k].sum())
    assert held.effective_assets[0] == pytest.approx(1 / (share**2).sum())


def test_several_portfolios_are_each_as_if_alone() -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(7), (6, 3))
    weights[2, 1] = np.nan
    equal = np.full(6, 1 / 7)
    together = Holdings.of(weights, equal)
    for k in range(3):
        alone = Holdings.of(np.ascontiguousarray(weights[:, k]), equal)
        for name in ("effective_assets", "above_equal", "change"):
            np.testing.assert_allclose(getattr(together, name)[:, k], getattr(alone, name))
    assert np.isnan(together.effective_assets[2, 1])
    assert np.isnan(together.change[2:4, 1]).all()  # nothing is known of the step to it, nor from it
    assert np.isfinite(together.change[4, 1])


def test_an_optimizer_that_is_missing_at_a_date_keeps_its_place() -> None:
    rows = [("x", "y"), ("y",), ("y", "x")]
    tables = [[[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5]], [[0.2, 0.8], [0.3, 0.7]]]
    allocations = [allocation(*each) for each in zip(rows, tables, strict=True)]
    history = weights_history(allocations, ("x", "y"))
    np.testing.assert_array_equal(history[:, 0], [[1.0, 0.0], [NAN, NAN], [0.3, 0.7]])
    np.testing.assert_array_equal(history[:, 1], [[0.0, 1.0], [0.5, 0.5], [0.2, 0.8]])


def test_failures_are_counted_with_what_they_said(found: AllocationEvaluation) -> None:
    run = allocation_run()[2]
    (failure,) = found.failures
    failed = [k for k in range(len(run.allocations)) if k % 3 == 2]
    assert failure.name == "unreliable"
    assert failure.rebalances == len(failed)
    assert FAILS in failure.message
    assert (failure.first, failure.last) == tuple(run.allocations[k].timestamp for k in (failed[0], failed[-1]))


def test_resources_are_those_of_the_allocations(found: AllocationEvaluation) -> None:
    seconds = [each.seconds[1] for each in allocation_run()[2].allocations]
    spread = found.resources["inverse_volatility"].seconds
    assert list(spread) == pytest.approx([np.median(seconds), max(seconds), sum(seconds)])
    assert all(map(math.isnan, found.resources["inverse_volatility"].peak_mb))  # not measured


def test_the_blend_is_what_was_ordered_and_optimizers_what_they_gave(found: AllocationEvaluation) -> None:
    run = allocation_run()[2]
    for k, each in enumerate(run.allocations):
        np.testing.assert_allclose(found.blend.weights[k], each.weights, atol=1e-12)
        np.testing.assert_array_equal(found.optimizers.weights[k], each.df_allocation)
        assert found.timestamps[k] == each.timestamp
    np.testing.assert_allclose(found.optimizers.effective_assets[0, 3], 1.0)
    assert np.isnan(found.optimizers.effective_assets[2::3, 3]).all()


def test_an_equal_share_is_one_of_what_is_held(found: AllocationEvaluation) -> None:
    half = made(allocation_spec(constraints={"max_gross": 0.5}))[2]
    said = evaluate_allocations(half, 252.0)
    np.testing.assert_array_equal(said.blend.above_equal, found.blend.above_equal)
    np.testing.assert_array_equal(said.optimizers.above_equal, found.optimizers.above_equal)


def test_differences_are_those_of_the_runs(found: AllocationEvaluation) -> None:
    run, names = allocation_run()[2], ("sharpe", "cagr", "max_drawdown")
    ours = run.blend.metrics
    assert found.minus_equal_weight.point == pytest.approx(ours["sharpe"] - run.equal_weight.metrics["sharpe"])
    assert found.minus_benchmark.point == pytest.approx(ours["sharpe"] - run.benchmark.metrics["sharpe"])
    assert found.minus_benchmark.low < found.minus_benchmark.point < found.minus_benchmark.high
    for name, each in found.added.items():
        theirs = run.without[name].metrics
        expected = [ours[key] - theirs[key] for key in names]
        assert [each.sharpe.point, each.cagr, each.max_drawdown] == pytest.approx(expected, abs=1e-9)
    assert found.added["min_variance"].cagr == found.added["its_twin"].cagr


def test_twins_end_up_together(found: AllocationEvaluation) -> None:
    for each in found.clusters:
        assert any({"min_variance", "its_twin"} <= set(cluster) for cluster in each.clusters)
        assert set(each.closest(1)[0][:2]) == {"min_variance", "its_twin"}
    assert any("unreliable" in cluster and len(cluster) == 1 for cluster in found.clusters.weight_distance.clusters)


def test_a_bankrupt_blend_is_compared_with_nothing() -> None:
    _, dataset, run = allocation_run()
    simulation = run.blend.simulation
    equity = simulation.equity.copy()
    equity[-3:] = 0.0
    ruined = replace(run, blend=replace(run.blend, simulation=replace(simulation, equity=equity)))
    found = evaluate_allocations(ruined, dataset.panel.periods_per_year)
    assert math.isnan(found.minus_benchmark.point)
    assert all(math.isnan(each.sharpe.point) for each in found.added.values())
