"""Allocators without a model: one asset, cash, chance, turnover, and what is bought once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from regimefolio.backtest import BacktestRunner, ExecutionSpec
from regimefolio.core.errors import ConfigError, MissingDataError
from regimefolio.core.types import Allocation, Float
from regimefolio.market.view import Market, View
from regimefolio.portfolio import (
    AllocationOrchestrator,
    Allocator,
    BuyAndHold,
    Cash,
    Ensemble,
    EqualWeight,
    MarketIndex,
    OneHot,
    PortfolioManager,
    PortfolioSpec,
    Random,
)
from regimefolio.testing import market_of, synthetic_market

NAN = float("nan")


def view_of(market: Market, bars: int | None = None, past: tuple[Allocation, ...] = ()) -> View:
    """The view of the last of the first `bars` bars, without alphas."""
    cut = market.until(market.panel.n_bars if bars is None else bars)
    tradable = cut.panel.member[-1] & np.isfinite(cut.panel.close[-1])
    return View(cut, np.zeros(tradable.size, np.float32), tradable, past=past)


def decided(allocator: Allocator, market: Market, bars: list[int]) -> list[Float]:
    """What an allocator gives when that many bars are known, asked in turn."""
    past: tuple[Allocation, ...] = ()
    for n in bars:
        past += (allocator.allocate(view_of(market, n, past)),)
    return [each.weights for each in past]


def test_one_asset_alone() -> None:
    market = market_of([[1.0, 2.0, 3.0], [1.0, NAN, 3.0]])
    assert OneHot(symbol="A1").weights(view_of(market, 1)).tolist() == [0.0, 1.0, 0.0]
    assert OneHot(symbol="A1").weights(view_of(market)).tolist() == [0.0, 0.0, 0.0]


MISSING: dict[str, object] = {
    "optimizers": ["equal_weight", {"kind": "one_hot", "symbol": "A7"}],
    "orchestration_type": "equal",
}


@pytest.mark.parametrize(
    ("allocator", "place"),
    [
        (OneHot(symbol="A7"), ()),
        (AllocationOrchestrator.model_validate(MISSING), ("optimizers", 1)),
        (
            AllocationOrchestrator.model_validate(
                {"optimizers": [{"kind": "orchestrator", **MISSING}], "orchestration_type": "equal"}
            ),
            ("optimizers", 0, "optimizers", 1),
        ),
    ],
    ids=["alone", "in an orchestrator", "in one inside another"],
)
def test_an_asset_that_is_not_there_is_named_before_anything_is_decided(
    allocator: Allocator, place: tuple[str | int, ...]
) -> None:
    with pytest.raises(ConfigError, match=r"one_hot: unknown symbol 'A7'; known: A0, A1") as caught:
        PortfolioManager(PortfolioSpec(allocator=allocator), market_of([[1.0, 2.0]]))
    assert caught.value.place == ("portfolio", "allocator", *place)


def test_cash_never_trades() -> None:
    runner = BacktestRunner(synthetic_market(100), PortfolioSpec(allocator=Cash()), ExecutionSpec())
    simulation = runner.run(Ensemble.static([], []), 1).simulation
    assert simulation.equity[1:].tolist() == [1e6] * 99
    assert simulation.trades is not None
    assert not simulation.trades.size


def test_turnover_stands_for_size() -> None:
    close = np.array([[1.0, 2.0, 4.0, 8.0], [2.0, 2.0, NAN, 8.0], [4.0, 2.0, 4.0, 8.0], [8.0, 2.0, 4.0, 8.0]])
    volume = np.array([[9.0, 9.0, 9.0, 9.0], [3.0, 5.0, NAN, NAN], [2.0, 1.0, 6.0, NAN], [5.0, 3.0, 1.0, NAN]])
    market = market_of(close)
    market = Market(replace(market.panel, volume=volume))
    # medians of the last three bars: 6, 8, 40; 2, 6, 10; 4, 24; none
    expected = np.array([8.0, 6.0, 14.0, 0.0])
    np.testing.assert_allclose(MarketIndex(lookback=3).weights(view_of(market)), expected / 28.0, rtol=1e-15)


def test_turnover_needs_volumes() -> None:
    with pytest.raises(MissingDataError, match="market_index needs volumes, and these prices have none; use equal"):
        PortfolioManager(PortfolioSpec(allocator=MarketIndex()), market_of([[1.0, 2.0]]))


def test_chance_depends_on_seed_time_and_symbol_alone() -> None:
    market = market_of(np.ones((5, 6)))
    first, again, later = (Random(seed=1).weights(view_of(market, n)) for n in (4, 4, 5))
    assert first.tobytes() == again.tobytes()
    assert np.abs(first - later).max() > 0.01
    assert np.abs(first - Random(seed=2).weights(view_of(market, 4))).max() > 0.01
    fewer = Random(seed=1).weights(view_of(Market(market.panel.only(np.array([4, 0, 2]))), 4))
    np.testing.assert_allclose(fewer, first[[4, 0, 2]] / first[[4, 0, 2]].sum(), rtol=1e-14)


def test_chance_is_uniform_on_the_simplex() -> None:
    """The mean of a weight among N is 1/N, and its variance (N − 1) / (N²(N + 1))."""
    market = market_of(np.ones((1, 4)))
    drawn = np.array([Random(seed=seed).weights(view_of(market)) for seed in range(2000)])
    np.testing.assert_allclose(drawn.mean(axis=0), 0.25, atol=0.02)
    np.testing.assert_allclose(drawn.var(axis=0), 3.0 / (16.0 * 5.0), atol=0.004)


def test_chance_before_1970() -> None:
    panel = market_of(np.ones((2, 3))).panel
    old = replace(panel, timestamps=np.array(["1960-01-04", "1960-01-05"], "datetime64[ns]"))
    assert Random().weights(view_of(Market(old))).sum() == pytest.approx(1.0)


def test_what_was_bought_drifts_with_its_prices() -> None:
    market = market_of([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0], [6.0, 2.0]])
    found = decided(BuyAndHold(), market, [1, 3, 4])
    np.testing.assert_allclose(found, [[0.5, 0.5], [0.75, 0.25], [0.75, 0.25]], rtol=1e-15)


def test_new_listings_are_not_bought_and_what_has_no_bar_is_kept() -> None:
    market = market_of([[1.0, 1.0, NAN], [2.0, NAN, 5.0], [2.0, 4.0, 5.0]])
    found = decided(BuyAndHold(), market, [1, 2, 3])
    np.testing.assert_allclose(found, [[0.5, 0.5, 0.0], [2 / 3, 0.0, 0.0], [2 / 6, 4 / 6, 0.0]], rtol=1e-15)


def test_what_leaves_turns_to_cash_and_stays_cash() -> None:
    member = np.array([[True, True], [True, False], [True, True]])
    market = market_of([[1.0, 1.0], [1.0, 3.0], [4.0, 9.0]], member)
    found = decided(BuyAndHold(), market, [1, 2, 3])
    np.testing.assert_allclose(found, [[0.5, 0.5], [0.25, 0.0], [4 / 7, 0.0]], rtol=1e-15)


def test_what_is_delisted_turns_to_cash_at_its_last_worth() -> None:
    panel = market_of([[1.0, 1.0], [1.0, 2.0], [1.0, NAN], [1.0, NAN]]).panel
    delisted = replace(panel, delisted_at=np.array([-1, 2]), delisting_return=np.array([NAN, -0.5]))
    found = decided(BuyAndHold(), Market(delisted), [1, 2, 3, 4])
    np.testing.assert_allclose(found, [[0.5, 0.5], [1 / 3, 2 / 3], [0.5, 0.0], [0.5, 0.0]], rtol=1e-15)


def test_a_time_without_an_answer_is_passed_over() -> None:
    market = market_of([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]])
    gap = Allocation(market.timestamps[0], market.symbols, np.full(2, NAN))
    first = BuyAndHold().allocate(view_of(market, 2, (gap,)))
    assert first.weights.tolist() == [0.5, 0.5]
    found = BuyAndHold().weights(view_of(market, 3, (gap, first)))
    np.testing.assert_allclose(found, [0.6, 0.4], rtol=1e-15)


def traded_later(allocator: Allocator, market: Market, band: float) -> tuple[float, float]:
    """What is traded after the first day, in multiples of equity, and the equity at the end."""
    spec = PortfolioSpec(allocator=allocator, rebalance="weekly", no_trade_band=band)
    runner = BacktestRunner(market, spec, ExecutionSpec(commission_bps=0, slippage_bps=0))
    simulation = runner.run(Ensemble.static([], []), 2).simulation
    assert simulation.trades is not None
    later = simulation.trades[simulation.trades["bar"] > 2]
    return np.abs(later["value"]).sum() / simulation.equity[2:].mean(), simulation.equity[-1]


def test_nothing_is_traded_after_the_first_day_within_a_band() -> None:
    market = synthetic_market(300, complete=True)
    opens = market.panel.open
    assert opens is not None
    traded, equity = traded_later(BuyAndHold(), market, 0.05)
    assert traded == 0.0
    assert equity == pytest.approx(1e6 * np.mean(market.panel.close[-1] / opens[2]), rel=1e-12)
    between = traded_later(BuyAndHold(), market, 0.0)[0]
    assert 0.0 < between < traded_later(EqualWeight(), market, 0.0)[0]
