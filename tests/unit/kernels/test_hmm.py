"""Hidden Markov kernels against hand-computed numbers, scipy and the sum over every path of states."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from regimefolio.core.types import Float
from regimefolio.kernels import hmm


def random_model(K: int, d: int, seed: int) -> hmm.Model:
    random = np.random.default_rng(seed)
    root = random.normal(size=(K, d, d))
    return hmm.Model(
        random.dirichlet(np.ones(K)),
        random.dirichlet(np.full(K, 2.0), K),
        random.normal(size=(K, d)),
        root @ root.transpose(0, 2, 1) + 0.3 * np.eye(d),
        np.zeros(K),
    )


def densities_of(X: Float, model: hmm.Model) -> Float:
    """Log densities (T,K)."""
    rows = np.empty((len(model.start), X.shape[1]))
    assert hmm.log_densities(X, model.mean, model.covariance, rows)
    return np.ascontiguousarray(rows.T)


def test_the_filter_of_three_bars_by_hand() -> None:
    # Densities (4/10, 1/10), (2/10, 2/10), (1/10, 6/10); start (1/2, 1/2); rows (3/4, 1/4) and (1/2, 1/2).
    density = np.array([[0.4, 0.1], [0.2, 0.2], [0.1, 0.6]])
    out = np.empty((3, 2))
    transition = np.array([[0.75, 0.25], [0.5, 0.5]])
    likelihood = hmm.filter_states(np.log(density), np.array([0.5, 0.5]), transition, out)
    # Bar 0: (0.2, 0.05) / 0.25. Bar 1: prior (0.7, 0.3), equal densities. Bar 2: prior (0.675, 0.325).
    expected = [[0.8, 0.2], [0.7, 0.3], [0.0675 / 0.2625, 0.195 / 0.2625]]
    np.testing.assert_allclose(out, expected, rtol=1e-14)
    assert likelihood == pytest.approx(math.log(0.25 * 0.2 * 0.2625), rel=1e-14)


@pytest.mark.parametrize("K", [2, 3, 4])
def test_the_filter_is_the_sum_over_all_paths(K: int) -> None:
    T, model = 6, random_model(K, 1, 11)
    log_density = np.log(np.random.default_rng(2).uniform(0.01, 2.0, (T, K)))
    out = np.empty((T, K))
    likelihood = hmm.filter_states(log_density, model.start, model.transition, out)
    last = np.zeros(K)
    for path in itertools.product(range(K), repeat=T):
        p = model.start[path[0]] * math.exp(log_density[0, path[0]])
        for t in range(1, T):
            p *= model.transition[path[t - 1], path[t]] * math.exp(log_density[t, path[t]])
        last[path[-1]] += p
    assert likelihood == pytest.approx(math.log(last.sum()), rel=1e-12)
    np.testing.assert_allclose(out[-1], last / last.sum(), rtol=1e-12)


def test_the_filter_survives_a_bar_that_no_reachable_state_explains() -> None:
    log_density = np.array([[0.0, -5000.0], [-5000.0, 0.0], [-5000.0, 0.0]])
    out = np.empty((3, 2))
    hmm.filter_states(log_density, np.array([1.0, 0.0]), np.eye(2), out)
    assert out.tolist() == [[1.0, 0.0]] * 3


@pytest.mark.parametrize("d", [1, 2])
def test_log_densities_equal_scipys(d: int) -> None:
    model, X = random_model(3, d, 5), np.random.default_rng(6).normal(size=(d, 50))
    for k, row in enumerate(densities_of(X, model).T):
        expected = multivariate_normal(model.mean[k], model.covariance[k]).logpdf(X.T)
        np.testing.assert_allclose(row, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("covariance", [[[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]], [[math.nan] * 2] * 2])
def test_a_singular_covariance_is_told(covariance: list[list[float]]) -> None:
    assert not hmm.log_densities(np.zeros((2, 4)), np.zeros((1, 2)), np.array([covariance]), np.empty((1, 4)))


def test_exponentials_are_right_to_the_last_place_and_never_zero() -> None:
    x = np.concatenate([-np.geomspace(1e-12, 459.0, 5000), [0.0, -460.0, -1e4, -np.inf]])
    out = np.empty_like(x)
    hmm._exponentials(x, np.empty_like(x), out)
    np.testing.assert_allclose(out, np.exp(np.maximum(x, -460.0)), rtol=2.3e-16)
    assert out[5000] == 1.0


@settings(max_examples=30, deadline=None)
@given(K=st.sampled_from([2, 3, 4]), d=st.sampled_from([1, 2]), seed=st.integers(0, 10**6))
def test_training_never_loses_likelihood_and_reports_that_of_its_model(K: int, d: int, seed: int) -> None:
    X, model = np.random.default_rng(seed).standard_t(4, size=(d, 120)), random_model(K, d, seed)
    work, seen = hmm.work(120), []
    for _ in range(8):
        likelihood, _ = hmm.maximise(X, model, 1, -np.inf, 0.0, 1.0, work)
        if not np.isfinite(likelihood):
            return
        seen.append(likelihood)
        filtered = hmm.filter_states(densities_of(X, model), model.start, model.transition, np.empty((120, K)))
        assert likelihood == pytest.approx(filtered, rel=1e-11)
        np.testing.assert_allclose(model.transition.sum(axis=1), 1.0, rtol=1e-12)
        assert model.weight.sum() == pytest.approx(120.0)
    assert (np.diff(seen) >= -1e-8).all()


@pytest.mark.parametrize("K", [2, 3, 4])
def test_one_iteration_is_the_expectation_over_all_paths(K: int) -> None:
    X, model = np.array([[0.3, -1.2, 2.0, 0.1], [0.5, 0.2, -0.7, 1.1]]), random_model(K, 2, 8)
    density, T = np.exp(densities_of(X, model)), 4
    state, pair = np.zeros((T, K)), np.zeros((K, K))
    for path in itertools.product(range(K), repeat=T):
        steps = list(itertools.pairwise(path))
        p = model.start[path[0]] * math.prod(model.transition[i, j] for i, j in steps)
        p *= math.prod(density[t, k] for t, k in enumerate(path))
        for t, k in enumerate(path):
            state[t, k] += p
        for i, j in steps:
            pair[i, j] += p
    state, pair = state / state[0].sum(), pair / state[0].sum()
    hmm.maximise(X, model, 1, -np.inf, 0.01, 0.0, hmm.work(T))
    np.testing.assert_allclose(model.start, state[0], rtol=1e-12)
    np.testing.assert_allclose(model.weight, state.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(model.transition, pair / pair.sum(axis=1, keepdims=True), rtol=1e-12)
    for k in range(K):
        mean = np.average(X, axis=1, weights=state[:, k])
        np.testing.assert_allclose(model.mean[k], mean, rtol=1e-12)
        spread = np.cov(X, aweights=state[:, k], ddof=0) + 0.01 * np.eye(2)
        np.testing.assert_allclose(model.covariance[k], spread, rtol=1e-10)


def test_training_stops_at_the_tolerance_or_the_limit() -> None:
    X = np.random.default_rng(0).normal(size=(1, 300))
    model = random_model(2, 1, 3)
    assert hmm.maximise(X, model, 4, -np.inf, 0.0, 1.0, hmm.work(300))[1] == 4
    assert hmm.maximise(X, model, 0, -np.inf, 0.0, 1.0, hmm.work(300))[1] == 0
    before = hmm.maximise(X, model, 500, 1e-3, 0.0, 1.0, hmm.work(300))
    assert 0 < before[1] < 500
    assert hmm.maximise(X, model, 500, 1e-3, 0.0, 1.0, hmm.work(300))[1] == 1


def test_memory_of_a_training_serves_the_next_one() -> None:
    X, work = np.random.default_rng(0).normal(size=(2, 200)), hmm.work(200)
    fresh, again = (random_model(3, 2, 7) for _ in range(2))
    hmm.maximise(X, random_model(3, 2, 1), 9, -np.inf, 1e-4, 0.0, work)
    likelihood, _ = hmm.maximise(X, again, 9, -np.inf, 1e-4, 0.0, work)
    assert likelihood == hmm.maximise(X, fresh, 9, -np.inf, 1e-4, 0.0, hmm.work(200))[0]
    assert again.mean.tobytes() == fresh.mean.tobytes()


def test_a_state_of_too_few_bars_is_degenerate() -> None:
    X = np.zeros((1, 200))
    X[0] = np.random.default_rng(0).normal(size=200)
    X[0, 50] = 60.0
    model = hmm.Model(np.full(2, 0.5), np.full((2, 2), 0.5), np.array([[0.0], [60.0]]), np.ones((2, 1, 1)), np.zeros(2))
    assert math.isnan(hmm.maximise(X, model, 10, 1e-3, 1e-4, 5.0, hmm.work(200))[0])


def test_an_outlier_neither_stops_nor_spoils_training() -> None:
    X = np.random.default_rng(0).normal(size=(1, 200))
    X[0, 50] = 1e5
    likelihood, _ = hmm.maximise(X, random_model(2, 1, 3), 5, -np.inf, 1e-4, 0.0, hmm.work(200))
    assert np.isfinite(likelihood)
