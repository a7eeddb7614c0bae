"""The trend rule on prices whose regime is plain to see."""

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.core.types import Float, RegimePath
from regimefolio.regimes import Trend
from tests.unit.regimes.test_base import market_of

SHORT = Trend(average=10, slope=5, high=20)


def growing(n_bars: int, growth: float) -> Float:
    close: Float = growth ** np.arange(n_bars, dtype=np.float64)
    return close


def labels(close: Float, detector: Trend = SHORT) -> RegimePath:
    return detector.detect(market_of([float(price) for price in close]))


def test_a_rise_is_bull_a_fall_is_bear_and_the_turn_is_neutral() -> None:
    rise = growing(60, 1.01)
    path = labels(np.concatenate([rise, rise[-1] * growing(61, 0.98)[1:]]))
    assert path.names == ("bull", "neutral", "bear")
    assert (path.label[:19] == -1).all()
    assert (path.label[19:61] == 0).all()
    assert (path.label[70:] == 2).all()
    assert path.label[61:70].tolist() == sorted(path.label[61:70])
    assert 1 in path.label[61:70]


def test_the_warmup_is_the_longest_window() -> None:
    for detector in (SHORT, Trend(average=30, slope=7, high=20)):
        path = labels(growing(80, 1.01), detector)
        assert int((path.label >= 0).argmax()) == detector.warmup
    assert Trend().warmup == 251


def test_two_of_three_votes_decide() -> None:
    # After a fall of 30% a slow recovery: above a rising average, two votes for; 16% below the high, one against.
    close = np.concatenate([np.full(30, 100.0), np.linspace(70.0, 84.0, 15)])
    assert labels(close, Trend(average=5, slope=3, high=45)).label[-1] == 1
    assert labels(close, Trend(average=5, slope=3, high=45, shallow=0.1, deep=0.2)).label[-1] == 0


def test_a_price_that_never_moves_is_neutral() -> None:
    assert (labels(np.full(60, 0.1)).label[19:] == 1).all()


def test_the_band_keeps_the_average_from_voting() -> None:
    # Rising by 0.1% a bar the close is 0.45% above its average of ten: outside a band of 0.1%, inside one of 1%.
    close = growing(60, 1.001)
    strict = Trend(average=10, slope=5, high=20, shallow=1e-9, deep=0.5)
    assert labels(close, strict).label[-1] == 0
    falling_first = np.concatenate([[2.0], close])
    wide = Trend(average=10, slope=5, high=61, band=0.01, deep=0.9)
    assert labels(falling_first, wide.model_copy(update={"band": 0.001})).label[-1] == 0
    assert labels(falling_first, wide).label[-1] == 1


def test_probabilities_are_one_hot() -> None:
    probability = labels(growing(60, 1.01)).probability[19:]
    assert set(probability.ravel()) == {0.0, 1.0}
    assert (probability.sum(axis=1) == 1.0).all()


def test_thresholds_must_be_in_order() -> None:
    with pytest.raises(ValidationError, match=r"shallow <= deep must hold, but got \(shallow=0.3, deep=0.2\)"):
        Trend(shallow=0.3, deep=0.2)
