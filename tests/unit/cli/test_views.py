"""`data views`: page views fetched into a file, from a server on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest
import yaml

from tests.page_view_server import PageViewServer, counted_days
from tests.unit.cli.conftest import Call
from tests.workflows import WORKFLOW

SPAN = ("--start", "2020-01-01", "--end", "2020-01-10")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PageViewServer]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Path("articles.csv").write_text("symbol,article\nAAPL,Apple Inc.\n")
    with PageViewServer({("en.wikipedia", "Apple_Inc."): counted_days(date(2020, 1, 1), 30, 7)}).running() as running:
        yield running


def asked(server: PageViewServer, *more: str) -> tuple[str, ...]:
    told = ("--contact", "me@example.org", "--server", server.url)
    return ("data", "views", "articles.csv", "--out", "views.parquet", *told, *SPAN, *more)


def test_views_are_fetched_once(server: PageViewServer, call: Call) -> None:
    said = call(*asked(server))
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-1] == "views.parquet: 10 days of 1 article fetched in 1 request; 10 in all"
    again = call(*asked(server, "--json"))
    assert json.loads(again.out) == {"path": "views.parquet", "articles": 1, "requests": 0, "days": 0, "total": 10}


def test_an_error_names_the_article(server: PageViewServer, call: Call) -> None:
    Path("articles.csv").write_text("symbol,article\nAAPL,Aple Inc.\n")
    code, _, err = call(*asked(server))
    assert code == 2
    assert err.startswith("error: nothing is known from 2020-01-01 to 2020-01-10 of 1 article (AAPL: 'Aple Inc.' of ")
    assert "Traceback" not in err


def test_a_contact_must_be_said(server: PageViewServer, call: Call) -> None:
    code, _, err = call("data", "views", "articles.csv", "--out", "views.parquet")
    assert code == 2
    assert "--contact" in err


ATTENTION = {"kind": "attention", "page_views": "file:none.csv"}
DATA = {"source": "file:prices.csv"}
BACKTEST = {"data": DATA, "strategies": ["momentum_rank"], "portfolio": {"allocator": ATTENTION}}
BLEND = {
    "optimizers": ["proportional"],
    "orchestration_type": {**ATTENTION, "kind": "attention_then_equal", "if_none": "cash"},
}
ALLOCATION = {"data": DATA, "benchmark": "equal_weight", "strategies": ["momentum_rank"], **BLEND}


@pytest.mark.parametrize(
    ("section", "settings", "command"),
    [
        ("backtest", BACKTEST, ["backtest"]),
        ("backtest", BACKTEST, ["compare"]),
        ("allocation", ALLOCATION, ["allocate"]),
        ("workflow", {**WORKFLOW, "portfolio": {"allocator": {"kind": "orchestrator", **BLEND}}}, ["run", "--dry-run"]),
    ],
)
def test_every_command_that_reads_prices_reads_page_views(
    folder: Path, call: Call, section: str, settings: object, command: Sequence[str]
) -> None:
    Path("my.yaml").write_text(yaml.safe_dump({section: settings}))
    code, _, err = call(*command, "my.yaml")
    assert code == 2
    assert "none.csv: there is no such file" in err
