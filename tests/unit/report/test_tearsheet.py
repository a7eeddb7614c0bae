from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from regimefolio.core.errors import CorruptError, RegimefolioError, StaleError, WorkspaceError
from regimefolio.core.files import read_json, sha256_of, write_json, write_text
from regimefolio.report import tearsheet, verdict, write_report
from regimefolio.report.record import Record, read_record
from regimefolio.report.tearsheet import render

READ = (
    "metadata/workflow.json",
    "metadata/workflow.yaml",
    "metadata/axes.json",
    "performance/validation_results.json",
    "performance/validation_equity.npy",
    "performance/validation_weights.npy",
    "performance/validation_labels.npy",
    "performance/returns.npy",
    "performance/ensemble_returns.npy",
    "analysis/regime_optimal_params.json",
    "analysis/ensemble_weights.json",
    "analysis/overfitting.json",
)


@pytest.fixture(scope="module")
def page(record: Record) -> str:
    return render(record)


def visible(page: str) -> str:
    """The text of the page as it is read."""
    body = re.sub(r"<(script|style|nav)\b.*?</\1>", " ", page[page.index("<body>") :], flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def without_bundle(page: str) -> str:
    return page.replace(tearsheet._text("plotly-cartesian.min.js"), "")


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
    assert "//" not in own.replace(tearsheet._text("report.js"), "")
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
    assert len(captions) == 3
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
        "equity",
        "regimes",
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
    ],
)
def test_a_file_of_another_form_is_corrupt(workspace: Path, name: str, place: tuple[str, ...], value: object) -> None:
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


def test_an_edited_file_is_shown_as_edited(workspace: Path, page: str) -> None:
    assert "Edited since" not in page
    path = workspace / "analysis" / "overfitting.json"
    write_json(path, {**read_json(path), "deflated_sharpe_ratio": 0.123})
    record = read_record(workspace)
    assert [source.path for source in record.sources.values() if source.edited] == ["analysis/overfitting.json"]
    assert "Edited since their phases wrote them, and shown as they are: analysis/overfitting.json" in visible(
        render(record)
    )


def test_a_page_that_is_too_large_is_refused(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tearsheet, "MAX_BYTES", 1000)
    with pytest.raises(WorkspaceError, match="more than the 1,000 that are allowed"):
        write_report(workspace)
    assert not (workspace / "report.html").exists()
