"""The matrix as a table for other programs, long and wide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Panel
from regimefolio.features import (
    FeatureMatrix,
    History,
    MedianValue,
    RatingMeans,
    build_matrix,
    export_matrix,
    own_returns,
)
from regimefolio.testing import market_of

PANEL = replace(
    market_of([[10.0, np.nan], [11.0, 5.0], [12.5, 4.0]]).panel,
    volume=np.array([[100.0, np.nan], [100, 10], [200, 20]]),
)


def made(folder: Path, panel: Panel = PANEL) -> FeatureMatrix:
    return build_matrix(panel, [History(), MedianValue(window=1)], folder).matrix


def test_long_csv(tmp_path: Path) -> None:
    export_matrix(made(tmp_path), tmp_path / "long.csv")
    assert (tmp_path / "long.csv").read_text().splitlines() == [
        "timestamp,symbol,history,median_value(1)",
        "2001-01-01,A0,1.0,1000.0",
        "2001-01-01,A1,,",
        "2001-01-02,A0,2.0,1100.0",
        "2001-01-02,A1,1.0,50.0",
        "2001-01-03,A0,3.0,2500.0",
        "2001-01-03,A1,2.0,80.0",
    ]


def test_wide_csv(tmp_path: Path) -> None:
    export_matrix(made(tmp_path), tmp_path / "wide.csv", wide=True)
    assert (tmp_path / "wide.csv").read_text().splitlines() == [
        "timestamp,A0|history,A0|median_value(1),A1|history,A1|median_value(1)",
        "2001-01-01,1.0,1000.0,,",
        "2001-01-02,2.0,1100.0,1.0,50.0",
        "2001-01-03,3.0,2500.0,2.0,80.0",
    ]


@pytest.mark.parametrize("wide", [False, True])
def test_parquet_holds_the_same_numbers_as_the_matrix(tmp_path: Path, wide: bool) -> None:
    matrix = made(tmp_path)
    export_matrix(matrix, tmp_path / "out.parquet", wide)
    cells = pl.read_parquet(tmp_path / "out.parquet").drop("timestamp", "symbol", strict=False)
    assert set(cells.dtypes) == {pl.Float32}
    found = cells.to_numpy().reshape(matrix.features.values.shape)
    assert np.array_equal(found, matrix.features.values, equal_nan=True)


def test_the_rule_set_is_named_in_every_file(tmp_path: Path) -> None:
    matrix = build_matrix(PANEL, [RatingMeans(rule_set="2020")], tmp_path).matrix
    for name, wide in (("long", False), ("wide", True)):
        export_matrix(matrix, tmp_path / f"{name}.csv", wide)
        assert pl.read_csv(tmp_path / f"{name}.csv")["rule_set"].unique().to_list() == [2020]
        export_matrix(matrix, tmp_path / f"{name}.parquet", wide)
        assert pl.read_parquet_metadata(tmp_path / f"{name}.parquet")["rule_set"] == "2020"


def test_times_of_day_are_written(tmp_path: Path) -> None:
    panel = replace(PANEL, timestamps=PANEL.timestamps + np.timedelta64(34_200, "s"))
    export_matrix(made(tmp_path, panel), tmp_path / "long.csv")
    assert pl.read_csv(tmp_path / "long.csv", try_parse_dates=True)["timestamp"][0].isoformat() == "2001-01-01T09:30:00"


def test_what_is_there_is_written_over_when_asked_for_alone(tmp_path: Path) -> None:
    matrix, path = made(tmp_path), tmp_path / "long.csv"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="is there already; name another file, or say --force"):
        export_matrix(matrix, path)
    assert path.read_text() == "mine"
    export_matrix(matrix, path, overwrite=True)
    assert path.read_text().startswith("timestamp")
    with pytest.raises(
        ConfigError, match=r"features\.xlsx: features are written to a file that ends in \.csv, \.parquet"
    ):
        export_matrix(matrix, tmp_path / "features.xlsx")


def test_returns_of_the_same_bars(tmp_path: Path) -> None:
    frame = pl.read_parquet(build_matrix(PANEL, [History()], tmp_path).returns)
    assert frame["timestamp"].to_numpy().tolist() == PANEL.timestamps.tolist()
    assert np.array_equal(frame.drop("timestamp").to_numpy(), own_returns(PANEL), equal_nan=True)
