"""From the outside world to a clean Panel: sources of prices, checks of every bar, calendars, and the Market.

`load_data` reads what a `DataSpec` asks for; `Market` is what strategies and regime detectors are given.
"""

from regimefolio.market.calendar import periods_per_year, quarter_starts
from regimefolio.market.candidates import load_candidates, narrowed, read_candidates
from regimefolio.market.check import CheckReport, check_data, check_file, doubtful_bars
from regimefolio.market.rebalance import Every, OnDates, Rebalance, decision_bars, must_decide
from regimefolio.market.sources import (
    Dataset,
    DataWarning,
    Defect,
    File,
    OnBad,
    Sample,
    Simulated,
    Source,
    Store,
    Yahoo,
)
from regimefolio.market.spec import DataSpec, load_data, source_of
from regimefolio.market.store import (
    ImportRecord,
    ImportReport,
    Origin,
    PriceStore,
    import_bars,
    import_file,
    store_folder,
    stores,
)
from regimefolio.market.view import Market

__all__ = [
    "DataSpec",
    "load_data",
    "load_candidates",
    "read_candidates",
    "source_of",
    "Dataset",
    "DataWarning",
    "Defect",
    "OnBad",
    "Source",
    "Sample",
    "Simulated",
    "File",
    "Store",
    "Yahoo",
    "check_data",
    "check_file",
    "CheckReport",
    "doubtful_bars",
    "PriceStore",
    "import_file",
    "import_bars",
    "Origin",
    "stores",
    "store_folder",
    "ImportReport",
    "ImportRecord",
    "Rebalance",
    "Every",
    "OnDates",
    "decision_bars",
    "must_decide",
    "narrowed",
    "quarter_starts",
    "periods_per_year",
    "Market",
]
