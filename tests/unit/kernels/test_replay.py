"""Histories of target weights: which bars decide, by which row, on what is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regimefolio.core.types import read_only
from regimefolio.kernels.constraints import Limits
from regimefolio.kernels.replay import target_weights
from regimefolio.kernels.weights import CONFIDENCE_WEIGHTED, EQUAL_WEIGHT, PROPORTIONAL, WEIGHTED, Settings

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

INF = np.inf
NAN = np.nan


def f32(values: ArrayLike) -> Float32:
    return read_only(np.array(values, dtype=np.float32))


def test_equal_weight_of_the_best() -> None:
    out = np.full((1, 4), NAN)
    alpha = f32([[[0.1, 0.4, 0.3, 0.2]]])
    rules = Settings(WEIGHTED, EQUAL_WEIGHT, 2, np.zeros(4, np.int64), Limits(INF, INF, 1.0))
    everything = np.ones((1, 4), np.bool_)
    target_weights(alpha, alpha, f32([[1.0]]), np.zeros(1, np.int64), np.ones(1, np.bool_), everything, rules, out)
    assert out.tolist() == [[0.0, 0.5, 0.5, 0.0]]


def test_bars_that_do_not_decide_are_left_as_they_are() -> None:
    alpha = f32(np.full((3, 1, 2), 0.5))
    out = np.full((3, 2), -7.0)
    rules = Settings(WEIGHTED, PROPORTIONAL, 0, np.zeros(2, np.int64), Limits(INF, INF, 1.0))
    decide = np.array([True, False, True])
    tradable = np.array([[True, True], [True, True], [True, False]])
    target_weights(alpha, alpha, f32([[1.0]]), np.zeros(3, np.int64), decide, tradable, rules, out)
    assert out.tolist() == [[0.5, 0.5], [-7.0, -7.0], [1.0, 0.0]]


def test_each_bar_takes_its_own_row_of_strategy_weights() -> None:
    alpha = f32(np.broadcast_to([[1.0, 0.0], [0.0, 1.0]], (3, 2, 2)))
    out = np.full((3, 2), NAN)
    rules = Settings(WEIGHTED, PROPORTIONAL, 0, np.zeros(2, np.int64), Limits(INF, INF, 1.0))
    weights, row = f32([[1.0, 0.0], [0.25, 0.75]]), np.array([0, 1, 0])
    target_weights(alpha, alpha, weights, row, np.ones(3, np.bool_), np.ones((3, 2), np.bool_), rules, out)
    assert out.tolist() == [[1.0, 0.0], [0.25, 0.75], [1.0, 0.0]]


def test_the_past_does_not_know_the_future() -> None:
    rng = np.random.default_rng(2)
    alpha, confidence = f32(rng.uniform(-1, 1, (30, 3, 8))), f32(rng.random((30, 3, 8)))
    rules = Settings(CONFIDENCE_WEIGHTED, PROPORTIONAL, 3, rng.integers(0, 3, 8), Limits(0.4, 0.6, 1.0))
    row, decide, tradable = rng.integers(0, 2, 30), np.ones(30, np.bool_), rng.random((30, 8)) < 0.9
    weights = f32(rng.dirichlet(np.ones(3), 2))

    def targets(until: int) -> Float:
        out = np.full((until, 8), NAN)
        target_weights(
            alpha[:until], confidence[:until], weights, row[:until], decide[:until], tradable[:until], rules, out
        )
        return out

    assert np.array_equal(targets(30)[:11], targets(11))
