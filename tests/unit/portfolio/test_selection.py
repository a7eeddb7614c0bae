"""Who may be held: filters, ranks, ties, what is held on to, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import ArrayLike
from pydantic import ValidationError

from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Bool, Features
from regimefolio.features import features_of, parts_giving
from regimefolio.market.view import Market
from regimefolio.portfolio import Condition, Selection
from tests.scripted import written

ALL, MA, OTHER = "Recommend.All", "Recommend.MA", "Recommend.Other"


def known(market: Market, **columns: ArrayLike) -> Features:
    """Features written down, one row a bar; `all`, `ma` and `other` are the ratings, and those not said are alike."""
    names = {"all": ALL, "ma": MA, "other": OTHER}
    shape = market.panel.close.shape
    values = [np.broadcast_to(np.array(columns.get(name, 0.0), np.float32), shape) for name in names]
    return Features(market.timestamps, market.symbols, tuple(names.values()), np.stack(values, axis=2))


def kept(market: Market, features: Features, decide: ArrayLike = True, **selection: object) -> list[str]:
    """The symbols that are kept at each bar, as one word a bar."""
    made = Selection.model_validate(selection)
    decides: Bool = np.broadcast_to(np.array(decide), (market.panel.n_bars,)).copy()
    found = made.kept(market.panel, features, decides)
    return ["".join(s for s, keep in zip(market.symbols, row, strict=True) if keep) for row in found]


def flat(bars: int, assets: int, sectors: tuple[str, ...] | None = None) -> Market:
    return written(np.ones((bars, assets)), sectors=sectors)


# Filters


@pytest.mark.parametrize(
    ("text", "feature", "sign", "bound"),
    [
        ("Recommend.All > 0.1", ALL, ">", 0.1),
        ("  Recommend.MA>=-.5 ", MA, ">=", -0.5),
        ("history >= 252", "history", ">=", 252.0),
        ("median_value(63) > 1e6", "median_value(63)", ">", 1e6),
        ("median_value( 21 ) < 5E+7", "median_value(21)", "<", 5e7),
        ("median_value > 1", "median_value(63)", ">", 1.0),
        ("Vote.rsi <= +1", "Vote.rsi", "<=", 1.0),
    ],
)
def test_a_filter_is_read_and_written(text: str, feature: str, sign: str, bound: float) -> None:
    found = Condition.read(text)
    assert (found.feature, found.sign, found.bound) == (feature, sign, bound)
    assert Condition.read(str(found)) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Recommend.All", "is no filter; write a feature, one of > >= < <= and a number, as `Recommend.All > 0.1`"),
        ("Recommend.All = 0.1", "is no filter"),
        ("Recommend.All == 0.1", "is no filter"),
        ("0.1 < Recommend.All", "is no filter"),
        ("Recommend.All > 0.1 and history > 5", "is no filter"),
        ("Recommend.All > nan", "is no filter"),
        ("Recommend.All > 1e", "is no filter"),
        ("history > 1e400", "goes beyond 3.4e38; use a smaller number"),
        ("median_value(-1) > 1", "is no filter"),
        ("median_value(0) > 1", r"median_value\(0\): window: .*greater than or equal to 1"),
        ("history(5) > 1", r"history\(5\): .* takes no parameter"),
        ("Recommend.Al > 0.1", "unknown feature 'Recommend.Al'; did you mean 'Recommend.All'"),
        ("histori > 0.1", "unknown feature 'histori'; did you mean 'history'"),
        (0.1, "is no filter"),
    ],
)
def test_a_wrong_filter_is_refused(text: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Selection.model_validate({"filter": [text]})


@pytest.mark.parametrize(("sign", "expected"), [(">", "C"), (">=", "BC"), ("<", "A"), ("<=", "AB")])
def test_a_tenth_is_a_tenth(sign: str, expected: str) -> None:
    # float32(0.1) is above the float64 0.1: compared with that, a rating of exactly one tenth would pass `> 0.1`.
    market = flat(1, 3)
    rated = known(market, all=[[0.05, 0.1, 0.15]])
    assert float(rated.values[0, 1, 0]) > 0.1
    assert kept(market, rated, filter=[f"Recommend.All {sign} 0.1"]) == [expected]


def test_all_conditions_must_hold_and_what_is_not_known_fails_each() -> None:
    market = flat(1, 4)
    rated = known(market, all=[[0.5, 0.5, np.nan, 0.2]], ma=[[0.5, -0.5, 0.5, 0.5]])
    assert kept(market, rated, filter=["Recommend.All > 0.1", "Recommend.MA > 0"]) == ["AD"]
    assert kept(market, rated, filter=["Recommend.All > -9"]) == ["ABD"]
    assert kept(market, rated, filter=["Recommend.All < 9"]) == ["ABD"]


def test_only_members_with_a_bar_are_candidates() -> None:
    market = written([[1.0, np.nan, 1.0], [1.0, 1.0, 1.0]])
    member = np.array([[True, True, False], [True, True, False]])
    market = Market(replace(market.panel, member=member))
    assert kept(market, known(market)) == ["A", "AB"]


# Ranks


def test_the_best_are_kept_from_either_end() -> None:
    market = flat(1, 4)
    rated = known(market, ma=[[0.1, 0.4, -0.2, 0.3]])
    assert kept(market, rated, rank_by=MA, top_n=2) == ["BD"]
    assert kept(market, rated, rank_by=MA, top_n=2, order="ascending") == ["AC"]
    assert kept(market, rated, rank_by=MA, top_n=9) == ["ABCD"]
    assert kept(market, rated, rank_by=MA) == ["ABCD"]


def test_what_has_no_rank_is_not_kept() -> None:
    market = flat(1, 3)
    rated = known(market, ma=[[np.nan, 0.4, np.nan]])
    for order in ("ascending", "descending"):
        assert kept(market, rated, rank_by=MA, top_n=3, order=order) == ["B"]


def test_equals_are_told_apart_by_the_other_ratings_in_their_order() -> None:
    market = flat(1, 4)
    rated = known(market, ma=[[0.5, 0.5, 0.5, 0.6]], all=[[0.1, 0.3, 0.3, 0.0]], other=[[1.0, 0.1, 0.2, 0.0]])
    assert kept(market, rated, rank_by=MA, top_n=2) == ["CD"]
    assert kept(market, rated, rank_by=MA, top_n=3) == ["BCD"]
    assert kept(market, rated, rank_by=MA, top_n=2, then_by=[OTHER]) == ["AD"]
    assert kept(market, rated, rank_by=MA, top_n=2, order="ascending") == ["AB"]


def test_of_equals_an_unknown_second_rating_is_the_worst_at_either_end() -> None:
    market = flat(1, 3)
    rated = known(market, ma=[[0.5, 0.5, 0.5]], all=[[np.nan, -0.3, 0.3]])
    assert kept(market, rated, rank_by=MA, top_n=2) == ["BC"]
    assert kept(market, rated, rank_by=MA, top_n=2, order="ascending") == ["BC"]


def test_of_equals_who_is_held_stands_first() -> None:
    market = flat(6, 4)
    ma = np.full((6, 4), 0.5)
    ma[0] = [0.5, 0.5, 0.6, 0.6]
    assert kept(market, known(market, ma=ma), rank_by=MA, top_n=2) == ["CD"] * 6


def test_a_lot_is_drawn_for_each_name_and_bar() -> None:
    market = flat(400, 5)
    rated, never = known(market, ma=np.full((400, 5), 0.5)), np.zeros(400, np.bool_)
    found = kept(market, rated, never, rank_by=MA, top_n=1)
    share = [found.count(symbol) / 400 for symbol in market.symbols]
    assert all(0.12 < each < 0.28 for each in share)  # one in five, give or take four standard errors
    order = np.array([3, 0, 4, 2, 1])
    shuffled = Market(replace(market.panel, symbols=tuple(market.symbols[n] for n in order)))
    assert kept(shuffled, replace(rated, symbols=shuffled.symbols), never, rank_by=MA, top_n=1) == found
    renamed = Market(replace(market.panel, symbols=tuple("VWXYZ")))
    others = kept(renamed, replace(rated, symbols=renamed.symbols), never, rank_by=MA, top_n=1)
    assert ["ABCDE"["VWXYZ".index(each)] for each in others] != found  # a new name draws another lot


# Holding on


RANKS = [
    # A     B     C     D
    [0.9, 0.8, 0.1, 0.0],
    [0.9, 0.5, 0.8, 0.0],  # B falls to the third place
    [0.9, 0.5, 0.8, 0.7],  # and to the fourth
    [0.9, 0.8, 0.7, 0.0],  # and comes back to the second
]


def test_a_held_name_stays_until_it_falls_below_a_rank() -> None:
    market = flat(4, 4)
    rated = known(market, ma=RANKS)
    assert kept(market, rated, rank_by=MA, top_n=2) == ["AB", "AC", "AC", "AB"]
    assert kept(market, rated, rank_by=MA, top_n=2, keep_until_rank=3) == ["AB", "AB", "AC", "AC"]
    assert kept(market, rated, rank_by=MA, top_n=2, keep_until_rank=4) == ["AB", "AB", "AB", "AB"]


def test_a_held_name_that_fails_a_filter_leaves() -> None:
    market = flat(2, 3)
    rated = known(market, ma=[[0.9, 0.8, 0.1], [0.9, 0.8, 0.1]], all=[[1, 1, 1], [1, 0, 1]])
    found = kept(market, rated, rank_by=MA, top_n=2, keep_until_rank=3, filter=["Recommend.All > 0.5"])
    assert found == ["AB", "AC"]


def test_only_what_the_schedule_decided_is_held() -> None:
    market = flat(4, 4)
    rated = known(market, ma=RANKS)
    # The bars 1 and 2 decide nothing: whatever is asked of them, what bar 0 kept is still held.
    found = kept(market, rated, [True, False, False, True], rank_by=MA, top_n=2, keep_until_rank=3)
    assert found == ["AB", "AB", "AC", "AB"]


def test_a_held_name_without_a_bar_is_held_afterwards_and_takes_no_place() -> None:
    close = np.ones((3, 4))
    close[1, 1] = np.nan
    market = written(close)
    rated = known(market, ma=[[0.9, 0.8, 0.1, 0.0], [0.9, np.nan, 0.1, 0.0], [0.9, 0.3, 0.1, 0.5]])
    # C has a place while B has no bar. At the last bar B is third, and still held, so that D does not come in.
    assert kept(market, rated, rank_by=MA, top_n=2, keep_until_rank=3) == ["AB", "AC", "AB"]


# Sectors


def test_of_a_sector_the_best_are_kept_up_to_the_cap() -> None:
    market = flat(1, 5, ("X", "X", "X", "Y", "Y"))
    rated = known(market, ma=[[0.9, 0.8, 0.7, 0.2, 0.1]])
    assert kept(market, rated, rank_by=MA, top_n=3, max_per_sector=1) == ["AD"]
    assert kept(market, rated, rank_by=MA, top_n=3, max_per_sector=2) == ["ABD"]
    assert kept(market, rated, rank_by=MA, max_per_sector=2) == ["ABDE"]


def test_a_held_name_keeps_the_place_of_its_sector() -> None:
    market = flat(2, 3, ("X", "X", "Y"))
    rated = known(market, ma=[[0.9, 0.8, 0.1], [0.8, 0.9, 0.1]])
    assert kept(market, rated, rank_by=MA, top_n=2, max_per_sector=1) == ["AC", "BC"]
    assert kept(market, rated, rank_by=MA, top_n=2, max_per_sector=1, keep_until_rank=2) == ["AC", "AC"]


def test_a_cap_needs_sectors() -> None:
    market = flat(1, 2)
    with pytest.raises(ConfigError, match=r"max_per_sector needs data with sectors.*data\.sectors") as caught:
        kept(market, known(market), max_per_sector=1)
    assert caught.value.place == ("portfolio", "selection", "max_per_sector")


# What is said, and where it comes from


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"top_n": 5, "keep_until_rank": 4}, "keep_until_rank 4 is less than top_n 5"),
        ({"keep_until_rank": 4}, "without top_n all are kept"),
        ({"top_n": 0}, "greater than or equal to 1"),
        ({"rank_by": "Recommend.Ma"}, "unknown feature 'Recommend.Ma'; did you mean 'Recommend.MA'"),
        ({"then_by": [MA, "hstory"]}, "unknown feature 'hstory'; did you mean 'history'"),
        ({"order": "down"}, "descending"),
        ({"ratings": {"rule_set": 2022}}, "2020"),
        ({"top": 5}, "unknown key 'top'; did you mean 'top_n'"),
    ],
)
def test_what_cannot_be_meant_is_refused(said: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Selection.model_validate(said)


def test_only_what_is_needed_is_computed() -> None:
    assert Selection().needs == ()
    assert Selection.model_validate({"filter": ["history > 5"]}).needs == ("history",)
    assert Selection(top_n=3).needs == (ALL, MA, OTHER)
    assert Selection(top_n=3, rank_by=MA).needs == (MA, ALL, OTHER)
    assert Selection(top_n=3, rank_by="median_value").needs == ("median_value(63)",)
    assert Selection(top_n=3, rank_by=MA, then_by=("history",)).needs == (MA, "history")


def test_a_description_gives_the_selection_back() -> None:
    made = Selection.model_validate(
        {"filter": ["Recommend.All > 0.1", "median_value(63) > 1e6"], "top_n": 3, "ratings": {"rule_set": 2020}}
    )
    assert made.ratings.rule_set == "2020"
    assert Selection.model_validate(made.plain()) == made


def test_features_of_a_market_are_computed_once_and_are_those_of_their_parts() -> None:
    rng = np.random.default_rng(5)
    market = written(np.exp(np.cumsum(0.02 * rng.standard_normal((120, 3)), axis=0)))
    made = Selection.model_validate({"filter": ["history >= 100"], "top_n": 1, "ratings": {"rule_set": 2020}})
    found = made.known_on(market)
    assert found.values is made.known_on(market).values
    direct = features_of(market.panel, parts_giving(made.needs, "2020"))
    for name in made.needs:
        np.testing.assert_array_equal(found.column(name), direct.column(name))
    decide = np.arange(120) % 5 == 0
    assert made.kept_on(market, decide) is made.kept_on(market, decide)
    assert made.kept_on(market, decide).tobytes() == made.kept(market.panel, direct, decide).tobytes()
    assert made.kept_on(market, decide)[99:].sum() == 21
    assert not made.kept_on(market, decide)[:99].any()


def test_a_feature_that_the_data_cannot_give_is_named_at_its_place() -> None:
    made = Selection.model_validate({"filter": ["history > 5", "median_value(21) > 1"]})
    with pytest.raises(DataError, match=r"median_value\(21\) needs volumes") as caught:
        made.known_on(flat(10, 2))
    assert caught.value.place == ("portfolio", "selection", "filter", 1)


def test_it_says_where_features_come_from() -> None:
    panel = flat(10, 2).panel
    assert Selection().about(panel) == "No features are needed."
    listed = Selection.model_validate({"filter": ["history > 5"]}).about(panel)
    assert listed.startswith("Computed in memory: history of 2 symbols at 10 bars. `regimefolio features build`")
    rated = Selection.model_validate({"top_n": 1, "ratings": {"rule_set": 2020}, "features": "kept"}).about(panel)
    assert rated.startswith(f"Looked up in kept: {ALL}, {MA}, {OTHER} of 2 symbols")
    assert rated.endswith("Ratings follow the rule set 2020.")
