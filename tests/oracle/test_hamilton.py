"""Hamilton's (1989) model of the growth of US output, expanded to a hidden Markov model of 32 states.

Growth deviates from the mean of its regime, high or low, by an autoregression of four lags; so its density knows the
regimes of five quarters, and a state is such a history. Tolerance: 1e-5 for the log likelihood, 2e-5 for probabilities.

Source: Hamilton (1989), A New Approach to the Economic Analysis of Nonstationary Time Series and the Business Cycle,
Econometrica 57, table I and figure 1; the probabilities with six digits are those of the tests of statsmodels.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from regimefolio.core.types import Float, Int
from regimefolio.kernels import hmm

LAGS = 4
HISTORIES: Int = np.array(
    list(itertools.product((0, 1), repeat=LAGS + 1))
)  # regimes, 0 low and 1 high: this quarter, the one before, …


class Hamilton(NamedTuple):
    """The model where its likelihood is highest, found from the paper's table by Nelder and Mead's method."""

    stay_low: float = 0.754671
    leave_high: float = 0.095915
    mean: tuple[float, float] = (-0.358813, 1.163517)
    autoregression: tuple[float, ...] = (0.013487, -0.057521, -0.246983, -0.212921)
    variance: float = 0.591368

    def regime_transition(self) -> Float:
        return np.array([[self.stay_low, 1.0 - self.stay_low], [self.leave_high, 1.0 - self.leave_high]])

    def transition(self) -> Float:
        """Between histories, of shape (32, 32): the newest regime is drawn, the oldest one forgotten."""
        follows = (HISTORIES[:, None, :-1] == HISTORIES[None, :, 1:]).all(axis=2)
        newest = HISTORIES[:, 0]
        found: Float = np.where(follows, self.regime_transition()[newest[:, None], newest[None, :]], 0.0)
        return found

    def start(self) -> Float:
        """How likely each history is where the chain has run for ever."""
        steps = self.regime_transition()
        oldest = np.array([self.leave_high, 1.0 - self.stay_low]) / (self.leave_high + 1.0 - self.stay_low)
        return np.array([
            oldest[h[-1]] * np.prod([steps[before, after] for after, before in itertools.pairwise(h)])
            for h in HISTORIES
        ])  # fmt: skip

    def log_densities(self, growth: Float) -> Float:
        """Of each quarter's growth under each history, (T - 4, 32)."""
        lagged = np.lib.stride_tricks.sliding_window_view(growth, LAGS + 1)[:, ::-1]
        deviation = lagged[:, None, :] - np.array(self.mean)[HISTORIES]
        surprise = deviation[..., 0] - deviation[..., 1:] @ np.array(self.autoregression)
        found: Float = -0.5 * (np.log(2.0 * np.pi * self.variance) + surprise**2 / self.variance)
        return found


@pytest.mark.shared
def test_the_filter_gives_hamiltons_likelihood_and_probabilities(shared: Path) -> None:
    folder, model = shared / "reference" / "statsmodels_regime", Hamilton()
    growth = pl.read_csv(folder / "hamilton_rgnp_1951Q2_1984Q4.csv")["rgnp_growth_pct"].to_numpy()
    expected = pl.read_csv(folder / "hamilton_ar4_expected_probabilities.csv")["expected_filtered"].to_numpy()
    log_density = np.ascontiguousarray(model.log_densities(growth))
    out = np.empty(log_density.shape)
    likelihood = hmm.filter_states(log_density, model.start(), model.transition(), out)
    assert likelihood == pytest.approx(-181.26339, abs=1e-5)
    np.testing.assert_allclose(out[:, HISTORIES[:, 0] == 1].sum(axis=1), expected, rtol=0.0, atol=2e-5)
