"""Numbers printed in the papers that the overfitting statistics come from.

Origin: Bailey and López de Prado (2014), The Deflated Sharpe Ratio, numerical example (annual Sharpe ratio 2.5 over
1,250 bars at 250 a year, variance of the trials' annual Sharpe ratios 1/2); Bailey and López de Prado (2012), The
Sharpe Ratio Efficient Frontier, the hedge fund example and the table of minimum track record lengths; Bailey, Borwein,
López de Prado and Zhu (2014), Pseudo-Mathematics and Financial Charlatanism, the minimum backtest length.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regimefolio.core.types import Float
from regimefolio.evaluation import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
)


def trials(n: int, variance: float, mean: float = 0.0) -> Float:
    """As many Sharpe ratios with exactly this variance (ddof=1)."""
    x = np.linspace(-1.0, 1.0, n) ** 3
    return np.asarray(mean + (x - x.mean()) / x.std(ddof=1) * math.sqrt(variance))


@pytest.mark.parametrize(
    ("n", "skew", "kurtosis", "expected"), [(100, -3, 10, 0.9004), (46, -3, 10, 0.9505), (88, 0, 3, 0.9505)]
)
@pytest.mark.parametrize("mean", [0.0, 0.1])
def test_deflated_sharpe_ratio(n: int, skew: float, kurtosis: float, expected: float, mean: float) -> None:
    found = deflated_sharpe_ratio(2.5 / math.sqrt(250), 1250, skew, kurtosis, trials(n, 0.5 / 250, mean))
    assert round(found, 4) == expected


def test_expected_maximum_of_100_trials() -> None:
    assert round(expected_maximum_sharpe(trials(100, 0.5 / 250)), 4) == 0.1132


@pytest.mark.parametrize(("skew", "kurtosis", "expected"), [(0, 3, 0.982), (-2.448, 10.164, 0.913)])
def test_probabilistic_sharpe_ratio(skew: float, kurtosis: float, expected: float) -> None:
    assert round(probabilistic_sharpe_ratio(0.458, 24, skew, kurtosis), 3) == expected


@pytest.mark.parametrize(
    ("ppy", "skew", "kurtosis", "years"),
    [(250, 0, 3, 2.73), (52, 0, 3, 2.83), (12, 0, 3, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_minimum_track_record_length(ppy: int, skew: float, kurtosis: float, years: float) -> None:
    bars = minimum_track_record_length(2 / math.sqrt(ppy), skew, kurtosis, 1 / math.sqrt(ppy))
    assert round(bars / ppy, 2) == years


@pytest.mark.parametrize(("n", "years"), [(45, 4.998), (46, 5.036)])
def test_minimum_backtest_length_is_the_square_of_the_expected_maximum(n: int, years: float) -> None:
    assert round(expected_maximum_sharpe(trials(n, 1.0)) ** 2, 3) == years


@pytest.mark.shared
def test_the_shared_file_says_the_same(shared: Path) -> None:
    published: dict[str, Any] = json.loads((shared / "reference" / "published_numbers.json").read_text())

    example = published["deflated_sharpe_ratio"]
    given = example["inputs"]
    ppy = given["periods_per_year"]
    for case in example["expected"]:
        skew, kurtosis = case.get("skew", given["skew"]), case.get("kurtosis_raw", given["kurtosis_raw"])
        tried = trials(case["N"], given["variance_of_trial_sharpes_annual"] / ppy)
        found = deflated_sharpe_ratio(given["annual_sharpe"] / math.sqrt(ppy), given["T"], skew, kurtosis, tried)
        assert round(found, 4) == case["DSR"]
        if "SR0_per_period" in case:
            assert round(expected_maximum_sharpe(tried), 4) == case["SR0_per_period"]

    example = published["probabilistic_sharpe_ratio"]
    given, expected = example["inputs"], example["expected"]
    sharpe, n_bars, benchmark = given["monthly_sharpe"], given["T"], given["benchmark"]
    skew, kurtosis = given["skew"], given["kurtosis_raw"]
    assert round(probabilistic_sharpe_ratio(sharpe, n_bars, skew, kurtosis, benchmark), 3) == expected["PSR"]
    assert round(probabilistic_sharpe_ratio(sharpe, n_bars, 0, 3, benchmark), 3) == expected["PSR_assuming_normal"]

    length = published["min_track_record_length_years"]
    for key, years in length["normal"].items():
        ppy = int(key.rpartition("_")[2])
        found = minimum_track_record_length(2 / math.sqrt(ppy), 0, 3, 1 / math.sqrt(ppy)) / ppy
        assert round(found, 2) == years
    found = minimum_track_record_length(2 / math.sqrt(12), -0.72, 5.78, 1 / math.sqrt(12)) / 12
    assert round(found, 2) == length["monthly_skew_-0.72_kurt_5.78"]

    for key, years in published["min_backtest_length"]["check"].items():
        assert round(expected_maximum_sharpe(trials(int(key.removeprefix("N=")), 1.0)) ** 2, 3) == years
