"""Medians over the last values of each column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel


@kernel
def rolling_median(x: NDArray[np.float64], window: int, out: NDArray[np.float64]) -> None:
    """Median of the last `window` values that are not NaN, at each that is not NaN itself.

    Parameters
    ----------
    x : ndarray of shape (T, N)
    window : int
        At least 1.
    out : ndarray of shape (T, N)
        NaN where `x` is, and before there are `window` values; the mean of the middle two where `window` is even.
    """
    bars, assets = x.shape
    last, ordered = np.empty(window), np.empty(window)
    low, high = (window - 1) // 2, window // 2
    for n in range(assets):
        count = 0
        for t in range(bars):
            value = x[t, n]
            out[t, n] = np.nan
            if np.isnan(value):
                continue
            place = min(count, window)
            if count >= window:  # the oldest leaves its place to those behind it
                place = np.searchsorted(ordered, last[count % window])
                for i in range(place, window - 1):
                    ordered[i] = ordered[i + 1]
                place = window - 1
            while place > 0 and ordered[place - 1] > value:
                ordered[place] = ordered[place - 1]
                place -= 1
            ordered[place] = value
            last[count % window] = value
            count += 1
            if count >= window:
                out[t, n] = 0.5 * (ordered[low] + ordered[high])
