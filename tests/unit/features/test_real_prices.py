"""The features matrix of real prices: however it grew, it is the one of a build at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regimefolio.core.types import Panel
from regimefolio.features import (
    Feature,
    History,
    RatingMeans,
    RatingVotes,
    build_matrix,
    features_of,
    read_matrix,
)
from regimefolio.features.building import RETURNS
from regimefolio.features.matrix import MATRIX
from regimefolio.market import DataSpec, load_data

ALL: tuple[Feature, ...] = (RatingMeans(), RatingVotes(), History())
RATED = (RatingMeans(), History())


def grown(panel: Panel, parts: tuple[Feature, ...], cuts: list[int], folder: Path) -> None:
    """Build up to every cut and at last of all bars; old rows stay, and the files are those of a build at once."""
    old = b""
    for cut in (*cuts, panel.n_bars):
        build_matrix(panel.until(cut), parts, folder / "grown")
        values = read_matrix(folder / "grown").features.values.tobytes()
        assert values.startswith(old)
        assert len(values) > len(old)
        old = values
    build_matrix(panel, parts, folder / "once")
    for name in (MATRIX, RETURNS):
        assert (folder / "grown" / name).read_bytes() == (folder / "once" / name).read_bytes()
    known = read_matrix(folder / "once").known(panel, parts)
    assert known.values.tobytes() == features_of(panel, parts).values.tobytes()


@pytest.mark.parametrize(("source", "close_only"), [("sample:us5", False), ("sample:sp500_20", True)])
def test_the_samples(tmp_path: Path, source: str, close_only: bool) -> None:
    panel = load_data(DataSpec(source=source)).panel
    assert (panel.high is None) == close_only
    rng = np.random.default_rng(11)
    grown(panel, ALL, sorted(rng.integers(1, panel.n_bars, 3).tolist()), tmp_path)


@pytest.mark.shared
def test_299_stocks(tmp_path: Path, shared: Path) -> None:
    file = shared / "data" / "us_stocks_300_2005_2017.csv.gz"
    panel = load_data(DataSpec.model_validate({"source": f"file:{file}", "on_bad": "mask"})).panel
    assert panel.n_assets == 299
    grown(panel, RATED, [panel.n_bars - 21], tmp_path)
    rated = read_matrix(tmp_path / "once").features
    assert np.isfinite(rated.column("Recommend.All")[rated.column("history") >= 200]).all()
