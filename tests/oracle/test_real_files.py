"""Files of real prices, whole: what is read of them, and that three suppliers' returns agree."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from regimefolio.core.errors import DataError
from regimefolio.core.types import Float, Panel
from regimefolio.market import Dataset, File

STOCKS = "us_stocks_300_2005_2017"
STOCKNET = "stocknet88_yahoo_2012_2017"
SP500 = "sp500_5yr_split_adjusted_2013_2018"

pytestmark = pytest.mark.shared


@cache
def masked(folder: Path, name: str) -> Dataset:
    return File(path=folder / "data" / f"{name}.csv.gz").load("mask")


@pytest.mark.parametrize(
    ("name", "shape", "rows", "bad_bars"),
    [
        (STOCKS, (3239, 299), 905_241, 18),
        ("us_etfs_2005_2017", (3239, 53), 160_754, 0),
        (STOCKNET, (1258, 88), 108_592, 3),  # without a number at all: no bars, and no defects
        (SP500, (1259, 289), 358_601, 16),
        ("index_gspc_ixic_1999_2017", (4780, 2), 9_560, 0),
    ],
)
def test_every_bar_but_the_bad_ones_is_read(
    name: str, shape: tuple[int, int], rows: int, bad_bars: int, shared: Path
) -> None:
    data = masked(shared, name)
    panel = data.panel
    usable = np.isfinite(panel.close)
    assert panel.close.shape == shape
    assert usable.sum() == rows - bad_bars
    assert len({(defect.symbol, defect.timestamp) for defect in data.defects}) == (bad_bars if data.defects else 0)
    assert panel.open is not None
    assert panel.high is not None
    assert panel.low is not None
    assert panel.volume is not None
    for field in (panel.open, panel.high, panel.low, panel.volume):
        np.testing.assert_array_equal(np.isfinite(field), usable)
    low, high = np.minimum(panel.open, panel.close), np.maximum(panel.open, panel.close)
    assert (panel.low[usable] <= low[usable] * (1 + 1e-15)).all()
    assert (panel.high[usable] >= high[usable] * (1 - 1e-15)).all()
    assert panel.periods_per_year == 252


@pytest.mark.parametrize(("name", "place"), [(STOCKS, "line 77705, column close"), (SP500, "line 88565, column open")])
def test_the_first_defect_is_an_error(name: str, place: str, shared: Path) -> None:
    with pytest.raises(DataError, match=place):
        File(path=shared / "data" / f"{name}.csv.gz").load()


def returns(panel: Panel) -> Float:
    return panel.close[1:] / panel.close[:-1] - 1.0


@pytest.mark.parametrize(
    ("one", "other", "symbols", "pairs"), [(STOCKS, STOCKNET, 58, 72_428), (STOCKS, SP500, 289, 340_974)]
)
def test_suppliers_agree(one: str, other: str, symbols: int, pairs: int, shared: Path) -> None:
    """One is adjusted for splits and dividends as it comes, one here by its adj_close, one for splits alone."""
    a, b = masked(shared, one).panel, masked(shared, other).panel
    common = sorted(set(a.symbols) & set(b.symbols))
    _, here, there = np.intersect1d(a.timestamps[1:], b.timestamps[1:], return_indices=True)
    first = returns(a)[here][:, [a.symbols.index(symbol) for symbol in common]]
    second = returns(b)[there][:, [b.symbols.index(symbol) for symbol in common]]
    apart = np.abs(first - second)
    apart = apart[np.isfinite(apart)]
    assert (len(common), len(apart)) == (symbols, pairs)
    assert np.median(apart) < 2e-5
    assert np.quantile(apart, 0.9) < 1e-4


def test_what_may_be_right_is_read_as_it_is(shared: Path) -> None:
    """United Airlines did trade at 3 dollars on the day of a false report."""
    panel = masked(shared, STOCKS).panel
    bar = int(np.flatnonzero(panel.timestamps == np.datetime64("2008-09-08"))[0])
    assert panel.low is not None
    assert panel.low[bar, panel.symbols.index("UAL")] == 3.0
