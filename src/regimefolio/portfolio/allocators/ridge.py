"""Weights that a linear regression learns."""

from __future__ import annotations

from pydantic import Field

from regimefolio.core.types import Float
from regimefolio.portfolio.allocators.learned import LearnedAllocator, Lesson


class Ridge(LearnedAllocator, kind="ridge"):
    """In proportion to the returns, over volatility, that a linear regression predicts, where they are above 0.

    The regression is scikit-learn's: the least Σ (y − Xb)² / R + penalty · Σ b², over R rows of standardised features.
    `LearnedAllocator` says what it learns from.
    Source: Hoerl and Kennard (1970), Ridge Regression: Biased Estimation for Nonorthogonal Problems.
    """

    penalty: float = Field(1.0, gt=0, le=1e6, description="how much coefficients are shrunk")

    def predicted(self, lesson: Lesson) -> Float:
        from sklearn.linear_model import Ridge as Regression

        regression = Regression(alpha=self.penalty * len(lesson.targets), solver="cholesky")
        predictions: Float = regression.fit(lesson.features, lesson.targets).predict(lesson.asked)
        return predictions
