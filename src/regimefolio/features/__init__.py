"""Features: what is known of every asset at every bar beside its price, point in time.

The technical rating of an asset at a bar, and every indicator that votes in it, is made of that asset's own bars up to
it. Both are functions of plain arrays or of a Panel, and know nothing of sources, strategies or portfolios. A `Feature`
is any function of a Panel that sees its past alone; `features_of` computes some of them.
"""

from regimefolio.features.base import Feature, FeatureLoader, features_of, known_at
from regimefolio.features.building import BuiltMatrix, build_matrix, own_returns
from regimefolio.features.exports import export_matrix
from regimefolio.features.indicators import (
    DirectionalIndex,
    Ichimoku,
    Macd,
    Power,
    Stochastic,
    adx,
    awesome,
    bull_bear_power,
    cci,
    ema,
    hull,
    ichimoku,
    macd,
    momentum,
    rsi,
    sma,
    stochastic,
    stochastic_rsi,
    ultimate,
    vwma,
    williams_r,
    wma,
)
from regimefolio.features.matrix import FeatureMatrix, read_matrix
from regimefolio.features.parts import MEANS, VOTES, History, MedianValue, RatingMeans, RatingVotes, parts_giving
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
    "Feature",
    "FeatureLoader",
    "features_of",
    "known_at",
    "RatingMeans",
    "RatingVotes",
    "History",
    "MedianValue",
    "MEANS",
    "VOTES",
    "parts_giving",
    "FeatureMatrix",
    "BuiltMatrix",
    "build_matrix",
    "read_matrix",
    "export_matrix",
    "own_returns",
    "Ratings",
    "RuleSet",
    "technical_ratings",
    "rating_labels",
    "INDICATORS",
    "AVERAGES",
    "OSCILLATORS",
    "LABELS",
    "NO_VOTE",
    "sma",
    "ema",
    "wma",
    "hull",
    "vwma",
    "ichimoku",
    "Ichimoku",
    "rsi",
    "stochastic",
    "stochastic_rsi",
    "Stochastic",
    "cci",
    "adx",
    "DirectionalIndex",
    "awesome",
    "momentum",
    "macd",
    "Macd",
    "williams_r",
    "bull_bear_power",
    "Power",
    "ultimate",
]
