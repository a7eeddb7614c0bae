"""From prices to opinions: each strategy is one file with one class, and a README of the same name beside it.

A strategy turns a Market into Signals: alpha in [-1, 1], confidence in [0, 1] and a horizon for every bar
and asset. Overlays rework them. Importing this room registers the strategies and overlays that come with regimefolio.
"""

from regimefolio.strategies.base import Overlaid, Strategy
from regimefolio.strategies.bollinger_mean_reversion import BollingerMeanReversion
from regimefolio.strategies.macd_rsi_confluence import MacdRsiConfluence
from regimefolio.strategies.momentum_rank import MomentumRank
from regimefolio.strategies.moving_average_cross import MovingAverageCross
from regimefolio.strategies.normalisers import normalise_min_max, normalise_rank, normalise_tanh, normalise_zscore
from regimefolio.strategies.overlays import ConfidenceFloor, Normalise, Overlay, Smoothing
from regimefolio.strategies.technical_rating import TechnicalRating

__all__ = [
    "Strategy",
    "BollingerMeanReversion",
    "MacdRsiConfluence",
    "MomentumRank",
    "MovingAverageCross",
    "TechnicalRating",
    "Overlay",
    "Overlaid",
    "ConfidenceFloor",
    "Normalise",
    "Smoothing",
    "normalise_min_max",
    "normalise_rank",
    "normalise_tanh",
    "normalise_zscore",
]
