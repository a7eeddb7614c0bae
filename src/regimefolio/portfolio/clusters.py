"""Which assets move together, as an order in which they are neighbours."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float, Int


def distance_of(correlation: Float) -> Float:
    """The distances √((1 − ρ)/2) of correlations (N, N); 0 of an asset to itself."""
    distance: Float = np.sqrt(np.clip((1.0 - correlation) / 2.0, 0.0, 1.0))
    np.fill_diagonal(distance, 0.0)
    return distance


def correlation_of(covariance: Float) -> Float:
    """The correlations of a covariance (N, N) whose variances are above 0."""
    deviation = np.sqrt(covariance.diagonal())
    correlation: Float = covariance / np.outer(deviation, deviation)
    return correlation


def clusters(correlation: Float) -> Int:
    """To which cluster each asset belongs, counted from 0: a tree by Ward's linkage, cut by skfolio.

    It is cut where the sums of squares within clusters have their largest second difference. Source: Yue, Wang and Wei
    (2008), Extension of the Gap Statistics Index to Finding the Number of Clusters (two-order difference).

    Parameters
    ----------
    correlation : ndarray of shape (N, N)
        Finite.

    Returns
    -------
    ndarray of shape (N,), int64
    """
    from skfolio.cluster import HierarchicalClustering

    return np.asarray(HierarchicalClustering().fit(distance_of(correlation)).labels_, dtype=np.int64)


def leaf_order(correlation: Float) -> Int:
    """The assets in the order of the leaves of a tree that joins the nearest ones first, by single linkage.

    Source: López de Prado (2016), Building Diversified Portfolios that Outperform Out of Sample, sections 3.1 and 3.2,
    with the distances √((1 − ρ)/2) themselves, not those between their rows.

    Parameters
    ----------
    correlation : ndarray of shape (N, N)
        Finite. Equal distances, and which of two branches comes first, are settled by the order of the assets.

    Returns
    -------
    ndarray of shape (N,), int64
    """
    from scipy.cluster.hierarchy import leaves_list, linkage

    n_assets = len(correlation)
    if n_assets < 2:
        return np.arange(n_assets)
    distance = distance_of(correlation)
    return leaves_list(linkage(distance[np.triu_indices(n_assets, 1)], "single")).astype(np.int64)
