from __future__ import annotations

import datetime
import math

import numpy as np
import pytest

from regimefolio.report.words import count, counted, day, metric_name, number, parameter, percent, probability, signed


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (number(-1234.567), "−1,234.57"),
        (number(0.0), "0.00"),
        (number(-0.001), "0.00"),
        (number(math.nan), "–"),
        (number(None), "–"),
        (percent(-0.2129), "−21.3%"),
        (percent(-0.0001), "0.0%"),
        (percent(None), "–"),
        (percent(math.nan), "–"),
        (count(2495.0), "2,495"),
        (counted(1, "bar"), "1 bar"),
        (counted(2495, "bar"), "2,495 bars"),
        (signed(0.155), "+0.15"),
        (signed(-0.18), "−0.18"),
        (signed(0.0), "+0.00"),
        (signed(0.0012), "+0.0012"),
        (signed(-0.0004), "−0.0004"),
        (signed(None), "–"),
        (probability(0.99882), "99.9%"),
        (probability(0.99999), "> 99.9%"),
        (probability(1e-9), "< 0.1%"),
        (probability(None), "–"),
        (parameter(1.0), "1"),
        (parameter(0.05), "0.05"),
        (parameter(True), "True"),
        (parameter("returns"), "returns"),
        (parameter(None), "none"),
        (parameter([]), "none"),
        (parameter([{"kind": "smoothing", "window": 3}, {"kind": "own"}]), "smoothing (window 3), own"),
        (day(np.datetime64("2020-02-03", "ns")), "2020-02-03"),
        (day(np.datetime64("2020-02-03T16:30", "ns")), "2020-02-03 16:30:00"),
        (day(datetime.datetime(2020, 2, 3)), "2020-02-03"),
        (metric_name("sharpe"), "Sharpe ratio"),
        (metric_name("total_return"), "total return"),
    ],
)
def test_a_number_is_shown_as_it_is_read(shown: str, text: str) -> None:
    assert shown == text
