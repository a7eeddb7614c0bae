"""A selection sees the past alone, does not look at columns, keeps its caps, and is what a slow one says."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from regimefolio.core.types import Bool, Features
from regimefolio.market.view import Market
from regimefolio.portfolio import Selection
from tests.scripted import written

NAMES = ("Recommend.All", "Recommend.MA", "Recommend.Other")
UNHURRIED = settings(deadline=None, max_examples=60)  # the first example compiles


@dataclass(frozen=True)
class Case:
    """A selection of assets on some bars."""

    market: Market
    known: Features
    decide: Bool
    selection: Selection

    @property
    def kept(self) -> Bool:
        return self.selection.kept(self.market.panel, self.known, self.decide)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Few ratings and many ties, missing bars, members that come and go, sectors, either order."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bars, assets = draw(st.integers(1, 12)), draw(st.integers(1, 8))
    close = np.where(rng.random((bars, assets)) < 0.15, np.nan, 1.0)
    panel = written(close, sectors=tuple(rng.choice(list("XYZ"), assets).tolist())).panel
    member = rng.random((bars, assets)) < 0.85
    market = Market(replace(panel, member=member))
    values = rng.integers(-2, 3, (bars, assets, 3)).astype(np.float32) / np.float32(2)
    values[rng.random(values.shape) < 0.1] = np.nan
    top_n = draw(st.none() | st.integers(1, 5))
    selection = Selection.model_validate(
        {
            "filter": ["Recommend.All > -1"] if draw(st.booleans()) else [],
            "rank_by": draw(st.sampled_from(NAMES)),
            "order": draw(st.sampled_from(["ascending", "descending"])),
            "top_n": top_n,
            "keep_until_rank": None if top_n is None else draw(st.none() | st.integers(top_n, 8)),
            "max_per_sector": draw(st.none() | st.integers(1, 3)),
        }
    )
    decide = rng.random(bars) < 0.6
    return Case(market, Features(market.timestamps, market.symbols, NAMES, values), decide, selection)


@UNHURRIED
@given(cases())
def test_a_prefix_keeps_what_the_whole_does(case: Case) -> None:
    whole = case.kept
    for bars in range(1, len(whole) + 1):
        cut = Case(
            case.market.until(bars),
            replace(case.known, timestamps=case.known.timestamps[:bars], values=case.known.values[:bars]),
            case.decide[:bars],
            case.selection,
        )
        assert cut.kept.tobytes() == whole[:bars].tobytes()


@UNHURRIED
@given(cases(), st.data())
def test_the_order_of_symbols_changes_nothing(case: Case, data: st.DataObject) -> None:
    panel = case.market.panel
    order = data.draw(st.permutations(range(panel.n_assets)))
    symbols = tuple(panel.symbols[n] for n in order)
    assert panel.sectors is not None
    moved = replace(
        panel,
        symbols=symbols,
        close=panel.close[:, order],
        member=panel.member[:, order],
        sectors=tuple(panel.sectors[n] for n in order),
    )
    values = np.ascontiguousarray(case.known.values[:, order])
    known = replace(case.known, symbols=symbols, values=values)
    np.testing.assert_array_equal(Case(Market(moved), known, case.decide, case.selection).kept, case.kept[:, order])


@UNHURRIED
@given(cases())
def test_caps_hold_and_the_best_are_not_passed_over(case: Case) -> None:
    panel, rule, kept = case.market.panel, case.selection, case.kept
    assert panel.sectors is not None
    assert not kept[~(panel.member & np.isfinite(panel.close))].any()
    if rule.top_n is not None:
        assert kept.sum(axis=1).max() <= rule.top_n
    if rule.max_per_sector is not None:
        for sector in set(panel.sectors):
            assert kept[:, [each == sector for each in panel.sectors]].sum(axis=1).max() <= rule.max_per_sector
    if rule.top_n is not None and rule.max_per_sector is None and rule.keep_until_rank is None:
        first = case.known.column(rule.rank_by) * (1 if rule.order == "descending" else -1)
        for t, row in enumerate(kept):
            passed = _passed(case, t) & ~row
            assert not (row.any() and passed.any()) or first[t][row].min() >= first[t][passed].max()


@UNHURRIED
@given(cases())
def test_it_is_what_a_slow_one_says(case: Case) -> None:
    """All but the last resort, the lot: at bars where that decides, only how many are kept is known."""
    panel, rule, kept = case.market.panel, case.selection, case.kept
    assert panel.sectors is not None
    held: set[int] = set()
    for t, row in enumerate(kept):
        passed = np.flatnonzero(_passed(case, t)).tolist()
        found = set(np.flatnonzero(row).tolist())
        if not rule.ranks:
            assert found == set(passed)
            continue
        keys = {n: (*_key(case, t, n), n not in held) for n in passed}
        order = sorted(passed, key=lambda n: keys[n])
        if len(set(keys.values())) == len(keys):
            assert found == set(_chosen(order, held, rule, panel.sectors))
        elif rule.max_per_sector is None:
            assert len(found) == min(len(passed), rule.top_n or len(passed))
        if case.decide[t]:
            absent = {n for n in held if panel.member[t, n] and not np.isfinite(panel.close[t, n])}
            held = found | absent


def _passed(case: Case, t: int) -> Bool:
    panel, rule = case.market.panel, case.selection
    passed: Bool = panel.member[t] & np.isfinite(panel.close[t])
    for each in rule.filter:
        passed = passed & (case.known.column(each.feature)[t] > each.bound)
    return passed & ~np.isnan(case.known.column(rule.rank_by)[t]) if rule.ranks else passed


def _key(case: Case, t: int, n: int) -> tuple[float, ...]:
    """Smaller is better."""
    sign = -1.0 if case.selection.order == "descending" else 1.0
    values = [float(case.known.column(name)[t, n]) for name in case.selection.ranking]
    return tuple(np.inf if value != value else sign * value for value in values)


def _chosen(order: list[int], held: set[int], rule: Selection, sectors: tuple[str, ...]) -> list[int]:
    chosen: list[int] = []
    until = [n for rank, n in enumerate(order, start=1) if n in held and rank <= (rule.keep_until_rank or 0)]
    for n in (*until, *order):
        same = [m for m in chosen if sectors[m] == sectors[n]]
        full = rule.max_per_sector is not None and len(same) >= rule.max_per_sector
        if n not in chosen and not full and (rule.top_n is None or len(chosen) < rule.top_n):
            chosen.append(n)
    return chosen
