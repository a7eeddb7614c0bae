"""Less of what the allocators quarrel about."""

from __future__ import annotations

import numpy as np

from regimefolio.market.view import View
from regimefolio.portfolio.blends.base import Blend, Blended, Proposals


class InverseDisagreementBlend(Blend, kind="inverse_disagreement"):
    """The mean of the allocators' weights, less where these differ, scaled up to the gross of the mean.

    w in proportion to m / (1 + s / (|m| + 1/N)), with m the mean of an asset's weights, s their population deviation
    and N the number of assets that can be traded: 1/N keeps small weights from counting as quarrels. It is no sum of
    parts.
    """

    def blend(self, proposals: Proposals, view: View) -> Blended:
        mean, deviation = proposals.weights.mean(axis=0), proposals.weights.std(axis=0)
        agreed = mean / (1.0 + deviation / (np.abs(mean) + 1.0 / max(int(view.tradable.sum()), 1)))
        gross = np.abs(agreed).sum()
        scale = np.abs(mean).sum() / gross if gross > 0.0 else 0.0
        return Blended(scale * agreed, np.full(len(proposals.names), np.nan))
