"""From prices to a panel: 906,000 daily bars of 300 symbols from a file and the store, and minutes of one symbol.

Ours end with a panel and its fingerprint. The peers do less: polars reads the same text into columns, numpy the same
numbers from a .npy file, and neither knows symbols, time or mistakes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.timing import least_seconds
from regimefolio.api import BacktestSpec, DataSpec, Panel, import_prices, load_data, run_backtest

FIELDS = ("open", "high", "low", "close", "volume")
SESSIONS, MINUTES = 1260, 390


def write_days(path: Path) -> None:
    """Simulated days of 300 symbols, as a long file."""
    panel = load_data(DataSpec.model_validate({"source": {"kind": "simulated", "bars": 3020, "assets": 300}})).panel
    write(path, panel, "date", panel.timestamps.astype("datetime64[D]"))


def write_minutes(path: Path) -> None:
    """The simulated bars of one symbol, as minutes of five years of sessions."""
    parts = [
        load_data(
            DataSpec.model_validate({"source": {"kind": "simulated", "seed": seed, "assets": 1, "bars": 24570}})
        ).panel
        for seed in range(20)
    ]
    fields = {name: np.concatenate([getattr(part, name) for part in parts]) for name in FIELDS}
    days = np.busday_offset("2012-01-02", np.arange(SESSIONS), roll="forward").astype("datetime64[m]")
    stamps = (days[:, None] + np.arange(14 * 60 + 31, 14 * 60 + 31 + MINUTES)).ravel()
    member = np.ones(fields["close"].shape, dtype=bool)
    write(
        path,
        Panel(stamps.astype("datetime64[ns]"), ("S1",), member=member, periods_per_year=252, **fields),
        "timestamp",
        stamps,
    )


def write(path: Path, panel: Panel, stamp: str, stamps: np.ndarray) -> None:
    """A panel as a long file, symbol after symbol."""
    fields = {name: getattr(panel, name).T.ravel() for name in FIELDS}
    texts = np.tile(stamps.astype(str), panel.n_assets)
    pl.DataFrame({stamp: texts, "symbol": np.repeat(panel.symbols, panel.n_bars), **fields}).write_csv(path)


def spec(source: object, **more: object) -> DataSpec:
    return DataSpec.model_validate({"source": source, **more})


def backtest(data: DataSpec) -> None:
    """Two strategies, decided once a day."""
    strategies = ["bollinger_mean_reversion", "momentum_rank"]
    run_backtest(
        BacktestSpec.model_validate(
            {"data": data.plain(), "strategies": strategies, "portfolio": {"rebalance": "daily"}}
        )
    )


def run() -> None:
    """In the folder in which the command runs, since another may be no disk at all."""
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        days, minutes, plain = folder / "days.csv", folder / "minutes.csv", folder / "days.npy"
        write_days(days)
        write_minutes(minutes)
        import_prices(days, "days", folder / "store")
        file, store = spec(f"file:{days}"), spec({"kind": "store", "name": "days", "folder": str(folder / "store")})
        panel = load_data(store).panel
        assert load_data(file).fingerprint == load_data(store).fingerprint
        np.save(plain, np.stack([getattr(panel, name) for name in FIELDS]))
        works: dict[str, Callable[[], object]] = {
            "file": partial(load_data, file),
            "polars": partial(pl.read_csv, days),
            "store": partial(load_data, store),
            "numpy": partial(np.load, plain),
            "minutes": partial(load_data, spec(f"file:{minutes}")),
            "polars, minutes": partial(pl.read_csv, minutes),
            "sessions": partial(load_data, spec(f"file:{minutes}", resample="daily")),
            "backtest": partial(backtest, spec(f"file:{minutes}")),
        }
        ms = {each: used.processor * 1e3 for each, used in least_seconds(works, 5).items()}
        sizes = [f"{path.stat().st_size / 1e6:.0f} MB" for path in (days, plain, minutes)]
    for ours, peer, size in (
        ("file", "polars", sizes[0]),
        ("store", "numpy", sizes[1]),
        ("minutes", "polars, minutes", sizes[2]),
    ):
        print(f"{ours}, {size}: {ms[ours]:.0f} ms; {peer} {ms[peer]:.0f} ms (ratio {ms[ours] / ms[peer]:.1f})")
    print(f"minutes made into sessions {ms['sessions']:.0f} ms, backtested {ms['backtest']:.0f} ms; of processors")
