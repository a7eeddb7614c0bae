"""The weight in the middle."""

from __future__ import annotations

import numpy as np

from regimefolio.market.view import View
from regimefolio.portfolio.blends.base import Blend, Blended, Proposals


class MedianBlend(Blend, kind="median"):
    """The median of each asset's weights: what one allocator alone wants changes nothing.

    It is no sum of parts, and what the allocators do not agree on stays cash: an asset that fewer than half of them
    hold has no weight. Where the medians' absolute sum is above 1, all weights go the same part of the way to the
    smallest that was proposed for each, until it is 1.
    """

    def blend(self, proposals: Proposals, view: View) -> Blended:
        given = proposals.weights
        median = np.median(given, axis=0)
        least = np.clip(0.0, given.min(axis=0), given.max(axis=0))  # their sizes sum to what one proposal has at most
        gross, floor = np.abs(median).sum(), np.abs(least).sum()
        if gross > 1.0 and gross > floor:
            median = least + max(1.0 - floor, 0.0) / (gross - floor) * (median - least)
        return Blended(median, np.full(len(proposals.names), np.nan))
