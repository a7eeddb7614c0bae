"""Which assets are kept at each bar: by rank, with ties settled, names held on to, and sectors capped."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel

Float32: TypeAlias = NDArray[np.float32]
Int: TypeAlias = NDArray[np.int64]
Bool: TypeAlias = NDArray[np.bool_]
Words: TypeAlias = NDArray[np.uint64]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)


class Keeping(NamedTuple):
    """How many are kept.

    Attributes
    ----------
    top_n : int
        The best so many; 0 = all.
    until : int
        A held asset stays up to this rank, counted from 1; 0 = being held is no merit.
    per_sector : int
        Most of one sector; 0 = any number.
    sector : ndarray of shape (N,), int64
        Codes from 0 on.
    """

    top_n: int
    until: int
    per_sector: int
    sector: Int


@kernel
def _mixed(word: np.uint64) -> np.uint64:
    """A word whose bits all depend on all of the given one's.

    Source: Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, figure 17 (SplitMix64).
    """
    word = word + _STEP
    word = (word ^ (word >> _30)) * _FIRST
    word = (word ^ (word >> _27)) * _SECOND
    return word ^ (word >> _31)


@kernel
def _is_better(a: int, b: int, keys: Float32, held: Bool, lot: Words) -> bool:
    """Whether asset `a` stands before `b`: by the keys (K, N) in turn, then who is held, then the larger lot.

    A key that is NaN is the worst.
    """
    for k in range(keys.shape[0]):
        x, y = keys[k, a], keys[k, b]
        if x != y and not (np.isnan(x) and np.isnan(y)):
            return np.isnan(y) or x > y
    return held[a] if held[a] != held[b] else lot[a] > lot[b]


@kernel
def ranked(eligible: Bool, keys: Float32, held: Bool, lot: Words) -> Int:
    """The eligible assets, the best first; their first key is a number."""
    found = np.flatnonzero(eligible)
    order = found[np.argsort(-keys[0][found])]
    for i in range(1, order.size):  # equals stand together by now: each is moved up among them
        asset, j = order[i], i
        while j > 0 and keys[0, order[j - 1]] == keys[0, asset] and _is_better(asset, order[j - 1], keys, held, lot):
            order[j] = order[j - 1]
            j -= 1
        order[j] = asset
    return order


@kernel
def keep_row(order: Int, held: Bool, keeping: Keeping, out: Bool) -> None:
    """Mark in `out` (N,) who is kept of assets in the order of their ranks.

    First those that are held and stand at `until` or before, then the others, until there are `top_n`; whoever finds
    its sector full is passed over.
    """
    out[:] = False
    count, of_sector = 0, np.zeros(keeping.sector.max() + 1, np.int64)
    for stays in (True, False):
        for i in range(order.size):
            n = order[i]
            full = keeping.per_sector > 0 and of_sector[keeping.sector[n]] >= keeping.per_sector
            if out[n] or full or (stays and not (held[n] and i < keeping.until)):
                continue
            if keeping.top_n > 0 and count >= keeping.top_n:
                return
            out[n] = True
            count += 1
            of_sector[keeping.sector[n]] += 1


@kernel
def kept_rows(
    eligible: Bool,
    keys: Float32,
    absent: Bool,
    decide: Bool,
    times: Int,
    names: Words,
    keeping: Keeping,
    out: Bool,
) -> None:
    """Who is kept at every bar, from what is known there and who was kept at the last bar before it that decides.

    Parameters
    ----------
    eligible : ndarray of shape (T, N), bool
        Whoever may be kept; its first key is a number.
    keys : ndarray of shape (K, T, N), float32
        The larger the better; a later key counts among those that are equal in the earlier ones.
    absent : ndarray of shape (T, N), bool
        Members without a bar: they are not kept there, and are held afterwards if they were before.
    decide : ndarray of shape (T,), bool
        Bars after which those that were kept are held.
    times : ndarray of shape (T,), int64
    names : ndarray of shape (N,), uint64
        A number for each name. With a bar's time it makes the lot that settles what nothing else does.
    keeping : Keeping
    out : ndarray of shape (T, N), bool
    """
    held, lot = np.zeros(names.size, np.bool_), np.empty(names.size, np.uint64)
    for t in range(times.size):
        drawn = _mixed(np.uint64(times[t]))
        for n in range(names.size):
            lot[n] = _mixed(names[n] ^ drawn)
        keep_row(ranked(eligible[t], keys[:, t], held, lot), held, keeping, out[t])
        if decide[t]:
            held = out[t] | (held & absent[t])
