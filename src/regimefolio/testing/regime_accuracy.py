"""How many bars of a market whose regimes are known a detector gets right, beside the best that could be done."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regimefolio.core.types import UNKNOWN, Int
from regimefolio.kernels import hmm
from regimefolio.market.sources.simulated import Simulated
from regimefolio.market.view import Market
from regimefolio.regimes.base import RegimeDetector


class Accuracy(NamedTuple):
    """Parts of the labelled bars that are right: the detector's, and those of the filter that knows all parameters."""

    found: float
    best: float


def accuracy(detector: RegimeDetector, source: Simulated) -> Accuracy:
    """Of a detector with regimes in order of volatility, on the index of a simulated market with as many states.

    A bar counts from the first label on. The detector knows the bars so far and nothing else, so that all of it is
    out of sample; the filter beside it is given volatilities, drifts and transition, and so is right as often as
    anything can be that sees the same returns.
    """
    data = source.load()
    assert data.index is not None, "a simulated market has an index"
    path = detector.detect(Market(data.panel, data.index, data.index))
    order = np.argsort(np.argsort(source.volatilities))  # a state's place among the volatilities
    known = path.label != UNKNOWN
    state = order[source.states()][known]
    best = order[_filtered(source, data.index[1:] / data.index[:-1] - 1.0)][known[1:]]
    return Accuracy(float((path.label[known] == state).mean()), float((best == state[-len(best) :]).mean()))


def _filtered(source: Simulated, returns: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Int:
    """The most probable state after each return, under the parameters that the market was made with."""
    deviation, states = np.array(source.volatilities), len(source.volatilities)
    log_density = -0.5 * ((returns[:, None] - np.array(source.drifts)) / deviation) ** 2 - np.log(deviation)
    out = np.empty(log_density.shape)
    hmm.filter_states(log_density, np.full(states, 1.0 / states), source.transition.copy(), out)
    return out.argmax(axis=1)
