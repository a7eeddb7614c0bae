from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from regimefolio.core.errors import DataError
from regimefolio.evaluation.persistence import Persistence, persistence, rank_correlation

NAN = math.nan


def test_the_correlation_is_that_of_scipy_with_ties_too() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(40), rng.integers(0, 6, 40).astype(float)
    assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_an_undefined_score_counts_nowhere() -> None:
    x, y = np.array([1.0, 2.0, NAN, 3.0, 9.0]), np.array([3.0, 2.0, 7.0, 1.0, NAN])
    assert rank_correlation(x, y) == pytest.approx(-1.0)
    assert math.isnan(rank_correlation(np.array([1.0, 2.0, NAN]), np.array([1.0, 2.0, 3.0])))
    assert math.isnan(rank_correlation(np.array([1.0, 2.0, 3.0]), np.ones(3)))


def test_the_best_of_training_has_a_rank_afterwards() -> None:
    found = persistence(np.array([0.5, NAN, 0.9, 0.9, 0.1]), np.array([0.1, 9.0, 0.2, 0.3, 0.4]))
    assert found == Persistence(
        4, rank_correlation(np.array([0.5, 0.9, 0.9, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])), 2, 3
    )
    assert persistence(np.array([NAN]), np.array([1.0])).best is None


def test_lengths_must_agree() -> None:
    with pytest.raises(DataError, match="2 scores cannot be compared with 3"):
        rank_correlation(np.ones(2), np.ones(3))
