"""The page of a re-ranking profile in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from regimefolio.backtest import RerankSpec
from regimefolio.evaluation import rerank
from regimefolio.report import write_ratings_report
from tests.browser.chromium import Tab

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = RerankSpec.model_validate({"data": {"source": "sample:us5", "start": "2010-01-01"}, "top_n": 2})
    path = tmp_path_factory.mktemp("ratings") / "ratings.html"
    write_ratings_report(spec, *rerank(spec), path)
    return path


@pytest.mark.parametrize("width", [1400, 420])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_three_curves_are_drawn_and_nothing_is_asked_for(tab: Tab, page: Path, scheme: str, width: int) -> None:
    tab.view(width, scheme=scheme)
    tab.open(page)
    assert tab.complaints == []
    assert tab.requests == [page.as_uri()]
    curves = "[...document.querySelectorAll('#figure-equity .scatterlayer .js-line')]"
    assert min(tab.evaluate(f"{curves}.map(p => p.getAttribute('d').length)")) > 300
    strokes = tab.evaluate(f"{curves}.map(p => getComputedStyle(p).stroke)")
    keys = tab.evaluate("[...document.querySelectorAll('.key i')].map(i => getComputedStyle(i).borderTopColor)")
    assert len(strokes) == 6  # equity and drawdown
    assert set(strokes) == set(keys)
    assert len(set(keys)) == 3
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
