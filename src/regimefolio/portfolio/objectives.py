"""What portfolios are judged by: scores of their returns, many portfolios at once; more is better.

Each function takes the returns (T, P) of P portfolios at T bars and gives their scores (P,), all of a bar.
"""

from __future__ import annotations

import math

import numpy as np

from regimefolio.core.types import Float

LEAST = 1e-12
"""A deviation below which returns count as having it, so that a ratio stays finite."""


def mean_variance(earned: Float, risk_aversion: float) -> Float:
    """Mean less risk_aversion/2 times the variance, over the number of bars.

    Source: Markowitz (1952), Portfolio Selection.
    """
    score: Float = earned.mean(axis=0) - 0.5 * risk_aversion * earned.var(axis=0)
    return score


def sortino(earned: Float) -> Float:
    """Mean over the root of the mean squared loss, not annualised.

    Source: Sortino and Price (1994), Performance Measurement in a Downside Risk Framework.
    """
    lost = np.minimum(earned, 0.0)
    score: Float = earned.mean(axis=0) / np.maximum(np.sqrt((lost * lost).mean(axis=0)), LEAST)
    return score


def cvar(earned: Float, tail: float) -> Float:
    """Mean of the worst `tail` of the returns, a bar that lies across its border counting in part.

    Source: Rockafellar and Uryasev (2002), Conditional value-at-risk for general loss distributions, proposition 8.
    """
    amount = tail * len(earned)
    whole = math.floor(amount)
    worst = np.partition(earned, min(whole, len(earned) - 1), axis=0)
    total = worst[:whole].sum(axis=0)
    if whole < len(earned):
        total = total + (amount - whole) * worst[whole]
    score: Float = total / amount
    return score


def drawdown(earned: Float) -> Float:
    """The largest loss from a peak of compounded wealth, at most 0; the beginning is the first peak."""
    wealth = np.cumprod(1.0 + earned, axis=0)
    peak = np.maximum(np.maximum.accumulate(wealth, axis=0), 1.0)
    score: Float = np.minimum((wealth / peak).min(axis=0) - 1.0, 0.0)
    return score


def l_moments(earned: Float, spread_aversion: float) -> Float:
    """λ₁ − spread_aversion · (λ₂ − λ₃/3 + λ₄/12), with the first four sample L-moments λ.

    Signs and factors are those of the expansion of exponential utility. With them the score is a weighted sum of
    ordered returns that values the lower ones more, and so concave in the weights of the assets.
    Source: Hosking (1990), L-moments, eq. 2.1 and section 3 (unbiased); Cajas (2023), Portfolio Optimization of Higher
    L-Moments, for ordered sums of this kind.
    """
    n = len(earned)
    if n < 4:
        return earned.mean(axis=0)
    i = np.arange(n, dtype=np.float64)
    u = i / (n - 1)
    v = u * (i - 1) / (n - 2)
    w = v * (i - 2) / (n - 3)
    second, third, fourth = 2 * u - 1, 6 * v - 6 * u + 1, 20 * w - 30 * v + 12 * u - 1
    weight = 1.0 - spread_aversion * (second - third / 3.0 + fourth / 12.0)
    score: Float = weight @ np.sort(earned, axis=0) / n
    return score
