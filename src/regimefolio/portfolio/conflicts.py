"""How often strategies contradict each other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from regimefolio.core.types import Bool


@dataclass(frozen=True)
class ConflictCount:
    """Conflicts between two strategies, or on one asset.

    `of` is the number of asset-bars on which there could have been one; `share` is NaN where that is 0.
    """

    names: tuple[str, ...]
    conflicts: int
    of: int
    share: float


@dataclass(frozen=True)
class Conflicts:
    """How often strategies had alphas of opposite sign, on tradable assets at the bars that decided.

    Parameters
    ----------
    conflicts, of, share
        Asset-bars with a conflict; those on which two strategies or more had an opinion; the quotient, NaN where there
        are none.
    by_pair : tuple of ConflictCount
        Every two kinds of strategy, most conflicts first; `of` counts where both had an opinion.
    by_asset : tuple of ConflictCount
        Every symbol, most conflicts first.
    """

    conflicts: int
    of: int
    share: float
    by_pair: tuple[ConflictCount, ...]
    by_asset: tuple[ConflictCount, ...]


def count_conflicts(rises: Bool, falls: Bool, opinion: Bool, kinds: Sequence[str], symbols: Sequence[str]) -> Conflicts:
    """Count what opposes.

    Parameters
    ----------
    rises, falls, opinion : ndarray of shape (bars, S, N), bool
        Where a strategy has an opinion, and where that is above or below 0.
    kinds : sequence of S str
        Variants of one strategy share their kind; only one of them has an opinion at a bar.
    symbols : sequence of N str
    """
    opposed = rises.any(axis=1) & falls.any(axis=1)
    shared = opinion.sum(axis=1) >= 2
    pairs: Counter[tuple[str, str]] = Counter()
    both: Counter[tuple[str, str]] = Counter()
    for i, j in combinations(range(len(kinds)), 2):
        if kinds[i] != kinds[j]:
            pair = (kinds[i], kinds[j])
            pairs[pair] += int(((rises[:, i] & falls[:, j]) | (falls[:, i] & rises[:, j])).sum())
            both[pair] += int((opinion[:, i] & opinion[:, j]).sum())
    on, of = opposed.sum(axis=0).tolist(), shared.sum(axis=0).tolist()
    return Conflicts(
        sum(on),
        sum(of),
        _share(sum(on), sum(of)),
        _most_first([_count(pair, pairs[pair], both[pair]) for pair in both]),
        _most_first([_count((symbol,), on[n], of[n]) for n, symbol in enumerate(symbols)]),
    )


def _share(conflicts: int, of: int) -> float:
    return conflicts / of if of else math.nan


def _count(names: tuple[str, ...], conflicts: int, of: int) -> ConflictCount:
    return ConflictCount(names, conflicts, of, _share(conflicts, of))


def _most_first(counts: list[ConflictCount]) -> tuple[ConflictCount, ...]:
    return tuple(sorted(counts, key=lambda each: -each.conflicts))
