"""What gaussian_hmm promises: right nearly as often as can be, and regimes that refits do not exchange.

The numbers are those of the tables in docs/method.md, which scripts/regime_tables.py prints.
"""

from __future__ import annotations

import numpy as np
import pytest

from regimefolio.market import Market, Sample, Simulated
from regimefolio.regimes import GaussianHMM
from regimefolio.testing import accuracy

SEEDS = range(20)


@pytest.mark.parametrize(("features", "least"), [("returns", 0.97), ("returns_and_volatility", 0.92)])
def test_out_of_sample_it_is_nearly_as_right_as_the_filter_that_knows_the_parameters(
    features: str, least: float
) -> None:
    detector = GaussianHMM.model_validate({"states": 2, "features": features, "on": "index"})
    found, best = np.mean([accuracy(detector, Simulated(seed=seed, assets=1)) for seed in SEEDS], axis=0)
    assert 0.85 < best < 0.95, "a market where this says something: not all bars are plain, and most are"
    assert found >= least * best


@pytest.mark.parametrize("states", [2, 3, 4])
def test_at_most_two_percent_of_the_refits_exchange_regimes_of_the_index(states: int) -> None:
    data = Sample(name="sp500_20").load()
    reports = GaussianHMM.model_validate({"states": states, "on": "index"}).fit_reports(Market(data.panel, data.index))
    compared = [report.agreement for report in reports if report.agreement is not None]
    assert len(compared) == 116
    assert sum(each.permuted for each in compared) <= 0.02 * len(compared)
    assert np.mean([each.same for each in compared]) > 0.95
