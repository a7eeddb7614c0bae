"""Random search: uniform, seeded, without repetition; ranges without a step, and weights on the simplex."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy import stats

from regimefolio.core.errors import ConfigError
from regimefolio.research import Grid, ParameterSpace, Random, Simplex, single_batch


def space_of(**axes: Any) -> ParameterSpace:
    return ParameterSpace.model_validate(axes)


WIDE = space_of(lookback={"int": [5, 5_000_000], "step": 5}, width={"float": [0.5, 3.0]}, side=["long", "both"])


def test_a_seed_fixes_the_points_and_another_or_another_stream_gives_others() -> None:
    ask = Random(trials=20).ask
    assert ask(WIDE, seed=1, stream="a") == ask(WIDE, seed=1, stream="a")
    different = [ask(WIDE, seed=1, stream="a"), ask(WIDE, seed=2, stream="a"), ask(WIDE, seed=1, stream="b")]
    assert len({json.dumps(points) for points in different}) == 3
    assert Random(trials=20, seed=2).ask(WIDE, seed=1, stream="a") == ask(WIDE, seed=2, stream="a")


@pytest.mark.parametrize("space", [WIDE, space_of(lookback={"int": [1, 99]}), Simplex(3, None), Simplex(3, 0.05)])
def test_more_trials_begin_with_the_same_points(space: Any) -> None:
    assert Random(trials=30).ask(space, seed=4)[:10] == Random(trials=10).ask(space, seed=4)


def test_a_small_space_is_tried_whole_and_once() -> None:
    small = space_of(lookback=[5, 10, 20], width=[1.0, 2.0])
    found = Random(trials=100).ask(small, seed=1)
    assert sorted(map(str, found)) == sorted(map(str, small.grid()))
    assert found != small.grid()


@pytest.mark.parametrize(
    ("space", "points"),
    [
        (space_of(width={"float": [0.5, 0.5]}), [{"width": 0.5}]),
        (space_of(width={"float": [1.0, 1.00001]}), [{"width": 1.00001}, {"width": 1.0}]),
        (Simplex(1, None), [[1.0]]),
        (Simplex(2, None, 0.5), [[0.5, 0.5]]),
    ],
)
def test_a_range_that_holds_few_points_gives_those_and_ends(space: Any, points: list[Any]) -> None:
    assert sorted(Random(trials=50).ask(space, seed=1), key=str) == points


def test_points_are_within_bounds_on_their_steps_and_of_their_type() -> None:
    for point in Random(trials=500).ask(WIDE, seed=9):
        lookback, width = point["lookback"], point["width"]
        assert isinstance(lookback, int)
        assert lookback % 5 == 0
        assert 5 <= lookback <= 5_000_000
        assert isinstance(width, float)
        assert 0.5 <= width <= 3.0
        assert float(f"{width:.6g}") == width
        assert point["side"] in ("long", "both")


def test_draws_are_uniform() -> None:
    points = Random(trials=4000).ask(WIDE, seed=2)
    width, lookback = (np.array([point[name] for point in points], float) for name in ("width", "lookback"))
    assert stats.kstest(width, stats.uniform(0.5, 2.5).cdf).pvalue > 0.01
    assert stats.kstest(lookback, stats.uniform(5, 5e6).cdf).pvalue > 0.01
    assert abs(sum(point["side"] == "long" for point in points) - 2000) < 130


@pytest.mark.parametrize("minimum", [0.0, 0.1])
def test_weights_without_a_step_are_uniform_on_the_simplex(minimum: float) -> None:
    """Each of three weights is Beta(1, 2) above its minimum."""
    found = np.array(Random(trials=3000).ask(Simplex(3, None, minimum), seed=5))
    assert np.abs(found.sum(axis=1) - 1.0).max() < 1e-12
    assert found.min() >= minimum
    for weight in found.T:
        scaled = (weight - minimum) / (1 - 3 * minimum)
        assert stats.kstest(scaled, stats.beta(1, 2).cdf).pvalue > 0.01


@pytest.mark.parametrize(("n", "step", "minimum"), [(3, 0.25, 0.0), (4, 0.1, 0.1), (1, 1.0, 0.0), (2, 0.5, 0.0)])
def test_drawn_weights_in_steps_are_those_of_the_grid(n: int, step: float, minimum: float) -> None:
    space = Simplex(n, step, minimum)
    rng = np.random.default_rng(1)
    drawn = {tuple(space.draw(rng)) for _ in range(60 * (space.size or 0))}
    assert drawn == {tuple(vector) for vector in space.grid()}
    assert space.size == len(space.grid())


def test_what_cannot_be_searched() -> None:
    with pytest.raises(ConfigError, match="a grid over weights needs a `step`"):
        Grid().ask(Simplex(3, None))
    with pytest.raises(ConfigError, match=r"3 weights, each at least 0\.4, cannot sum to one"):
        Simplex(3, None, 0.4)


class InTwoBatches(Grid):
    """Wants to be told half before it asks for the rest."""

    def ask(self, space: Any, told: Any = (), seed: int = 0, stream: str = "") -> list[Any]:
        points = list(space.grid())
        return points[len(told) :][: len(points) // 2]


def test_a_search_in_batches_is_refused_rather_than_cut_short() -> None:
    assert len(single_batch(Grid(), Simplex(3, 0.5), 0, "")) == 6
    with pytest.raises(ConfigError, match="grid asks batch by batch, and a workflow runs a single batch"):
        single_batch(InTwoBatches(), Simplex(3, 0.5), 0, "")
