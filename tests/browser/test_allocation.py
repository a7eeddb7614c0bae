"""The page of an allocation run in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regimefolio.report import write_allocation_report
from tests.allocations import allocation_run
from tests.browser.chromium import Tab
from tests.browser.test_report import CONTRAST, SCHEMES, WIDTHS

pytestmark = pytest.mark.browser

FIGURES = [
    "equity",
    "risk",
    "held",
    "last",
    "turnover",
    "change",
    "spread",
    "tree-weight_distance",
    "tree-weights_correlation",
    "tree-returns_correlation",
    "tree-performance",
    "seconds",
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("allocation") / "allocation.html"
    write_allocation_report(*allocation_run(), path)
    return path


@pytest.mark.parametrize(("scheme", "width"), list(zip(SCHEMES, WIDTHS, strict=True)))
def test_everything_is_drawn_and_nothing_is_asked_for(tab: Tab, page: Path, scheme: str, width: int) -> None:
    tab.view(width, scheme=scheme)
    tab.open(page)
    assert tab.complaints == []
    assert tab.requests == [page.as_uri()]
    figures = tab.evaluate("[...document.querySelectorAll('.plot')].map(p => [p.id, p.querySelectorAll('svg').length])")
    assert [name.removeprefix("figure-") for name, _ in figures] == FIGURES
    assert all(drawings > 0 for _, drawings in figures)

    def drawn(figure: str, kind: str) -> Any:
        return tab.evaluate(f"document.querySelectorAll('#figure-{figure} {kind}').length")

    assert drawn("equity", ".scatterlayer .js-line") == 7 + 3  # drawdown of those that stand out
    assert drawn("risk", ".scatterlayer .point") == 7
    assert drawn("turnover", ".barlayer .point path") == 6
    assert drawn("held", ".barlayer .point path") > 100
    assert drawn("last", ".barlayer .point path") > 10
    assert drawn("last", ".ytick") == 5
    assert drawn("change", ".scatterlayer .trace") == drawn("spread", ".scatterlayer .trace") == 6
    trees = "[...document.querySelectorAll('[id^=figure-tree] .js-line')].map(p => p.getAttribute('d').length)"
    assert min(tab.evaluate(trees)) > 30
    assert drawn("tree-weight_distance", ".shapelayer path") >= 2  # a cluster and the cut
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate(CONTRAST) >= 4.5


def test_the_blend_has_its_colour_and_optimizers_are_grey(tab: Tab, page: Path) -> None:
    tab.view(1400)
    tab.open(page)
    strokes = tab.evaluate(
        "[...document.querySelectorAll('#figure-equity .xy .js-line')].map(p => getComputedStyle(p).stroke)"
    )
    keys = tab.evaluate(
        "[...document.querySelectorAll('.equity .key i')].map(i => getComputedStyle(i).borderTopColor).slice(0, 3)"
    )
    assert strokes[-3:] == keys[::-1]
    assert len(set(strokes[:4])) == 1
    assert len(set(strokes)) == 4


def test_a_click_on_a_head_sorts(tab: Tab, page: Path) -> None:
    tab.view(1400)
    tab.open(page)
    column = "[...document.querySelectorAll('#metrics tbody tr')].map(row => row.cells[{}].textContent)"
    click = "document.querySelectorAll('#metrics thead th')[{}].querySelector('button').click()"
    state = "[...document.querySelectorAll('#metrics thead th')].map(head => head.ariaSort)"

    def numbers(k: int) -> list[float]:
        texts = tab.evaluate(column.format(k))
        return [float(text.strip().replace("−", "-").rstrip("%")) for text in texts if text.strip() != "–"]

    before = tab.evaluate(column.format(0))
    assert before[:3] == ["Blend", "Equal weight", "Benchmark (AAPL)"]
    assert set(tab.evaluate(state)) == {None}
    tab.evaluate(click.format(4))
    assert numbers(4) == sorted(numbers(4), reverse=True)
    assert tab.evaluate(column.format(0)) != before
    assert tab.evaluate(state)[4] == "descending"
    tab.evaluate(click.format(4))
    assert numbers(4) == sorted(numbers(4))
    assert tab.evaluate(state)[4] == "ascending"
    for _ in range(2):  # the benchmark has no turnover, and stays last
        tab.evaluate(click.format(8))
        assert tab.evaluate(column.format(8))[-1].strip() == "–"
    tab.evaluate(click.format(0))
    names = tab.evaluate(column.format(0))
    assert names == sorted(names, key=str.lower)
    assert [each for each in tab.evaluate(state) if each] == ["ascending"]
    assert tab.complaints == []


def test_who_cannot_see_is_told(tab: Tab, page: Path) -> None:
    tab.view(1400)
    tab.open(page)
    unnamed = "[...document.querySelectorAll('.plot, td.spark svg')].filter(e => !e.getAttribute('aria-label')).length"
    assert tab.evaluate(unnamed) == 0
    assert tab.evaluate("[...document.querySelectorAll('table')].filter(t => !t.caption?.textContent).length") == 0
    assert tab.evaluate("[...document.querySelectorAll('th:not([scope])')].length") == 0
    assert tab.evaluate("[...document.querySelectorAll('thead th')].filter(t => !t.textContent.trim()).length") == 0
    dead = "[...document.querySelectorAll('a')].filter(a => !document.getElementById(a.hash.slice(1))).length"
    assert tab.evaluate(dead) == 0
