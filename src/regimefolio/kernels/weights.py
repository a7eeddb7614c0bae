"""From opinions to target weights at one bar: combine, settle conflicts, rank, allocate, constrain.

A strategy has an opinion of an asset where its weight and its confidence are above 0.

Whoever decides at one bar and whoever replays a whole history call these same functions, so their bits are equal.
Alphas, confidences and strategy weights are float32, as signals are saved; target weights are float64.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel, lean, piece, summing
from regimefolio.kernels.constraints import Limits, constrain_row
from regimefolio.kernels.selection import smallest
from regimefolio.kernels.volatility import NO_SCALING, Scaling

Float: TypeAlias = NDArray[np.float64]
Float32: TypeAlias = NDArray[np.float32]
Int: TypeAlias = NDArray[np.int64]
Bool: TypeAlias = NDArray[np.bool_]

WEIGHTED = 0
CONFIDENCE_WEIGHTED = 1
RANK_AVERAGE = 2
BEST_STRATEGY = 3

NET = 0
FLAT = 1
BEST = 2

PROPORTIONAL = 0
EQUAL_WEIGHT = 1
LONG_SHORT = 2
RISK_PARITY = 3
GIVEN = 4
"""An allocator that is not compiled: its weights are given to whoever trades them."""

NO_RISK = np.empty((1, 0))
NO_RISK.flags.writeable = False
"""The risk panel of an allocator that asks for none: one row for all bars, and empty."""


class Settings(NamedTuple):
    """How a row of opinions becomes a row of weights.

    `method`, `allocator` and `on_conflict` are the codes above; `top_n` keeps that many best assets, 0 = all; `sector`
    (N,) holds codes from 0 on; `tilt` and the `risk` panel (T, N) are for `RISK_PARITY` alone; `alone` applies the rule
    to each asset as if it were the only one; `scaling` is for whole decisions, after their rows; `side` −1 turns alphas
    round before they are ranked and allocated, and the weights after that: they are sold short.
    """

    method: int
    allocator: int
    top_n: int
    sector: Int
    limits: Limits
    on_conflict: int = NET
    tilt: float = 0.0
    risk: Float = NO_RISK
    alone: bool = False
    scaling: Scaling = NO_SCALING
    side: int = 1


@summing
def are_sound(alpha: Float32, confidence: Float32) -> bool:
    """Whether every alpha of these (M,) lies in −1 … 1 and every confidence in 0 … 1; NaN does not."""
    zero, one = np.float32(0.0), np.float32(1.0)
    unsound = zero  # counted in float32, which is as wide as what is looked at, and never comes back to 0
    for i in range(alpha.size):
        sound = (abs(alpha[i]) <= one) & (confidence[i] >= zero) & (confidence[i] <= one)
        unsound += zero if sound else one
    return unsound == zero


@kernel
def rank_row(alpha: Float32, confidence: Float32, tradable: Bool, out: Float32) -> None:
    """Rank one strategy's alphas (N,) from −1 (lowest) to 1 (highest), among the K tradable assets with an opinion.

    (r − 1)/(K − 1)·2 − 1 with r = 1 … K, equal alphas sharing their mean rank. A single opinion is in the middle: 0.
    Without an opinion, or where not tradable: 0. Who will be a member one day must not count before.
    """
    out[:] = np.float32(0.0)
    held = np.flatnonzero((confidence > np.float32(0.0)) & tradable)
    if held.size < 2:
        return
    order = held[np.argsort(alpha[held])]
    i, last = 0, held.size - 1
    while i <= last:
        j = i
        while j < last and alpha[order[j + 1]] == alpha[order[i]]:
            j += 1
        for k in range(i, j + 1):
            out[order[k]] = np.float32((i + j - last) / last)
        i = j + 1


@kernel
def _average_ranks(alpha: Float32, confidence: Float32, weights: Float32, tradable: Bool, out: Float32) -> None:
    """The weighted mean of the strategies' ranks over those with an opinion; `out` holds zeros."""
    zero = np.float32(0.0)
    rank, belief = np.empty_like(out), np.zeros_like(out)
    for s in range(weights.size):
        w = weights[s]
        if w != zero:
            rank_row(alpha[s], confidence[s], tradable, rank)
            for n in range(out.size):
                if confidence[s, n] > zero:
                    belief[n] += w
                    out[n] += w * rank[n]
    for n in range(out.size):
        out[n] = out[n] / belief[n] if belief[n] > zero else zero


@lean
def _strongest(confidence: Float32, weights: Float32, n: int) -> int:
    """The strategy with the largest weight·confidence in asset `n`, the first of equals; −1 without an opinion."""
    best, strength = -1, np.float32(0.0)
    for s in range(weights.size):
        if weights[s] * confidence[s, n] > strength:
            best, strength = s, weights[s] * confidence[s, n]
    return best


@piece
def _next_used(weights: Float32, s: int) -> int:
    """The first strategy from `s` on whose weight is not 0; their number where there is none."""
    while s < weights.size and weights[s] == np.float32(0.0):
        s += 1
    return s


@piece
def _add_weighted(alpha: Float32, weights: Float32, out: Float32) -> None:
    """Add w·alpha of every strategy, in their order; four at a time, so that the sums stay in registers."""
    s = _next_used(weights, 0)
    while s < weights.size:
        i = _next_used(weights, s + 1)
        j = _next_used(weights, i + 1)
        k = _next_used(weights, j + 1)
        if k >= weights.size:
            for n in range(out.size):
                out[n] += weights[s] * alpha[s, n]
            s = i
            continue
        a, b, c, d = alpha[s], alpha[i], alpha[j], alpha[k]
        wa, wb, wc, wd = weights[s], weights[i], weights[j], weights[k]
        for n in range(out.size):
            out[n] = (((out[n] + wa * a[n]) + wb * b[n]) + wc * c[n]) + wd * d[n]
        s = _next_used(weights, k + 1)


@kernel
def _average_by_confidence(alpha: Float32, confidence: Float32, weights: Float32, out: Float32) -> None:
    """Divide Σ w·confidence·alpha by Σ w·confidence."""
    zero = np.float32(0.0)
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


@piece
def combine_row(
    alpha: Float32, confidence: Float32, weights: Float32, tradable: Bool, method: int, out: Float32
) -> None:
    """Combine the alphas (S, N) of S strategies into one row (N,), in their order, with float32 arithmetic.

    `WEIGHTED` is Σ w·alpha, with Σ w = 1 as given; `CONFIDENCE_WEIGHTED` is Σ w·confidence·alpha / Σ w·confidence,
    `RANK_AVERAGE` Σ w·rank / Σ w over the opinions (see `rank_row`), `BEST_STRATEGY` the alpha of the opinion with the
    largest w·confidence, the first of equals; each 0 where there is no opinion. `tradable` (N,) says who is ranked.
    A strategy of weight 0 is skipped: the bits are those of its absence.
    """
    for n in range(out.size):
        out[n] = np.float32(0.0)
    if method == WEIGHTED:
        _add_weighted(alpha, weights, out)
    elif method == CONFIDENCE_WEIGHTED:
        _average_by_confidence(alpha, confidence, weights, out)
    elif method == RANK_AVERAGE:
        _average_ranks(alpha, confidence, weights, tradable, out)
    else:
        for n in range(out.size):
            best = _strongest(confidence, weights, n)
            out[n] = alpha[best, n] if best >= 0 else np.float32(0.0)


@kernel
def settle_row(
    alpha: Float32,
    confidence: Float32,
    weights: Float32,
    tradable: Bool,
    method: int,
    on_conflict: int,
    out: Float32,
) -> None:
    """Settle the combined alphas (N,) of assets on which opinions are of opposite sign.

    `NET` leaves the combination as it is, `FLAT` is no opinion, 0; `BEST` is what the combination would be if the
    opinion with the largest w·confidence, the first of equals, were the only one on that asset.
    """
    if on_conflict == NET:
        return
    zero = np.float32(0.0)
    chosen = np.full(out.size, -1)
    for n in range(out.size):
        rises, falls = False, False
        for s in range(weights.size):
            if weights[s] != zero and confidence[s, n] > zero:
                rises = rises or alpha[s, n] > zero
                falls = falls or alpha[s, n] < zero
        if rises and falls:
            out[n] = zero
            chosen[n] = _strongest(confidence, weights, n) if on_conflict == BEST else -1
    rank = np.empty_like(out)
    for s in range(weights.size):
        if not (chosen == s).any():
            continue
        if method == RANK_AVERAGE:
            rank_row(alpha[s], confidence[s], tradable, rank)
        for n in range(out.size):
            if chosen[n] == s:
                if method == WEIGHTED:
                    out[n] = weights[s] * alpha[s, n]
                elif method == CONFIDENCE_WEIGHTED:
                    share = weights[s] * confidence[s, n]
                    out[n] = share * alpha[s, n] / share
                elif method == RANK_AVERAGE:
                    out[n] = weights[s] * rank[n] / weights[s]
                else:
                    out[n] = alpha[s, n]


@kernel
def combined_row(
    alpha: Float32, confidence: Float32, weights: Float32, tradable: Bool, settings: Settings, out: Float32
) -> None:
    """Combine the alphas (S, N) of S strategies into one row (N,), and settle conflicts."""
    combine_row(alpha, confidence, weights, tradable, settings.method, out)
    settle_row(alpha, confidence, weights, tradable, settings.method, settings.on_conflict, out)


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
def keep_best_row(alpha: Float32, settings: Settings, keep: Bool) -> None:
    """Take from `keep` (N,) what `top_n` leaves out: by alpha, or by |alpha| where the rule goes short too."""
    if settings.allocator == LONG_SHORT:
        keep_top_row(np.abs(alpha), settings.top_n, keep)
    else:
        keep_top_row(alpha, settings.top_n, keep)


@summing
def _write_wishes(alpha: Float32, tradable: Bool, risk: Float, allocator: int, tilt: float, out: Float) -> float:
    """Write what the rule wishes for each asset, in its own unit; returns the sum of the sizes."""
    total = 0.0
    for n in range(out.size):
        wish = 0.0
        if allocator == EQUAL_WEIGHT:
            wish = 1.0
        elif allocator == PROPORTIONAL:
            wish = max(np.float64(alpha[n]), 0.0)
        elif allocator == LONG_SHORT:
            wish = np.float64(alpha[n])
        elif risk[n] > 0.0:
            wish = max(1.0 + tilt * np.float64(alpha[n]), 0.0) / risk[n]
        out[n] = wish if tradable[n] else 0.0
        total += abs(out[n])
    return total


@lean
def allocate_row(
    alpha: Float32, tradable: Bool, risk: Float, allocator: int, tilt: float, max_gross: float, out: Float
) -> None:
    """Turn combined alphas (N,) into weights (N,) whose sizes sum to `max_gross` (1 if that is infinite), or to 0.

    `PROPORTIONAL` is max_gross·α⁺/Σα⁺, `LONG_SHORT` max_gross·α/Σ|α|; `EQUAL_WEIGHT` ignores alpha; `RISK_PARITY` is
    max_gross·q/Σq with q = (1 + tilt·α)⁺/σ, where σ is `risk` (N,), empty for the others. An asset that is not
    tradable, or has no σ above 0 where one is needed, gets 0.
    """
    total = _write_wishes(alpha, tradable, risk, allocator, tilt, out)
    if total > 0.0:
        scale = (max_gross if max_gross < np.inf else 1.0) / total
        for n in range(out.size):
            out[n] *= scale


@piece
def allocate_alone(alpha: Float32, tradable: Bool, settings: Settings, out: Float) -> None:
    """Turn combined alphas (N,) into the weights (N,) that each asset would have if it were the only one."""
    gross = settings.limits.max_gross if settings.limits.max_gross < np.inf else 1.0
    full = min(gross, settings.limits.max_position)
    always, shorts = settings.allocator == EQUAL_WEIGHT, settings.allocator == LONG_SHORT
    for n in range(out.size):
        buys, sells = tradable[n] & (always | (alpha[n] > 0.0)), tradable[n] & shorts & (alpha[n] < 0.0)
        out[n] = full if buys else (-full if sells else 0.0)


@kernel
def weights_row(
    alpha: Float32,
    confidence: Float32,
    weights: Float32,
    tradable: Bool,
    risk: Float,
    settings: Settings,
    out: Float,
) -> None:
    """Target weights (N,) at one bar, from opinions (S, N), strategy weights (S,) and risk (N,), empty if unused."""
    combined = np.empty(out.size, np.float32)
    combined_row(alpha, confidence, weights, tradable, settings, combined)
    if settings.alone:
        allocate_alone(combined, tradable, settings, out)
        return
    if settings.side < 0:
        combined[:] = -combined
    keep = tradable.copy()
    keep_best_row(combined, settings, keep)
    wished = np.empty(out.size)
    allocate_row(combined, keep, risk, settings.allocator, settings.tilt, settings.limits.max_gross, wished)
    if settings.side < 0:
        wished[:] = -wished
    constrain_row(wished, settings.sector, settings.limits, out)
