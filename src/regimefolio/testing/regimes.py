"""The promises of every regime detector, as tests that a user's own detector inherits.

    class TestBreadth(DetectorContract):
        detector = Breadth(window=20)

pytest then runs each of them on a simulated market with missing bars. A suite makes about forty calls of `detect`:
give a slow detector parameters that make it quick.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import ClassVar

import numpy as np

from regimefolio.core.files import jsonable
from regimefolio.core.types import UNKNOWN, Float, Int, Panel, RegimePath
from regimefolio.kernels.regimes import debounce
from regimefolio.market.calendar import quarter_starts
from regimefolio.market.view import Market
from regimefolio.regimes.base import RegimeDetector
from regimefolio.regimes.episodes import episodes

SERIES = ("benchmark", "index", "equal_weight")
MEANS = (0.0006, -0.001)
DEVIATIONS = (0.006, 0.02)
STAY = (0.99, 0.98)


def simulated_regimes(n_bars: int, seed: int) -> tuple[Float, Int]:
    """A price series of shape (T,) whose daily log returns come from a calm and a turbulent state, and the states."""
    random = np.random.default_rng([seed, 2])
    leave = random.random(n_bars)
    state = np.zeros(n_bars, np.int64)
    for t in range(1, n_bars):
        before = state[t - 1]
        state[t] = before if leave[t] < STAY[before] else 1 - before
    noise = random.standard_normal(n_bars)
    returns = np.asarray(MEANS)[state] + np.asarray(DEVIATIONS)[state] * noise
    close: Float = 100.0 * np.exp(np.cumsum(returns))
    return close, state


class DetectorContract:
    """Checks what is promised of any detector; inherit it in a test file and set `detector`.

    The market has `n_bars` business days, a late first bar, missing bars and two regimes of volatility. Prefixes,
    other futures and scaled prices must give equal paths to the bit.
    """

    detector: ClassVar[RegimeDetector]
    n_bars: ClassVar[int] = 700

    def test_a_path_carries_the_markets_axis(self) -> None:
        market = self._market()
        path = self.detector.detect(market)
        assert np.array_equal(path.timestamps, market.timestamps)
        assert path.probability.shape == (market.panel.n_bars, len(path.names))
        assert path.names == self.detector.names
        assert len(set(path.names)) == len(path.names) >= 2, f"two or more different regimes, not {path.names}"

    def test_probabilities_are_probabilities(self) -> None:
        probability = self._whole().probability
        known = probability[~np.isnan(probability).all(axis=1)]
        assert (known >= 0.0).all(), "a probability is NaN beside known ones, or negative"
        assert (known <= 1.0).all(), "a probability is above 1"
        assert np.abs(known.sum(axis=1) - 1.0).max() < 1e-12, "probabilities must sum to 1 at every bar"

    def test_labels_are_known_where_probabilities_are(self) -> None:
        path = self._whole()
        unknown = np.isnan(path.probability[:, 0])
        wrong = (path.label == UNKNOWN) != unknown
        assert not wrong.any(), f"label {UNKNOWN} must go with probability NaN; not so at bar {wrong.argmax()}"
        assert path.label.max() < len(path.names)
        assert unknown[0], "a single bar tells no regime"
        assert not unknown[-1], f"no regime in {self.n_bars} bars; set n_bars, or a shorter warm-up"

    def test_equal_markets_give_equal_paths(self) -> None:
        market = self._market()
        once = self.detector.detect(market)
        _equal(once, self.detector.detect(market), "the same market, asked again")
        _equal(once, self._whole(), "an equal market")

    def test_the_future_changes_nothing(self) -> None:
        market, whole = self._market(), self._whole()
        for cut in self._cuts():
            part = self.detector.detect(market.until(cut))
            _equal(whole.until(cut), part, f"the market cut after {cut} of {self.n_bars} bars")

    def test_another_future_changes_nothing(self) -> None:
        whole = self._whole()
        for cut in range(1, self.n_bars, self.n_bars // 24):
            other = self.detector.detect(self._market(noise_from=cut)).until(cut)
            _equal(whole.until(cut), other, f"noise from bar {cut} on")

    def test_the_price_level_changes_nothing(self) -> None:
        for exponent in (-9, 30):
            scaled = self.detector.detect(self._market(scale=2.0**exponent))
            _equal(self._whole(), scaled, f"prices times 2^{exponent}")

    def test_a_regime_changes_at_the_last_bar_of_min_duration(self) -> None:
        market, bars = self._market(), 4
        at_once, patient = (
            type(self.detector).of({**self.detector.spec(), "min_duration": m}).detect(market) for m in (1, bars)
        )
        known = np.isfinite(market.series(self.detector.on))
        expected = np.empty(known.sum(), np.int64)
        debounce(at_once.label[known], bars, expected)
        assert np.array_equal(patient.label[known], expected), f"min_duration={bars} is not kept"
        complete = episodes(patient.label)[:-1]
        assert all(episode.bars >= bars for episode in complete), "a regime ended before min_duration"

    def test_fit_reports_fit_the_names_and_know_no_future(self) -> None:
        market = self._market()
        whole = self.detector.fit_reports(market)
        for report in whole:
            assert len(report.regimes) == len(report.transition) == len(self.detector.names)
            assert np.abs(report.transition.sum(axis=1) - 1.0).max() < 1e-9, "rows of a transition must sum to 1"
        cut = self._cuts()[-2]
        part = self.detector.fit_reports(market.until(cut))
        assert [report.bar for report in part] == [report.bar for report in whole if report.bar < cut]
        assert jsonable(part) == jsonable(whole[: len(part)]), f"other fits with the market cut after {cut} bars"

    def test_the_description_gives_the_detector_back(self) -> None:
        described = json.loads(json.dumps(self.detector.spec(), allow_nan=False))
        again = type(self.detector).of(described)
        assert again == self.detector
        assert again.fingerprint == self.detector.fingerprint

    def _cuts(self) -> list[int]:
        """Numbers of bars to cut after: around the first label, the last refits of a quarter, and the end."""
        first = int((self._whole().label != UNKNOWN).argmax())
        quarters = np.flatnonzero(quarter_starts(self._market().timestamps))
        around = [first, first + 1, *(int(q) + i for q in quarters[-2:] for i in (0, 1)), self.n_bars - 1]
        return sorted({cut for cut in around if 0 < cut < self.n_bars})

    def _whole(self) -> RegimePath:
        return _detected(self.detector, self.n_bars)

    def _market(self, scale: float = 1.0, noise_from: int | None = None) -> Market:
        return regime_market(self.n_bars, self.detector.on, scale, noise_from)


@lru_cache(maxsize=16)
def _detected(detector: RegimeDetector, n_bars: int) -> RegimePath:
    return detector.detect(regime_market(n_bars, detector.on))


def regime_market(n_bars: int, on: str = "benchmark", scale: float = 1.0, noise_from: int | None = None) -> Market:
    """Three assets, the index and the benchmark of a simulated market with two regimes of volatility.

    The benchmark and the first asset, which is named `on` where that is no other series, have missing bars; assets
    have highs and lows.
    From bar `noise_from` on all prices are noise at another level, higher or lower.
    """
    days = np.busday_offset("2001-01-01", np.arange(n_bars), roll="forward").astype("datetime64[ns]")
    close = np.stack([simulated_regimes(n_bars, seed)[0] for seed in (7, 8, 9)], axis=1) * scale
    if noise_from is not None:
        jump = 0.3 if noise_from % 2 else -0.3
        noise = np.random.default_rng(1).normal(jump, 0.1, (n_bars - noise_from, 3))
        close[noise_from:] *= np.exp(noise)
    index = close[:, 2].copy()
    gaps = np.random.default_rng(3).random(n_bars) < 0.03
    gaps[:5], gaps[-1] = True, False
    close[gaps, 0] = np.nan
    symbols = ("AAA" if on in SERIES else on, "BBB", "CCC")
    reach = np.random.default_rng(4).uniform(0.0, 0.01, (2, *close.shape))
    high, low = close * (1.0 + reach[0]), close * (1.0 - reach[1])
    panel = Panel(days, symbols, close, np.ones(close.shape, bool), 252.0, high=high, low=low)
    return Market(panel, index=index, benchmark=close[:, 0].copy())


def _equal(expected: RegimePath, found: RegimePath, when: str) -> None:
    assert expected.names == found.names, f"other names with {when}"
    same = (expected.label == found.label) & (
        (expected.probability == found.probability) | (np.isnan(expected.probability) & np.isnan(found.probability))
    ).all(axis=1)
    assert same.all(), f"another path with {when}: first at bar {int((~same).argmax())}"
