"""A local store of prices: imported once, read in a moment, and never rewritten silently.

A store is a folder. Its arrays are files named by the hash of what they hold, a version is a small manifest that says
which of them hold which symbols and bars, and an import is a record of who added what, when, and which version it left.
"""

from regimefolio.market.store.grid import Grid, RevisedBar, Revision
from regimefolio.market.store.prices import (
    SHORT,
    ImportRecord,
    ImportReport,
    Origin,
    PriceStore,
    import_bars,
    import_file,
    store_folder,
    stores,
)
from regimefolio.market.store.versions import Block, StoredDefect, Version

__all__ = [
    "PriceStore",
    "SHORT",
    "store_folder",
    "stores",
    "import_file",
    "import_bars",
    "Origin",
    "ImportReport",
    "ImportRecord",
    "Revision",
    "RevisedBar",
    "Version",
    "StoredDefect",
    "Block",
    "Grid",
]
