"""Which optimizers are alike: by what they would have held, by what it earned, by how they performed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from regimefolio.core.errors import DataError
from regimefolio.core.types import Bool, Float, Int, read_only

ALIKE_CORRELATION, ALIKE_WEIGHTS, ALIKE_PERFORMANCE = math.sqrt((1.0 - 0.9) / 2.0), 0.2, 0.5
"""Distances up to which optimizers are alike: a correlation of 0.9, a fifth held differently, half a deviation."""

CONSTANT = 1e-12
"""A deviation at or below this share of the values themselves is rounding: nothing correlates with it."""


class Pair(NamedTuple):
    """Two optimizers and how far apart they are."""

    first: str
    second: str
    distance: float


class Dendrogram(NamedTuple):
    """A tree as it is drawn: the names in the order of its leaves, and its branches.

    Attributes
    ----------
    names : tuple of M str
        Leaf k stands at k across.
    across, height : ndarray of shape (M - 1, 4)
        The corners of every branch: up from one of the two that are joined, over, and down to the other.
    """

    names: tuple[str, ...]
    across: Float
    height: Float


@dataclass(frozen=True, eq=False)
class Clustering:
    """Optimizers joined into a tree, the nearest first, and the clusters that it falls into.

    Parameters
    ----------
    names : tuple of M str
        Those that have a distance to all others, sorted; the order in which they were given plays no part.
    distance : ndarray of shape (M, M)
    linkage : ndarray of shape (M - 1, 4)
        The tree, as scipy writes it.
    threshold : float
        At or below this distance branches are one cluster.
    cluster : ndarray of shape (M,), int64
        From 0, in the order of the first name of each.
    left_out : tuple of str
        Optimizers without a distance to some other.
    """

    names: tuple[str, ...]
    distance: Float
    linkage: Float
    threshold: float
    cluster: Int
    left_out: tuple[str, ...] = ()

    @property
    def clusters(self) -> tuple[tuple[str, ...], ...]:
        """The names in each cluster."""
        count = int(self.cluster.max()) + 1 if self.cluster.size else 0
        return tuple(
            tuple(name for name, each in zip(self.names, self.cluster.tolist(), strict=True) if each == k)
            for k in range(count)
        )

    def closest(self, n: int = 10) -> tuple[Pair, ...]:
        """The nearest pairs, nearest first; equal ones in the order of their names."""
        one, other = np.triu_indices(len(self.names), 1)
        apart = self.distance[one, other]
        return tuple(
            Pair(self.names[one[k]], self.names[other[k]], float(apart[k]))
            for k in np.argsort(apart, kind="stable")[:n]
        )

    def dendrogram(self) -> Dendrogram:
        """The tree as it is drawn; the names of a cluster are neighbours."""
        from scipy.cluster.hierarchy import dendrogram, leaves_list

        if len(self.names) < 2:
            return Dendrogram(self.names, np.empty((0, 4)), np.empty((0, 4)))
        drawn = dendrogram(self.linkage, no_plot=True)
        across = (np.array(drawn["icoord"]) - 5.0) / 10.0  # scipy puts leaf k at 5 + 10 k
        return Dendrogram(tuple(self.names[k] for k in leaves_list(self.linkage)), across, np.array(drawn["dcoord"]))


class OptimizerClusters(NamedTuple):
    """The same optimizers clustered by four distances."""

    weights_correlation: Clustering
    returns_correlation: Clustering
    performance: Clustering
    weight_distance: Clustering


def cluster_optimizers(names: Sequence[str], weights: Float, returns: Float, features: Float) -> OptimizerClusters:
    """Cluster optimizers by weights correlation, returns correlation, performance and mean weight distance.

    Parameters
    ----------
    names : sequence of M str
        Different from each other.
    weights : ndarray of shape (R, M, N)
        What each would have held after each rebalance; a row with a NaN is none.
    returns : ndarray of shape (T, M)
        Simple returns per bar.
    features : ndarray of shape (M, F)
        Numbers that describe the performance of each, as a Sharpe ratio; NaN where undefined.

    Raises
    ------
    DataError
        Shapes do not fit, or a name stands there twice.
    """
    m = len(names)
    if weights.ndim != 3 or weights.shape[1] != m or returns.shape[1:] != (m,) or features.shape[:1] != (m,):
        raise DataError(
            f"{m} optimizers need weights (R, {m}, N), returns (T, {m}) and features ({m}, F), but have shapes "
            f"{weights.shape}, {returns.shape} and {features.shape}"
        )
    return OptimizerClusters(
        clustering(names, weights_correlation_distance(weights), ALIKE_CORRELATION),
        clustering(names, returns_correlation_distance(returns), ALIKE_CORRELATION),
        clustering(names, performance_distance(features), ALIKE_PERFORMANCE),
        clustering(names, weight_distance(weights), ALIKE_WEIGHTS),
    )


def weights_correlation_distance(weights: Float) -> Float:
    """√((1 − ρ)/2), with ρ the correlation of what two optimizers hold above or below the mean asset.

    Each date's weights less their mean over assets, pooled over the dates at which both have weights: two that prefer
    the same assets are near, however much they prefer them.

    Source: the distance is that of López de Prado (2016), Building Diversified Portfolios that Outperform Out of
    Sample, section 3.1.

    Parameters
    ----------
    weights : ndarray of shape (R, M, N)
        A row with a NaN is none: the dates are those of the array, and a pair leaves out a date that one of them lacks.

    Returns
    -------
    ndarray of shape (M, M)
        In [0, 1]; NaN without a common date, and for weights that are equal on all of those.
    """
    known = _known(weights)
    centred = weights - weights.mean(axis=2, keepdims=True)
    size = np.abs(weights).max(axis=2)
    found = np.full((weights.shape[1],) * 2, np.nan)
    for i, j in _pairs(len(found)):
        both = known[:, i] & known[:, j]
        x, y = centred[both, i].ravel(), centred[both, j].ravel()
        scale = size[both][:, [i, j]].max(axis=0, initial=0.0)
        found[i, j] = found[j, i] = _correlation_distance(x, y, scale[0], scale[1])
    return found


def returns_correlation_distance(returns: Float) -> Float:
    """√((1 − ρ)/2), with ρ the correlation of two optimizers' returns on the bars that both have.

    Source: as `weights_correlation_distance`.

    Parameters
    ----------
    returns : ndarray of shape (T, M)

    Returns
    -------
    ndarray of shape (M, M)
        In [0, 1]; NaN with fewer than two common bars, and for returns that do not vary.
    """
    known = np.isfinite(returns)
    found = np.full((returns.shape[1],) * 2, np.nan)
    for i, j in _pairs(len(found)):
        both = known[:, i] & known[:, j]
        x, y = returns[both, i], returns[both, j]
        if len(x) > 1:
            scale = np.abs(x).max(), np.abs(y).max()
            found[i, j] = found[j, i] = _correlation_distance(x - x.mean(), y - y.mean(), *scale)
    return found


def performance_distance(features: Float) -> Float:
    """Root mean square of the differences of two optimizers' features, each in deviations over the optimizers.

    Parameters
    ----------
    features : ndarray of shape (M, F)
        A pair leaves out a feature that one of the two lacks; one that is the same for all says nothing, and is left
        out too.

    Returns
    -------
    ndarray of shape (M, M)
        NaN without a common feature.
    """
    columns = [column for column in features.T if np.isfinite(column).any()]
    scaled = [(column - np.nanmean(column)) / np.nanstd(column) for column in columns if _varies(column)]
    table = np.array(scaled).T if scaled else np.empty((len(features), 0))
    found = np.full((len(features),) * 2, np.nan)
    for i, j in _pairs(len(found)):
        apart = table[i] - table[j]
        apart = apart[np.isfinite(apart)]
        if apart.size:
            found[i, j] = found[j, i] = math.sqrt(float(np.mean(apart * apart)))
    return found


def weight_distance(weights: Float) -> Float:
    """Mean over dates of half the sum of |difference of weights|: the share of one portfolio that the other lacks.

    Source: active share, Cremers and Petajisto (2009), How Active Is Your Fund Manager?, eq. 1.

    Parameters
    ----------
    weights : ndarray of shape (R, M, N)
        As in `weights_correlation_distance`.

    Returns
    -------
    ndarray of shape (M, M)
        In [0, 1] where weights are long and sum to one; NaN without a common date.
    """
    known = _known(weights)
    found = np.full((weights.shape[1],) * 2, np.nan)
    for i, j in _pairs(len(found)):
        both = known[:, i] & known[:, j]
        if both.any():
            apart = np.abs(weights[both, i] - weights[both, j]).sum(axis=1)
            found[i, j] = found[j, i] = 0.5 * float(apart.mean())
    return found


def clustering(names: Sequence[str], distance: Float, threshold: float) -> Clustering:
    """Join the nearest by average linkage, and cut the tree at a distance.

    The distance of two branches is the mean over their pairs, which asks nothing of a distance but symmetry. A fixed
    cut, unlike one that is fitted, does not tear apart what is alike because somebody else is far away.

    Source: Sokal and Michener (1958), A Statistical Method for Evaluating Systematic Relationships.

    Parameters
    ----------
    names : sequence of M str
        Different from each other.
    distance : ndarray of shape (M, M)
        Symmetric; its diagonal is not looked at. NaN where a pair has none: who lacks the most is left out, until all
        pairs have one.
    threshold : float
        At or below it branches are one cluster.

    Raises
    ------
    DataError
        Another shape, or a name that stands there twice.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    if distance.shape != (len(names),) * 2 or len(set(names)) != len(names):
        raise DataError(
            f"{len(names)} different names need distances of that many rows and columns, but they are "
            f"{', '.join(names)} and the shape is {distance.shape}"
        )
    order = np.array(sorted(range(len(names)), key=lambda k: names[k]), dtype=np.int64)
    inside = order[_complete(distance[np.ix_(order, order)])]
    apart = distance[np.ix_(inside, inside)]
    np.fill_diagonal(apart, 0.0)
    tree, cluster = np.empty((0, 4)), np.zeros(len(inside), dtype=np.int64)
    if len(inside) > 1:
        tree = linkage(apart[np.triu_indices(len(inside), 1)], "average")
        cluster = _in_order(fcluster(tree, threshold, "distance").astype(np.int64))
    return Clustering(
        names=tuple(names[k] for k in inside),
        distance=read_only(apart),
        linkage=read_only(tree),
        threshold=threshold,
        cluster=read_only(cluster),
        left_out=tuple(names[k] for k in order if k not in inside),
    )


def _known(weights: Float) -> Bool:
    """Which rows (R, M) are weights."""
    return np.asarray(np.isfinite(weights).all(axis=2))


def _pairs(m: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(m) for j in range(i + 1, m)]


def _correlation_distance(x: Float, y: Float, x_scale: float, y_scale: float) -> float:
    """Of two series without their means, and the sizes of what these were taken from."""
    if not x.size:
        return math.nan
    length = math.sqrt(x.size)
    x_norm, y_norm = float(np.linalg.norm(x)), float(np.linalg.norm(y))
    if x_norm <= CONSTANT * x_scale * length or y_norm <= CONSTANT * y_scale * length:
        return math.nan
    # √((1 − ρ)/2) is half the distance of the two on the unit sphere, which keeps its digits where ρ is near 1
    return min(0.5 * float(np.linalg.norm(x / x_norm - y / y_norm)), 1.0)


def _varies(column: Float) -> bool:
    return bool(np.nanstd(column) > CONSTANT * np.nanmax(np.abs(column)))


def _complete(distance: Float) -> Int:
    """The rows that are left when whoever lacks the most distances goes, the last one of equals, until none lacks."""
    kept = np.arange(len(distance))
    while kept.size > 1:
        lacks = np.isnan(distance[np.ix_(kept, kept)])
        np.fill_diagonal(lacks, False)
        count = lacks.sum(axis=1)
        if not count.any():
            break
        kept = np.delete(kept, kept.size - 1 - int(np.argmax(count[::-1])))
    return kept


def _in_order(cluster: Int) -> Int:
    """The same clusters, numbered from 0 in the order of appearance."""
    _, first, inverse = np.unique(cluster, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
