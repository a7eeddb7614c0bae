"""Every detector that ships keeps the promises of the contract."""

import inspect

from regimefolio.core.component import registered
from regimefolio.regimes import GaussianHMM, PricePattern, RegimeDetector, Trend
from regimefolio.testing.regimes import DetectorContract


class TestGaussianHMM(DetectorContract):
    detector = GaussianHMM(first_fit=300, restarts=2)


class TestTwoStatesOfReturns(DetectorContract):
    detector = GaussianHMM(states=2, features="returns", first_fit=300, restarts=2, on="index", min_duration=3)


class TestFourStatesInARollingWindow(DetectorContract):
    detector = GaussianHMM(states=4, first_fit=300, window=280, restarts=2, on="equal_weight")


class TestPricePattern(DetectorContract):
    detector = PricePattern(slope=40, squeeze=60)


class TestPricePatternOfHighsAndLows(DetectorContract):
    detector = PricePattern(channel=10, slope=30, squeeze=40, on="XYZ", min_duration=2)


class TestTrend(DetectorContract):
    detector = Trend(average=60, slope=10, high=80)


class TestTrendOfOneAsset(DetectorContract):
    detector = Trend(average=60, slope=10, high=80, on="XYZ", min_duration=5)


class TestTrendOfTheEqualWeightIndex(DetectorContract):
    detector = Trend(average=60, band=0.02, on="equal_weight")


def test_every_detector_is_under_contract() -> None:
    suites = [c for c in list(globals().values()) if inspect.isclass(c) and issubclass(c, DetectorContract)]
    tested = {suite.detector.kind for suite in suites if suite is not DetectorContract}
    ours = {k for k, part in registered(RegimeDetector.family).items() if part.__module__.startswith("regimefolio.")}
    assert tested == ours
