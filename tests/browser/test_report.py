"""The report in a real browser, opened from the file system as a reader opens it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from regimefolio.core.files import read_json
from tests.browser.chromium import Tab

pytestmark = pytest.mark.browser

SCHEMES = ("light", "dark")
WIDTHS = (1400, 420)

CONTRAST = """
(() => {
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const texts = [...document.querySelectorAll("h1, p, th, td, dt, dd, figcaption, summary, a, abbr, code, li")];
  return Math.min(...texts.map((each) => {
    const ink = light(getComputedStyle(each).color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  }));
})()
"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_everything_is_drawn_and_nothing_is_asked_for(tab: Tab, report: Path, scheme: str, width: int) -> None:
    tab.view(width, scheme=scheme)
    tab.open(report)
    assert tab.complaints == []
    assert tab.requests == [report.as_uri()]
    figures = tab.evaluate("[...document.querySelectorAll('.plot')].map(p => [p.id, p.querySelectorAll('svg').length])")
    assert [name.removeprefix("figure-") for name, _ in figures] == [
        "trials",
        "placebo",
        "equity",
        "rolling",
        "trips-mae",
        "signals-bollinger_mean_reversion-alpha",
        "signals-bollinger_mean_reversion-confidence",
        "signals-momentum_rank-alpha",
        "signals-momentum_rank-confidence",
        "ranks",
        "surface-bollinger_mean_reversion",
        "surface-momentum_rank",
        "weights",
    ]
    assert all(drawings > 0 for _, drawings in figures)
    assert tab.evaluate("document.querySelectorAll('#figure-trials .barlayer .point path').length") > 0
    lines = (
        "[...document.querySelectorAll('#figure-equity .scatterlayer .js-line')].map(p => p.getAttribute('d').length)"
    )
    drawn = tab.evaluate(lines)
    assert len(drawn) == 6  # equity and drawdown of the adaptive strategy, static and equal weight
    assert min(drawn) > 300
    bands = tab.evaluate("document.querySelectorAll('#figure-equity .layer-below .shapelayer path').length")
    assert bands == tab.evaluate("document.querySelectorAll('figure.equity .key .shade').length") > 1
    assert tab.evaluate("document.querySelectorAll('#figure-weights .fills path').length") >= 4
    assert tab.evaluate("document.querySelectorAll('#figure-placebo .barlayer .point path').length") > 5
    assert tab.evaluate("document.querySelectorAll('#figure-rolling .scatterlayer .js-line').length") == 6
    assert tab.evaluate("document.querySelectorAll('#figure-ranks .scatterlayer .point').length") == 4 + 12 + 1
    assert tab.evaluate("document.querySelectorAll('[id^=figure-surface] .scatterlayer .point').length") == 2 * 3
    closed = read_json(report.parent / "analysis" / "round_trips.json")["statistics"]["all"]["all"]["trips"]
    assert tab.evaluate("document.querySelectorAll('#figure-trips-mae .scatterlayer .point').length") == closed > 0
    small = "[...document.querySelectorAll('[id$=-alpha], [id$=-confidence]')]"
    assert min(tab.evaluate(f"{small}.map(p => p.querySelectorAll('.scatterlayer .point').length)")) >= 5
    assert min(tab.evaluate(f"{small}.map(p => p.querySelectorAll('.errorbar path').length)")) >= 5
    assert tab.evaluate(f"{small}.map(p => p.querySelectorAll('.barlayer .point path').length)") == [10] * 4
    beside = "new Set([...document.querySelectorAll('.panels .plot')].map(p => p.getBoundingClientRect().x)).size"
    assert tab.evaluate(beside) == (2 if width > 1000 else 1)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_text_can_be_read_in_both_schemes(tab: Tab, report: Path) -> None:
    papers = []
    for scheme in SCHEMES:
        tab.view(1400, scheme=scheme)
        tab.open(report)
        assert tab.evaluate(CONTRAST) >= 4.5, scheme
        papers.append(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert papers[0] != papers[1]


def test_figures_change_their_colours_with_the_scheme(tab: Tab, report: Path) -> None:
    tab.view(1400, scheme="light")
    tab.open(report)
    strokes = []
    for scheme in SCHEMES:
        tab.view(1400, scheme=scheme)
        tab.evaluate("new Promise(done => setTimeout(done, 100))")
        last = "document.querySelector('#figure-equity .xy .scatterlayer .trace:last-child .js-line')"
        strokes.append(tab.evaluate(f"getComputedStyle({last}).stroke"))
        assert strokes[-1] == tab.evaluate("getComputedStyle(document.querySelector('.key .adaptive')).borderTopColor")
    assert strokes[0] != strokes[1]
    assert tab.complaints == []


def test_paper_is_white_and_unfolded(tab: Tab, report: Path) -> None:
    tab.view(1400, scheme="dark")
    tab.open(report)
    shown = "[getComputedStyle(document.body).backgroundColor, document.querySelectorAll('details:not([open])').length]"
    before = tab.evaluate(shown)
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    paper, folded = tab.evaluate(shown)
    assert folded == 0
    assert paper != before[0]
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.evaluate(shown) == before
    printed = tab.send("Page.printToPDF", printBackground=True)["data"]
    assert base64.b64decode(printed).startswith(b"%PDF")
    assert tab.complaints == []


def test_the_page_may_not_fetch_nor_run_what_is_not_its_own(tab: Tab, report: Path) -> None:
    tab.view(1400)
    tab.open(report)
    refused = tab.evaluate(
        """new Promise((done) => {
          const found = [];
          document.addEventListener("securitypolicyviolation", (event) => {
            found.push(event.effectiveDirective);
            if (found.length === 3) done(found.sort());
          });
          fetch("https://example.org/").catch(() => 0);
          const script = document.createElement("script");
          script.textContent = "window.intruder = true";
          document.body.append(script);
          document.body.append(Object.assign(new Image(), { src: "https://example.org/pixel.png" }));
        })"""
    )
    assert refused == ["connect-src", "img-src", "script-src-elem"]
    assert tab.evaluate("window.intruder") is None


def test_who_cannot_see_is_told(tab: Tab, report: Path) -> None:
    tab.view(1400)
    tab.open(report)
    assert tab.evaluate("[...document.querySelectorAll('.plot, svg.main-svg')].length") > 3
    unnamed = "[...document.querySelectorAll('.plot, td.spark svg')].filter(e => !e.getAttribute('aria-label')).length"
    assert tab.evaluate(unnamed) == 0
    assert tab.evaluate("[...document.querySelectorAll('table')].filter(t => !t.caption?.textContent).length") == 0
    assert tab.evaluate("[...document.querySelectorAll('th:not([scope])')].length") == 0
    assert tab.evaluate("[...document.querySelectorAll('thead th')].filter(t => !t.textContent.trim()).length") == 0
    dead = "[...document.querySelectorAll('a')].filter(a => !document.getElementById(a.hash.slice(1))).length"
    assert tab.evaluate(dead) == 0
    assert tab.evaluate("document.querySelectorAll('h1').length") == 1
