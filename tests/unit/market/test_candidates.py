"""Candidates of a portfolio: a list of symbols, or of objects with one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regimefolio.core.errors import ConfigError
from regimefolio.market import DataSpec, load_candidates, read_candidates

US5 = DataSpec.model_validate({"source": "sample:us5"})


def write(folder: Path, value: object) -> Path:
    path = folder / "candidates.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


@pytest.mark.parametrize(
    "listed", [["MSFT", "AAPL"], [{"symbol": "MSFT", "rating": 0.4}, {"symbol": "AAPL"}], ["MSFT", {"symbol": "AAPL"}]]
)
def test_symbols_and_objects(tmp_path: Path, listed: list[object]) -> None:
    path = write(tmp_path, listed)
    assert read_candidates(path) == ("MSFT", "AAPL")
    assert load_candidates(US5, path).panel.symbols == ("AAPL", "MSFT")  # in the order of the prices


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("AAPL, MSFT", "cannot be read as JSON; name a file with a list of symbols"),
        ({"symbol": "AAPL"}, "must hold a list of symbols, such as "),
        ([], "must hold a list of symbols, such as "),
        (["AAPL", 7], "item 2 is 7, but a symbol or an object with `symbol` belongs there"),
        ([{"ticker": "AAPL"}], r"item 1 is \{'ticker': 'AAPL'\}, but a symbol"),
        (["AAPL", "MSFT", {"symbol": "AAPL"}], "item 3: 'AAPL' is item 1 already; take one out"),
        (["MSFT", "APPL"], r"item 2: unknown symbol 'APPL'; did you mean 'AAPL'\?"),
    ],
)
def test_what_is_no_list_of_candidates(tmp_path: Path, value: object, message: str) -> None:
    path = write(tmp_path, value)
    with pytest.raises(ConfigError, match=f"^{path}: {message}"):
        load_candidates(US5, path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    write(tmp_path, [])
    with pytest.raises(ConfigError, match=r"candidate\.json: there is no such file; did you mean 'candidates\.json'\?"):
        read_candidates(tmp_path / "candidate.json")
