"""Contract suites for parts of one's own: a test class that inherits one checks what the product relies on.

They may import every room; no room imports them.
"""

from regimefolio.testing.allocators import AllocatorContract
from regimefolio.testing.blends import BlendContract
from regimefolio.testing.features import FeatureContract
from regimefolio.testing.overlays import OverlayContract
from regimefolio.testing.regime_accuracy import Accuracy, accuracy
from regimefolio.testing.regimes import DetectorContract, regime_market, simulated_regimes
from regimefolio.testing.samplers import SamplerContract
from regimefolio.testing.strategies import StrategyContract, market_of, synthetic_market

__all__ = [
    "Accuracy",
    "accuracy",
    "AllocatorContract",
    "BlendContract",
    "DetectorContract",
    "FeatureContract",
    "OverlayContract",
    "SamplerContract",
    "StrategyContract",
    "market_of",
    "regime_market",
    "simulated_regimes",
    "synthetic_market",
]
