"""Whether what did well in training did well afterwards: trials by their rank before and after."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from regimefolio.core.errors import DataError
from regimefolio.core.types import Float, read_only
from regimefolio.kernels.rolling import rank_across


class Persistence(NamedTuple):
    """How the scores of trials in training and on the test go together.

    `trials` have both scores. `best` is the position of the best one in training (the first of equals) and
    `best_afterwards` its rank on the test, 1 being the best; None without a trial. `rank_correlation` is Spearman's.
    """

    trials: int
    rank_correlation: float
    best: int | None
    best_afterwards: int | None


def rank_correlation(x: Float, y: Float) -> float:
    """Spearman's correlation of two scores (n,), equal ones sharing their average rank.

    Returns
    -------
    float
        In [-1, 1]; NaN where fewer than 3 pairs are finite, or one side does not vary.

    Raises
    ------
    DataError
        Lengths differ.
    """
    if x.shape != y.shape:
        raise DataError(f"{len(x)} scores cannot be compared with {len(y)}")
    both = np.isfinite(x) & np.isfinite(y)
    pairs = np.stack([x[both], y[both]])
    if pairs.shape[1] < 3:
        return math.nan
    ranks = np.empty_like(pairs)
    rank_across(read_only(pairs), ranks)
    spread = np.sqrt((ranks**2).sum(axis=1))  # ranks are counted from their middle
    return float((ranks[0] * ranks[1]).sum() / (spread[0] * spread[1])) if spread.all() else math.nan


def persistence(training: Float, test: Float) -> Persistence:
    """What the scores of trials in training said about their scores on the test.

    Parameters
    ----------
    training, test : ndarray of shape (n_trials,)
        A higher score is better; trials with one that is not finite are left out.
    """
    both = np.flatnonzero(np.isfinite(training) & np.isfinite(test))
    if not both.size:
        return Persistence(0, math.nan, None, None)
    best = int(both[np.argmax(training[both])])
    afterwards = 1 + int((test[both] > test[best]).sum())
    return Persistence(int(both.size), rank_correlation(training, test), best, afterwards)
