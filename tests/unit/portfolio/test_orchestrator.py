"""The orchestrator: what it asks, what it tells, and what becomes of a failure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.core.errors import ModelError
from regimefolio.core.types import Allocation, Float
from regimefolio.market.view import View
from regimefolio.portfolio import (
    AllocationOrchestrator,
    Allocator,
    Blend,
    Blended,
    EqualWeight,
    HierarchicalRiskParity,
    MinVariance,
    Proposals,
)
from regimefolio.testing import synthetic_market

MARKET = synthetic_market(100)


class Broken(Allocator, kind="broken"):
    """It never knows."""

    def weights(self, view: View) -> Float:
        raise ZeroDivisionError("no idea")


class Large(Allocator, kind="large"):
    """Equal weights, with 16 megabytes."""

    def weights(self, view: View) -> Float:
        return np.ones(2**21)[0] * EqualWeight().weights(view)


class Clueless(Blend, kind="clueless"):
    """It gives nothing."""

    def blend(self, proposals: Proposals, view: View) -> Blended:
        nothing = np.full(view.alpha.size, np.nan)
        return Blended(nothing, nothing[: len(proposals.names)])


def view(past: tuple[Allocation, ...] = ()) -> View:
    tradable = MARKET.panel.member[-1] & np.isfinite(MARKET.panel.close[-1])
    return View(MARKET, np.zeros(MARKET.panel.n_assets, np.float32), tradable, past=past)


def orchestrator(*optimizers: object, **settings: object) -> AllocationOrchestrator:
    return AllocationOrchestrator.model_validate(
        {"optimizers": list(optimizers), "orchestration_type": "equal", "lookback": 60, **settings}
    )


def test_the_blend_is_the_mean_of_what_each_gives_alone() -> None:
    found = orchestrator("equal_weight", "min_variance", "hrp").run_allocation(view())
    alone = [EqualWeight(), MinVariance(lookback=60), HierarchicalRiskParity(lookback=60)]
    for row, allocator in zip(found.df_allocation, alone, strict=True):
        assert row.tobytes() == allocator.weights(view()).tobytes()
    np.testing.assert_allclose(found.weights, found.df_allocation.mean(axis=0), rtol=1e-15)
    assert found.blend.tolist() == [1 / 3] * 3
    assert found.status == ("ok", "ok", "ok")


def test_what_each_gave_is_made_once_however_often_it_is_asked_for() -> None:
    found = orchestrator("equal_weight", "hrp").run_allocation(view())
    assert found.alone["hrp"].weights.tobytes() == found.df_allocation[1].tobytes()
    assert found.alone["hrp"].timestamp == found.timestamp
    assert found.alone["hrp"] is found.alone["hrp"]
    assert not found.alone["hrp"].alone


def test_statistics_are_those_of_the_moments_that_hold_for_all() -> None:
    found = orchestrator("equal_weight", "min_variance").run_allocation(view())
    assert found.volatility[1] < found.volatility[0]
    held = int(view().tradable.sum())
    assert found.concentration[0] == pytest.approx(1.0 / held)


def test_one_that_says_a_lookback_keeps_it() -> None:
    first, second = orchestrator("hrp", {"kind": "hrp", "lookback": 30, "name": "short"}).allocators
    assert (first, second) == (HierarchicalRiskParity(lookback=60), HierarchicalRiskParity(lookback=30))


def test_names_must_differ() -> None:
    with pytest.raises(ValidationError, match="'hrp' stands here twice; give each a name"):
        orchestrator("hrp", {"kind": "hrp", "lookback": 30})


def test_a_lookback_that_holds_for_all_must_suit_each() -> None:
    with pytest.raises(
        ValidationError, match="with the lookback and moments that hold for all: skip 60 leaves nothing"
    ):
        orchestrator("hrp", {"kind": "momentum", "skip": 60})


def test_there_is_no_default_for_the_blend() -> None:
    with pytest.raises(ValidationError, match="orchestration_type"):
        AllocationOrchestrator.model_validate({"optimizers": ["hrp"]})


def test_a_failure_is_a_status_and_the_others_are_blended() -> None:
    found = orchestrator("broken", "equal_weight").run_allocation(view())
    assert found.status == ("failed", "ok")
    assert found.message[0] == "ZeroDivisionError: no idea; it was left out"
    assert "raise ZeroDivisionError" in found.traceback[0]
    assert np.isnan(found.df_allocation[0]).all()
    assert found.blend.tolist() == [0.0, 1.0]
    assert found.weights.tobytes() == EqualWeight().weights(view()).tobytes()


def test_moments_that_cannot_be_made_leave_those_who_need_none() -> None:
    found = orchestrator("equal_weight", "min_variance", lookback=10, covariance_transformers=["robust"])
    told = found.run_allocation(view())
    assert told.status == ("ok", "failed")
    assert "`robust` needs more than" in told.message[1]
    assert told.weights.tobytes() == EqualWeight().weights(view()).tobytes()
    assert np.isnan(told.volatility).all()
    assert np.isnan(told.expected_return).all()
    assert np.isfinite(told.concentration[0])


def test_a_blend_that_cannot_be_used_is_an_error() -> None:
    asked = orchestrator("equal_weight", orchestration_type="clueless")
    with pytest.raises(ModelError, match=r"blend clueless at .*: the weight of \w+ is nan; it must be finite"):
        asked.run_allocation(view())


def test_equal_weights_take_the_place_of_a_failure_and_say_so() -> None:
    found = orchestrator("broken", "hrp", on_failure="equal_weight").run_allocation(view())
    assert found.df_allocation[0].tobytes() == EqualWeight().weights(view()).tobytes()
    assert found.status[0] == "failed"
    assert found.message[0].endswith("equal weights took its place")


def test_the_weights_of_the_time_before_take_the_place_of_a_failure() -> None:
    asked = orchestrator("broken", "equal_weight", on_failure="previous_weights")
    first = asked.run_allocation(view())
    assert first.message[0].endswith("it was left out")
    shares = np.where(view().tradable, 0.05, 0.0)
    before = replace(first, weights=shares, df_allocation=np.stack([shares, shares]))
    found = asked.run_allocation(view((before,)))
    assert found.df_allocation[0].tolist() == shares.tolist()
    assert found.status[0] == "failed"


def test_no_weights_at_all_are_an_error() -> None:
    with pytest.raises(ModelError, match=r"no allocator gave weights at .*: broken: ZeroDivisionError: no idea"):
        orchestrator("broken").run_allocation(view())


def test_what_is_not_measured_is_nan_and_what_is_measured_is_not() -> None:
    found = orchestrator("hrp", measure=()).run_allocation(view())
    assert np.isnan([found.seconds, found.peak_mb, found.resident_mb]).all()
    found = orchestrator("hrp", measure=("time", "memory")).run_allocation(view())
    assert found.seconds[0] > 0.0
    assert found.peak_mb[0] > 0.0
    assert found.resident_mb[0] >= 0.0


def test_the_memory_of_an_orchestrator_inside_another_is_all_that_it_takes() -> None:
    inside = orchestrator("large", "equal_weight", measure=["memory"])
    found = orchestrator({**inside.spec(), "name": "inside"}, "large", measure=["memory"]).run_allocation(view())
    assert found.peak_mb == pytest.approx([16.0, 16.0], abs=2.0)
