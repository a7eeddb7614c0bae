"""Allocators that learn: what they learn from, that none of it is of the future, and what they make of it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from scipy.stats import rankdata

from regimefolio.core.types import Float, Panel
from regimefolio.market.view import Market, View
from regimefolio.portfolio import GradientBoosting, Ridge
from regimefolio.portfolio.allocators.learned import LONGEST, LearnedAllocator, Lesson, features_of
from regimefolio.portfolio.realised import realised
from regimefolio.testing import market_of, synthetic_market

MARKET = synthetic_market(300)


class Pupil(LearnedAllocator, kind="pupil"):
    """Keeps its lessons, and predicts the first feature."""

    lessons: ClassVar[list[Lesson]] = []

    def predicted(self, lesson: Lesson) -> Float:
        self.lessons.append(lesson)
        return lesson.asked[:, 0]


PUPIL = Pupil(horizon=5, training=60, refit=10)


def lesson_at(t: int, panel: Panel = MARKET.panel, side: int = 1) -> Lesson:
    """What is learned from when the last known bar is `t`."""
    Pupil.lessons.clear()
    PUPIL.weights(view_at(t, panel)._replace(side=side))
    return Pupil.lessons[-1]


def view_at(t: int, panel: Panel = MARKET.panel) -> View:
    market = Market(panel).until(t + 1)
    tradable = panel.member[t] & np.isfinite(panel.close[t])
    return View(market, np.zeros(tradable.size, np.float32), tradable)


def changed_from(bar: int) -> Panel:
    """The panel with other prices from a bar on."""
    factor = np.where(np.arange(300) < bar, 1.0, 1.0 + 0.01 * np.arange(300) % 0.07)[:, np.newaxis]
    prices = {name: getattr(MARKET.panel, name) * factor for name in ("open", "high", "low", "close")}
    return replace(MARKET.panel, **prices)


def test_features_are_those_of_a_plain_loop() -> None:
    panel, first = MARKET.panel, 40
    found = features_of(panel, first, 1)
    checked = 0
    for bar in (first + LONGEST, 200, 299):
        for n in range(panel.n_assets):
            prices = panel.close[first : bar + 1, n].copy()
            for k in range(1, len(prices)):
                prices[k] = prices[k - 1] if np.isnan(prices[k]) else prices[k]
            row = found[bar - first - LONGEST, n]
            returns = prices[1:] / prices[:-1] - 1.0
            unknown = not panel.member[bar, n] or np.isnan(panel.close[bar, n]) or np.isnan(prices[-1 - LONGEST])
            if unknown or not returns[-LONGEST:].any():
                assert np.isnan(row).all()
                continue
            expected = [
                *(prices[-1] / prices[-1 - window] - 1.0 for window in (5, 21, 63, 126)),
                prices[-1] / prices[-63:].mean() - 1.0,
                returns[-21:].std(),
                returns[-126:].std(),
            ]
            np.testing.assert_allclose(row[:-1], expected, rtol=1e-9)
            checked += 1
    assert checked > 15
    ranked = np.isfinite(found[-1, :, 3])
    ranks = (rankdata(found[-1, ranked, 3]) - 1.0) / (ranked.sum() - 1.0) * 2.0 - 1.0
    np.testing.assert_allclose(found[-1, ranked, 7], ranks, atol=1e-12)


def test_targets_are_over_at_the_fit_and_not_before_its_last_bar() -> None:
    """At bar 254 the last fit was at 250: what was learned knows that bar, and nothing after it."""
    before = lesson_at(254)
    later = lesson_at(254, changed_from(251))
    assert before.features.tobytes() == later.features.tobytes()
    assert before.targets.tobytes() == later.targets.tobytes()
    assert before.asked.tobytes() != later.asked.tobytes()
    assert before.targets.tobytes() != lesson_at(254, changed_from(250)).targets.tobytes()
    assert lesson_at(250).targets.tobytes() == before.targets.tobytes()
    assert lesson_at(260).targets.tobytes() != before.targets.tobytes()


def test_targets_are_returns_from_the_fill() -> None:
    panel = replace(MARKET.panel, member=np.ones_like(MARKET.panel.member))
    assert panel.open is not None
    lesson, order, first = lesson_at(254, panel), np.argsort(panel.symbols), 250 - 5 - 60 - LONGEST
    features, expected = features_of(panel, first, 1), []
    for s in range(250 - 5 - 60, 250 - 5):
        for n in order:
            known = np.isfinite(features[s - first - LONGEST, n]).all()
            own = panel.close[s : s + 7, n]
            last = own[np.isfinite(own)][-1] if known else np.nan
            leave = panel.open[s + 6, n] if np.isfinite(panel.open[s + 6, n]) else last
            target = leave / panel.open[s + 1, n] - 1.0
            expected += [target] if known and np.isfinite(target) else []
    np.testing.assert_allclose(lesson.targets, expected, rtol=1e-12)
    np.testing.assert_allclose(lesson.features.mean(axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose(lesson.features.std(axis=0), 1.0, rtol=1e-9)


def test_a_seller_learns_the_opposite() -> None:
    ours, theirs = lesson_at(254), lesson_at(254, side=-1)
    np.testing.assert_allclose(theirs.targets, -ours.targets)


def test_nothing_is_held_before_enough_was_seen() -> None:
    assert PUPIL.warmup == LONGEST + 60 + 5 + 10
    assert not PUPIL.weights(view_at(LONGEST + 60 + 5 - 1)).any()
    assert all(PUPIL.weights(view_at(t)).any() for t in range(PUPIL.warmup, PUPIL.warmup + 12))


def test_predictions_become_weights() -> None:
    predictions, volatility = np.array([0.02, -0.01, 0.01, 0.03]), np.array([0.01, 0.01, 0.02, 0.03])
    np.testing.assert_allclose(PUPIL._shares(predictions, volatility), np.array([2.0, 0.0, 0.5, 1.0]) / 3.5)
    best = Pupil(top=0.5)
    assert best._shares(predictions, volatility).tolist() == [0.5, 0.0, 0.0, 0.5]
    assert Pupil(top=0.01)._shares(predictions, volatility).tolist() == [0.0, 0.0, 0.0, 1.0]
    assert not PUPIL._shares(-np.abs(predictions), volatility).any()


def test_ridge_is_its_closed_form() -> None:
    rng = np.random.default_rng(1)
    x, y, asked = rng.normal(size=(500, 8)), rng.normal(size=500), rng.normal(size=(3, 8))
    x -= x.mean(axis=0)
    coefficients = np.linalg.solve(x.T @ x / 500 + 0.7 * np.eye(8), x.T @ (y - y.mean()) / 500)
    found = Ridge(penalty=0.7).predicted(Lesson(x, y, asked))
    np.testing.assert_allclose(found, y.mean() + asked @ coefficients, rtol=1e-9)


def test_trees_learn_what_no_line_can() -> None:
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, (3000, 3))
    y = np.abs(x[:, 0]) - 0.5 + 0.05 * rng.normal(size=3000)
    asked = np.array([[-0.9, 0.0, 0.0], [0.0, 0.0, 0.0], [0.9, 0.0, 0.0]])
    lesson = Lesson(x, y, asked)
    trees, line = GradientBoosting(trees=150).predicted(lesson), Ridge(penalty=0.01).predicted(lesson)
    np.testing.assert_allclose(trees, [0.4, -0.5, 0.4], atol=0.1)
    assert np.abs(line - [0.4, -0.5, 0.4]).max() > 0.3
    assert trees.tobytes() == GradientBoosting(trees=150).predicted(lesson).tobytes()


@pytest.mark.parametrize("allocator", [Ridge(horizon=5, training=100), GradientBoosting(horizon=5, training=100)])
def test_what_goes_on_rising_is_found(allocator: LearnedAllocator) -> None:
    """Half of the assets rise and half fall, each for as long as the market lasts."""
    rng = np.random.default_rng(3)
    drift = np.where(np.arange(10) < 5, 0.006, -0.006)
    market = market_of(np.exp(np.cumsum(drift + 0.01 * rng.normal(size=(300, 10)), axis=0)))
    view = View(market, np.zeros(10, np.float32), np.ones(10, np.bool_))
    assert allocator.weights(view)[:5].sum() > 0.95


def test_one_asset_alone_can_be_learned() -> None:
    rng = np.random.default_rng(4)
    market = market_of(np.exp(np.cumsum(0.003 + 0.01 * rng.normal(size=(300, 1)), axis=0)))
    view = View(market, np.zeros(1, np.float32), np.ones(1, np.bool_))
    assert Ridge(horizon=5, training=100).weights(view).tolist() == [1.0]


def test_what_is_realised() -> None:
    panel = market_of([[1.0, 1.0], [2.0, 4.0], [4.0, np.nan], [8.0, 5.0]]).panel
    np.testing.assert_allclose(realised(panel, 1), [[1.0, 0.0], [1.0, np.nan]])
    np.testing.assert_allclose(realised(panel, 1, first=1), [[1.0, np.nan]])
    assert realised(panel, 3).shape == (0, 2)
