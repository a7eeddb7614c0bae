"""A fitted hidden Markov model, and how one is found: many short trainings, then a long one of the best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from regimefolio.core.types import Float
from regimefolio.kernels import hmm
from regimefolio.kernels.metrics import Z95
from regimefolio.regimes.fit_reports import Agreement, FitReport, RegimeEstimate

SHORT_RUN = 15
"""Iterations that every restart gets; the best one alone goes on to convergence (Biernacki et al., 2003)."""
LONG_RUN = 500
TOLERANCE = 1e-3
"""A training ends when an iteration gains less log likelihood than this."""
COVARIANCE_FLOOR = 1e-4
"""Added to the variance of every standardised feature, so that no state can shrink onto a few bars."""
LEAST_BARS = 5.0
"""A model with a state that is expected to hold fewer bars than this is degenerate."""


@dataclass(frozen=True, eq=False)
class FittedHMM:
    """A Gaussian hidden Markov model in the features' own units, its K states ordered by the return's deviation.

    Parameters
    ----------
    names : tuple of K str
    bar : int
        The panel's bar at which it was fitted, the last one that it saw.
    timestamp : datetime64
        That bar's.
    n_bars : int
        Bars that it was fitted on.
    start : ndarray of shape (K,)
        Probability of each state at the first of those bars.
    transition : ndarray of shape (K, K)
        Row i: probability of each state at the next bar, given state i.
    mean : ndarray of shape (K, d)
        Feature 0 is the log return per bar; feature 1, where used, the log of realised volatility per bar.
    covariance : ndarray of shape (K, d, d)
    weight : ndarray of shape (K,)
        Expected number of bars in each state.
    log_likelihood : float
        Of the features fitted on, in their own units.
    iterations : int
        Of the training that won.
    """

    names: tuple[str, ...]
    bar: int
    timestamp: np.datetime64
    n_bars: int
    start: Float
    transition: Float
    mean: Float
    covariance: Float
    weight: Float
    log_likelihood: float
    iterations: int

    def __post_init__(self) -> None:
        for name in ("start", "transition", "mean", "covariance", "weight"):
            array = np.ascontiguousarray(getattr(self, name)).view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def volatility(self) -> Float:
        """Deviation of the log return per bar in each state, shape (K,)."""
        deviation: Float = np.sqrt(self.covariance[:, 0, 0])
        return deviation

    @property
    def mean_error(self) -> Float:
        """Standard error of each state's mean return per bar, shape (K,), as if its bars were independent."""
        error: Float = self.volatility / np.sqrt(self.weight)
        return error

    @property
    def expected_duration(self) -> Float:
        """Bars that a stay in each state lasts on average, shape (K,); inf for a state that is never left."""
        with np.errstate(divide="ignore"):
            duration: Float = 1.0 / (1.0 - np.diagonal(self.transition))
        return duration

    def report(self, shared: Agreement | None) -> FitReport:
        """The model as every detector reports a fit, with its agreement with the one before."""
        reach, duration = Z95 * self.mean_error, self.expected_duration
        duration = np.where(np.isfinite(duration), duration, np.nan)
        columns = (
            self.mean[:, 0],
            self.mean[:, 0] - reach,
            self.mean[:, 0] + reach,
            self.volatility,
            self.weight / self.n_bars,
            duration,
        )
        return FitReport(
            bar=self.bar,
            timestamp=self.timestamp,
            bars=self.n_bars,
            log_likelihood=self.log_likelihood,
            transition=self.transition,
            regimes=tuple(RegimeEstimate(*map(float, row)) for row in zip(*columns, strict=True)),
            agreement=shared,
        )

    def probability(self, features: Float) -> Float:
        """Filtered probability (n, K) of each state at each bar of features (n, d), from the model's first bar on."""
        log_density = np.empty((len(self.names), len(features)))
        X = np.ascontiguousarray(features.T)
        hmm.log_densities(X, self.mean.copy(), self.covariance.copy(), log_density)
        out = np.empty((len(features), len(self.names)))
        rows = np.ascontiguousarray(log_density.T)
        hmm.filter_states(rows, self.start.copy(), self.transition.copy(), out)
        return out


@dataclass(frozen=True)
class Training:
    """How to look for a model: the number of states, of seeded starts, and their seed."""

    states: int
    restarts: int
    seed: int

    def best(
        self, features: Float, timestamp: np.datetime64, previous: FittedHMM | None
    ) -> tuple[hmm.Model, float, int] | None:
        """The most likely model of features (n, d) that was found, in their units and in order of deviation.

        With its log likelihood and iterations; None where every start degenerated. The previous model is trained
        on beside the restarts, and wins a tie.
        """
        center, scale = features.mean(axis=0), features.std(axis=0)
        Z = np.ascontiguousarray(((features - center) / scale).T)
        work = hmm.work(len(features))

        def train(model: hmm.Model, limit: int) -> tuple[float, int, hmm.Model]:
            likelihood, iterations = hmm.maximise(Z, model, limit, TOLERANCE, COVARIANCE_FLOOR, LEAST_BARS, work)
            return (likelihood if np.isfinite(likelihood) else -np.inf), iterations, model

        found = []
        if previous is not None:
            found.append(train(_rescaled(previous, center, scale), LONG_RUN))
        short = [train(model, SHORT_RUN) for model in self._starts(Z, timestamp)]
        likelihood, before, model = max(short, key=lambda run: run[0])
        if likelihood > -np.inf:
            likelihood, iterations, model = train(model, LONG_RUN)
            found.append((likelihood, before + iterations, model))
        likelihood, iterations, model = max(found, key=lambda run: run[0], default=(-np.inf, 0, model))
        if likelihood == -np.inf:
            return None
        order = np.argsort(model.covariance[:, 0, 0], kind="stable")
        ordered = hmm.Model(
            model.start[order],
            model.transition[np.ix_(order, order)],
            model.mean[order] * scale + center,
            model.covariance[order] * np.outer(scale, scale),
            model.weight[order],
        )
        return ordered, likelihood - len(features) * float(np.log(scale).sum()), iterations

    def _starts(self, Z: Float, timestamp: np.datetime64) -> Iterator[hmm.Model]:
        """Models to start from, drawn for the bar of the fit.

        In turn: bars grouped by volatility at random quantiles, which lie near the likely models; and random bars
        as means, which find what volatility alone does not.
        """
        d, n = Z.shape
        K = self.states
        random = np.random.default_rng([self.seed, int(timestamp.astype(np.int64)) % 2**64])
        ranks = np.empty(n, np.int64)
        ranks[np.argsort(Z[1] if d == 2 else np.abs(Z[0]), kind="stable")] = np.arange(n)
        for i in range(self.restarts):
            stay = random.uniform(0.9, 0.995)
            transition = np.full((K, K), (1.0 - stay) / (K - 1))
            np.fill_diagonal(transition, stay)
            mean, covariance = np.empty((K, d)), np.empty((K, d, d))
            if i % 2 == 0:
                shares = 0.1 + (1.0 - 0.1 * K) * random.dirichlet(np.ones(K))
                group = np.searchsorted(np.cumsum(shares)[:-1] * n, ranks, side="right")
                for k in range(K):
                    members = Z[:, group == k]
                    mean[k] = members.mean(axis=1)
                    covariance[k] = np.cov(members).reshape(d, d) + 0.01 * np.eye(d)
            else:
                mean[:] = Z[:, random.choice(n, K, replace=False)].T
                covariance[:] = np.cov(Z).reshape(d, d) * random.uniform(0.2, 1.5)
            yield hmm.Model(np.full(K, 1.0 / K), transition, mean, covariance, np.zeros(K))


def _rescaled(model: FittedHMM, center: Float, scale: Float) -> hmm.Model:
    """A model of the standardised features."""
    return hmm.Model(
        model.start.copy(),
        model.transition.copy(),
        (model.mean - center) / scale,
        model.covariance / np.outer(scale, scale),
        model.weight.copy(),
    )
