"""The weights nearest to the wished ones that keep every limit, at one bar."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]
Bool: TypeAlias = NDArray[np.bool_]

ROUNDING = 1e-13
"""A sum beyond its limit by at most this fraction is rounding, and left alone."""

SECTOR_ROUNDING, GROSS_ROUNDING, NET_ROUNDING = 2e-15, 1e-14, 3e-14
"""What the rounding of a sum leaves where it meets its limit; a sum of sums has more of it."""


class Limits(NamedTuple):
    """What weights must keep, as fractions of equity; inf and −inf = no limit.

    Largest |weight| of an asset, of a sector and of all together; least and largest sum of weights.
    """

    max_position: float
    max_sector: float
    max_gross: float
    min_net: float = -np.inf
    max_net: float = np.inf


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
def _cut(size: Float, sector: Int, limits: Limits, out: Float) -> None:
    """Cut ceilings, `out`, to what sectors and the whole allow, in proportion to size where a limit binds."""
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
        a = _factor(size, out, sector, -1, limits.max_gross)
        for n in range(out.size):
            out[n] = min(out[n], size[n] * a)


@kernel
def _step(x: float, excess: float, slope: float, low: float, high: float) -> float:
    """The next x between a sum that is too large (at `low`) and one that is not: Newton's, or else the middle.

    The sums are piecewise linear and fall in x. A step from the root's own piece is the root. One from any other piece
    ends outside of (low, high) when it is taken a second time: there are fewer steps than pieces and halvings.
    """
    after = x - excess / slope
    return after if low < after < high else 0.5 * (low + high)


@kernel
def _sector_shift(size: Float, factor: Float, sector: Int, only: int, limits: Limits) -> float:
    """Solve Σ clip(size·(factor − x), 0, max_position) = max_sector for x > 0, over the assets of one sector."""
    x, low, high = 0.0, 0.0, 0.0
    for n in range(size.size):
        if sector[n] == only:
            high = max(high, factor[n])
    while True:
        total, slope = 0.0, 0.0
        for n in range(size.size):
            wish = size[n] * (factor[n] - x)
            if sector[n] == only and wish > 0.0:
                total += min(wish, limits.max_position)
                slope -= size[n] if wish < limits.max_position else 0.0
        excess = total - limits.max_sector
        if abs(excess) <= SECTOR_ROUNDING * limits.max_sector:
            return x
        low, high = (x, high) if excess > 0.0 else (low, x)
        x = _step(x, excess, slope, low, high)
        if not low < x < high:
            return high


@kernel
def _respond(
    size: Float, up: Bool, sector: Int, limits: Limits, rise: float, fall: float, work: Float, out: Float
) -> tuple[float, float, float, float, float]:
    """Positions where those of one side (`up`) are wished `rise` times as large, the others `fall` times.

    Returns the sums of the two sides; how fast the first grows with `rise` and the second with `fall`; and how fast
    each shrinks with the other's, by which it takes room in their sectors. `work` is of shape (4, sectors).
    """
    shift, total, free_up, free_down = work[0], work[1], work[2], work[3]
    work[:] = 0.0
    factor = np.empty(size.size)
    for n in range(size.size):
        factor[n] = rise if up[n] else fall
        out[n] = min(max(size[n] * factor[n], 0.0), limits.max_position)
        total[sector[n]] += out[n]
    for s in range(total.size):
        if total[s] > limits.max_sector * (1.0 + SECTOR_ROUNDING):
            shift[s] = _sector_shift(size, factor, sector, s, limits)
    raised, lowered = 0.0, 0.0
    for n in range(size.size):
        wish = size[n] * (factor[n] - shift[sector[n]])
        out[n] = min(max(wish, 0.0), limits.max_position)
        free = size[n] if 0.0 < wish < limits.max_position else 0.0
        if up[n]:
            raised += out[n]
            free_up[sector[n]] += free
        else:
            lowered += out[n]
            free_down[sector[n]] += free
    a, b, c = 0.0, 0.0, 0.0
    for s in range(total.size):
        if shift[s] == 0.0:
            a += free_up[s]
            b += free_down[s]
        elif free_up[s] > 0.0 and free_down[s] > 0.0:
            shared = free_up[s] * free_down[s] / (free_up[s] + free_down[s])
            a += shared
            b += shared
            c += shared
    return raised, lowered, a, b, c


@kernel
def _at_pressure(
    size: Float, up: Bool, sector: Int, limits: Limits, pressure: float, work: Float, out: Float
) -> tuple[float, float]:
    """Positions within all limits but the net one, with factors 1 ± pressure − x; the net of `up`, and its slope.

    The x ≥ 0 is what the gross limit takes from everything.
    """
    x, low, high = 0.0, 0.0, 1.0 + pressure
    while True:
        raised, lowered, a, b, c = _respond(size, up, sector, limits, 1.0 + pressure - x, 1.0 - pressure - x, work, out)
        excess = raised + lowered - limits.max_gross
        if abs(excess) <= GROSS_ROUNDING * limits.max_gross or (x == 0.0 and excess < 0.0):
            break
        low, high = (x, high) if excess > 0.0 else (low, x)
        x = _step(x, excess, 2.0 * c - a - b, low, high)
        if not low < x < high:
            break
    slope = a + b + 2.0 * c
    if x > 0.0 and a + b > 2.0 * c:
        slope -= (a - b) * (a - b) / (a + b - 2.0 * c)
    return raised - lowered, slope


@kernel
def _raise_net(size: Float, up: Bool, sector: Int, limits: Limits, least: float, out: Float) -> None:
    """The nearest positions whose net, `up` less the others, is `least`, or as near to it as the limits let it be.

    The net rises with the pressure p in the factors 1 + p and 1 − p. Where no pressure suffices the others are 0, and
    `up` is as large as positions, sectors and the whole may be.
    """
    most = np.empty(size.size)
    for n in range(out.size):
        most[n] = size[n] if up[n] else 0.0
        out[n] = limits.max_position if most[n] > 0.0 else 0.0
    _cut(most, sector, limits, out)
    if out.sum() <= least + ROUNDING:
        return
    work = np.zeros((4, sector.max() + 1 if limits.max_sector < np.inf else 1))
    group = sector if limits.max_sector < np.inf else np.zeros_like(sector)
    low, x, high = 0.0, 1.0, np.inf
    while True:
        net, slope = _at_pressure(size, up, group, limits, x, work, out)
        missing = least - net
        if abs(missing) <= NET_ROUNDING * max(abs(least), out.sum()):
            return
        low, high = (x, high) if missing > 0.0 else (low, x)
        x = _step(x, missing, -slope, low, high) if high < np.inf else 2.0 * x
        if not low < x < high:
            return


@kernel
def constrain_row(weights: Float, sector: Int, limits: Limits, out: Float) -> None:
    """The weights nearest to the wished ones, v, that keep every limit: argmin Σ(w − v)²/|v|; zeros stay zero.

    Its Karush-Kuhn-Tucker conditions give |w| = clip(|v|·f, 0, max_position) with f = 1 − x − y − z for what is long
    and 1 − x − y + z for what is short: x ≥ 0 for the whole, y ≥ 0 for its sector, z for the net. No position turns.
    Without a net limit that binds, z = 0: none grows, and |w| = min(max_position, |v|·min(a, b)), with one factor b for
    each sector and one factor a for the whole, both at most 1. One that binds lets the other side grow.
    Where no weights with these signs reach the net, it is as near as they can bring it. The rest is cash.

    Parameters
    ----------
    weights : ndarray of shape (N,)
        Finite fractions of equity; may be negative.
    sector : ndarray of shape (N,), int64
        Codes from 0 on.
    limits : Limits
        That some weights keep: −max_gross ≤ min_net ≤ max_net ≤ max_gross, all but net limits above 0.
    out : ndarray of shape (N,)
        May not be `weights` itself.
    """
    size = np.abs(weights)
    for n in range(out.size):
        out[n] = min(size[n], limits.max_position)
    _cut(size, sector, limits, out)
    if limits.min_net > -np.inf or limits.max_net < np.inf:
        net, gross = 0.0, 0.0
        for n in range(out.size):
            gross += out[n]
            net += out[n] if weights[n] > 0.0 else -out[n]
        if net < limits.min_net - ROUNDING * gross:
            _raise_net(size, weights > 0.0, sector, limits, limits.min_net, out)
        elif net > limits.max_net + ROUNDING * gross:
            _raise_net(size, weights < 0.0, sector, limits, -limits.max_net, out)
    for n in range(out.size):
        if weights[n] < 0.0 and out[n] > 0.0:
            out[n] = -out[n]
