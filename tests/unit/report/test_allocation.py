"""The page of an allocation run: one file, and every number that it states is the run's."""

from __future__ import annotations

import html
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regimefolio.core.errors import ConfigError
from regimefolio.evaluation import AllocationEvaluation, evaluate_allocations
from regimefolio.report import write_allocation_report
from regimefolio.report.figures.allocation import Drawn, bars, drawn_runs, equity, over_time, risk_and_return
from regimefolio.report.figures.dendrograms import dendrograms
from regimefolio.report.figures.holdings import blend_over_time, last_weights
from regimefolio.report.page import template_text
from regimefolio.report.words import number, percent, signed
from tests.allocations import FAILS, allocation_run, allocation_spec, made


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "allocation.html"
    write_allocation_report(*allocation_run(), path)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def found() -> AllocationEvaluation:
    _, dataset, run = allocation_run()
    return evaluate_allocations(run, dataset.panel.periods_per_year)


@pytest.fixture(scope="module")
def runs() -> list[Drawn]:
    return drawn_runs(allocation_run()[2], "Benchmark (AAPL)")


def visible(page: str) -> str:
    """The text of the page as it is read."""
    body = re.sub(r"<(script|style|nav)\b.*?</\1>", " ", page[page.index("<body>") :], flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_the_first_sentence_says_what_the_blend_did(page: str, found: AllocationEvaluation) -> None:
    run = allocation_run()[2]
    heading = re.search(r"<h1>(.*?)</h1>", page)
    assert heading is not None
    text = html.unescape(heading.group(1))
    equal, held = found.minus_equal_weight, found.minus_benchmark
    assert text.startswith(
        f"The blend of 4 optimizers had a Sharpe ratio of {number(run.blend.metrics['sharpe'])}, "
        f"{number(abs(equal.point))} {'above' if equal.point >= 0 else 'below'} that of equal weight (95% interval of "
        f"the difference from {signed(equal.low)} to {signed(equal.high)}) and {number(abs(held.point))} "
    )
    assert text.endswith(f"that of AAPL (from {signed(held.low)} to {signed(held.high)}).")


def test_every_portfolio_is_a_row(page: str, runs: list[Drawn]) -> None:
    assert [each.title for each in runs[:3]] == ["Blend", "Equal weight", "Benchmark (AAPL)"]
    assert {each.title for each in runs[3:]} == {"min_variance", "inverse_volatility", "its_twin", "unreliable"}
    sharpes = [each.metrics["sharpe"] for each in runs[3:]]
    assert sharpes == sorted(sharpes, reverse=True)
    text = visible(page)
    for each in runs:
        metrics = [number(each.metrics["sharpe"]), number(each.metrics["sortino"]), percent(each.metrics["cagr"])]
        assert f"{each.title} {' '.join(metrics)}" in text


def test_cells_of_a_sortable_table_hold_their_numbers(page: str) -> None:
    run = allocation_run()[2]
    row = re.search(r'<th scope="row">its_twin</th>(.*?)</tr>', page, flags=re.DOTALL)
    assert row is not None
    first = re.search(r'data-value="([^"]+)"', row.group(1))
    assert first is not None
    assert float(first.group(1)) == pytest.approx(run.optimizers["its_twin"].metrics["sharpe"], rel=1e-8)


def test_failures_are_told(page: str, found: AllocationEvaluation) -> None:
    text, (failure,) = visible(page), found.failures
    rebalances = len(found.timestamps)
    assert f"Of {rebalances} rebalances, failed: unreliable at {failure.rebalances} rebalances." in text
    assert f"ZeroDivisionError: {FAILS}; it was left out" in text


def test_nothing_leads_outside(page: str) -> None:
    own = page.replace(template_text("plotly-cartesian.min.js"), "").replace(template_text("report.js"), "")
    assert "//" not in own
    assert not re.search(r"\b(src|srcset|action)=|@import|url\(", own)
    assert set(re.findall(r'href="([^"]*)"', own)) == {
        f"#{name}" for name in re.findall(r'(?:section|header) id="(\w+)"', own)
    }


def traces(spec: dict[str, Any]) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = spec["data"]
    return data


def test_curves_end_where_the_runs_do_and_the_blend_lies_on_top(runs: list[Drawn]) -> None:
    drawn = traces(equity(runs, allocation_run()[2].bars).spec)
    growth = {curve["name"]: curve["y"][-1] for curve in drawn if curve["yaxis"] == "y"}
    assert growth == {each.title: pytest.approx(each.equity[-1], rel=1e-5) for each in runs}
    assert [curve["name"] for curve in drawn[-2:]] == ["Blend", "Blend"]
    assert {curve["line"]["color"] for curve in drawn if curve["name"] == "its_twin"} == {"var(--thin)"}


def test_the_scatter_has_every_run_and_always_names_those_that_stand_out(runs: list[Drawn]) -> None:
    many = [*runs, *(runs[3]._replace(title=f"copy_{k}") for k in range(30))]
    figure = risk_and_return(many)
    assert figure is not None
    drawn = {curve["name"]: curve for curve in traces(figure.spec)}
    assert len(drawn) == len(many)
    assert all("text" in drawn[each.title]["mode"] for each in runs[:3])
    named = [name for name, curve in drawn.items() if name.startswith("copy") and "text" in curve["mode"]]
    assert len(named) < 5  # names on top of each other could not be read
    assert drawn[runs[3].title]["x"] == [pytest.approx(runs[3].metrics["volatility"], rel=1e-5)]
    assert risk_and_return([runs[0]._replace(metrics={"sharpe": math.nan})]) is None


def test_bars_are_sorted_and_leave_out_what_is_unknown() -> None:
    swatches = {"a": "thin", "b": "adaptive", "c": "thin"}
    figure = bars("x", {"a": 2.0, "b": 3.0, "c": math.nan}, swatches, "seconds", "")
    assert figure is not None
    (data,) = traces(figure.spec)
    assert (data["y"], data["x"]) == (["a", "b"], [2.0, 3.0])  # the last one is on top
    assert data["marker"]["color"] == ["var(--bar-1)", "var(--adaptive)"]
    assert bars("x", {"a": math.nan}, swatches, "seconds", "") is None


def test_a_number_over_time_has_a_gap_where_an_optimizer_failed(found: AllocationEvaluation) -> None:
    drawn = traces(over_time("spread", found, "effective_assets", "Effective assets", "").spec)
    assert [curve["name"] for curve in drawn][-2:] == ["Median optimizer", "Blend"]
    unreliable = drawn[found.names.index("unreliable")]["y"]
    assert unreliable[:3] == [1.0, 1.0, None]
    assert drawn[-1]["y"] == pytest.approx(found.blend.effective_assets, rel=1e-5)


def test_the_map_of_the_blend_has_its_weights(found: AllocationEvaluation) -> None:
    (data,) = traces(blend_over_time(found).spec)
    weights, when = found.blend.weights, str(found.timestamps[0].astype("datetime64[D]"))
    assert len(data["x"]) == (np.abs(weights) >= 0.0005).sum()
    top = found.symbols[int(weights.mean(axis=0).argmax())]
    assert data["text"][0] == f"{top}, {when}: {percent(float(weights[0, found.symbols.index(top)]))}"
    assert data["marker"]["color"][0] == pytest.approx(weights[0, found.symbols.index(top)] ** 0.5, rel=1e-5)


def test_many_assets_become_others_and_shorts_have_a_colour_of_their_own(found: AllocationEvaluation) -> None:
    rng = np.random.default_rng(1)
    weights = rng.dirichlet(np.ones(80), 9)
    weights[:, 3] *= -1.0
    held = replace(found, symbols=tuple(f"S{k}" for k in range(80)), blend=found.blend._replace(weights=weights))
    held = replace(held, timestamps=found.timestamps[:9])
    figure = blend_over_time(held)
    (data,) = traces(figure.spec)
    layout: Any = figure.spec["layout"]
    names = layout["yaxis"]["ticktext"]
    assert len(names) == 25
    assert names[-1] == "56 others"
    assert len(data["marker"]["colorscale"]) == 3
    assert data["marker"]["cmin"] == -data["marker"]["cmax"]
    shown = [text for text in data["text"] if text.startswith("56 others")]
    assert len(shown) == 9


def test_neighbours_in_the_map_of_the_last_weights_are_alike(found: AllocationEvaluation) -> None:
    layout: Any = last_weights(found).spec["layout"]
    rows = layout["yaxis"]["ticktext"]
    assert rows[0] == "Blend"
    assert abs(rows.index("min_variance") - rows.index("its_twin")) == 1


def test_trees_show_their_clusters(found: AllocationEvaluation) -> None:
    trees = {each.name: each for each in dendrograms(found.clusters)}
    assert set(trees) == {f"tree-{name}" for name in found.clusters._fields}
    tree = trees["tree-weight_distance"]
    layout: Any = tree.spec["layout"]
    bands = [shape for shape in layout["shapes"] if shape["type"] == "rect"]
    assert len(bands) == sum(len(cluster) > 1 for cluster in found.clusters.weight_distance.clusters)
    assert tree.reading.endswith("cut at 20% held differently.")


def test_one_optimizer_and_nothing_left_out_still_make_a_page(tmp_path: Path) -> None:
    spec = allocation_spec(optimizers=["equal_weight"], measure=[], rebalance="quarterly")
    write_allocation_report(*made(spec), tmp_path / "one.html")
    text = visible((tmp_path / "one.html").read_text(encoding="utf-8"))
    assert "The blend of 1 optimizer had a Sharpe ratio" in text
    assert "The blend was not run without each optimizer." in text
    assert "No optimizer failed at any of the " in text


def test_an_undefined_comparison_is_said_to_be_none(tmp_path: Path) -> None:
    spec, dataset, run = allocation_run()
    simulation = run.blend.simulation
    equity = simulation.equity.copy()
    equity[-3:] = 0.0
    ruined = replace(run, blend=replace(run.blend, simulation=replace(simulation, equity=equity)))
    write_allocation_report(spec, dataset, ruined, tmp_path / "ruined.html")
    text = visible((tmp_path / "ruined.html").read_text(encoding="utf-8"))
    assert "which cannot be compared with that of equal weight and which cannot be compared with that of AAPL." in text


def test_a_page_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text("mine")
    with pytest.raises(ConfigError, match="say --force"):
        write_allocation_report(*allocation_run(), tmp_path / "there.html")
