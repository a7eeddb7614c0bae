"""The built-in prices are what their descriptions say."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import regimefolio
from regimefolio.core.errors import DataError, MissingDataError
from regimefolio.market import Dataset, Sample
from regimefolio.market.sources import sample
from regimefolio.market.view import equal_weight_index

US5 = Path(regimefolio.__file__).parent / "market" / "sources" / "data" / "us5.parquet"
NOTICE = Path(__file__).parents[3] / "NOTICE"


@pytest.fixture(scope="module")
def sp500_20() -> Dataset:
    return Sample(name="sp500_20").load()


@pytest.fixture(scope="module")
def us5() -> Dataset:
    return Sample(name="us5").load()


class TestSp500:
    def test_shape(self, sp500_20: Dataset) -> None:
        panel = sp500_20.panel
        assert panel.close.shape == (8313, 20)
        names = "AAPL AMD BAC BBY CVX GE HD JNJ JPM KO LLY MRK MSFT PEP PFE PG RRC UNH WMT XOM"
        assert " ".join(panel.symbols) == names
        assert (str(panel.timestamps[0])[:10], str(panel.timestamps[-1])[:10]) == ("1990-01-02", "2022-12-28")
        assert panel.periods_per_year == 252
        assert (panel.open, panel.high, panel.low, panel.volume) == (None, None, None, None)
        assert np.isfinite(panel.close).all()
        assert panel.member.all()
        assert sp500_20.defects == ()

    def test_first_and_last_prices(self, sp500_20: Dataset) -> None:
        close = sp500_20.panel.close
        assert close[0, :3].tolist() == [0.264, 4.125, 4.599]
        assert close[-1, -3:].tolist() == [524.422, 140.181, 106.627]
        assert sp500_20.index is not None
        assert (sp500_20.index[0], sp500_20.index[-1]) == (359.69, 3783.22)
        assert np.isfinite(sp500_20.index).all()

    def test_every_stock_has_its_sector(self, sp500_20: Dataset) -> None:
        sectors = sp500_20.panel.sectors
        assert sectors is not None
        by_symbol = dict(zip(sp500_20.panel.symbols, sectors, strict=True))
        assert (by_symbol["XOM"], by_symbol["JPM"], by_symbol["GE"]) == ("Energy", "Financials", "Industrials")
        assert len(set(sectors)) == 7

    def test_description_is_true(self, sp500_20: Dataset) -> None:
        panel, index = sp500_20.panel, sp500_20.index
        assert index is not None
        years = (panel.n_bars - 1) / 252
        equal_weight = equal_weight_index(panel)[-1] ** (1 / years) - 1
        market = (index[-1] / index[0]) ** (1 / years) - 1
        assert f"equal weight of them returned about {equal_weight:.0%} a year" in sp500_20.about
        assert f"against {market:.0%} for the index, which excludes dividends" in sp500_20.about
        assert np.array_equal(np.round(panel.close, 3), panel.close)
        for part in ("survived to 2022", "rounded to three decimals", "not achievable", "primary benchmark"):
            assert part in sp500_20.about

    @pytest.mark.shared
    def test_sectors_agree_with_a_published_list(self, sp500_20: Dataset, shared: Path) -> None:
        published = pl.read_csv(shared / "data" / "sp500_constituents_sectors_2017-03-08.csv")
        listed = dict(zip(published["Symbol"], published["Sector"], strict=True))
        assert sp500_20.panel.sectors is not None
        shipped = dict(zip(sp500_20.panel.symbols, sp500_20.panel.sectors, strict=True))
        shipped.pop("AMD")  # joined the index eleven days after the list was made
        assert shipped == {symbol: listed[symbol] for symbol in shipped}

    def test_skfolio_and_polars_are_not_imported_before_they_are_needed(self) -> None:
        script = (
            "import sys; from regimefolio.market import Sample; assert 'polars' not in sys.modules; "
            "Sample(name='sp500_20').load(); assert 'skfolio' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", script], check=True)

    def test_without_skfolio(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(MissingDataError, match=r"come with the package skfolio.*requirements\.lock"):
            Sample(name="sp500_20").load()

    def test_other_companies_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sample, "SECTORS", {"AAPL": "Information Technology"})
        with pytest.raises(DataError, match=r"the sector of AMD, BAC, .* is not known"):
            Sample(name="sp500_20").load()


class TestUs5:
    def test_shape(self, us5: Dataset) -> None:
        panel = us5.panel
        assert panel.symbols == ("AAPL", "FB", "GOOG", "IBM", "MSFT")
        assert panel.close.shape == (3270, 5)
        assert (str(panel.timestamps[0])[:10], str(panel.timestamps[-1])[:10]) == ("2000-03-01", "2013-03-01")
        assert panel.sectors is not None
        assert us5.index is None
        assert us5.defects == ()

    def test_late_listings(self, us5: Dataset) -> None:
        panel = us5.panel
        for symbol, day, bars in (("FB", "2012-05-18", 196), ("GOOG", "2004-08-19", 2148)):
            present = np.isfinite(panel.close[:, panel.symbols.index(symbol)])
            first = int(np.argmax(present))
            assert str(panel.timestamps[first])[:10] == day
            assert present[first:].all()
            assert present.sum() == bars

    def test_adjusted_as_its_file_says(self, us5: Dataset) -> None:
        delivered = pl.read_parquet(US5)
        assert delivered["symbol"].unique().sort().to_list() == list(us5.panel.symbols)
        for n, symbol in enumerate(us5.panel.symbols):
            bars = delivered.filter(pl.col("symbol") == symbol)
            factor = (bars["adj_close"] / bars["close"]).to_numpy()
            present = np.isfinite(us5.panel.close[:, n])
            np.testing.assert_allclose(us5.panel.close[present, n], bars["adj_close"], rtol=1e-15)
            for name in ("open", "high", "low"):
                adjusted = np.asarray(getattr(us5.panel, name))[present, n]
                np.testing.assert_array_equal(adjusted, bars[name].to_numpy() * factor)
            assert us5.panel.volume is not None
            np.testing.assert_array_equal(us5.panel.volume[present, n], bars["volume"].to_numpy() / factor)

    def test_no_split_is_left_in_the_returns(self, us5: Dataset) -> None:
        returns = us5.panel.close[1:] / us5.panel.close[:-1] - 1
        # Apple halved on 2000-09-29, and nothing else came near; a split 2:1 would be -50%, Apple's 7:1 -86%.
        assert np.nanmin(returns) == pytest.approx(-0.5187, abs=1e-4)
        assert np.sort(returns[np.isfinite(returns)])[1] > -0.2
        assert np.nanmax(returns) < 0.2

    def test_bars_stay_in_order_after_adjustment(self, us5: Dataset) -> None:
        panel = us5.panel
        assert panel.open is not None
        assert panel.high is not None
        assert panel.low is not None
        present = np.isfinite(panel.close)
        assert (np.maximum(panel.open, panel.close) <= panel.high)[present].all()
        assert (np.minimum(panel.open, panel.close) >= panel.low)[present].all()

    def test_file_is_small_and_is_the_one_in_the_notice(self) -> None:
        assert US5.stat().st_size <= 400_000
        assert hashlib.sha256(US5.read_bytes()).hexdigest() in NOTICE.read_text(encoding="utf-8")
