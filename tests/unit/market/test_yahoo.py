"""Answers of yfinance, written by hand in the shape that it documents: a column a price and ticker, a row a time.

The live service is not asked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regimefolio import api
from regimefolio.core.errors import ConfigError, DataError, MissingDataError
from regimefolio.market import DataSpec, Yahoo, load_data, source_of

NAN = float("nan")
PRICES = ["Adj Close", "Close", "High", "Low", "Open", "Volume"]

# A dividend of a tenth between the two days: the first one is adjusted by 0.9.
TWO_DAYS: dict[str, list[list[float]]] = {
    "A": [[9.0, 10.0, 11.0, 8.0, 9.0, 100.0], [12.0, 12.0, 13.0, 10.0, 11.0, 200.0]],
    "B": [[float("nan")] * 6, [5.0, 5.0, 6.0, 4.0, 5.0, 50.0]],
}


def answer(index: pd.DatetimeIndex, bars: dict[str, list[list[float]]]) -> pd.DataFrame:
    """What `yfinance.download(tickers, auto_adjust=False)` returns."""
    columns = pd.MultiIndex.from_product([PRICES, sorted(bars)], names=["Price", "Ticker"])
    rows = [[bars[ticker][row][n] for n in range(6) for ticker in sorted(bars)] for row in range(len(index))]
    return pd.DataFrame(rows, index=index, columns=columns, dtype=float)


def dates(*texts: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(texts, name="Date")


Answers = Callable[[pd.DataFrame | Exception | None], dict[str, Any]]


@pytest.fixture
def yfinance(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Puts an answer into the mouth of yfinance; what it was asked is in the mapping that is returned."""

    def answers(given: pd.DataFrame | Exception | None) -> dict[str, Any]:
        asked: dict[str, Any] = {}

        def download(tickers: list[str], **settings: Any) -> pd.DataFrame | None:
            asked.update(settings, tickers=tickers)
            if isinstance(given, Exception):
                raise given
            return given

        module = ModuleType("yfinance")
        module.download = download  # type: ignore[attr-defined]
        module.exceptions = SimpleNamespace(YFException=type("YFException", (Exception,), {}))  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "yfinance", module)
        return asked

    return answers


def test_texts_and_mappings() -> None:
    source = source_of("yahoo:aapl, msft,AAPL")
    assert source == Yahoo(symbols=("AAPL", "MSFT")) == source_of({"kind": "yahoo", "symbols": ["AAPL", "MSFT"]})
    assert str(source) == "yahoo:AAPL,MSFT"
    spec = DataSpec.model_validate({"source": {"kind": "yahoo", "symbols": "SPY", "interval": "1m"}})
    assert str(spec.source) == "yahoo:SPY, interval 1m"
    assert DataSpec.model_validate(spec.plain()) == spec
    with pytest.raises(ValueError, match="is after end"):
        Yahoo(symbols=("A",), start=date(2020, 1, 2), end=date(2020, 1, 1))
    with pytest.raises(ValueError, match="should have at least 1 item"):
        source_of({"kind": "yahoo", "symbols": " , "})


def test_days_are_adjusted_by_adj_close(yfinance: Answers) -> None:
    asked = yfinance(answer(dates("2020-01-02", "2020-01-03"), TWO_DAYS))
    data = load_data(DataSpec(source="yahoo:A,B"))
    assert asked == {
        "tickers": ["A", "B"],
        "period": "max",
        "interval": "1d",
        "auto_adjust": False,
        "actions": False,
        "progress": False,
    }
    panel = data.panel
    assert panel.symbols == ("A", "B")
    assert panel.timestamps.astype("datetime64[D]").astype(str).tolist() == ["2020-01-02", "2020-01-03"]
    assert panel.close == pytest.approx(np.array([[9, NAN], [12, 5]]), nan_ok=True)
    assert panel.open is not None
    assert panel.high is not None
    assert panel.volume is not None
    assert panel.open == pytest.approx(np.array([[8.1, NAN], [11, 5]]), nan_ok=True)
    assert panel.high == pytest.approx(np.array([[9.9, NAN], [13, 6]]), nan_ok=True)
    assert panel.volume == pytest.approx(np.array([[100 / 0.9, NAN], [200, 50]]), nan_ok=True)
    assert data.about.startswith("yahoo:A,B: 2 symbols, 2 bars, 2020-01-02 to 2020-01-03, adjusted as of ")


def test_dates_are_asked_for_with_the_last_one_included(yfinance: Answers) -> None:
    asked = yfinance(answer(dates("2020-01-02", "2020-01-03"), TWO_DAYS))
    source = {"kind": "yahoo", "symbols": "A", "start": "2020-01-01", "end": "2020-01-02"}
    assert load_data(DataSpec.model_validate({"source": source})).panel.n_bars == 1
    assert (asked["start"], asked["end"]) == ("2020-01-01", "2020-01-03")
    assert "period" not in asked


def test_a_day_that_is_not_over_is_left_out(yfinance: Answers) -> None:
    today = datetime.now(UTC).date()
    index = dates(str(today - timedelta(days=1)), str(today))
    yfinance(answer(index, {"A": TWO_DAYS["A"]}))
    assert load_data(DataSpec(source="yahoo:A")).panel.n_bars == 1


def test_days_with_a_zone_keep_their_date(yfinance: Answers) -> None:
    yfinance(answer(dates("2020-01-02", "2020-01-03").tz_localize("Asia/Tokyo"), TWO_DAYS))
    panel = load_data(DataSpec(source="yahoo:A")).panel
    assert panel.timestamps.astype(str).tolist() == ["2020-01-02T00:00:00.000000000", "2020-01-03T00:00:00.000000000"]


def test_minutes_are_stamped_with_their_end_in_utc(yfinance: Answers) -> None:
    index = pd.DatetimeIndex(["2020-01-02 09:30", "2020-01-02 09:31"], name="Datetime").tz_localize("America/New_York")
    yfinance(answer(index, {"A": TWO_DAYS["A"]}))
    source = {"kind": "yahoo", "symbols": "A", "interval": "1m"}
    data = load_data(DataSpec.model_validate({"source": source, "calendar": "XNYS"}))
    stamps = data.panel.timestamps.astype("datetime64[m]").astype(str)
    assert stamps.tolist() == ["2020-01-02T14:31", "2020-01-02T14:32"]
    assert data.about.endswith("every bar a session")
    assert data.panel.periods_per_year == 252 * 390


def test_a_minute_that_is_not_over_is_left_out(yfinance: Answers) -> None:
    now = pd.Timestamp.now("UTC").floor("min")
    index = pd.DatetimeIndex([now - pd.Timedelta(minutes=2), now], name="Datetime")
    yfinance(answer(index, {"A": TWO_DAYS["A"]}))
    source = {"kind": "yahoo", "symbols": "A", "interval": "1m"}
    assert load_data(DataSpec.model_validate({"source": source})).panel.n_bars == 1


def test_bars_are_checked_as_those_of_a_file(yfinance: Answers) -> None:
    """Prices that are missing though a volume stands beside them, as before the day's first trade."""
    bars = {"A": [*TWO_DAYS["A"], [NAN] * 5 + [7.0], [12.0, 12.0, 11.0, 10.0, 11.0, 7.0]]}
    yfinance(answer(dates("2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07"), bars))
    with pytest.raises(DataError) as caught:
        load_data(DataSpec(source="yahoo:A"))
    assert str(caught.value).splitlines() == [
        "yahoo:A: row 3, column open: missing value, found 'nan' in the bar A 2020-01-06",
        "  and 5 more",
        "  Set `on_bad: mask` to turn bad bars into missing ones.",
    ]
    data = load_data(DataSpec(source="yahoo:A", on_bad="mask"))
    np.testing.assert_array_equal(np.isfinite(data.panel.close[:, 0]), [True, True, False, False])
    assert data.unit == "row"
    assert data.about.endswith("; defects masked: 6")


def test_symbols_that_yahoo_does_not_know(yfinance: Answers) -> None:
    yfinance(answer(dates("2020-01-02", "2020-01-03"), {**TWO_DAYS, "C": [[NAN] * 6] * 2}))
    with pytest.raises(MissingDataError, match=r"yahoo:A,C,D: Yahoo has no bars of C, D; look at the dates"):
        load_data(DataSpec(source="yahoo:A,C,D"))


@pytest.mark.parametrize("nothing", [None, answer(dates(), {"A": []})])
def test_no_answer(nothing: pd.DataFrame | None, yfinance: Answers) -> None:
    yfinance(nothing)
    with pytest.raises(MissingDataError, match="yahoo:A: Yahoo answered with no bar; look at the symbols and dates"):
        load_data(DataSpec(source="yahoo:A"))


def test_no_network(yfinance: Answers) -> None:
    yfinance(ConnectionError("refused"))
    with pytest.raises(MissingDataError, match=r"Yahoo does not answer \(refused\); try again later"):
        load_data(DataSpec(source="yahoo:A"))


def test_another_shape(yfinance: Answers) -> None:
    yfinance(pd.DataFrame({"Close": [1.0]}, index=dates("2020-01-02")))
    with pytest.raises(DataError, match="not by Price and Ticker"):
        load_data(DataSpec(source="yahoo:A"))


def test_the_package_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yfinance", None)
    with pytest.raises(ConfigError) as caught:
        load_data(DataSpec(source="yahoo:A"))
    assert str(caught.value) == (
        "yahoo:A: needs the package yfinance, which is not installed; install it with "
        "`pip install 'regimefolio[yahoo]'`"
    )


def test_what_was_fetched_can_be_kept(yfinance: Answers, tmp_path: Path) -> None:
    yfinance(answer(dates("2020-01-02", "2020-01-03"), TWO_DAYS))
    report = api.import_prices("yahoo:A,B", "mine", tmp_path)
    assert report.bars == 3
    (store,) = api.price_stores(tmp_path)
    assert (store.imports()[0].file, store.imports()[0].sha256) == ("yahoo:A,B", "")
    stored = load_data(DataSpec.model_validate({"source": {"kind": "store", "name": "mine", "folder": str(tmp_path)}}))
    assert stored.fingerprint == load_data(DataSpec(source="yahoo:A,B")).fingerprint
    with pytest.raises(ConfigError, match=r"a store cannot be called 'yahoo:A': .* give another --name"):
        api.import_prices("yahoo:A")


def test_a_benchmark(yfinance: Answers, tmp_path: Path) -> None:
    index = pd.date_range("2020-01-01", periods=3, name="Date")
    yfinance(answer(index, {"^GSPC": [[close, close, close, close, close, 1] for close in (10.0, 11.0, 12.0)]}))
    (tmp_path / "prices.csv").write_text("date,A\n2020-01-01,1\n2020-01-03,2\n")
    _, market = api.load_market(DataSpec(source="file:prices.csv"), "yahoo:^GSPC", tmp_path)
    assert market.benchmark is not None
    assert market.benchmark.tolist() == [10, 12]
