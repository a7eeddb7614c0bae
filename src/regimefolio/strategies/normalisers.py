"""Scores made comparable: z-score, min-max, rank and tanh, as plain functions of panels.

Each takes values of shape (T, N), NaN where there is none, and says where every value stands among others:

- `window=None`: among the values of the same row, two of them at least;
- `window=k`: among the values of its own column in the last k rows, itself included, five of them at least (or k, if
  that is fewer), from row k - 1 on.

Nothing after a row is read, so a prefix of the input gives a prefix of the output, to the bit. The result is NaN where
the value is, or where there are too few to compare with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Float, read_only
from regimefolio.kernels import normalise as kernels
from regimefolio.kernels.rolling import rank_across

LEAST = 5
"""Values that a window must hold."""

Values: TypeAlias = NDArray[np.floating]


def normalise_zscore(values: Values, window: int | None = None) -> Float:
    """Population deviations above the mean; 0 where all values are equal.

    Parameters
    ----------
    values : ndarray of shape (T, N)
        Finite, or NaN where there is none.
    window : int, optional
        Rows of its own column that a value is compared with, at least 2; the values of its row if not given.

    Returns
    -------
    ndarray of shape (T, N), float64
        Not bounded, but for |z| ≤ √(n - 1) among n values.

    Raises
    ------
    DataError
        Values that are infinite or no panel.
    ConfigError
        A window below 2.
    """
    return _placed(values, window, kernels.zscore_across, kernels.zscore_within)


def normalise_min_max(values: Values, window: int | None = None) -> Float:
    """Place between the smallest value, -1, and the largest, 1; 0 where all are equal. As `normalise_zscore`."""
    return _placed(values, window, kernels.min_max_across, kernels.min_max_within)


def normalise_rank(values: Values, window: int | None = None) -> Float:
    """Average rank from -1, the smallest, to 1, the largest; equal values share theirs. As `normalise_zscore`.

    With n values and average rank k of 1 … n it is (2k - n - 1) / (n - 1).
    """
    return _placed(values, window, rank_across, kernels.rank_within)


def normalise_tanh(values: Values, window: int | None = None, scale: float = 1.0) -> Float:
    """Hyperbolic tangent of the z-score over `scale`: bounded by ±1, and extremes are drawn in softly.

    Parameters as in `normalise_zscore`; `scale` is in deviations and above 0.
    """
    if not scale > 0.0:
        raise ConfigError(f"the scale of tanh must be above 0, but is {scale}")
    return np.tanh(normalise_zscore(values, window) / scale)


def _placed(values: Values, window: int | None, across: Callable[..., None], within: Callable[..., None]) -> Float:
    values = np.asarray(values)  # frames and lists have no business here, but come from notebooks
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.floating) or np.isinf(values).any():
        raise DataError("values must be a panel of shape (T, N) of finite numbers, NaN where there is none")
    panel = read_only(values.astype(np.float64))
    out = np.empty(panel.shape)
    if window is None:
        across(panel, out)
    elif window < 2:
        raise ConfigError(f"a window of {window} rows compares nothing; it must be at least 2")
    else:
        within(panel, window, min(LEAST, window), out)
    return out
