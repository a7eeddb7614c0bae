"""Where prices come from: each source reads, checks and adjusts, and hands out a Dataset and its defects."""

from regimefolio.market.sources.base import Dataset, DataWarning, Defect, OnBad, Source, data_fingerprint
from regimefolio.market.sources.file import File
from regimefolio.market.sources.sample import Sample
from regimefolio.market.sources.simulated import Simulated
from regimefolio.market.sources.store import Store
from regimefolio.market.sources.yahoo import Yahoo

__all__ = [
    "Dataset",
    "DataWarning",
    "Defect",
    "OnBad",
    "Source",
    "File",
    "Sample",
    "Simulated",
    "Store",
    "Yahoo",
    "data_fingerprint",
]
