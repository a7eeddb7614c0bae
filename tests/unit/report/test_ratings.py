"""The page of a re-ranking profile: one file, and every number that it states is the comparison's."""

from __future__ import annotations

import html
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from regimefolio.backtest import RerankSpec
from regimefolio.core.errors import ConfigError, WorkspaceError
from regimefolio.evaluation import HISTORICAL, NONE, TODAYS, RatingsComparison, SharpeDifference, rerank
from regimefolio.market import Dataset
from regimefolio.report import must_take_page, write_ratings_report
from regimefolio.report.figures.ratings import ratings
from regimefolio.report.page import template_text
from regimefolio.report.words import number, percent, signed

SPEC = RerankSpec.model_validate(
    {
        "name": "two of five",
        "data": {"source": "sample:us5", "start": "2010-01-01"},
        "filter": ["history >= 100"],
        "top_n": 2,
        "keep_until_rank": 3,
    }
)


@pytest.fixture(scope="module")
def found() -> tuple[Dataset, RatingsComparison]:
    return rerank(SPEC)


@pytest.fixture(scope="module")
def page(found: tuple[Dataset, RatingsComparison], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "ratings.html"
    write_ratings_report(SPEC, *found, path)
    return path.read_text(encoding="utf-8")


def visible(page: str) -> str:
    """The text of the page as it is read."""
    body = re.sub(r"<(script|style|nav)\b.*?</\1>", " ", page[page.index("<body>") :], flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_the_three_runs_are_stated(page: str, found: tuple[Dataset, RatingsComparison]) -> None:
    text, comparison = visible(page), found[1]
    ours, none, todays = (number(comparison.runs[name].metrics["sharpe"]) for name in (HISTORICAL, NONE, TODAYS))
    assert f"The ratings of the time gave a Sharpe ratio of {ours}, no ratings {none}; today’s ratings" in text
    assert f"would have shown {todays}." in text
    for run in comparison.runs.values():
        row = " ".join(
            (number(run.metrics["sharpe"]), percent(run.metrics["cagr"]), percent(run.metrics["volatility"]))
        )
        assert row in text
    each = comparison.minus_historical[NONE]
    assert f"interval of the difference from {signed(each.low)} to {signed(each.high)}" in text
    assert "Passed: history >= 100. Held long: the 2 with the largest Recommend.All; what is held stays down to" in text


def test_who_is_chosen_is_listed_and_where_it_came_from(page: str, found: tuple[Dataset, RatingsComparison]) -> None:
    text = visible(page)
    for each in found[1].chosen:
        assert f"{each.symbol} {number(each.features['history'], 0)}" in text
    assert found[0].fingerprint in text
    assert found[0].about in text
    assert "Rule set 2024" in text


def test_nothing_leads_outside(page: str) -> None:
    own = page.replace(template_text("plotly-cartesian.min.js"), "").replace(template_text("report.js"), "")
    assert "//" not in own
    assert not re.search(r"\b(src|srcset|action)=|@import|url\(", own)
    assert set(re.findall(r'href="([^"]*)"', own)) == {
        f"#{name}" for name in re.findall(r'(?:section|header) id="(\w+)"', own)
    }


def test_the_curves_are_those_of_the_runs(found: tuple[Dataset, RatingsComparison]) -> None:
    figure, comparison = ratings(found[1]), found[1]
    drawn = figure.spec["data"]
    assert isinstance(drawn, list)
    assert len(drawn) == 6
    for curve, name in zip(drawn[::2], (NONE, TODAYS, HISTORICAL), strict=True):
        simulation = comparison.runs[name].simulation
        assert isinstance(curve, dict)
        assert isinstance(curve["y"], list)
        assert curve["y"][-1] == pytest.approx(simulation.equity[-1] / simulation.initial_capital, rel=1e-5)
        assert len(curve["y"]) == len(comparison.bars)
    assert [key.name for key in figure.keys[0]] == ["Today’s ratings at every bar", "Ratings of the time", "No ratings"]


def test_a_ruined_run_and_an_undefined_difference_are_shown_as_such(
    found: tuple[Dataset, RatingsComparison], tmp_path: Path
) -> None:
    undefined = SharpeDifference(math.nan, math.nan, math.nan, 0.95, math.nan)
    run = found[1].runs[NONE]
    ruined = replace(
        found[1],
        runs={
            **found[1].runs,
            NONE: replace(run, metrics={**run.metrics, "sharpe": math.nan}, reasons={"sharpe": "why"}),
        },
        minus_historical={**found[1].minus_historical, NONE: undefined},
        chosen=(),
    )
    write_ratings_report(SPEC, found[0], ruined, tmp_path / "ratings.html")
    text = visible((tmp_path / "ratings.html").read_text(encoding="utf-8"))
    assert "no ratings –;" in text
    assert "Without ratings the" not in text
    assert "nothing passes." in text


def test_a_page_must_be_one_and_is_not_written_over(
    found: tuple[Dataset, RatingsComparison], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.html; rename it"):
        must_take_page(tmp_path / "ratings.pdf")
    (tmp_path / "there.html").write_text("mine")
    with pytest.raises(ConfigError, match="say --force"):
        write_ratings_report(SPEC, *found, tmp_path / "there.html")
    write_ratings_report(SPEC, *found, tmp_path / "there.html", overwrite=True)
    assert "two of five" in (tmp_path / "there.html").read_text(encoding="utf-8")
    monkeypatch.setattr("regimefolio.report.page.MAX_BYTES", 1000)
    with pytest.raises(WorkspaceError, match="more than the 1,000 that are allowed"):
        write_ratings_report(SPEC, *found, tmp_path / "large.html")
