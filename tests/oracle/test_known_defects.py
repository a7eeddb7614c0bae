"""What `data check` finds in real files, against lists that were made without it."""

from __future__ import annotations

import csv
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from regimefolio.market import CheckReport, check_file

pytestmark = pytest.mark.shared

Bar = tuple[str, str]
"""Date and symbol."""


checked = cache(check_file)


@pytest.fixture
def report(shared: Path) -> CheckReport:
    return checked(shared / "data" / "us_stocks_300_2005_2017.csv.gz")


@pytest.fixture
def known(shared: Path) -> dict[str, set[Bar]]:
    """The bars of each class of defect in the list."""
    classes: dict[str, set[Bar]] = {}
    with (shared / "data" / "us_stocks_300_known_defects.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            classes.setdefault(row["defect"], set()).add((row["date"], row["symbol"]))
    return classes


def classes_of(report: CheckReport) -> dict[str, set[Bar]]:
    """The bars that were found, by the names that the list has for its classes."""
    names = {
        "zero volume": "zero volume",
        "missing session": "missing bar (^GSPC session)",
        "high below low": "high<low",
        "open outside low to high": "open/close outside high-low",
        "close outside low to high": "open/close outside high-low",
    }
    found: dict[str, set[Bar]] = {}
    for defect in report.defects:
        found.setdefault(names[defect.problem], set()).add((defect.timestamp, defect.symbol))
    for warning in report.warnings:
        far = f"{warning.column} off >2.7x from 5-bar median"
        name = far if warning.kind == "far from its five bars" else names.get(warning.kind, warning.kind)
        found.setdefault(name, set()).add((warning.timestamp, warning.symbol))
    return found


def test_every_known_defect_is_found_and_nothing_else_of_its_class(
    report: CheckReport, known: dict[str, set[Bar]]
) -> None:
    assert {name: len(bars) for name, bars in known.items()} == {
        "zero volume": 185,
        "missing bar (^GSPC session)": 143,
        "open/close outside high-low": 18,
        "high<low": 7,
        "open off >2.7x from 5-bar median": 10,
        "high off >2.7x from 5-bar median": 7,
        "low off >2.7x from 5-bar median": 6,
        "close off >2.7x from 5-bar median": 3,
    }
    found = classes_of(report)
    recall = {name: len(bars & found[name]) / len(bars) for name, bars in known.items()}
    assert recall == dict.fromkeys(known, 1.0)
    extras = {name: len(bars - known.get(name, set())) for name, bars in found.items()}
    # The list has no class for symbols that are short, for steps, or for bars that repeat.
    assert extras == {**dict.fromkeys(known, 0), "few bars": 1, "coarse prices": 56, "stale bars": 1}


def test_what_the_list_has_no_class_for(report: CheckReport) -> None:
    assert [(each.symbol, each.value) for each in report.warnings if each.kind == "few bars"] == [
        ("DD", "14 usable bars")
    ]
    stale = [(each.symbol, each.timestamp, each.value) for each in report.warnings if each.kind == "stale bars"]
    assert stale == [("DD", "2017-10-24", "83.93, unchanged for 11 bars, up to 2017-11-09")]
    coarse = {each.symbol: each.value for each in report.warnings if each.kind == "coarse prices"}
    assert coarse["AMAT"] == "6.7 bp: steps of 0.0069 at 10.296; coarse in 252 of 3,239 bars"


@pytest.mark.parametrize(
    ("name", "defects", "warnings"),
    [
        ("us_etfs_2005_2017", 0, {"missing session": 54, "far from its five bars": 1, "coarse prices": 6}),
        (
            "stocknet88_yahoo_2012_2017",
            0,
            {"missing session": 3, "zero volume": 111, "coarse prices": 10, "stale bars": 2},
        ),
        (
            "sp500_5yr_split_adjusted_2013_2018",
            30,
            {"missing session": 36, "zero volume": 4, "coarse prices": 19, "split-like jump": 1},
        ),
        ("index_gspc_ixic_1999_2017", 0, {"zero volume": 1}),
    ],
)
def test_other_files(name: str, defects: int, warnings: dict[str, int], shared: Path) -> None:
    report = check_file(shared / "data" / f"{name}.csv.gz")
    assert len(report.defects) == defects
    assert Counter(each.kind for each in report.warnings) == warnings
