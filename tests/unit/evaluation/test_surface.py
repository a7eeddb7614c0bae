from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from regimefolio.core.types import Json
from regimefolio.evaluation.surface import influence, search_surface

GRID = [{"a": a, "b": b, "c": c, "fixed": 1} for a, b, c in itertools.product((1, 2, 3), (0.5, 1.0), (10, 20))]
SCORES = [10 * each["a"] + 0.1 * each["b"] + 2 * each["c"] for each in GRID]
CHOSEN = {"a": 3, "b": 0.5, "c": 20, "fixed": 1}


def test_the_two_that_move_the_score_most_are_shown_and_the_rest_is_held() -> None:
    found = search_surface(GRID, SCORES, ["a", "b", "c", "fixed"], CHOSEN)
    assert found is not None
    assert found.parameters == ("a", "c")
    assert found.held == {"b": 0.5}
    assert not found.others_vary
    assert found.chosen == (3, 20)
    assert len(found.points) == 6
    assert found.points[0] == (1, 10, SCORES[0])


def test_one_parameter_is_a_line() -> None:
    found = search_surface([{"a": 1, "b": 2}, {"a": 2, "b": 2}], [0.1, math.nan], ["a", "b"], {"a": 1, "b": 2})
    assert found is not None
    assert found.parameters == ("a",)
    assert found.points[0] == (1, 0.1)
    assert math.isnan(found.points[1][1])  # type: ignore[arg-type]


def test_nothing_searched_is_nothing_to_show() -> None:
    assert search_surface([{"a": 1}], [0.5], ["a"], {"a": 1}) is None


def test_a_random_search_shows_all_trials() -> None:
    trials = [{"a": n, "b": 7 * n % 5, "c": 3 * n % 7} for n in range(20)]
    found = search_surface(trials, [float(n) for n in range(20)], ["a", "b", "c"], {"a": 19, "b": 3, "c": 1})
    assert found is not None
    assert found.others_vary
    assert len(found.points) == 20
    assert found.held == {}


def test_influence_is_the_spread_of_the_means_and_ignores_what_failed() -> None:
    assert influence([{"a": 1}, {"a": 1}, {"a": 2}, {"a": 2}], [0.0, 1.0, 3.0, math.nan], "a") == pytest.approx(
        (2 * (0.5 - 4 / 3) ** 2 + (3 - 4 / 3) ** 2) / 3
    )
    assert influence([{"a": 1}], [math.nan], "a") == 0.0


def test_a_value_that_is_tried_once_is_not_thereby_influential() -> None:
    """A random search draws b and c anew each time, and a from two values; a and b make the score."""
    rng = np.random.default_rng(0)
    trials: list[dict[str, Json]] = [
        {"c": rng.uniform(), "d": rng.uniform(), "b": rng.uniform(), "a": int(rng.integers(2))} for _ in range(60)
    ]
    scores = [float(2 * each["a"] + 3 * each["b"]) for each in trials]  # type: ignore[operator, arg-type]
    found = search_surface(trials, scores, ["c", "d", "b", "a"], trials[0])
    assert found is not None
    assert found.parameters == ("b", "a")


def test_a_parameter_that_only_some_trials_have_is_one_like_others() -> None:
    trials: list[dict[str, Json]] = [{"a": 1}, {"a": 1, "overlays": [{"kind": "smoothing"}]}]
    found = search_surface(trials, [0.5, 0.75], ["a", "overlays"], trials[1])
    assert found is not None
    assert found.points == ((None, 0.5), ([{"kind": "smoothing"}], 0.75))
    assert found.chosen == ([{"kind": "smoothing"}],)
