"""906,000 simulated daily bars, 300 symbols with open, high, low, close and volume: from a file, and from the store.

Ours end with a checked panel and its fingerprint. The peers do less: polars reads the same text into columns, numpy the
same numbers from a .npy file, and neither knows symbols, time or mistakes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.timing import least_seconds
from regimefolio.api import DataSpec, Source, import_prices, load_data


def write(path: Path) -> None:
    """The simulated bars as a long file."""
    panel = load_data(DataSpec.model_validate({"source": {"kind": "simulated", "bars": 3020, "assets": 300}})).panel
    fields = {name: getattr(panel, name).T.ravel() for name in ("open", "high", "low", "close", "volume")}
    dates = np.tile(panel.timestamps.astype("datetime64[D]"), panel.n_assets)
    pl.DataFrame({"date": dates, "symbol": np.repeat(panel.symbols, panel.n_bars), **fields}).write_csv(path)


def run() -> None:
    """In the folder in which the command runs, since another may be no disk at all."""
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        file, plain = folder / "bars.csv", folder / "bars.npy"
        write(file)
        import_prices(file, "bars", folder / "store")
        stored = Source.of({"kind": "store", "name": "bars", "folder": folder / "store"})
        ours = {"file": DataSpec(source=f"file:{file}"), "store": DataSpec(source=stored)}
        panel = load_data(ours["store"]).panel
        assert load_data(ours["file"]).fingerprint == load_data(ours["store"]).fingerprint
        np.save(plain, np.stack([panel.open, panel.high, panel.low, panel.close, panel.volume]))
        spent = least_seconds(
            {
                **{each: lambda spec=spec: load_data(spec) for each, spec in ours.items()},
                "polars": lambda: pl.read_csv(file),
                "numpy": lambda: np.load(plain),
            },
            7,
        )
        size, megabytes = file.stat().st_size / 1e6, plain.stat().st_size / 1e6
    ms = {each: used.processor * 1e3 for each, used in spent.items()}
    print(
        f"loading: {panel.close.size:,} bars; file of {size:.0f} MB {ms['file']:.0f} ms, polars.read_csv alone "
        f"{ms['polars']:.0f} ms (ratio {ms['file'] / ms['polars']:.1f}); store {ms['store']:.0f} ms, numpy.load of "
        f"{megabytes:.0f} MB alone {ms['numpy']:.0f} ms (ratio {ms['store'] / ms['numpy']:.1f}); of processors"
    )
