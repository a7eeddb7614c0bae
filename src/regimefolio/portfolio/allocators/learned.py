"""Weights that a regression learns: features of each asset's past, and the return that followed."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import numpy as np
from pydantic import Field
from threadpoolctl import threadpool_limits

from regimefolio.core.types import Bool, Float, Panel, last_seen, read_only
from regimefolio.kernels import rolling
from regimefolio.market.view import View
from regimefolio.portfolio.allocators.base import Allocator
from regimefolio.portfolio.realised import realised

WINDOWS = (5, 21, 63, 126)
"""Bars of the past returns that are features."""

LONGEST = max(WINDOWS)


class Lesson(NamedTuple):
    """What a regression learns from, and what it is asked.

    Attributes
    ----------
    features : ndarray of shape (R, F)
        Of R pairs of a bar and an asset; less their mean, over their deviation.
    targets : ndarray of shape (R,)
        The returns that followed.
    asked : ndarray of shape (n, F)
        The features, on the same scale, for which a return is predicted.
    """

    features: Float
    targets: Float
    asked: Float


class LearnedAllocator(Allocator):
    """Weights of the returns that a regression predicts, pooled over assets: w ∝ prediction⁺ / σ, long-only.

    Features of an asset at a bar: its returns over 5, 21, 63 and 126 bars, its volatility σ over 21 and 126 bars, its
    distance from its average of 63 bars, and its rank by the return over 126 bars. The target is the return from the
    fill over `horizon` bars. Every `refit` bars, counted from the panel's first one, the regression is fitted anew to
    the last `training` bars whose targets are over by then; between two fits it stays as it is. Predictions of returns
    are weak: most of what such a model finds in one window is gone in the next.
    """

    horizon: int = Field(21, ge=1, description="bars whose return is predicted")
    training: int = Field(252, ge=20, description="bars that a fit learns from")
    refit: int = Field(21, ge=1, description="bars between two fits")
    top: float | None = Field(
        None,
        gt=0,
        le=1,
        description="part of the assets to hold, those of the best predictions, in equal parts instead",
    )

    @property
    def long_only(self) -> bool:
        return True

    @property
    def uses_alpha(self) -> bool:
        return False

    @property
    def warmup(self) -> int:
        return LONGEST + self.training + self.horizon + self.refit

    @abstractmethod
    def predicted(self, lesson: Lesson) -> Float:
        """The returns (n,) that a regression predicts for what is asked."""

    def weights(self, view: View) -> Float:
        panel, out = view.market.panel, np.zeros(view.alpha.size)
        last = panel.n_bars - 1
        fitted = last - last % self.refit
        first = fitted - self.horizon - self.training - LONGEST
        if first < 0:
            return out
        # In the order of names, so that the order of columns has no say in how sums are rounded.
        order = np.array(sorted(range(panel.n_assets), key=lambda n: panel.symbols[n]))
        features = features_of(panel, first, view.side)[:, order]
        targets = view.side * realised(panel.until(fitted + 1), self.horizon, first + LONGEST)[:, order]
        known: Bool = np.logical_and.reduce(np.isfinite(features), axis=2)
        learned: Bool = known[: self.training] & np.isfinite(targets)
        asked: Bool = known[-1] & view.tradable[order]
        if not learned.any() or not asked.any():
            return out
        rows = features[: self.training][learned]
        mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        deviation[deviation == 0.0] = 1.0
        lesson = Lesson((rows - mean) / deviation, targets[learned], (features[-1, asked] - mean) / deviation)
        with threadpool_limits(1):  # the order of sums, and so their bits, would depend on the threads
            predictions = self.predicted(lesson)
        out[order[asked]] = self._shares(predictions, features[-1, asked, -2])
        return out

    def _shares(self, predictions: Float, volatility: Float) -> Float:
        """Weights (n,) of predictions and volatilities."""
        if self.top is not None:
            count = max(1, round(self.top * predictions.size))
            best = np.argsort(-predictions, kind="stable")[:count]
            return np.where(np.isin(np.arange(predictions.size), best), 1.0 / count, 0.0)
        wishes = np.maximum(predictions, 0.0) / volatility
        return wishes / wishes.sum() if wishes.any() else wishes


def features_of(panel: Panel, first: int, side: int) -> Float:
    """The features (bars, N, F) of every bar from `first` + `LONGEST` on, as a holder, or a seller, counts.

    NaN where an asset has no bar, is no member, has no price `LONGEST` bars before or never moved since. The last two
    are the volatility over `LONGEST` bars and the rank, from −1 to 1, 0 of an asset alone.
    """
    present = (panel.member & np.isfinite(panel.close))[first:][LONGEST:]
    seen = last_seen(panel.close[first:])
    now, started = seen[LONGEST:], np.isfinite(seen[:-LONGEST])
    returns = np.zeros(seen.shape)
    returns[1:] = np.nan_to_num(seen[1:] / seen[:-1] - 1.0)
    grown = [side * (now / seen[LONGEST - window : len(seen) - window] - 1.0) for window in WINDOWS]
    average, short, long, rank = (np.empty(array.shape) for array in (seen, seen, seen, now))
    rolling.rolling_mean(read_only(np.nan_to_num(seen)), 63, average)
    rolling.rolling_deviation(read_only(returns), 21, False, short)
    rolling.rolling_deviation(read_only(returns), LONGEST, False, long)
    known = present & started & (long[LONGEST:] > 0.0)
    rolling.rank_across(read_only(np.where(known, grown[-1], np.nan)), rank)
    distance = side * (now / average[LONGEST:] - 1.0)
    features = np.stack([*grown, distance, short[LONGEST:], long[LONGEST:], np.nan_to_num(rank)], axis=2)
    features[~known] = np.nan
    return features
