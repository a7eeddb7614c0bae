import math
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from scipy import stats

from regimefolio.core.errors import ConfigError, DataError, MissingDataError
from regimefolio.core.types import Float, Panel, Signals
from regimefolio.evaluation import InformationCoefficient, information_coefficient

Fill = Literal["next_open", "next_close"]


def panel_of(close: Any, **others: Any) -> Panel:
    prices = np.asarray(close, dtype=np.float64)
    t, n = prices.shape
    times = (np.datetime64("2001-01-01") + np.arange(t)).astype("datetime64[ns]")
    symbols = tuple(f"S{i}" for i in range(n))
    member = others.pop("member", np.ones((t, n), bool))
    return Panel(times, symbols, prices, member, 252.0, **others)


def signals_of(panel: Panel, alpha: Any, horizon: int = 1, confidence: Any = None) -> Signals:
    scores = np.ascontiguousarray(alpha, dtype=np.float32)
    belief = np.ones_like(scores) if confidence is None else np.ascontiguousarray(confidence, dtype=np.float32)
    return Signals(panel.timestamps, panel.symbols, "hand_made", scores, belief, horizon)


def random_case(t: int = 120, n: int = 9, horizon: int = 5, seed: int = 1) -> tuple[Signals, Panel]:
    """Rounded alphas with many ties, missing bars, non-members and missing opinions."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, (t, n)), axis=0))
    opens = close * np.exp(rng.normal(0, 0.005, (t, n)))
    gone = rng.random((t, n)) < 0.1
    close[gone] = opens[gone] = np.nan
    panel = panel_of(close, open=opens, member=rng.random((t, n)) < 0.9)
    alpha = rng.normal(0, 0.5, (t, n)).clip(-1, 1).round(1)
    return signals_of(panel, alpha, horizon, rng.random((t, n)) < 0.85), panel


# Two decisions, five assets, horizon 1: bought at bar t+1, sold at bar t+2.
CLOSE = [
    [10, 10, 10, 10, 10],
    [10, 20, 40, 50, 80],
    [11, 24, 52, 70, 120],  # returns of the first decision: 10 %, 20 %, 30 %, 40 %, 50 %
    [22, 24, 26, 70, 60],  # of the second: 100 %, 0 %, −50 %, 0 %, −50 %
]
ALPHA = [
    [0.2, 0.1, 0.3, 0.5, 0.4],  # ranks 2 1 3 5 4 against 1 2 3 4 5: d² = 1 1 0 1 1, rho = 1 − 6·4/120 = 0.8
    [0.9, 0.5, 0.5, 0.1, -0.2],  # ranks 5 3.5 3.5 2 1 against 5 3.5 1.5 3.5 1.5
    [1.0, 1.0, 1.0, 1.0, 1.0],
    [1.0, 1.0, 1.0, 1.0, 1.0],
]
# Second bar, less the mean rank 3: (2, .5, .5, −1, −2)·(2, .5, −1.5, .5, −1.5) = 4 + .25 − .75 − .5 + 3 = 6;
# squares 4 + .25 + .25 + 1 + 4 = 9.5 and 4 + .25 + 2.25 + .25 + 2.25 = 9.
SECOND = 6 / math.sqrt(9.5 * 9)


def test_a_hand_made_panel() -> None:
    panel = panel_of(CLOSE)
    found = information_coefficient(signals_of(panel, ALPHA), panel, "next_close")
    assert found.series[:2] == pytest.approx([0.8, SECOND], rel=1e-15)
    assert np.isnan(found.series[2:]).all()
    assert found.n == 2
    assert found.mean == pytest.approx((0.8 + SECOND) / 2, rel=1e-15)
    assert found.ir == pytest.approx(found.mean / (abs(0.8 - SECOND) / math.sqrt(2)), rel=1e-12)
    assert math.isnan(found.t_value)
    assert found.reason == "2 bars are too few for a t-value with 1 lags"


@pytest.mark.parametrize("fill", ["next_open", "next_close"])
@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_scipy_says_the_same_at_every_bar(fill: Fill, horizon: int) -> None:
    signals, panel = random_case(horizon=horizon)
    price = panel.open if fill == "next_open" else panel.close
    assert price is not None
    found = information_coefficient(signals, panel, fill)
    defined = 0
    for t in range(panel.n_bars):
        expected = math.nan
        if t + 1 + horizon < panel.n_bars:
            label = price[t + 1 + horizon] / price[t + 1] - 1
            counts = (signals.confidence[t] > 0) & panel.member[t] & np.isfinite(label)
            if counts.sum() >= 5:
                expected = stats.spearmanr(signals.alpha[t, counts], label[counts]).statistic
                defined += 1
        assert found.series[t] == pytest.approx(expected, rel=1e-13, abs=1e-15, nan_ok=True)
    assert found.n == defined > 50
    assert found.mean == pytest.approx(np.nanmean(found.series), rel=1e-13)


def slow_t_value(series: Float, lag: int) -> float:
    """Newey and West (1987) as it is written, over all pairs of bars."""
    bars = [t for t in range(len(series)) if not math.isnan(series[t])]
    mean = sum(series[t] for t in bars) / len(bars)
    total = 0.0
    for s in bars:
        for t in bars:
            if abs(s - t) <= lag:
                total += (1 - abs(s - t) / (lag + 1)) * (series[s] - mean) * (series[t] - mean)
    return float(mean / (math.sqrt(total) / len(bars)))


@pytest.mark.parametrize(("horizon", "lag"), [(1, 4), (3, 4), (10, 18)])
def test_the_t_value_against_the_formula_as_it_is_written(horizon: int, lag: int) -> None:
    signals, panel = random_case(t=140, horizon=horizon, seed=2)
    found = information_coefficient(signals, panel, "next_close")
    assert lag >= horizon - 1
    assert found.t_value == pytest.approx(slow_t_value(found.series, lag), rel=1e-12)
    assert found.ir == pytest.approx(found.mean / np.nanstd(found.series, ddof=1), rel=1e-12)
    assert found.reason == ""


def test_overlapping_labels_do_not_make_noise_significant() -> None:
    """Lasting opinions on random walks: |t| passes 1.96 about as often as it should, without lags far too often."""
    honest = naive = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        panel = panel_of(np.exp(np.cumsum(rng.normal(0, 0.01, (1500, 6)), axis=0)))
        walk = np.repeat(rng.uniform(-1, 1, (15, 6)), 100, axis=0)
        found = information_coefficient(signals_of(panel, walk, horizon=21), panel, "next_close")
        honest += abs(found.t_value) > 1.96
        naive += abs(found.ir * math.sqrt(found.n)) > 1.96
    assert honest <= 12
    assert naive >= 25


def test_labels_end_inside_the_window() -> None:
    signals, panel = random_case()
    whole = information_coefficient(signals, panel, "next_close")
    part = information_coefficient(signals, panel, "next_close", first=20, last=70)
    defined = np.flatnonzero(np.isfinite(part.series))
    assert defined[0] >= 20
    assert defined[-1] == 70 - 1 - 1 - 5
    inside = whole.series[20:64]
    assert np.array_equal(part.series[20:64], inside, equal_nan=True)
    assert part.mean == inside[np.isfinite(inside)].mean()


def test_a_delayed_fill_is_what_the_return_is_measured_from() -> None:
    """As signals that are emitted so many bars later."""
    signals, panel = random_case()
    held_back = replace(
        signals, alpha=np.roll(signals.alpha, 2, axis=0), confidence=np.roll(signals.confidence, 2, axis=0)
    )
    always = replace(panel, member=np.ones_like(panel.member))  # membership counts at the decision
    delayed = information_coefficient(signals, always, "next_open", delay=2)
    later = information_coefficient(held_back, always, "next_open", first=2)
    np.testing.assert_array_equal(delayed.series[:-2], later.series[2:])
    assert delayed.mean == later.mean


def test_the_future_changes_nothing_that_was_known() -> None:
    signals, panel = random_case()
    part = information_coefficient(signals, panel, "next_open", last=70)
    cut_signals = replace(
        signals, timestamps=signals.timestamps[:70], alpha=signals.alpha[:70], confidence=signals.confidence[:70]
    )
    cut = information_coefficient(cut_signals, panel.until(70), "next_open")
    assert np.array_equal(part.series[:70], cut.series, equal_nan=True)
    assert (part.mean, part.ir, part.t_value, part.n) == (cut.mean, cut.ir, cut.t_value, cut.n)


def single(t: int = 90, horizon: int = 2) -> tuple[Signals, Panel, Float]:
    signals, panel = random_case(t, 1, horizon, seed=6)
    return signals, panel, panel.close[:, 0]


def test_a_single_asset_is_correlated_over_time() -> None:
    signals, panel, price = single()
    found = information_coefficient(signals, panel, "next_close")
    n = 90 - 1 - 2
    label = price[3:] / price[1 : 1 + n] - 1
    counts = (signals.confidence[:n, 0] > 0) & panel.member[:n, 0] & np.isfinite(label)
    expected = stats.spearmanr(signals.alpha[:n, 0][counts], label[counts]).statistic
    assert found.mean == pytest.approx(expected, rel=1e-12)
    assert found.n == counts.sum()
    assert found.t_value == pytest.approx(slow_t_value(found.series, 3), rel=1e-12)
    assert math.isnan(found.ir)
    assert "single asset" in found.reason


def test_few_assets_have_no_coefficient() -> None:
    panel = panel_of(np.asarray(CLOSE)[:, :4])
    found = information_coefficient(signals_of(panel, np.asarray(ALPHA)[:, :4]), panel, "next_close")
    assert_undefined(found, "at most 4 assets at a bar with an opinion and a label, and 5 are needed")


def assert_undefined(found: InformationCoefficient, reason: str) -> None:
    assert np.isnan(found.series).all()
    assert np.isnan([found.mean, found.ir, found.t_value]).all()
    assert found.n == 0
    assert found.reason == reason


def test_why_nothing_is_defined() -> None:
    panel = panel_of(CLOSE)
    flat = signals_of(panel, np.full((4, 5), 0.5))
    assert_undefined(information_coefficient(flat, panel, "next_close"), "alpha or return is the same for all opinions")
    late = signals_of(panel, ALPHA, horizon=3)
    assert_undefined(
        information_coefficient(late, panel, "next_close"), "the window holds no bar whose label ends inside it"
    )
    silent = signals_of(panel, ALPHA, confidence=np.zeros((4, 5)))
    assert information_coefficient(silent, panel, "next_close").reason.startswith("at most 0 assets")
    one = panel_of(np.asarray(CLOSE)[:, :1])
    short = information_coefficient(signals_of(one, np.asarray(ALPHA)[:, :1]), one, "next_close")
    assert_undefined(short, "2 bars with an opinion and a label, and 5 are needed")


def test_a_coefficient_that_never_varies_has_no_ratio() -> None:
    panel = panel_of([[1.0 + 0.1 * n * t for n in range(1, 7)] for t in range(8)])
    found = information_coefficient(signals_of(panel, [np.arange(6) / 10] * 8), panel, "next_close")
    assert found.mean == 1.0
    assert np.isnan([found.ir, found.t_value]).all()
    assert found.reason == "the coefficient is the same at every bar, hence no IR and no t-value"


def test_what_does_not_fit_is_refused() -> None:
    signals, panel = random_case()
    with pytest.raises(DataError, match="same timestamps and symbols"):
        information_coefficient(signals, panel.until(100), "next_close")
    with pytest.raises(ConfigError, match="50:500"):
        information_coefficient(signals, panel, "next_close", 50, 500)
    with pytest.raises(MissingDataError, match="next_close"):
        information_coefficient(signals, replace(panel, open=None), "next_open")
