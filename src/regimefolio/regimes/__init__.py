"""Regimes: from one price series to the state of the market at every bar, as it was known at that bar."""

from regimefolio.regimes.base import RegimeDetector
from regimefolio.regimes.episodes import Episode, episodes, expected_duration, transition_counts, transition_matrix
from regimefolio.regimes.fit_reports import Agreement, FitReport, RegimeEstimate, agreement
from regimefolio.regimes.gaussian_hmm import GaussianHMM
from regimefolio.regimes.hidden_markov import FittedHMM
from regimefolio.regimes.price_pattern import PricePattern
from regimefolio.regimes.trend import Trend

__all__ = [
    "RegimeDetector",
    "GaussianHMM",
    "FittedHMM",
    "PricePattern",
    "Trend",
    "Episode",
    "episodes",
    "transition_counts",
    "transition_matrix",
    "expected_duration",
    "Agreement",
    "FitReport",
    "RegimeEstimate",
    "agreement",
]
