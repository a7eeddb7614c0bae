"""A hidden Markov model of three states over two features: filter, refits and one fit, against hmmlearn."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
from hmmlearn.hmm import GaussianHMM as Peer

from benchmarks.timing import least_seconds
from regimefolio.api import DataSpec, GaussianHMM, Market, load_data
from regimefolio.kernels import hmm

STATES, ITERATIONS = 3, 50


def peer_of(model: hmm.Model, iterations: int) -> Peer:
    """hmmlearn's model from the same start, without its priors and with our floor."""
    peer = Peer(
        STATES,
        covariance_type="full",
        n_iter=iterations,
        tol=-np.inf,
        init_params="",
        min_covar=0.0,
        covars_prior=0.0,
        covars_weight=0.0,
    )
    peer.startprob_, peer.transmat_ = model.start.copy(), model.transition.copy()
    peer.means_, peer.covars_ = model.mean.copy(), model.covariance.copy()
    return peer


def first_model() -> hmm.Model:
    """Three states of one mean that differ in their spread."""
    covariance = np.stack([scale * np.eye(2) for scale in (0.4, 1.0, 2.5)])
    transition = np.full((STATES, STATES), 0.025) + np.eye(STATES) * 0.925
    return hmm.Model(np.full(STATES, 1 / STATES), transition, np.zeros((STATES, 2)), covariance, np.zeros(STATES))


def run() -> None:
    """On the index of the built-in sample."""
    dataset = load_data(DataSpec(source="sample:sp500_20"))
    detector = GaussianHMM(states=STATES, on="index")

    def fresh() -> Market:
        return Market(dataset.panel, index=dataset.index)

    models = detector.refits(fresh())
    features, first = detector._features(dataset.index)
    X = features[first:]
    Z = np.ascontiguousarray(((X - X.mean(axis=0)) / X.std(axis=0)).T)
    work = hmm.work(Z.shape[1])

    def fit() -> None:
        hmm.maximise(Z, first_model(), ITERATIONS, -np.inf, 1e-4, 5.0, work)

    def peer_fit() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer_of(first_model(), ITERATIONS).fit(Z.T)

    peer = peer_of(first_model(), 5)
    peer.fit(Z.T)
    spent = least_seconds(
        {
            "filter": lambda: models[-1].probability(X),
            "peer filter": partial(peer.predict_proba, Z.T),
            "fit": fit,
            "peer fit": peer_fit,
        },
        7,
    )
    seconds = {name: each.processor for name, each in spent.items()}
    refits = least_seconds({"refits": lambda: detector.refits(fresh())}, 2)["refits"].processor
    print(f"hmm: {STATES} states, 2 features, {len(X)} bars of the sample's index, 1 thread; processor time")
    print(
        f"filter : {seconds['filter'] / len(X) * 1e9:.0f} ns a bar, log densities included; "
        f"hmmlearn's smoother {seconds['peer filter'] / len(X) * 1e9:.0f} ns"
    )
    print(f"refits : {len(models)} by quarter, {detector.restarts} restarts each, {refits:.2f} s")
    print(
        f"fit    : {seconds['fit'] * 1e3:.1f} ms for {ITERATIONS} iterations, "
        f"hmmlearn {seconds['peer fit'] * 1e3:.0f} ms, ratio {seconds['peer fit'] / seconds['fit']:.0f}"
    )
