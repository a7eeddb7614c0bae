"""From opinions to target weights at one bar: combine, rank, allocate, constrain.

Whoever decides at one bar and whoever replays a whole history call these same functions, so their bits are equal.
Alphas, confidences and strategy weights are float32, as signals are saved; target weights are float64.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel
from regimefolio.kernels.selection import smallest

Float: TypeAlias = NDArray[np.float64]
Float32: TypeAlias = NDArray[np.float32]
Int: TypeAlias = NDArray[np.int64]
Bool: TypeAlias = NDArray[np.bool_]

WEIGHTED = 0
CONFIDENCE_WEIGHTED = 1

PROPORTIONAL = 0
EQUAL_WEIGHT = 1

ROUNDING = 1e-13
"""A sum above its limit by at most this fraction is rounding, and left alone."""


class Limits(NamedTuple):
    """Largest |weight| of an asset, of a sector and of all together, as fractions of equity; inf = no limit."""

    max_position: float
    max_sector: float
    max_gross: float


class Settings(NamedTuple):
    """How a row of opinions becomes a row of weights.

    `method` and `allocator` are the codes above; `top_n` keeps that many best alphas, 0 = all; `sector` (N,) holds
    codes from 0 on.
    """

    method: int
    allocator: int
    top_n: int
    sector: Int
    limits: Limits


@kernel
def combine_row(alpha: Float32, confidence: Float32, weights: Float32, method: int, out: Float32) -> None:
    """Combine the alphas (S, N) of S strategies into one row (N,), in their order, with float32 arithmetic.

    `WEIGHTED` is Σ w·alpha, with Σ w = 1 as given; `CONFIDENCE_WEIGHTED` is Σ w·confidence·alpha / Σ w·confidence, and
    0 where there is no opinion. A strategy of weight 0 is skipped: the bits are those of its absence.
    """
    zero = np.float32(0.0)
    out[:] = zero
    if method == WEIGHTED:
        for s in range(weights.size):
            w = weights[s]
            if w != zero:
                for n in range(out.size):
                    out[n] += w * alpha[s, n]
        return
    belief = np.zeros_like(out)
    for s in range(weights.size):
        w = weights[s]
        if w != zero:
            for n in range(out.size):
                share = w * confidence[s, n]
                belief[n] += share
                out[n] += share * alpha[s, n]
    for n in range(out.size):
        out[n] = out[n] / belief[n] if belief[n] > zero else zero


@kernel
def keep_top_row(alpha: Float32, top_n: int, keep: Bool) -> None:
    """Take from `keep` (N,) whatever alpha is below the `top_n`-th largest of those kept; ties stay; 0 = all."""
    if top_n <= 0:
        return
    kept = np.empty(alpha.size)
    count = 0
    for n in range(alpha.size):
        if keep[n]:
            kept[count] = alpha[n]
            count += 1
    if count > top_n:
        threshold = smallest(kept[:count], count - top_n)
        for n in range(alpha.size):
            keep[n] = keep[n] and alpha[n] >= threshold


@kernel
def allocate_row(alpha: Float32, tradable: Bool, allocator: int, max_gross: float, out: Float) -> None:
    """Turn combined alphas (N,) into long-only weights (N,) that sum to `max_gross` (1 if that is infinite), or to 0.

    `PROPORTIONAL` is max_gross·α⁺/Σα⁺; `EQUAL_WEIGHT` ignores alpha. An asset that is not tradable gets 0.
    """
    total = 0.0
    for n in range(out.size):
        wish = 1.0 if allocator == EQUAL_WEIGHT else max(np.float64(alpha[n]), 0.0)
        out[n] = wish if tradable[n] else 0.0
        total += out[n]
    if total > 0.0:
        gross = max_gross if max_gross < np.inf else 1.0
        for n in range(out.size):
            out[n] = gross * out[n] / total


@kernel
def _factor(size: Float, ceiling: Float, sector: Int, only: int, limit: float) -> float:
    """Solve Σ min(size·a, ceiling) = limit for a, over the assets of one sector, or of all where `only` is −1.

    The sum is concave and piecewise linear in a: Newton's iterates from 0 rise towards the root, and each puts at least
    one more asset at its ceiling or is the root. There are N assets: the loop ends. Needs Σ ceiling > limit.
    """
    a, n_fixed = 0.0, -1
    while True:
        fixed, free, count = 0.0, 0.0, 0
        for n in range(size.size):
            if only == -1 or sector[n] == only:
                if size[n] * a >= ceiling[n]:
                    fixed += ceiling[n]
                    count += 1
                else:
                    free += size[n]
        if count <= n_fixed or free == 0.0:
            return a
        n_fixed = count
        a = (limit - fixed) / free


@kernel
def constrain_row(weights: Float, sector: Int, limits: Limits, out: Float) -> None:
    """The weights nearest to the wished ones, v, that keep every limit: argmin Σ(w − v)²/|v|.

    Its Karush-Kuhn-Tucker conditions give |w| = min(max_position, |v|·min(a, b)) with one factor b for each sector and
    one factor a for the whole, both at most 1. Zeros stay zero, no position grows or turns, and the rest is cash.

    Parameters
    ----------
    weights : ndarray of shape (N,)
        Finite fractions of equity; may be negative.
    sector : ndarray of shape (N,), int64
        Codes from 0 on.
    limits : Limits
    out : ndarray of shape (N,)
        May not be `weights` itself.
    """
    size = np.abs(weights)
    for n in range(out.size):
        out[n] = min(size[n], limits.max_position)
    if limits.max_sector < np.inf:
        total = np.zeros(sector.max() + 1)
        for n in range(out.size):
            total[sector[n]] += out[n]
        for s in range(total.size):
            if total[s] > limits.max_sector * (1.0 + ROUNDING):
                b = _factor(size, out, sector, s, limits.max_sector)
                for n in range(out.size):
                    if sector[n] == s:
                        out[n] = min(out[n], size[n] * b)
    gross = 0.0
    for n in range(out.size):
        gross += out[n]
    if gross > limits.max_gross * (1.0 + ROUNDING):
        everything = -1  # a variable, since numba compiles again for a literal
        a = _factor(size, out, sector, everything, limits.max_gross)
        for n in range(out.size):
            out[n] = min(out[n], size[n] * a)
    for n in range(out.size):
        if weights[n] < 0.0:
            out[n] = -out[n]


@kernel
def weights_row(
    alpha: Float32, confidence: Float32, weights: Float32, tradable: Bool, settings: Settings, out: Float
) -> None:
    """Target weights (N,) at one bar, from opinions (S, N) and strategy weights (S,); see `target_weights`."""
    combined = np.empty(out.size, np.float32)
    combine_row(alpha, confidence, weights, settings.method, combined)
    keep = tradable.copy()
    keep_top_row(combined, settings.top_n, keep)
    wished = np.empty(out.size)
    allocate_row(combined, keep, settings.allocator, settings.limits.max_gross, wished)
    constrain_row(wished, settings.sector, settings.limits, out)
