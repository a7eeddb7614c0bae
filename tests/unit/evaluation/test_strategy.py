"""The evaluation of one strategy: bins by hand, and confidence that is right by construction."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.files import json_text
from regimefolio.core.types import Float, Panel, Signals
from regimefolio.evaluation import StrategyEvaluator, alpha_decay, information_coefficient
from tests.unit.evaluation.test_information_coefficient import panel_of, random_case, signals_of


def test_histograms_by_hand() -> None:
    """An edge belongs to the bin above it, the last one to the bin below, in float32 as signals are."""
    panel = panel_of(np.ones((2, 6)), member=np.array([[1, 1, 1, 1, 1, 0], [1] * 6], bool))
    alpha = [[-1.0, -0.2, 0.2, 0.6, 1.0, 1.0], [0.0, 0.19, -0.01, 0.0, 0.0, 0.0]]
    confidence = [[0.1, 0.3, 0.7, 1.0, 0.05, 1.0], [0.99, 0.5, 0.5, 0.0, 0.0, 0.0]]
    found = StrategyEvaluator(panel, "next_close", lags=3).evaluate(signals_of(panel, alpha, confidence=confidence))
    assert found.alpha_histogram.edges == (-1.0, -0.8, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    assert found.alpha_histogram.counts == (1, 0, 0, 0, 2, 2, 1, 0, 1, 1)
    assert found.confidence_histogram.counts == (1, 1, 0, 1, 0, 2, 0, 1, 0, 2)
    assert (found.opinions, found.labelled) == (8, 0)
    assert {row.reason for row in found.by_alpha} == {"no opinion with a return"}
    assert all(math.isnan(row.realised) for row in found.reliability)


def test_tables_by_hand() -> None:
    """Two decisions with returns: +10%, -20% | 0%, +50%; alphas 0.5, 0.5 | -0.5, 0.9."""
    close = [[1.0, 1.0], [10.0, 10.0], [11.0, 8.0], [11.0, 12.0]]
    panel = panel_of(close)
    signals = signals_of(panel, [[0.5, 0.5], [-0.5, 0.9], [1, 1], [1, 1]], confidence=[[0.25, 0.25], [0.25, 0.95]] * 2)
    found = StrategyEvaluator(panel, "next_close", lags=3).evaluate(signals)
    assert (found.opinions, found.labelled) == (8, 4)
    rows = {round(row.low, 1): row for row in found.by_alpha if row.opinions}
    assert {low: row.opinions for low, row in rows.items()} == {-0.6: 1, 0.4: 2, 0.8: 1}
    assert rows[0.4].mean_return == pytest.approx(-0.05)
    assert rows[-0.6].mean_return == 0.0
    assert rows[0.8].mean_return == pytest.approx(0.5)
    assert rows[0.8].mean_alpha == pytest.approx(0.9)
    assert rows[0.8].reason == "1 bars are too few for an error with 1 lags"
    sure = {round(row.low, 1): row for row in found.reliability if row.opinions}
    assert {low: row.opinions for low, row in sure.items()} == {0.2: 3, 0.9: 1}
    assert sure[0.2].realised == pytest.approx(0.0)  # right, wrong, and a return of 0, which is half
    assert sure[0.9].realised == 1.0
    assert sure[0.9].mean_confidence == pytest.approx(0.95)


def test_outcomes_that_are_all_alike_have_no_interval() -> None:
    panel = panel_of(1.01 ** np.arange(60.0)[:, np.newaxis] * np.ones(3))
    signals = signals_of(panel, np.full((60, 3), 0.5), confidence=np.full((60, 3), 0.35))
    row = StrategyEvaluator(panel, "next_close", lags=3).evaluate(signals).reliability[3]
    assert row.realised == 1.0
    assert math.isnan(row.interval_low)
    assert math.isnan(row.interval_high)
    assert row.reason == "all of them are alike, which says nothing about the error"


def slow_error(label: Float, inside: Float, horizon: int) -> float:
    """Newey and West over bars of the sums of what lies inside, as the formula is written."""
    mean = label[inside == 1].mean()
    sums = [sum(label[t, n] - mean for n in range(label.shape[1]) if inside[t, n]) for t in range(len(label))]
    bars = int((inside.sum(axis=1) > 0).sum())
    lag = max(2 * (horizon - 1), math.floor(4 * (bars / 100) ** (2 / 9)))
    total = sum(
        (1 - abs(s - t) / (lag + 1)) * sums[s] * sums[t]
        for s in range(len(sums))
        for t in range(len(sums))
        if abs(s - t) <= lag
    )
    return math.sqrt(total) / float(inside.sum())


def test_errors_and_means_against_the_formula_as_it_is_written() -> None:
    signals, panel = random_case(t=140, horizon=3)
    first, last = 12, 130
    found = StrategyEvaluator(panel, "next_close", first, last, lags=3).evaluate(signals)
    label = panel.close[first + 4 : last] / panel.close[first + 1 : last - 3] - 1
    alpha = signals.alpha[first : first + len(label)]
    known = (signals.confidence[first : first + len(label)] > 0) & panel.member[first : first + len(label)]
    known &= np.isfinite(label)
    assert found.labelled == known.sum()
    row = found.by_alpha[6]  # 0.2 up to 0.4
    inside = known & (alpha >= np.float32(0.2)) & (alpha < np.float32(0.4))
    assert row.opinions == inside.sum() > 50
    assert row.mean_return == pytest.approx(label[inside].mean(), rel=1e-12)
    assert row.error == pytest.approx(slow_error(label, inside.astype(float), 3), rel=1e-10)
    right = np.sign(alpha) * np.sign(label)
    sure = found.reliability[9]
    everything = known.astype(float)  # random_case is sure of whatever it says
    assert sure.opinions == known.sum()
    assert sure.realised == pytest.approx(right[known].mean(), rel=1e-12)
    error = slow_error(np.where(known, right, 0.0).astype(float), everything, 3)
    assert sure.interval_high - sure.interval_low == pytest.approx(2 * 1.959963984540054 * error, rel=1e-10)


def calibrated(share: float, seed: int, bars: int = 1500, assets: int = 12) -> tuple[Signals, Panel]:
    """Opinions of any confidence c; the next return has alpha's sign with probability (1 + share · c) / 2."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.01, 1.0, (bars, assets))
    side = rng.choice([-1.0, 1.0], (bars, assets))
    right = rng.random((bars, assets)) < (1.0 + share * confidence) / 2.0
    returns = 0.01 * rng.uniform(0.1, 1.0, (bars, assets))
    returns[2:] *= np.where(right, side, -side)[:-2]
    panel = panel_of(100.0 * np.cumprod(1.0 + returns, axis=0))
    return signals_of(panel, side * rng.uniform(0.1, 1.0, side.shape), confidence=confidence), panel


@pytest.mark.parametrize("share", [1.0, 0.3, 0.0, -0.5])
def test_confidence_is_read_back(share: float) -> None:
    """Where the sign is right as often as confidence says, the table is the diagonal; else it is what it is."""
    signals, panel = calibrated(share, seed=3)
    found = StrategyEvaluator(panel, "next_close", lags=3).evaluate(signals).reliability
    assert sum(row.opinions for row in found) == 1498 * 12
    for row in found:
        assert row.interval_low <= row.realised <= row.interval_high
        assert row.interval_high - row.interval_low < 0.15
        assert row.realised == pytest.approx(share * row.mean_confidence, abs=0.08)


def test_the_interval_holds_what_it_says() -> None:
    """Of 20 seeds with 10 bins each about 95% of the intervals hold the truth."""
    hits = [
        row.interval_low <= 0.5 * row.mean_confidence <= row.interval_high
        for seed in range(20)
        for signals, panel in [calibrated(0.5, seed, bars=300, assets=6)]
        for row in StrategyEvaluator(panel, "next_close", lags=3).evaluate(signals).reliability
    ]
    assert 0.90 <= np.mean(hits) <= 0.99


def test_it_holds_the_coefficient_and_the_decay_of_the_same_window() -> None:
    signals, panel = random_case(t=150, horizon=2)
    found = StrategyEvaluator(panel, "next_open", 20, 140, lags=5).evaluate(signals)
    assert found.ic.mean == information_coefficient(signals, panel, "next_open", 20, 140).mean
    np.testing.assert_array_equal(found.decay.ic, alpha_decay(signals, panel, "next_open", 20, 140, 5).ic)
    assert (found.strategy, found.horizon) == ("hand_made", 2)


def test_a_delay_is_the_same_opinions_so_many_bars_later() -> None:
    """Coefficient, decay and tables are measured from the fill that a delay gives."""
    signals, panel = random_case(t=150, horizon=2)
    later = np.zeros_like(signals.alpha), np.zeros_like(signals.confidence)
    later[0][3:], later[1][3:] = signals.alpha[:-3], signals.confidence[:-3]
    member = panel.member.copy()
    member[3:] = panel.member[:-3]
    moved = replace(panel, member=member)
    found = StrategyEvaluator(panel, "next_open", 20, 140, lags=5, delay=3).evaluate(signals)
    same = StrategyEvaluator(moved, "next_open", 23, 140, lags=5).evaluate(signals_of(moved, later[0], 2, later[1]))
    for name in ("by_alpha", "reliability", "decay"):
        assert json_text(getattr(found, name)) == json_text(getattr(same, name))
    assert (found.ic.mean, found.ic.t_value, found.labelled) == (same.ic.mean, same.ic.t_value, same.labelled)
    prompt = StrategyEvaluator(panel, "next_open", 20, 140, lags=5).evaluate(signals)
    np.testing.assert_array_equal(found.decay.ic[:2], prompt.decay.ic[3:])  # of the same returns


def test_bars_after_the_window_change_nothing() -> None:
    signals, panel = random_case(t=150, horizon=5)
    cut = signals_of(panel.until(120), signals.alpha[:120], 5, signals.confidence[:120])
    whole = StrategyEvaluator(panel, "next_close", 10, 120, lags=4).evaluate(signals)
    part = StrategyEvaluator(panel.until(120), "next_close", 10, lags=4).evaluate(cut)
    assert json.loads(json_text([whole.by_alpha, whole.reliability, whole.decay])) == json.loads(
        json_text([part.by_alpha, part.reliability, part.decay])
    )
    assert (whole.opinions, whole.labelled) == (part.opinions, part.labelled)


def test_signals_of_another_panel_are_refused() -> None:
    signals, panel = random_case()
    with pytest.raises(DataError, match="same timestamps and symbols"):
        StrategyEvaluator(panel.until(50), "next_close").evaluate(signals)


def test_a_fill_that_is_none_is_refused() -> None:
    signals, panel = random_case()
    fill: Any = "next_opn"
    with pytest.raises(ConfigError, match="fill must be `next_open`, `next_close` or `vwap`, but is 'next_opn'"):
        StrategyEvaluator(panel, fill).evaluate(signals)
