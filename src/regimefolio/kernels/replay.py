"""Target weights for a whole history: at every bar that decides, what the functions of one bar say."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel
from regimefolio.kernels.weights import Settings, weights_row

Float: TypeAlias = NDArray[np.float64]
Float32: TypeAlias = NDArray[np.float32]
Int: TypeAlias = NDArray[np.int64]
Bool: TypeAlias = NDArray[np.bool_]


@kernel
def target_weights(
    alpha: Float32,
    confidence: Float32,
    weights: Float32,
    row: Int,
    decide: Bool,
    tradable: Bool,
    settings: Settings,
    out: Float,
) -> None:
    """Target weights (T, N) at every bar that decides.

    Parameters
    ----------
    alpha, confidence : ndarray of shape (T, S, N), float32
        Opinions of S strategies.
    weights : ndarray of shape (R, S), float32
        Rows of strategy weights, one a regime.
    row : ndarray of shape (T,), int64
        Which row of `weights` holds at a bar, from 0 on.
    decide : ndarray of shape (T,), bool
        Bars that decide; the rows of the others are left as they are.
    tradable : ndarray of shape (T, N), bool
        Has a bar and is a member; an asset that is not gets weight 0.
    settings : Settings
    out : ndarray of shape (T, N)
    """
    for t in range(decide.size):
        if decide[t]:
            risk = settings.risk[min(t, settings.risk.shape[0] - 1)]
            weights_row(alpha[t], confidence[t], weights[row[t]], tradable[t], risk, settings, out[t])
