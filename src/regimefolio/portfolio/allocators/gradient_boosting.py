"""Weights that boosted trees learn."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.learned import LearnedAllocator, Lesson


class GradientBoosting(LearnedAllocator, kind="gradient_boosting"):
    """In proportion to the returns, over volatility, that boosted trees predict, where they are above 0.

    The trees are small, each fitted to what those before it left, and scikit-learn's. `LearnedAllocator` says what they
    learn from.
    Source: Friedman (2001), Greedy Function Approximation: A Gradient Boosting Machine; on histograms as in Ke et al.
    (2017), LightGBM.
    """

    slow: ClassVar[bool] = True

    trees: int = Field(50, ge=1, le=5000, description="trees that are added up")
    leaves: int = Field(8, ge=2, le=1024, description="leaves of a tree at most")
    learning_rate: float = Field(0.05, gt=0, le=1, description="part of each tree that is added")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="of the sample that places the borders of histograms")

    def predicted(self, lesson: Lesson) -> Float:
        from sklearn.ensemble import HistGradientBoostingRegressor

        regression = HistGradientBoostingRegressor(
            max_iter=self.trees,
            max_leaf_nodes=self.leaves,
            learning_rate=self.learning_rate,
            early_stopping=False,
            random_state=self.seed,
        )
        predictions: Float = regression.fit(lesson.features, lesson.targets).predict(lesson.asked)
        return predictions
