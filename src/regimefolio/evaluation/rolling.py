"""How a run's return and risk changed over time: what a window that ends at each bar would have shown."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Float, read_only
from regimefolio.kernels.metrics import FLAT
from regimefolio.kernels.rolling import rolling_deviation, rolling_mean


class RollingRisk(NamedTuple):
    """Annualised Sharpe ratio and volatility of the window that ends at each bar, two arrays of shape (T,)."""

    sharpe: Float
    volatility: Float


def rolling_risk(returns: Float, window: int, ppy: float, risk_free: ArrayLike = 0.0) -> RollingRisk:
    """The Sharpe ratio and the volatility of the last `window` returns at every bar; nothing after the bar is seen.

    Parameters
    ----------
    returns : ndarray of shape (T,)
        Simple returns per bar; from the first one that is not finite on, as after a bankruptcy, all is NaN.
    window : int
        Bars, at least 2.
    ppy : float
        Bars in a year.
    risk_free : array_like of shape (), (1,) or (T,)
        Per bar.

    Returns
    -------
    RollingRisk
        As `sharpe` and `volatility` are defined in `kernels.metrics`. NaN before the first whole window; the Sharpe
        ratio also where the returns do not vary.

    Raises
    ------
    ConfigError
        A window of fewer than 2 bars.
    """
    if window < 2:
        raise ConfigError(f"a rolling window has at least 2 bars, but this one has {window}")
    broken = np.flatnonzero(~np.isfinite(returns))
    bars = int(broken[0]) if broken.size else len(returns)
    free = np.broadcast_to(np.asarray(risk_free, dtype=np.float64), returns.shape)
    mean, deviation = np.empty((bars, 1)), np.empty((bars, 1))
    rolling_mean(read_only((returns - free)[:bars, np.newaxis]), window, mean)
    rolling_deviation(read_only(returns[:bars, np.newaxis]), window, False, deviation)
    deviation *= math.sqrt(window / (window - 1))
    found = np.full((2, len(returns)), np.nan)
    found[1, :bars] = deviation[:, 0] * math.sqrt(ppy)
    varies = deviation[:, 0] > FLAT
    found[0, :bars][varies] = mean[varies, 0] / deviation[varies, 0] * math.sqrt(ppy)
    return RollingRisk(found[0], found[1])
