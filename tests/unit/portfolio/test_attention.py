"""Attention: who is chosen, what they get, and how a file of page views gets to those who look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.backtest import BacktestSpec, load_market, run_backtest
from regimefolio.core.errors import ConfigError, DataError, MissingDataError
from regimefolio.core.types import Bool, Float
from regimefolio.market.view import Market, View
from regimefolio.portfolio import AllocationOrchestrator, Attention, AttentionThenEqual
from regimefolio.portfolio.attention import regressed
from regimefolio.testing import synthetic_market
from regimefolio.testing.strategies import market_of
from tests.page_views import VIEWS, leading_views, with_leading_views, write_views
from tests.workflows import DAYS, write_prices

LED = (1, 4, 7)
SETTINGS: dict[str, Any] = {"page_views": VIEWS, "window": 100, "growth": 1}


def view(market: Market, side: int = 1, tradable: Bool | None = None) -> View:
    n_assets = market.panel.n_assets
    keep = np.ones(n_assets, dtype=bool) if tradable is None else tradable
    return View(market, np.zeros(n_assets, np.float32), keep, side)


@pytest.fixture(scope="module")
def led() -> Market:
    return with_leading_views(synthetic_market(200, complete=True), LED)


def test_the_assets_that_views_lead_are_chosen(led: Market) -> None:
    assert np.flatnonzero(Attention(**SETTINGS).chosen(view(led))).tolist() == list(LED)
    raw = Attention(**SETTINGS, correction="none").p_values(view(led))
    corrected = Attention(**SETTINGS).p_values(view(led))
    strict = Attention(**SETTINGS, correction="benjamini_yekutieli").p_values(view(led))
    assert (raw <= corrected).all()
    assert (corrected <= strict).all()


@pytest.mark.parametrize(("growth", "lag"), [(1, 1), (3, 1), (1, 4), (5, 2)])
def test_pairs_are_the_last_ones_whose_outcome_is_known(led: Market, growth: int, lag: int) -> None:
    """By hand: the return that ends at bar s, and what was known of views `lag` bars before."""
    rule = Attention(page_views=VIEWS, window=60, growth=growth, lag=lag, correction="none")
    known, close, t = np.log1p(led.files[VIEWS]), led.panel.close, 199
    bars = range(t - 59, t + 1)
    price = np.array([np.log(close[s] / close[s - 1]) for s in bars])
    grew = np.array([known[s - lag] - known[s - lag - growth] for s in bars])
    np.testing.assert_allclose(rule.p_values(view(led)), regressed(price, grew, 30).p_value, rtol=1e-9)
    first = rule.warmup + 1
    assert np.isnan(rule.p_values(view(led.until(first - 1)))).all()
    assert np.isfinite(rule.p_values(view(led.until(first)))).all()


def test_weights_are_in_proportion_to_the_growth_of_views(led: Market) -> None:
    allocator = Attention(**SETTINGS, significance=0.49, correction="none")
    known = led.files[VIEWS]
    grown = np.log((known[-1] + 1.0) / (known[-2] + 1.0))
    expected = np.where(allocator.chosen(view(led)) & (grown > 0.0), grown, 0.0)
    assert np.count_nonzero(expected) > 1
    np.testing.assert_allclose(allocator.weights(view(led)), expected / expected.sum(), rtol=1e-12)
    first = allocator.model_copy(update={"top_n": 1}).weights(view(led))
    assert first[expected.argmax()] == 1.0
    assert first.sum() == 1.0


def test_all_is_cash_where_nobody_passes(led: Market) -> None:
    nothing = led.with_file(VIEWS, leading_views(led.panel.close, ()))
    assert not Attention(**SETTINGS).weights(view(nothing)).any()
    unchanging = led.with_file(VIEWS, np.full(led.panel.close.shape, 7.0))
    assert np.isnan(Attention(**SETTINGS).p_values(view(unchanging))).all()


def test_views_that_changed_once_prove_nothing(led: Market) -> None:
    once = np.full(led.panel.close.shape, 500.0)
    once[150:] = 900.0
    assert np.isnan(Attention(**SETTINGS).p_values(view(led.with_file(VIEWS, once)))).all()
    once[170:] = 1100.0
    assert np.isfinite(Attention(**SETTINGS).p_values(view(led.with_file(VIEWS, once)))).all()


def test_an_asset_with_fewer_than_half_of_the_pairs_is_not_tested(led: Market) -> None:
    known = led.files[VIEWS].copy()
    known[140:, 1] = np.nan
    known[130:195, 4] = np.nan  # 35 of 100 pairs are left, and today's growth
    p = Attention(**SETTINGS).p_values(view(led.with_file(VIEWS, known)))
    assert np.isnan(p[[1, 4]]).all()
    assert np.isfinite(p[7])


def test_one_that_cannot_be_traded_is_no_test_and_never_chosen(led: Market) -> None:
    tradable = np.arange(12) != 4
    p = Attention(**SETTINGS).p_values(view(led, tradable=tradable))
    assert np.flatnonzero(np.isnan(p)).tolist() == [4]


def test_sold_short_attention_must_lead_the_price_down(led: Market) -> None:
    turned = led.with_file(VIEWS, np.rint(1e8 / (led.files[VIEWS] + 1.0)))
    assert np.flatnonzero(Attention(**SETTINGS).chosen(view(turned, side=-1))).tolist() == list(LED)
    assert not Attention(**SETTINGS).chosen(view(led, side=-1)).any()


def test_what_happens_later_changes_nothing_before(led: Market) -> None:
    close, known = led.panel.close.copy(), led.files[VIEWS].copy()
    close[180:] *= 3.0
    known[180:] = 1.0
    changed = market_of(close).with_file(VIEWS, known).until(180)
    honest = market_of(led.panel.close).with_file(VIEWS, led.files[VIEWS]).until(180)
    same = Attention(**SETTINGS).p_values(view(honest))
    assert Attention(**SETTINGS).p_values(view(changed)).tobytes() == same.tobytes()


def blended(if_none: str, **more: object) -> AllocationOrchestrator:
    return AllocationOrchestrator.model_validate(
        {
            "optimizers": ["equal_weight", {"kind": "inverse_volatility", "lookback": 20}],
            "orchestration_type": {"kind": "attention_then_equal", **SETTINGS, "if_none": if_none, **more},
            "lookback": 20,
        }
    )


def test_the_blend_is_the_mean_on_what_attention_leads(led: Market) -> None:
    found = blended("cash").run_allocation(view(led))
    volatility = led.volatility(20)[-1, list(LED)]
    inverse = 1.0 / volatility / (1.0 / volatility).sum()
    np.testing.assert_allclose(found.weights[list(LED)], 0.5 / 3.0 + 0.5 * inverse, rtol=1e-12)
    assert found.weights.sum() == pytest.approx(1.0)
    assert found.blend.tolist() == [0.5, 0.5]
    one = blended("cash", top_n=1).run_allocation(view(led)).weights
    assert np.count_nonzero(one) == 1


def test_what_is_held_where_none_passes_is_what_the_configuration_says(led: Market) -> None:
    nothing = led.with_file(VIEWS, leading_views(led.panel.close, ()))
    assert not blended("cash").run_allocation(view(nothing)).weights.any()
    every = blended("all").run_allocation(view(nothing)).weights
    mean = AllocationOrchestrator.model_validate({**blended("all").plain(), "orchestration_type": "equal"})
    assert every.tobytes() == mean.run_allocation(view(nothing)).weights.tobytes()
    with pytest.raises(ValidationError, match="if_none"):
        AttentionThenEqual.model_validate(SETTINGS)


def test_the_orchestrator_tells_the_files_of_its_parts() -> None:
    settings = blended("cash").plain() | {"optimizers": [{"kind": "attention", "page_views": "file:other.csv"}, "hrp"]}
    assert AllocationOrchestrator.model_validate(settings).page_view_files == (VIEWS, "file:other.csv")


def test_a_market_that_was_loaded_without_the_file_says_so() -> None:
    with pytest.raises(ConfigError, match=r"the market was loaded without file:views\.csv; give load_market the port"):
        Attention(**SETTINGS).weights(view(synthetic_market(200)))


def test_an_orchestrator_refuses_a_market_without_the_file_of_one_that_it_asks() -> None:
    asked = {"orchestration_type": "equal", "optimizers": ["equal_weight", {"kind": "attention", "page_views": VIEWS}]}
    with pytest.raises(ConfigError, match="the market was loaded without") as caught:
        AllocationOrchestrator.model_validate(asked).must_fit(synthetic_market(200))
    assert caught.value.place == ("optimizers", 1)


@pytest.mark.parametrize("said", ["views.csv", "file:", "store:views", 3])
def test_page_views_are_a_file(said: object) -> None:
    with pytest.raises(ValidationError):
        Attention.model_validate({"page_views": said})


def backtest(allocator: object, **portfolio: object) -> BacktestSpec:
    return BacktestSpec.model_validate(
        {
            "data": {"source": "file:prices.csv"},
            "strategies": ["momentum_rank"],
            "portfolio": {"allocator": allocator, "rebalance": "weekly", **portfolio},
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_prices(tmp_path)
    market = load_market(backtest("equal_weight").data, None, tmp_path)[1]
    write_views(tmp_path / "views.csv", market, leading_views(market.panel.close, (0, 1)))
    return tmp_path


NESTED = {
    "kind": "orchestrator",
    "optimizers": ["equal_weight", {"kind": "attention", **SETTINGS}],
    "orchestration_type": "equal",
}


@pytest.mark.parametrize("allocator", [{"kind": "attention", **SETTINGS}, NESTED])
def test_a_backtest_reads_the_file_and_it_is_part_of_what_a_run_is(folder: Path, allocator: object) -> None:
    _, outcome, run = run_backtest(backtest(allocator), folder)
    assert run.simulation.weights is not None
    assert run.simulation.weights.any()
    lines = (folder / "views.csv").read_text().splitlines()
    lines[1] = lines[1].rsplit(",", 1)[0] + ",1"
    (folder / "views.csv").write_text("\n".join(lines) + "\n")
    _, changed, _ = run_backtest(backtest(allocator), folder)
    assert changed.fingerprint != outcome.fingerprint


def test_views_written_for_bars_are_known_at_them(folder: Path) -> None:
    spec = backtest({"kind": "attention", **SETTINGS})
    market = load_market(spec.data, None, folder, portfolio=spec.portfolio)[1]
    expected: Float = leading_views(market.panel.close, (0, 1))
    assert market.files[VIEWS][0].tolist() == expected[0].tolist()
    daily = np.diff(market.timestamps) == np.timedelta64(1, "D")
    assert (market.files[VIEWS][1:][daily] == expected[1:][daily]).all()
    assert market.until(100).files[VIEWS].tobytes() == np.ascontiguousarray(market.files[VIEWS][:100]).tobytes()


def test_a_file_that_cannot_be_used_is_named_at_its_place(folder: Path) -> None:
    spec = backtest({"kind": "attention", "page_views": "file:none.csv"})
    with pytest.raises(MissingDataError) as missing:
        run_backtest(spec, folder)
    assert missing.value.place == ("portfolio", "allocator")
    (folder / "views.csv").write_text(f"date,symbol,views\n{DAYS[0]},OTHER,3\n")
    with pytest.raises(DataError, match=r"the prices have none of its symbols \(OTHER\)"):
        run_backtest(backtest({"kind": "attention", **SETTINGS}), folder)
