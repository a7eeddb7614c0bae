"""Which assets move together, as an order in which they are neighbours."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float, Int


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
    distance = np.sqrt(np.clip((1.0 - correlation) / 2.0, 0.0, 1.0))
    return leaves_list(linkage(distance[np.triu_indices(n_assets, 1)], "single")).astype(np.int64)
