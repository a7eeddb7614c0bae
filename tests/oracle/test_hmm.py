"""Training and filtering agree with hmmlearn's, its priors off, from equal starts after equal iterations.

Relative tolerance: 1e-6 for likelihoods and parameters.
"""

from __future__ import annotations

import numpy as np
import pytest
from hmmlearn.hmm import GaussianHMM as Oracle

from regimefolio.core.types import Float
from regimefolio.kernels import hmm
from regimefolio.testing.regimes import simulated_regimes

N_BARS = 1500


def observations(d: int) -> Float:
    close, _ = simulated_regimes(N_BARS + 20, 4)
    returns = np.diff(np.log(close))
    realised = np.log(np.sqrt(np.convolve(returns**2, np.full(20, 1 / 20))[19 : len(returns)]))
    X = np.stack([returns[19:], realised])[:d]
    return np.ascontiguousarray((X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True))


def start_of(K: int, d: int) -> hmm.Model:
    mean = np.linspace(-1.0, 1.0, K)[:, None] * np.ones(d)
    covariance = np.stack([np.eye(d) * (0.5 + k) + 0.1 for k in range(K)])
    transition = np.full((K, K), 0.04 / (K - 1))
    np.fill_diagonal(transition, 0.96)
    return hmm.Model(np.full(K, 1 / K), transition, mean, covariance, np.zeros(K))


def oracle_of(model: hmm.Model, iterations: int) -> Oracle:
    oracle = Oracle(
        len(model.start), "full", n_iter=iterations, tol=-np.inf, init_params="", min_covar=0,
        startprob_prior=1, transmat_prior=1, means_weight=0, covars_prior=0, covars_weight=0,
    )  # fmt: skip
    oracle.startprob_, oracle.transmat_ = model.start.copy(), model.transition.copy()
    oracle.means_, oracle.covars_ = model.mean.copy(), model.covariance.copy()
    return oracle


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("K", [2, 3, 4])
@pytest.mark.parametrize("iterations", [1, 7, 40])
def test_training_equals_hmmlearn(K: int, d: int, iterations: int) -> None:
    X, model = observations(d), start_of(K, d)
    oracle = oracle_of(model, iterations).fit(X.T)
    likelihood, made = hmm.maximise(X, model, iterations, -np.inf, 0.0, 1.0, hmm.work(X.shape[1]))
    assert made == iterations == len(oracle.monitor_.history)
    assert likelihood == pytest.approx(oracle.score(X.T), rel=1e-6)
    np.testing.assert_allclose(model.mean, oracle.means_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(model.covariance, oracle.covars_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(model.transition, oracle.transmat_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(model.start, oracle.startprob_, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("K", [2, 3, 4])
def test_the_filter_equals_hmmlearns_smoother_at_the_last_bar(K: int, d: int) -> None:
    X, model = observations(d), start_of(K, d)
    oracle = oracle_of(model, 1)
    densities, filtered = np.empty((K, N_BARS)), np.empty((N_BARS, K))
    assert hmm.log_densities(X, model.mean, model.covariance, densities)
    rows = np.ascontiguousarray(densities.T)
    likelihood = hmm.filter_states(rows, model.start, model.transition, filtered)
    assert likelihood == pytest.approx(oracle.score(X.T), rel=1e-9)
    for t in (0, 1, 40, N_BARS - 1):
        np.testing.assert_allclose(filtered[t], oracle.predict_proba(X.T[: t + 1])[-1], rtol=1e-6, atol=1e-12)
