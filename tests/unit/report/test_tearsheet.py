from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regimefolio.core.errors import CorruptError, RegimefolioError, StaleError, WorkspaceError
from regimefolio.core.files import read_json, sha256_of, write_json, write_text
from regimefolio.report import edited_files, tearsheet, verdict, write_report
from regimefolio.report.page import template_text
from regimefolio.report.record import Record, read_record
from regimefolio.report.tearsheet import render
from tests.workflows import coordinator, write_prices

READ = (
    "metadata/workflow.json",
    "metadata/workflow.yaml",
    "metadata/axes.json",
    "performance/validation_results.json",
    "performance/risk_free.npy",
    "performance/validation_equity.npy",
    "performance/validation_weights.npy",
    "performance/validation_labels.npy",
    "performance/validation_rolling.npy",
    "performance/returns.npy",
    "performance/ensemble_returns.npy",
    "analysis/regime_optimal_params.json",
    "analysis/ensemble_weights.json",
    "analysis/overfitting.json",
    "analysis/robustness.json",
    "analysis/contributions.json",
    "analysis/round_trips.json",
    "analysis/trading.json",
    "analysis/signal_quality.json",
    "analysis/regimes.json",
    "analysis/regime_fits.json",
)


@pytest.fixture(scope="module")
def page(record: Record) -> str:
    return render(record)


def visible(page: str) -> str:
    """The text of the page as it is read."""
    body = re.sub(r"<(script|style|nav)\b.*?</\1>", " ", page[page.index("<body>") :], flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def without_bundle(page: str) -> str:
    return page.replace(template_text("plotly-cartesian.min.js"), "")


def test_one_file_in_its_place(workspace: Path, page: str) -> None:
    path = write_report(workspace)
    assert path == workspace / "report.html"
    assert path.read_text("utf-8") == page  # the same record gives the same bytes
    assert path.stat().st_size <= 3_000_000
    assert sorted(each.name for each in workspace.iterdir() if each.is_file()) == ["report.html"]


def test_the_verdict_is_the_first_sentence(page: str, record: Record) -> None:
    claim, measured = verdict.first_sentence(record)
    body = visible(page)
    assert body.index(claim) < 60  # before it: the workflow's name and the dates, which are no sentence
    assert ". " not in body[: body.index(claim)]
    assert measured.removeprefix(": ") in body
    assert record.workflow.data.about in body


def test_nothing_leads_outside(page: str) -> None:
    own = without_bundle(page)
    assert "//" not in own.replace(template_text("report.js"), "")
    assert not re.search(r"\b(src|srcset|action)=|@import|url\(", own)
    assert set(re.findall(r'href="([^"]*)"', own)) == {
        f"#{name}" for name in re.findall(r'(?:section|header) id="(\w+)"', own)
    }


def test_only_the_scripts_of_the_page_may_run(page: str) -> None:
    policy = html.unescape(re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[0])
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe-inline" not in policy.split("style-src")[0]


def test_every_figure_names_its_files_and_their_digests(page: str, finished: Path) -> None:
    captions = re.findall(r"<figcaption>.*?</figcaption>", page, flags=re.DOTALL)
    assert len(captions) == 9 + 2  # one under the small figures of each strategy
    for caption in captions:
        named = re.findall(r"<span>(\S+) <code title=\"SHA-256 (\w{64})\">(\w{12})</code>", caption)
        assert named
        for path, digest, digits in named:
            assert digest == sha256_of(finished / path)
            assert digest.startswith(digits)
    assert all(path in visible(page) for path in READ)


def test_digests_are_those_of_the_checkpoints(record: Record, finished: Path) -> None:
    known: dict[str, str] = {}
    for checkpoint in (finished / "checkpoints").glob("*.json"):
        known |= read_json(checkpoint)["outputs"]
    assert sorted(record.sources) == sorted(READ)
    for path, source in record.sources.items():
        assert not source.edited
        assert path.startswith("metadata/") or source.sha256 == known[path]


def test_foreign_text_is_text(record: Record) -> None:
    hostile = "</script><script>alert(1)</script><b onclick='x'>&amp;"
    data = record.workflow.data.model_copy(update={"about": hostile})
    changed = replace(
        record,
        workflow=record.workflow.model_copy(update={"data": data}),
        symbols=[hostile, *record.symbols[1:]],
    )
    page = render(changed)
    assert len(re.findall(r"<script", without_bundle(page))) == 3
    assert "<b onclick" not in page
    assert hostile in html.unescape(page)
    specs = re.findall(r'<script type="application/json" id="specs">(.*?)</script>', page, flags=re.DOTALL)[0]
    assert any(trace["name"] == hostile for trace in json.loads(specs)["weights"]["data"])


def test_sections_are_in_order(page: str) -> None:
    assert re.findall(r'<(?:section|header) id="(\w+)"', page) == [
        "verdict",
        "sample",
        "results",
        "robustness",
        "equity",
        "contributions",
        "trips",
        "signals",
        "regimes",
        "search",
        "years",
        "weights",
        "checks",
        "orders",
        "provenance",
    ]


@pytest.mark.parametrize("name", READ)
def test_a_missing_file_is_named(workspace: Path, name: str) -> None:
    (workspace / name).unlink()
    with pytest.raises(CorruptError, match=re.escape(str(workspace / name))):
        write_report(workspace)
    assert not (workspace / "report.html").exists()


@pytest.mark.parametrize("name", READ)
def test_a_spoilt_file_is_named(workspace: Path, name: str) -> None:
    write_text(workspace / name, "[1, 2")
    with pytest.raises(CorruptError, match=re.escape(str(workspace / name))):
        write_report(workspace)


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("performance/validation_results.json", ("runs", "static"), None),
        ("performance/validation_results.json", ("selected_minus", "static"), None),
        ("performance/validation_results.json", ("selected",), "nobody"),
        ("performance/validation_results.json", ("window", "test", "bars"), 7),
        ("performance/validation_results.json", ("regimes", "trend", "transitions"), [[1]]),
        ("analysis/regime_optimal_params.json", ("static",), None),
        ("analysis/ensemble_weights.json", ("classifiers", "trend"), None),
        ("analysis/overfitting.json", ("trials",), "many"),
        ("analysis/robustness.json", ("placebo",), None),
        ("analysis/robustness.json", ("costs", "break_even", "return"), None),
        ("analysis/robustness.json", ("trials", "parameter_discovery", "test"), [1.0]),
        ("analysis/contributions.json", ("by_asset",), None),
        ("analysis/round_trips.json", ("statistics",), None),
        ("analysis/trading.json", ("costs", "fees"), "dear"),
        ("analysis/round_trips.json", ("columns", 0), "ticker"),
        ("analysis/round_trips.json", ("rows", 0), ["AAA"]),
        ("analysis/round_trips.json", ("statistics", "all", "all", "trips"), 0),
        ("analysis/signal_quality.json", ("strategies", 0, "decay", "lag"), [1]),
        ("analysis/signal_quality.json", ("strategies", 0, "alpha_histogram", "edges"), [0.0, 1.0]),
        ("analysis/regimes.json", ("trend",), None),
        ("analysis/regimes.json", ("trend", "transition_matrix"), [[1.0]]),
        ("analysis/regimes.json", ("trend", "expected_duration", "bull"), None),
        ("analysis/regime_fits.json", ("gaussian_hmm",), None),
        ("analysis/regime_fits.json", ("gaussian_hmm", "fits", 0, "timestamp"), "soon"),
        ("analysis/regime_fits.json", ("gaussian_hmm", "fits", 0, "transition"), [[1.0]]),
    ],
)
def test_a_file_of_another_form_is_corrupt(
    workspace: Path, name: str, place: tuple[str | int, ...], value: object
) -> None:
    found = read_json(workspace / name)
    inner = found
    for step in place[:-1]:
        inner = inner[step]
    if value is None:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    write_json(workspace / name, found)
    with pytest.raises(CorruptError, match="run the phase that writes it again"):
        write_report(workspace)


def test_an_unfinished_phase_is_named(workspace: Path) -> None:
    (workspace / "checkpoints" / "validation.json").unlink()
    with pytest.raises(CorruptError, match="validation is not finished"):
        write_report(workspace)


def test_no_workspace_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(RegimefolioError, match=r"workflow\.json"):
        write_report(tmp_path / "nothing")


def test_results_of_an_earlier_run_are_stale(workspace: Path) -> None:
    path = workspace / "checkpoints" / "regime_analysis.json"
    checkpoint = read_json(path)
    checkpoint["outputs"]["analysis/regime_optimal_params.json"] = "0" * 64
    write_json(path, checkpoint)
    with pytest.raises(StaleError, match=r"another analysis/regime_optimal_params\.json"):
        write_report(workspace)


CLAIMS = ("Nothing on this page was chosen on test bars", "fixed before the test bars were touched", "have the best")
WEIGHTS = "analysis/ensemble_weights.json"


def test_an_edited_file_is_shown_as_edited(workspace: Path, page: str) -> None:
    assert "Edited" not in visible(page)
    assert all(claim in visible(page) for claim in CLAIMS)
    path = workspace / "analysis" / "overfitting.json"
    write_json(path, {**read_json(path), "deflated_sharpe_ratio": 0.123})
    assert edited_files(workspace) == read_record(workspace).edited == ["analysis/overfitting.json"]
    body = visible(render(read_record(workspace)))
    assert body.startswith("Edited by hand: analysis/overfitting.json; what follows used the edited files.")
    assert "Edited by hand since its phase wrote it" in body


def test_an_edit_that_a_run_took_over_is_shown_too(tmp_path: Path) -> None:
    write_prices(tmp_path)
    job = coordinator(tmp_path)
    job.run()
    root = job.workspace.root
    original = (root / WEIGHTS).read_text("utf-8")
    found = read_json(root / WEIGHTS)
    for shares in found["classifiers"].values():
        shares["weights"] = {regime: dict(sorted(each.items())) for regime, each in shares["weights"].items()}
        for each in shares["weights"].values():
            each.update(zip(each, (0.3, 0.7), strict=True))
    write_json(root / WEIGHTS, found)
    job.run()
    assert edited_files(root) == [WEIGHTS]
    body = visible(render(read_record(root)))
    assert body.startswith(f"Edited by hand: {WEIGHTS}")
    assert not any(claim in body for claim in CLAIMS)
    assert "measured before a person edited the weights" in body
    write_text(root / WEIGHTS, original)  # taken back
    job.run()
    assert edited_files(root) == []
    write_json(root / WEIGHTS, found)
    job.run()
    assert edited_files(root) == [WEIGHTS]
    job.run("ensemble_optimization")  # written anew
    assert edited_files(root) == []
    assert all(claim in visible(render(read_record(root))) for claim in CLAIMS)


def test_an_index_is_spoken_of_where_there_is_one(record: Record, page: str) -> None:
    assert "The index was bought once" not in page
    index = record.results.runs["equal_weight"]
    changed = replace(record, results=record.results.model_copy(update={"index": index}))
    changed = replace(changed, equity={**record.equity, "index": record.equity["equal_weight"]})
    assert "The index was bought once" in render(changed)


def test_an_order_is_certain_or_not(record: Record) -> None:
    label = record.labels[record.selected].copy()
    label[-2:] = 0
    execution = record.settings.execution.model_copy(update={"fill": "next_close"})
    settings = record.settings.model_copy(update={"execution": execution})
    calm = replace(record, settings=settings, labels={**record.labels, record.selected: label})
    turned = replace(calm, labels={**record.labels, record.selected: np.append(label[:-1], 1)})
    note = tearsheet._orders_note
    assert note(calm).startswith("No order unless the next bar begins a new week (schedule: weekly); the regime did")
    assert note(turned).endswith("’s close: the regime changed at the last bar.")

    def scheduled(rebalance: str | dict[str, int] | dict[str, list[str]]) -> Record:
        portfolio = calm.settings.portfolio.model_copy(update={"rebalance": rebalance})
        return replace(calm, settings=calm.settings.model_copy(update={"portfolio": portfolio}))

    last = record.results.window.first_test_bar + len(label) - 1
    assert note(scheduled("daily")).endswith("is ordered for the next bar’s close by the schedule (daily).")
    delayed = settings.model_copy(update={"execution": execution.model_copy(update={"delay": 2})})
    assert note(replace(turned, settings=delayed)).endswith(
        "changed at the last bar. Fills come 2 bars later than that (delay), and what was ordered at the 2 bars before "
        "the last is not filled yet."
    )
    assert note(scheduled("monthly")).startswith("No order unless the next bar begins a new month")
    assert note(scheduled("quarterly")).startswith("No order unless the next bar begins a new quarter")
    dated = note(scheduled({"dates": ["2010-01-15", "2010-07-15"]}))
    assert dated.startswith("No order unless the next bar is the first on or after one of the dates (schedule: on 2 da")
    assert "is ordered for the next bar" in note(scheduled({"every": last}))
    assert note(scheduled({"every": last - 1})).startswith("No order: the last bar is none of the schedule’s")


def test_a_short_test_has_a_page_too(record: Record) -> None:
    """Neither a year to look back on nor regime paths to shift."""
    found = record.robustness.placebo.model_copy(update={"scores": [], "counted": 0, "p_value": None})
    changed = replace(
        record,
        robustness=record.robustness.model_copy(update={"placebo": found}),
        rolling={name: np.full_like(each, np.nan) for name, each in record.rolling.items()},
    )
    body = visible(render(changed))
    assert "The test is shorter than a year, or the strategy held nothing in it." in body
    assert "Whether the timing of the regimes matters cannot be said here." in body


def test_scores_begin_after_the_warm_up(record: Record, page: str) -> None:
    scored = {each.evidence.bars for each in record.choices["static"]["all"].values()}
    bars = record.results.window.parameters_chosen_on.bars
    assert f"judged on {max(scored)} of their {bars} bars" in visible(page)
    assert max(scored) < bars


def test_a_page_that_is_too_large_is_refused(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regimefolio.report.page.MAX_BYTES", 1000)
    with pytest.raises(WorkspaceError, match="more than the 1,000 that are allowed"):
        write_report(workspace)
    assert not (workspace / "report.html").exists()
