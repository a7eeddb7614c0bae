"""What ratings were worth: three runs that differ in their ratings alone, and the mistake kept to itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regimefolio.backtest import BacktestSpec, RerankSpec, prepare, run_backtest
from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Bool
from regimefolio.evaluation import HISTORICAL, NONE, TODAYS, RatingsComparison, compare_ratings, rerank, reranking
from regimefolio.market import Market, decision_bars
from regimefolio.portfolio import Selection
from regimefolio.testing import synthetic_market

BARS = 400
SELECTION = {"filter": ["Recommend.All > 0", "history >= 80"], "rank_by": "Recommend.MA", "top_n": 4}


def spec(**changes: object) -> BacktestSpec:
    return BacktestSpec.model_validate(
        {
            "data": {"source": "sample:us5"},
            "strategies": ["momentum_rank"],
            "portfolio": {"selection": {**SELECTION, **changes}, "rebalance": "monthly"},
        }
    )


@pytest.fixture(scope="module")
def market() -> Market:
    return synthetic_market(BARS)


@pytest.fixture(scope="module")
def found(market: Market) -> RatingsComparison:
    return compare_ratings(spec(), market)


def decided(market: Market) -> Bool:
    return decision_bars(market.timestamps, "monthly")


def test_the_historical_run_is_the_plain_backtest(found: RatingsComparison, market: Market) -> None:
    runner, ensemble, regimes, start = prepare(spec(), market)
    plain = runner.run(ensemble, start, regimes)
    assert found.runs[HISTORICAL].target.tobytes() == plain.target.tobytes()
    assert found.runs[HISTORICAL].simulation.equity.tobytes() == plain.simulation.equity.tobytes()
    np.testing.assert_array_equal(found.bars, market.timestamps[start:])


def test_the_other_runs_are_set_up_like_it(market: Market) -> None:
    # A universe that is narrowed to what the ratings of the time keep must trade like the selection that keeps it.
    made = spec()
    selection = made.portfolio.selection
    assert selection is not None
    runner, ensemble, regimes, start = prepare(made, market)
    among = reranking._runner_among(selection.kept_on(market, decided(market)), made, market)
    stack = runner.signals(ensemble)
    ours, theirs = (each.replay(stack, ensemble, start, regimes, record=True) for each in (runner, among))
    assert ours.target.tobytes() == theirs.target.tobytes()
    assert ours.simulation.equity.tobytes() == theirs.simulation.equity.tobytes()


def test_todays_ratings_stand_at_every_bar(market: Market) -> None:
    selection = Selection.model_validate({**SELECTION, "filter": ["Recommend.All > 0"]})
    kept = reranking._by_todays_ratings(selection, market, decided(market))
    last = selection.known_on(market).values[-1]
    passed = last[:, selection.needs.index("Recommend.All")] > 0
    assert passed.any()
    assert not kept[:, ~passed].any()
    # An asset without a bar at the end has no rating today, and is never kept.
    gone = np.isnan(last).all(axis=1)
    assert not kept[:, gone].any()


def test_every_feature_but_those_of_the_universe_is_a_rating() -> None:
    rates = {name: reranking._rates(name) for name in ("Recommend.All", "Vote.rsi", "strength(20)", "mine")}
    assert all(rates.values())
    assert not any(reranking._rates(name) for name in ("history", "median_value(63)"))


def test_other_filters_stay_as_they_were(market: Market) -> None:
    selection = Selection.model_validate(SELECTION)
    young = ~(selection.known_on(market).column("history") >= 80)
    for kept in (
        reranking._by_todays_ratings(selection, market, decided(market)),
        reranking._without_ratings(selection, market, decided(market)),
    ):
        assert not kept[young].any()
        assert kept.any()


def test_without_ratings_whoever_passes_the_rest_is_kept(market: Market) -> None:
    selection = Selection.model_validate({**SELECTION, "max_per_sector": 1})
    kept = reranking._without_ratings(selection, market, decided(market))
    panel = market.panel
    old = selection.known_on(market).column("history") >= 80
    np.testing.assert_array_equal(kept, panel.member & np.isfinite(panel.close) & old)


def test_opinions_of_today_and_of_none(found: RatingsComparison, market: Market) -> None:
    runner, ensemble, _, _ = prepare(spec(), market)
    stack = runner.signals(ensemble)
    todays = reranking._of_the_last_bar(stack)
    assert (todays.alpha == stack.alpha[-1]).all()
    assert (todays.confidence == stack.confidence[-1]).all()
    target = found.runs[NONE].target
    held = np.isfinite(target) & (target > 0.0)
    for row, some in zip(target, held, strict=True):
        assert not some.any() or np.ptp(row[some]) < 1e-12  # proportional to alphas that are all alike


def test_differences_are_of_sharpe_ratios(found: RatingsComparison) -> None:
    ours = found.runs[HISTORICAL].metrics["sharpe"]
    assert set(found.minus_historical) == {TODAYS, NONE}
    for name, each in found.minus_historical.items():
        assert each.point == pytest.approx(found.runs[name].metrics["sharpe"] - ours, abs=1e-12)
        assert each.low < each.point < each.high


def test_who_is_chosen_now(found: RatingsComparison, market: Market) -> None:
    selection = Selection.model_validate(SELECTION)
    kept = selection.kept_on(market, decided(market))[-1]
    assert {each.symbol for each in found.chosen} == {s for s, k in zip(market.symbols, kept, strict=True) if k}
    keys = [(-each.features["Recommend.MA"], -each.features["Recommend.All"]) for each in found.chosen]
    assert keys == sorted(keys)
    assert set(found.chosen[0].features) == set(selection.needs)


def test_a_short_side_stays_short_in_all_runs(market: Market) -> None:
    short = compare_ratings(spec(order="ascending", side="short", filter=["history >= 80"]), market)
    for run in short.runs.values():
        assert np.nanmin(run.target) < 0.0
        assert np.nanmax(run.target) <= 0.0


def test_ratings_that_say_nothing_change_nothing() -> None:
    # On prices that never move every rating is the same at every bar: the mistake cannot be seen.
    still = synthetic_market(BARS, complete=True)
    panel = still.panel
    flat = {name: np.ones_like(panel.close) for name in ("open", "high", "low", "close")}
    market = Market(replace(panel, **flat))  # type: ignore[arg-type]
    made = compare_ratings(spec(filter=["history >= 80", "Recommend.All >= -1"], top_n=None), market)
    assert made.runs[TODAYS].simulation.equity.tobytes() == made.runs[HISTORICAL].simulation.equity.tobytes()


def test_the_mistake_is_made_where_it_is_compared_and_nowhere_else() -> None:
    source = Path(__file__).parents[3] / "src"
    texts = {file.name: file.read_text(encoding="utf-8") for file in source.rglob("*.py")}
    said = {name: text.count("_by_todays_ratings") for name, text in texts.items() if "_by_todays_ratings" in text}
    assert said == {"reranking.py": 2}  # it is defined, and called


def test_a_portfolio_that_does_not_select_is_refused(market: Market) -> None:
    plain = spec().model_copy(update={"portfolio": spec().portfolio.model_copy(update={"selection": None})})
    with pytest.raises(ConfigError, match=r"portfolio\.selection is missing"):
        compare_ratings(plain, market)


def test_a_ranking_that_is_no_rating_stays_where_ratings_are_left_out(market: Market) -> None:
    filters = ["Recommend.All > 0", "history >= 80"]
    ranked = Selection.model_validate({"filter": filters, "rank_by": "median_value(20)", "top_n": 3})
    rest = Selection.model_validate({"filter": filters[1:], "rank_by": "median_value(20)", "top_n": 3, "then_by": []})
    decide = decided(market)
    without = reranking._without_ratings(ranked, market, decide)
    assert without.tobytes() == rest.kept_on(market, decide).tobytes()
    assert without.sum(axis=1).max() == 3


def test_a_selection_without_ratings_has_nothing_to_compare(market: Market) -> None:
    with pytest.raises(ConfigError, match=r"no ratings to compare.*rank_by"):
        compare_ratings(spec(filter=["history >= 80"], rank_by="median_value(20)"), market)
    with pytest.raises(ConfigError, match="no ratings to compare"):
        compare_ratings(spec(filter=[], top_n=None), market)


def test_filters_that_nobody_ever_passes_are_told(market: Market) -> None:
    with pytest.raises(DataError, match=r"no asset passes the filters at any bar.*loosen"):
        compare_ratings(spec(filter=["Recommend.All > 0", "history >= 9999"]), market)


def test_candidates_are_all_that_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "portfolio_candidates.json").write_text(json.dumps([{"symbol": "IBM"}, {"symbol": "AAPL"}]))
    profile = RerankSpec.model_validate(
        {
            "data": {"source": "sample:us5", "start": "2010-01-01"},
            "candidates": "portfolio_candidates.json",
            "filter": ["Recommend.All >= -1"],
        }
    )
    dataset, made = rerank(profile, tmp_path)
    assert dataset.panel.symbols == ("AAPL", "IBM")
    assert made.runs[HISTORICAL].simulation.symbols == ("AAPL", "IBM")
    (tmp_path / "portfolio_candidates.json").write_text('["IBM", "APPL"]')
    with pytest.raises(ConfigError, match=r"portfolio_candidates\.json: item 2: unknown symbol 'APPL'; did you mean"):
        rerank(profile, tmp_path)


def test_a_profile_runs_as_the_backtest_that_it_is_short_for() -> None:
    profile = RerankSpec.model_validate(
        {"data": {"source": "sample:us5", "start": "2010-01-01"}, "filter": ["Recommend.MA > 0"], "rebalance": "weekly"}
    )
    _, _, plain = run_backtest(profile.backtest())
    _, made = rerank(profile)
    assert made.runs[HISTORICAL].simulation.equity.tobytes() == plain.simulation.equity.tobytes()
