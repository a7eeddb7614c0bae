"""What a fit says of itself: intervals, durations, and how far two fits agree."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from regimefolio.market.view import Market
from regimefolio.regimes import FittedHMM, GaussianHMM, Trend, agreement
from regimefolio.testing.regimes import regime_market

QUICK = GaussianHMM(first_fit=300, restarts=2)


@pytest.fixture(scope="module")
def market() -> Market:
    return regime_market(700)


def test_two_fits_that_agree_on_three_bars_of_four() -> None:
    found = agreement(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]), 3)
    assert (found.bars, found.same, found.best, found.permuted) == (4, 0.75, 0.75, False)


def test_exchanged_labels_are_a_permutation() -> None:
    found = agreement(np.array([0, 0, 1, 1, 2]), np.array([1, 1, 0, 0, 2]), 3)
    assert (found.same, found.best, found.permuted) == (0.2, 1.0, True)


def test_regimes_that_go_round_need_the_whole_permutation() -> None:
    before = np.array([0, 1, 2, 3] * 5)
    found = agreement(before, (before + 1) % 4, 4)
    assert (found.same, found.best) == (0.0, 1.0)


def test_a_model_reports_its_parameters_with_the_interval_of_the_mean() -> None:
    one = np.array([[[1e-4]], [[4e-4]]])
    model = FittedHMM(
        names=("calm", "turbulent"),
        bar=120,
        timestamp=np.datetime64("2020-01-02", "ns"),
        n_bars=100,
        start=np.array([0.5, 0.5]),
        transition=np.array([[0.75, 0.25], [0.0, 1.0]]),
        mean=np.array([[0.001], [-0.002]]),
        covariance=one,
        weight=np.array([64.0, 36.0]),
        log_likelihood=-1.0,
        iterations=3,
    )
    report = model.report(None)
    calm, turbulent = report.regimes
    assert (report.bar, report.bars, report.agreement) == (120, 100, None)
    reach = norm.ppf(0.975) * 0.01 / 8
    assert (calm.mean, calm.low, calm.high) == pytest.approx((0.001, 0.001 - reach, 0.001 + reach))
    assert turbulent.high - turbulent.mean == pytest.approx(norm.ppf(0.975) * 0.02 / 6)
    assert (calm.volatility, calm.share, calm.expected_duration) == pytest.approx((0.01, 0.64, 4.0))
    assert np.isnan(turbulent.expected_duration), "a regime that is never left has no duration"


def test_every_refit_is_reported_and_compared_with_the_one_before(market: Market) -> None:
    reports, models = QUICK.fit_reports(market), QUICK.refits(market)
    assert [report.bar for report in reports] == [model.bar for model in models]
    assert reports[0].agreement is None
    known = np.isfinite(market.series("benchmark"))
    for report in reports[1:]:
        assert report.agreement is not None
        assert report.agreement.bars == known[: report.bar].sum() - 20  # features begin with the 21st close
        assert 0.5 < report.agreement.same <= report.agreement.best <= 1.0


def test_agreement_is_that_of_the_filters_up_to_the_bar_before_the_refit() -> None:
    market = regime_market(700, "index")
    detector = GaussianHMM(first_fit=300, window=280, restarts=2, on="index", features="returns")
    returns = np.diff(np.log(market.series("index")))[:, None]
    before, after = detector.refits(market)[-2:]
    labels = [
        model.probability(returns[model.bar - model.n_bars : after.bar - 1]).argmax(axis=1) for model in (before, after)
    ]
    last = detector.fit_reports(market)[-1].agreement
    assert last is not None
    assert last.bars == 279
    assert last.same == (labels[0][-279:] == labels[1]).mean()


def test_windows_that_share_no_bar_are_compared_on_the_later_ones() -> None:
    # A quarter has more than sixty business days, so that each fit begins after the one before; that one's filter
    # has labelled those bars.
    reports = GaussianHMM(states=2, first_fit=100, window=60, restarts=2, on="index").fit_reports(regime_market(500))
    assert [report.agreement.bars for report in reports[1:] if report.agreement] == [59] * 6


def test_reports_know_no_future(market: Market) -> None:
    whole, part = QUICK.fit_reports(market), QUICK.fit_reports(market.until(600))
    assert 1 < len(part) < len(whole)
    for a, b in zip(part, whole, strict=False):
        assert (a.bar, a.log_likelihood, a.regimes, a.agreement) == (b.bar, b.log_likelihood, b.regimes, b.agreement)


def test_a_detector_that_learns_nothing_reports_nothing(market: Market) -> None:
    assert Trend().fit_reports(market) == ()
