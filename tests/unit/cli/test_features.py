"""`features build`, `show` and `export`: ratings of a universe, kept and looked at."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from regimefolio import api
from tests.unit.cli.conftest import Call

BARS = 80
VOTES_2020 = ("--with", "technical_votes(2020)")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(bars: int = BARS, name: str = "prices.csv", close_only: bool = False) -> None:
    """Prices of three symbols; CCC lists 40 bars after the others."""
    rng = np.random.default_rng(3)
    days = np.busday_offset("2020-01-01", np.arange(BARS), roll="forward")
    rows = ["date,symbol,close" if close_only else "date,symbol,open,high,low,close,volume"]
    for symbol, first in (("AAA", 0), ("BBB", 0), ("CCC", 40)):
        close = np.round(50.0 * np.cumprod(1.0 + 0.02 * rng.standard_normal(BARS)), 2)
        for day, price in list(zip(days, close, strict=True))[first:bars]:
            others = "" if close_only else f"{price},{price + 1:.2f},{price - 1:.2f},"
            rows.append(f"{day},{symbol},{others}{price}{'' if close_only else ',1000'}")
    Path(name).write_text("\n".join(rows) + "\n")


def test_a_matrix_is_built_grows_and_is_left_as_it_is(call: Call) -> None:
    write(60)
    code, out, err = call("features", "build", "file:prices.csv", "--with", "history", "--quiet")
    assert (code, err) == (0, "")
    assert "features/features_matrix.parquet: 60 bars written; 3 symbols, 2020-01-01 to 2020-03-24\n" in out
    assert "technical rating by the rules of 2024; 4 columns, of technical_rating(2024), history\n" in out
    assert "features/returns_matrix.parquet: the returns of the same bars\n" in out
    write()
    assert ": 20 bars added; 3 symbols" in call("features", "build", "file:prices.csv", "--with", "history", "-q").out
    out = call("features", "build", "file:prices.csv", "--with", "history", "-q").out
    assert ": nothing is new; left as it is; 3 symbols" in out


def test_progress_and_the_prices_are_told(call: Call) -> None:
    write()
    out = call("features", "build", "file:prices.csv", "--with", "technical_votes", "--with", "history").out
    assert "features: 3 of 3" in out
    assert api.kernels_are_compiled("ratings.rate")  # or else it is said every time that they must be


def test_the_result_as_json(call: Call) -> None:
    write(close_only=True)
    code, out, _ = call(
        "features", "build", "file:prices.csv", "--with", "technical_rating(2020)", *VOTES_2020, "--json", "--into", "f"
    )
    told = json.loads(out)
    assert code == 0
    assert (told["path"], told["rule_set"], told["bars"], told["added"]) == (
        "f/features_matrix.parquet",
        "2020",
        80,
        80,
    )
    assert told["features"] == ["technical_rating(2020)", "technical_votes(2020)"]
    assert len(told["columns"]) == 29
    assert told["unavailable"] == [
        "ichimoku",
        "vwma",
        "stochastic",
        "adx",
        "awesome",
        "williams_r",
        "bull_bear_power",
        "ultimate",
    ]


def test_what_close_only_prices_lack_is_said(call: Call) -> None:
    write(close_only=True)
    out = call("features", "build", "file:prices.csv", "-q").out
    assert "without a vote, since these prices lack what they need: ichimoku, vwma, stochastic, adx, " in out


def test_a_universe_of_candidates_or_of_listed_symbols(call: Call) -> None:
    write()
    Path("candidates.json").write_text('[{"symbol": "CCC"}, {"symbol": "AAA"}]')
    assert (
        ": 80 bars written; 2 symbols"
        in call("features", "build", "file:prices.csv", "--symbols", "candidates.json", "-q").out
    )
    out = call("features", "build", "file:prices.csv", "--symbols", "AAA, BBB", "--into", "two", "-q").out
    assert ": 80 bars written; 2 symbols" in out
    Path("candidates.json").write_text('["AAA", "BBC"]')
    code, _, err = call("features", "build", "file:prices.csv", "--symbols", "candidates.json")
    assert (code, err) == (2, "error: candidates.json: item 2: unknown symbol 'BBC'; did you mean 'BBB'?\n")


def test_the_prices_of_a_configuration(call: Call) -> None:
    write()
    Path("my.yaml").write_text("data: {source: 'file:prices.csv', end: 2020-03-01}\n")
    assert ": 43 bars written; 3 symbols" in call("features", "build", "my.yaml", "-q").out


def test_other_prices_are_refused_with_a_command_that_works(call: Call) -> None:
    write()
    call("features", "build", "file:prices.csv", "--with", "median_value(5)", "-q")
    text = Path("prices.csv").read_text()
    before, after = text.split("2020-02-03,AAA,")
    Path("prices.csv").write_text(f"{before}2020-02-03,AAA,{after.replace(',1000', ',2000', 1)}")
    code, out, err = call("features", "build", "file:prices.csv", "--with", "median_value(5)", "-q")
    assert (code, out) == (2, "")
    assert "was made from other prices: they differ from 2020-02-03 on; " in err
    command = err.split("`")[1]
    assert command == 'regimefolio features build file:prices.csv --into features --with "median_value(5)" --rebuild'
    assert call(*command.replace('"', "").split()[1:], "-q").code == 0


def test_a_feature_of_ones_own_is_built(call: Call, forgetful: Path) -> None:
    write()
    Path("mine.py").write_text(
        "from regimefolio.api import Feature\n\n\n"
        'class Range(Feature, kind="bar_range"):\n'
        "    def columns(self, panel):\n"
        "        return {self.name: panel.high / panel.low - 1.0}\n"
    )
    Path("config").mkdir()
    Path("config/system_config.yaml").write_text("system: {plugins: [mine.py]}\n")
    assert call("features", "build", "file:prices.csv", "--with", "bar_range", "-q").code == 0
    assert "bar_range" in call("features", "show", "AAA").out
    Path("mine.py").write_text(Path("mine.py").read_text().replace("- 1.0", "- 2.0"))
    code, _, err = call("features", "build", "file:prices.csv", "--with", "bar_range", "-q")
    assert code == 2
    assert "bar_range was made by other code" in err


def test_what_a_reader_would_have_seen(call: Call) -> None:
    write()
    call("features", "build", "file:prices.csv", "--with", "technical_votes", "--with", "history", "-q")
    lines = call("features", "show", "CCC", "--at", "2020-03-01").out.splitlines()
    assert "CCC at 2020-02-28" in lines
    assert [line.split() for line in lines if line.startswith("history")] == [["history", "3"]]
    assert [line.split() for line in lines if line.startswith("Vote.sma_200")] == [["Vote.sma_200", "–"]]
    assert "technical rating by the rules of 2024; – is not available" in lines
    told = json.loads(call("features", "show", "CCC", "--at", "2020-03-01", "--json").out)
    assert (told["symbol"], told["timestamp"], told["rule_set"]) == ("CCC", "2020-02-28", "2024")
    frame = pl.read_parquet("features/features_matrix.parquet").filter(pl.col("symbol") == "CCC")
    row = frame.filter(pl.col("timestamp") <= pl.datetime(2020, 2, 28)).tail(1).to_dicts()[0]
    assert told["features"] == {name: row[name] for name in told["features"]}
    word = {1.0: "buy", 0.0: "neutral", -1.0: "sell"}
    for name, value in told["features"].items():
        assert told["labels"].get(name) == (
            word[value] if name.startswith("Vote.") and value is not None else told["labels"].get(name)
        )
    assert set(told["labels"]) == {
        name for name, value in told["features"].items() if name != "history" and value is not None
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "AAAA"), "unknown symbol 'AAAA'; did you mean 'AAA'?"),
        (("show", "xyz"), "unknown symbol 'xyz'; none of its 3 is near it"),
        (("show", "AAA", "--at", "soon"), "--at 'soon' is no time; write it as 2008-10-10 or 2008-10-10T15:30:00"),
        (("show", "AAA", "--at", "1999-01-01"), "--at 1999-01-01 is before the first bar, 2020-01-01"),
        (("show", "AAA", "--from", "nowhere"), "`regimefolio features build SOURCE --into nowhere` makes it"),
        (("export", "f.xlsx"), "f.xlsx: features are written to a file that ends in .csv, .parquet; rename it"),
        (
            ("build", "file:prices.csv", "--with", "technical_rating(2022)"),
            "rule_set: input should be '2020' or '2024'",
        ),
        (("build", "file:prices.csv", *VOTES_2020), "technical_rating(2024) and technical_votes(2020) follow two sets"),
        (("build", "file:prices.csv", "--with", "histori"), "unknown feature 'histori'; did you mean 'history'?"),
        (("build", "file:prises.csv"), "there is no such file; did you mean 'prices.csv'?"),
        (("build", "prices.csv"), "did you mean 'file:prices.csv'?"),
    ],
)
def test_mistakes(call: Call, arguments: tuple[str, ...], message: str) -> None:
    write()
    call("features", "build", "file:prices.csv", "-q")
    code, _, err = call("features", *arguments)
    assert code == 2
    assert message in err


def test_export(call: Call) -> None:
    write()
    call("features", "build", "file:prices.csv", "-q")
    assert call("features", "export", "long.csv") == (
        0,
        "long.csv: 240 rows, 3 features; technical rating by the rules of 2024\n",
        "",
    )
    code, out, _ = call("features", "export", "--wide", "wide.parquet")
    assert (code, out) == (0, "wide.parquet: 80 rows, 3 symbols, 3 features; technical rating by the rules of 2024\n")
    assert pl.read_parquet("wide.parquet").columns[:3] == ["timestamp", "AAA|Recommend.All", "AAA|Recommend.MA"]
