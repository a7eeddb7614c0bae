"""However a history is cut into files, the store holds the history."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from regimefolio.market import DataSpec, File, import_file, load_data

DAYS = [str(day) for day in np.busday_offset("2020-01-02", np.arange(12), roll="forward")]


def write(path: Path, bars: list[tuple[int, str]]) -> Path:
    rows = [f"{DAYS[day]},{symbol},{1 + day + ord(symbol)},{day}\n" for day, symbol in sorted(bars)]
    path.write_text("date,symbol,close,volume\n" + "".join(rows))
    return path


@settings(max_examples=25)
@given(
    bars=st.sets(st.tuples(st.integers(0, 11), st.sampled_from("ABC")), min_size=1),
    cuts=st.lists(st.integers(1, 11), max_size=6),
    apart=st.booleans(),
)
def test_files_in_the_order_of_time_make_the_same_panel(
    bars: set[tuple[int, str]], cuts: list[int], apart: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        edges = [0, *sorted(cuts), 12]
        pieces = [[bar for bar in bars if low <= bar[0] < high] for low, high in pairwise(edges)]
        if apart:  # each symbol in a file of its own
            pieces = [[bar for bar in piece if bar[1] == symbol] for piece in pieces for symbol in "CAB"]
        for piece in filter(None, pieces):
            report = import_file(write(folder / "piece.csv", piece), "us", folder / "store")
            assert (report.bars, report.revision) == (len(piece), None)
        spec = DataSpec.model_validate({"source": {"kind": "store", "name": "us", "folder": "store"}})
        whole = File(path=write(folder / "whole.csv", list(bars))).load()
        assert load_data(spec, folder).fingerprint == whole.fingerprint
        again = import_file(folder / "whole.csv", "us", folder / "store")
        assert (again.bars, again.revision) == (0, None)
