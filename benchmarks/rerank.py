"""Re-ranking 200 assets at 90 monthly rebalances, once their features exist: look up, filter, rank, select.

The peer does it with pandas, a table a rebalance that it is given for nothing, and holds on to nothing.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.timing import least_seconds
from regimefolio.api import DataSpec, Features, Selection, build_matrix, load_data
from regimefolio.features import parts_giving
from regimefolio.market import Market, decision_bars

ASSETS, BARS, REBALANCES = 200, 1910, 90
KEEPING = Selection.model_validate(
    {
        "filter": ["Recommend.All > 0.1", "history >= 252", "median_value(63) > 1e6"],
        "rank_by": "Recommend.MA",
        "top_n": 20,
        "keep_until_rank": 30,
    }
)


def with_pandas(tables: list[pd.DataFrame]) -> list[pd.Index]:
    """The best twenty at each rebalance, without regard to who is held."""
    found = []
    for table in tables:
        passed = (table["Recommend.All"] > 0.1) & (table["history"] >= 252) & (table["median_value(63)"] > 1e6)
        ranking = list(KEEPING.ranking)
        found.append(table[passed].sort_values(ranking, ascending=False).head(20).index)
    return found


def run() -> None:
    """Print what both take, and what looking up in the file adds."""
    source = {"kind": "simulated", "bars": BARS, "assets": ASSETS}
    panel = load_data(DataSpec.model_validate({"source": source})).panel
    decide = decision_bars(panel.timestamps, "monthly")
    bars = np.flatnonzero(decide)[-REBALANCES:]
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        matrix = build_matrix(panel, parts_giving(KEEPING.needs), folder).matrix
        kept_in_file = KEEPING.model_copy(update={"features": folder})
        features: Features = matrix.features
        tables = [
            pd.DataFrame({column: features.column(column)[t] for column in features.names}, panel.symbols) for t in bars
        ]
        ours, theirs = KEEPING.kept(panel, features, decide), with_pandas(tables)
        assert ours[bars].any(axis=1).sum() == sum(len(each) > 0 for each in theirs)
        used = least_seconds(
            {
                "memory": lambda: KEEPING.kept(panel, features, decide),
                "file": lambda: kept_in_file.kept_on(Market(panel), decide),
                "pandas": lambda: with_pandas(tables),
            },
            9,
        )
    ms = {each: spent.processor * 1e3 for each, spent in used.items()}
    print(
        f"rerank, {ASSETS} assets, {REBALANCES} rebalances: {ms['memory']:.1f} ms at all {BARS:,} bars, from the file "
        f"{ms['file']:.1f} ms; pandas {ms['pandas']:.1f} ms (ratio {ms['pandas'] / ms['memory']:.1f}); of processors"
    )
