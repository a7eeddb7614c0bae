"""The signals of one trial, 2 x 2,520 x 100 float32, written and read, against plain npy."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.timing import least_seconds
from regimefolio.core.files import read_npy, write_npy


def run() -> None:
    """In the folder in which the command runs, since another may be no disk at all."""
    signals = np.random.default_rng(0).uniform(-1, 1, (2, 2520, 100)).astype(np.float32)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        ours, plain = Path(folder) / "ours.npy", Path(folder) / "plain.npy"

        def flushed() -> None:
            with plain.open("wb") as file:
                np.save(file, signals)
                file.flush()
                os.fsync(file.fileno())

        spent = least_seconds(
            {
                "write": lambda: write_npy(ours, signals),
                "flushed": flushed,
                "plain": lambda: np.save(plain, signals),
                "read": lambda: read_npy(ours),
                "plain read": lambda: np.load(plain),
            },
            15,
        )
    ms = {name: each.clock * 1e3 for name, each in spent.items()}
    print(
        f"capture: {signals.nbytes / 1e6:.1f} MB; write {ms['write']:.2f} ms, npy flushed to the disk "
        f"{ms['flushed']:.2f} ms (ratio {ms['write'] / ms['flushed']:.1f}), left to the system {ms['plain']:.2f} ms"
    )
    print(f"read {ms['read']:.2f} ms, npy {ms['plain read']:.2f} ms (ratio {ms['read'] / ms['plain read']:.1f})")
