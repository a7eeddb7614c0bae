"""`rerank`: the selection of today, three runs side by side, and a page of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regimefolio import api
from regimefolio.core.component import fingerprint
from tests.unit.cli.conftest import Call
from tests.workflows import BARS, DAYS

PROFILE = """rerank:
  name: best
  data: {source: "file:prices.csv"}
  ratings: {rule_set: 2020}
  filter: ["history >= 100"]
  top_n: 2
  rebalance: weekly
"""


@pytest.fixture
def profile(folder: Path) -> Path:
    path = folder / "best.yaml"
    path.write_text(PROFILE)
    return path


def test_selection_and_three_runs_are_shown(profile: Path, call: Call) -> None:
    code, out, err = call("rerank", "best.yaml", "--report", "best.html")
    assert (code, err) == (0, "")
    text = " ".join(out.split())
    _, found = api.rerank(api.read_profile(profile))
    assert f"best: {len(found.bars)} bars, {found.bars.astype('datetime64[D]')[0]} to {DAYS[-1]}" in text
    assert (
        f"Computed in memory: history, Recommend.All, Recommend.MA, Recommend.Other of 4 symbols at {BARS} bars" in text
    )
    assert "rule set 2020" in text
    for name, label in (("todays", "today's"), ("historical", "of the time"), ("none", "none")):
        sharpe = f"{found.runs[name].metrics['sharpe']:.2f}".replace("-", "−")
        assert f"{label} {sharpe} " in text
    for each in found.chosen:
        assert f"\n{each.symbol} " in out
    assert "Report: best.html" in text
    assert max(map(len, out.splitlines())) <= 80
    page = (profile.parent / "best.html").read_text(encoding="utf-8")
    stated = page.split("gave a Sharpe ratio of ")[1].split(",")[0].replace("−", "-")
    assert float(stated) == pytest.approx(found.runs["historical"].metrics["sharpe"], abs=0.005)


def test_json_says_all_of_it(profile: Path, call: Call) -> None:
    code, out, err = call("rerank", "best.yaml", "--json")
    assert code == 0
    assert "Computed in memory" in err
    told = json.loads(out)
    dataset, found = api.rerank(api.read_profile(profile))
    assert told["name"] == "best"
    assert told["rule_set"] == "2020"
    assert told["parameters"]["data_fingerprint"] == dataset.fingerprint
    assert [each["symbol"] for each in told["chosen"]] == [each.symbol for each in found.chosen]
    assert set(told["chosen"][0]["features"]) == {"history", "Recommend.All", "Recommend.MA", "Recommend.Other"}
    assert told["orders"]["decided_at"] == f"{DAYS[-1]}T00:00:00"
    for name, run in found.runs.items():
        assert told["runs"][name]["metrics"]["sharpe"] == run.metrics["sharpe"]
    assert told["runs"]["historical"]["minus_historical"] is None
    assert told["runs"]["none"]["minus_historical"]["point"] == found.minus_historical["none"].point


def test_other_data_and_a_matrix(profile: Path, call: Call) -> None:
    plain = json.loads(call("rerank", "best.yaml", "--json").out)
    kept = ("--into", "kept", "--with", "technical_rating(2020)", "--with", "history")
    assert call("features", "build", "file:prices.csv", *kept).code == 0
    profile.write_text(PROFILE.replace("file:prices.csv", "sample:us5") + "  features: kept\n")
    code, out, err = call("rerank", "best.yaml", "--data", "file:prices.csv", "--json")
    assert code == 0
    assert "Looked up in kept: history, Recommend.All" in err
    assert json.loads(out)["runs"] == plain["runs"]
    code, _, err = call("rerank", "best.yaml")
    assert code == 2
    assert "best.yaml:8:3: " in err
    assert "regimefolio features build" in err


def test_a_shipped_profile_is_shown_to_be_copied(folder: Path, call: Call) -> None:
    code, out, _ = call("rerank", "ma_short", "--show")
    assert code == 0
    (folder / "mine.yaml").write_text(out)
    mine = api.read_profile(folder / "mine.yaml")
    assert fingerprint(mine.plain()) == fingerprint(api.read_profile("ma_short").plain())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ma_lung",), "unknown profile 'ma_lung'; did you mean 'ma_long'?"),
        (("none.yaml",), "none.yaml: there is no such file"),
        (("best.yaml", "--report", "best.txt"), "best.txt: a page is written to a file that ends in .html; rename it"),
        (("best.yaml", "--report", "there.html"), "there.html: is there already; name another file, or say --force"),
        (("best.yaml", "--data", "sample:us6"), "'us6' is not a sample; did you mean 'us5'?"),
        (("small.yaml",), "unknown section 'workflow'; `regimefolio run` takes such a file"),
    ],
)
def test_mistakes_are_named(arguments: tuple[str, ...], message: str, profile: Path, call: Call) -> None:
    (profile.parent / "there.html").write_text("")
    code, out, err = call("rerank", *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_a_universe_in_which_nothing_ever_passes(profile: Path, call: Call) -> None:
    profile.write_text(PROFILE.replace("history >= 100", "history >= 10000"))
    code, _, err = call("rerank", "best.yaml")
    assert code == 2
    assert "no asset passes the filters at any bar that decides" in err


def test_a_universe_in_which_nothing_passes_now(profile: Path, call: Call) -> None:
    profile.write_text(PROFILE.replace("history >= 100", "history < 230"))
    code, out, _ = call("rerank", "best.yaml", "--report", "best.html")
    assert code == 0
    assert f"Nothing passes at {DAYS[-1]}." in out
    assert "nothing passes" in (profile.parent / "best.html").read_text(encoding="utf-8")
