"""A covariance as correlations and deviations, and correlations as components."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regimefolio.core.types import Float


class Spectrum(NamedTuple):
    """The components of a covariance's correlations, the largest first.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Their variances, which sum to n.
    vectors : ndarray of shape (n, n)
        Their directions, one a column.
    deviations : ndarray of shape (n,)
        Of the assets.
    """

    values: Float
    vectors: Float
    deviations: Float

    @classmethod
    def of(cls, covariance: Float) -> Spectrum:
        """The components of a covariance (n, n) whose variances are above 0."""
        deviations = np.sqrt(covariance.diagonal())
        values, vectors = np.linalg.eigh(covariance / np.outer(deviations, deviations))
        return cls(values[::-1], vectors[:, ::-1], deviations)

    def covariance(self, values: Float) -> Float:
        """The covariance with these variances (n,) of the components, and the deviations of the assets as they were."""
        found = (self.vectors * values) @ self.vectors.T
        scale = self.deviations / np.sqrt(found.diagonal())
        covariance: Float = 0.5 * (found + found.T) * np.outer(scale, scale)
        return covariance
