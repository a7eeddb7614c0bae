"""What may be laid over a strategy: each overlay is one file with one class that reworks opinions.

Importing this room registers the overlays that come with regimefolio.
"""

from regimefolio.strategies.overlays.base import Overlay
from regimefolio.strategies.overlays.confidence_floor import ConfidenceFloor
from regimefolio.strategies.overlays.normalise import Normalise
from regimefolio.strategies.overlays.smoothing import Smoothing

__all__ = ["Overlay", "ConfidenceFloor", "Normalise", "Smoothing"]
