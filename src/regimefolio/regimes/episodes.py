"""How long regimes last and what follows what."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regimefolio.core.types import UNKNOWN, Float, Int


class Episode(NamedTuple):
    """Consecutive bars of one regime: its label, its first bar and its last."""

    label: int
    first: int
    last: int

    @property
    def bars(self) -> int:
        return self.last - self.first + 1


def episodes(label: Int) -> list[Episode]:
    """The runs of equal labels (T,), in order; bars before the first fit (-1) belong to none."""
    if not len(label):
        return []
    first = np.concatenate([[0], np.flatnonzero(np.diff(label)) + 1])
    last = np.concatenate([first[1:] - 1, [len(label) - 1]])
    return [Episode(int(label[a]), int(a), int(b)) for a, b in zip(first, last, strict=True) if label[a] != UNKNOWN]


def transition_counts(label: Int, n_regimes: int) -> Int:
    """How often a bar of regime i was followed by one of regime j, shape (K, K); stays on the diagonal."""
    before, after = label[:-1], label[1:]
    both = (before != UNKNOWN) & (after != UNKNOWN)
    counts = np.zeros((n_regimes, n_regimes), np.int64)
    np.add.at(counts, (before[both], after[both]), 1)
    return counts


def transition_matrix(counts: Int) -> Float:
    """Part of each regime's bars that was followed by each regime, shape (K, K); NaN for one that was never there."""
    return _ratio(counts, counts.sum(axis=1, keepdims=True))


def expected_duration(counts: Int) -> Float:
    """Bars that a stay in each regime lasts on average, 1 / (1 - its part of stays), shape (K,); NaN if never left."""
    bars = counts.sum(axis=1)
    return _ratio(bars, bars - np.diagonal(counts))


def _ratio(part: Int, whole: Int) -> Float:
    found = np.full(part.shape, np.nan)
    return np.divide(part, whole, out=found, where=np.broadcast_to(whole > 0, part.shape))
