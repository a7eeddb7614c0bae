"""`signals` and `audit`: what a person types to look at a workflow's files, and to change them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regimefolio.core.files import read_npy
from tests.unit.cli.conftest import Call

ROOT = "results/small"


@pytest.fixture
def ran(folder: Path, call: Call) -> Path:
    assert call("run", "small.yaml", "--quiet").code == 0
    return folder


def test_signals_are_shown_taken_away_edited_given_back_and_used(ran: Path, call: Call) -> None:
    code, out, err = call("signals", "show", ROOT, "2", "--last", "2")
    assert (code, err) == (0, "")
    assert out.startswith(
        "Trial 2: momentum_rank, lookback 16, skip 1, horizon 21\n600 bars of 4 symbols, 2010-01-04 to "
    )
    assert out.count("AAA") == 2
    told = json.loads(call("signals", "show", ROOT, "2", "--at", "2011-03-06", "--json").out)
    panels = read_npy(ran / ROOT / "signals" / "trial_2.npy")
    assert [row["timestamp"] for row in told["signals"]] == ["2011-03-04"] * 4  # a Sunday: the bar before it
    assert [row["alpha"] for row in told["signals"]] == [float(str(a)) for a in panels[0, told["bars"] // 2 + 4]]
    assert told["opinions"] == (panels[1] > 0).mean()

    code, out, _ = call("signals", "export", ROOT, "2", "mine.csv")
    assert (code, out) == (0, "mine.csv: trial 2, momentum_rank: 600 bars of 4 symbols\n")
    assert call("signals", "import", ROOT, "2", "mine.csv").out.endswith("nothing differs; it was left as it is\n")
    lines = (ran / "mine.csv").read_text().splitlines()
    lines[-1] = lines[-1].rsplit(",", 2)[0] + ",0.125,0.5"
    (ran / "mine.csv").write_text("\n".join(lines))
    said = call("signals", "import", ROOT, "2", "mine.csv").out
    assert said == f"{ROOT}/signals/trial_2.npy: 1 of 2,400 cells changed; the next run uses them\n"
    assert read_npy(ran / ROOT / "signals" / "trial_2.npy")[:, -1, -1].tolist() == [0.125, 0.5]
    said = " ".join(call("run", "small.yaml").out.split())
    assert "signals/trial_2.npy was edited since parameter_discovery wrote it; it is used as it is" in said
    assert "signals/trial_2.npy changed" in said

    code, out, _ = call("audit", ROOT, "--last", "40")
    assert code == 0
    assert "  imported: file signals/trial_2.npy, source mine.csv, cells 1, before " in out
    assert "the chain of " in out
    found = json.loads(call("audit", ROOT, "--json").out)
    assert found["broken"] == []
    assert len(found["events"]) == found["lines"]


def test_a_broken_trail_leaves_with_1(ran: Path, call: Call) -> None:
    path = ran / ROOT / "metadata" / "audit.jsonl"
    path.write_text(path.read_text().replace('"phase": "regime_analysis"', '"phase": "regime_analysiz"', 1))
    code, out, _ = call("audit", ROOT)
    assert code == 1
    assert "the chain is broken at line 4: the line before it was changed, taken out or put in" in out
    assert json.loads(call("audit", ROOT, "--json").out)["broken"][0][0] == 4
    assert "the chain is broken at line 4" in call("run", "small.yaml").out


MISTAKES = [
    (("signals", "show", "nowhere", "1"), "nowhere: is not the folder of a workflow; name one that"),
    (("audit", "nowhere"), "nowhere: is not the folder of a workflow; name one that"),
    (("signals", "show", ROOT, "77"), "there is no trial 77; trials run from 0 to 3"),
    (("signals", "show", ROOT, "1", "--at", "soon"), "--at 'soon' is no time; write it as 2008-10-10"),
    (("signals", "show", ROOT, "1", "--at", "1999-01-01"), "--at 1999-01-01 is before the first bar, 2010-01-04"),
    (("signals", "export", ROOT, "1", "a.xlsx"), "a.xlsx: signals are written and read as .csv or .jsonl"),
]


def test_mistakes(ran: Path, call: Call) -> None:
    for arguments, message in MISTAKES:
        code, out, err = call(*arguments)
        assert (code, out) == (2, "")
        assert message in err
