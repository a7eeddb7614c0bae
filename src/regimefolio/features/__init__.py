"""Features: what is known of every asset at every bar beside its price, point in time.

The technical rating of an asset at a bar, and every indicator that votes in it, is made of that asset's own bars up to
it. Both are functions of plain arrays or of a Panel, and know nothing of sources, strategies or portfolios.
"""

from regimefolio.features.ratings import (
    AVERAGES,
    INDICATORS,
    LABELS,
    OSCILLATORS,
    Ratings,
    RuleSet,
    rating_labels,
    technical_ratings,
)
from regimefolio.kernels.votes import NO_VOTE

__all__ = [
    "Ratings",
    "RuleSet",
    "technical_ratings",
    "rating_labels",
    "INDICATORS",
    "AVERAGES",
    "OSCILLATORS",
    "LABELS",
    "NO_VOTE",
]
