"""One backtest: four bars computed by hand, what `start` means, regimes, and replay to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regimefolio.backtest import BacktestRunner, ExecutionSpec, Run
from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.files import read_npy, write_npy
from regimefolio.core.types import Float
from regimefolio.market.view import Market, View
from regimefolio.portfolio import Allocator, Ensemble, PortfolioSpec, Proportional, RegimeSettings, SignalStack
from regimefolio.regimes import Trend
from regimefolio.strategies import BollingerMeanReversion, MacdRsiConfluence, MomentumRank
from regimefolio.testing import synthetic_market
from tests.scripted import Scripted, Second, regimes, written

CLOSE = [[100.0, 50.0], [110.0, 50.0], [121.0, 45.0], [121.0, 54.0]]
OPEN = [[99.0, 50.0], [100.0, 40.0], [110.0, 50.0], [130.0, 45.0]]
ALL_A_THEN_HALVES_THEN_CASH = Scripted(alpha=((1.0, 0.0), (0.5, 0.5), (-1.0, -1.0), (0.0, 1.0)))
TEN_BP = ExecutionSpec(commission_bps=4, slippage_bps=6)
DAILY = PortfolioSpec(rebalance="daily")


def runner(
    market: Market, execution: ExecutionSpec = TEN_BP, capital: float = 1000.0, **portfolio: object
) -> BacktestRunner:
    return BacktestRunner(market, PortfolioSpec.model_validate({"rebalance": "daily", **portfolio}), execution, capital)


def run(
    market: Market, strategy: Scripted, start: int = 1, execution: ExecutionSpec = TEN_BP, **portfolio: object
) -> Run:
    return runner(market, execution, 1000.0, **portfolio).run(Ensemble.static([strategy], [1.0]), start)


def same(first: Run, second: Run) -> None:
    """Equal to the bit in everything that a run is."""
    for name in ("equity", "cash", "turnover", "cost", "decision_return", "shares", "pending", "weights", "trades"):
        ours, theirs = getattr(first.simulation, name), getattr(second.simulation, name)
        assert (ours is None) == (theirs is None), name
        assert ours is None or ours.tobytes() == theirs.tobytes(), name
    assert first.target.tobytes() == second.target.tobytes()
    assert np.array_equal(list(first.metrics.values()), list(second.metrics.values()), equal_nan=True)


# By hand: everything is filled at the next close, and costs 10 basis points.


def test_four_bars_by_hand() -> None:
    found = run(written(CLOSE), ALL_A_THEN_HALVES_THEN_CASH).simulation
    # Bar 1: 1000 buys A for X, and X + 0.001 X = 1000.
    x1 = 1000 / 1.001
    # Bar 2: A made 10%. Selling what is above X/2 and buying B for X/2 trades E in all: X + 0.001 E = E.
    e2 = 1.1 * x1
    x2 = 0.999 * e2
    # Bar 3: A stays, B makes 20%: 1.1 X. All is sold.
    e3 = 1.1 * x2
    x3 = 0.999 * e3
    assert found.equity == pytest.approx([1000, x1, x2, x3], rel=1e-14)
    assert found.cash == pytest.approx([1000, 0, 0, x3], rel=1e-14, abs=1e-9)
    assert found.cost == pytest.approx([0, 0.001 * x1, 0.001 * e2, 0.001 * e3], rel=1e-13)
    assert found.turnover == pytest.approx([0, 0.5 * x1 / 1000, 0.5, 0.5], rel=1e-13)
    assert found.weights is not None
    assert found.weights == pytest.approx(np.array([[0, 0], [1, 0], [0.5, 0.5], [0, 0]]), rel=1e-14, abs=1e-14)
    # From the fill at bar 1 to the fill at bar 2, and on to that at bar 3; the last two decisions have no exit.
    assert found.decision_return[:2] == pytest.approx([e2 / 1000 - 1, e3 / e2 - 1], rel=1e-12)
    assert np.isnan(found.decision_return[2:]).all()
    assert found.returns == pytest.approx([x1 / 1000 - 1, x2 / x1 - 1, x3 / x2 - 1], rel=1e-12)
    assert found.shares.tolist() == [0.0, 0.0]
    assert found.pending.tolist() == [0.0, 1.0]


def test_the_trades_of_the_four_bars() -> None:
    trades = run(written(CLOSE), ALL_A_THEN_HALVES_THEN_CASH).simulation.trades
    assert trades is not None
    x1 = 1000 / 1.001
    x2 = 0.999 * 1.1 * x1
    expected = [
        (1, 0, x1 / 110, 110.0),
        (2, 0, 0.5 * x2 / 121 - x1 / 110, 121.0),
        (2, 1, 0.5 * x2 / 45, 45.0),
        (3, 0, -0.5 * x2 / 121, 121.0),
        (3, 1, -0.5 * x2 / 45, 54.0),
    ]
    assert [(int(t["bar"]), int(t["asset"])) for t in trades] == [(bar, asset) for bar, asset, _, _ in expected]
    assert trades["shares"] == pytest.approx([shares for _, _, shares, _ in expected], rel=1e-12)
    assert trades["price"].tolist() == [price for _, _, _, price in expected]
    assert trades["value"] == pytest.approx(trades["shares"] * trades["price"], rel=1e-15)
    assert trades["cost"] == pytest.approx(0.001 * np.abs(trades["value"]), rel=1e-15)


def test_the_metrics_of_the_four_bars() -> None:
    metrics = run(written(CLOSE), ALL_A_THEN_HALVES_THEN_CASH).metrics
    total = 1.1 * 1.1 * 0.999 * 0.999 / 1.001
    assert metrics["total_return"] == pytest.approx(total - 1, rel=1e-12)
    assert metrics["cagr"] == pytest.approx(total ** (252 / 3) - 1, rel=1e-12)
    returns = np.array([1 / 1.001 - 1, 1.1 * 0.999 - 1, 1.1 * 0.999 - 1])
    assert metrics["sharpe"] == pytest.approx(returns.mean() / returns.std(ddof=1) * 252**0.5, rel=1e-12)
    assert metrics["max_drawdown"] == pytest.approx(1 / 1.001 - 1, rel=1e-12)
    assert metrics["round_trips"] == 2
    assert metrics["open_trips"] == 0


def test_fills_at_the_open_where_there_are_opens() -> None:
    """Bought at 100, valued at 110; half sold at the open of 110, and so on."""
    free = ExecutionSpec(commission_bps=0, slippage_bps=0)
    found = run(written(CLOSE, OPEN), ALL_A_THEN_HALVES_THEN_CASH, execution=free).simulation
    # 10 A at 100, worth 1100 at the close; at the opens 110 and 50: 5 A and 11 B; closes 121 and 45: 605 + 495;
    # sold at the opens 130 and 45: 650 + 495.
    assert found.equity == pytest.approx([1000, 1100, 1100, 1145], rel=1e-14)
    assert found.decision_return[:2] == pytest.approx([0.1, 1145 / 1100 - 1], rel=1e-12)
    closes = run(
        written(CLOSE, OPEN),
        ALL_A_THEN_HALVES_THEN_CASH,
        execution=ExecutionSpec(commission_bps=0, slippage_bps=0, fill="next_close"),
    )
    assert closes.simulation.equity == pytest.approx([1000, 1000, 1100, 1210], rel=1e-14)


def test_interest_on_cash() -> None:
    rate = ExecutionSpec(cash_rate=0.252)
    found = run(written(CLOSE), Scripted(alpha=((-1.0, 0.0),)), execution=rate).simulation
    assert found.equity == pytest.approx([1000, 1001, 1002.001, 1003.003001], rel=1e-14)


def test_the_risk_free_rate_is_a_year_s() -> None:
    market = written(CLOSE)
    free = BacktestRunner(market, DAILY, TEN_BP, 1000.0)
    dear = BacktestRunner(market, DAILY, TEN_BP, 1000.0, risk_free=0.252)
    ensemble = Ensemble.static([ALL_A_THEN_HALVES_THEN_CASH], [1.0])
    mean, deviation = (
        free.run(ensemble, 1).simulation.returns.mean(),
        free.run(ensemble, 1).simulation.returns.std(ddof=1),
    )
    assert dear.run(ensemble, 1).metrics["sharpe"] == pytest.approx((mean - 0.001) / deviation * 252**0.5, rel=1e-12)


def test_interest_on_cash_is_no_gain_for_risk() -> None:
    """The risk-free rate is the cash rate where it is not said, and what is said where it is."""
    market, paid = written(CLOSE), TEN_BP.model_copy(update={"cash_rate": 0.252})
    ensemble = Ensemble.static([ALL_A_THEN_HALVES_THEN_CASH], [1.0])

    def sharpe(risk_free: float | None = None) -> float:
        return BacktestRunner(market, DAILY, paid, 1000.0, risk_free).run(ensemble, 1).metrics["sharpe"]

    assert sharpe() == sharpe(0.252)
    assert sharpe(0.0) > sharpe() > sharpe(0.3)


def test_a_missing_bar_freezes_an_asset() -> None:
    """B has no bar when it should be bought: its order lapses, and what is left stays in cash."""
    close = [[100.0, 50.0], [110.0, np.nan], [121.0, 45.0], [121.0, 54.0]]
    free = ExecutionSpec(commission_bps=0, slippage_bps=0)
    found = run(written(close), Scripted(alpha=((0.5, 0.5),)), execution=free).simulation
    assert found.weights is not None
    assert found.weights[1] == pytest.approx([0.5, 0.0])
    assert found.cash[1] == pytest.approx(500.0)
    # At bar 1 B has no bar, so the decision made there is for A alone: all 1050 into A at bar 2.
    assert found.equity == pytest.approx([1000, 1000, 1050, 1050], rel=1e-14)


# What `start` means


def test_nothing_trades_before_the_start_and_the_bar_before_it_decides() -> None:
    found = run(written(CLOSE), ALL_A_THEN_HALVES_THEN_CASH, start=2)
    assert found.simulation.equity[:2].tolist() == [1000.0, 1000.0]
    assert found.simulation.trades is not None
    assert found.simulation.trades["bar"].min() == 2
    assert found.decide.tolist() == [False, True, True, True]
    assert np.isnan(found.target[0]).all()
    assert found.target[1].tolist() == [0.5, 0.5]
    assert found.simulation.returns.size == 2
    # 1000 buys halves, X + 0.001 X = 1000; then B makes 20%, and all is sold.
    x = 1000 / 1.001
    assert found.simulation.equity[2:] == pytest.approx([x, 1.1 * x * 0.999], rel=1e-14)
    assert np.isnan(found.simulation.decision_return[[0, 2, 3]]).all()
    assert found.simulation.decision_return[1] == pytest.approx(1.1 * x / 1000 - 1, rel=1e-12)


def test_the_bar_before_the_start_decides_whatever_the_schedule_says() -> None:
    market = written(np.linspace(10, 20, 24).reshape(12, 2))
    found = run(market, Scripted(alpha=((0.5, 0.5),)), start=3, rebalance="monthly")
    assert np.flatnonzero(found.decide).tolist() == [2, 11]
    assert found.simulation.trades is not None
    assert set(found.simulation.trades["bar"].tolist()) == {3}


def test_a_later_start_on_more_bars_sees_the_same_signals() -> None:
    """Warm-up bars feed the indicators: the run from bar 300 decides there what a longer run decides there."""
    market = synthetic_market(600)
    ensemble = Ensemble.static([BollingerMeanReversion(), MomentumRank(lookback=120)], [1, 1])
    early, late = (BacktestRunner(market, DAILY, TEN_BP).run(ensemble, start) for start in (150, 300))
    assert early.target[299:].tobytes() == late.target[299:].tobytes()


@pytest.mark.parametrize("start", [-1, 0, 3, 4])
def test_a_start_that_leaves_nothing_to_do(start: int) -> None:
    with pytest.raises(DataError, match=f"the first bar that trades must be 1 … 2, but is {start}; use more bars"):
        run(written(CLOSE), ALL_A_THEN_HALVES_THEN_CASH, start=start)


# Mistakes that appear when parts and data meet


def test_opens_that_are_not_there() -> None:
    with pytest.raises(ConfigError, match=r"execution\.fill is next_open, but this data has closes only"):
        runner(written(CLOSE), ExecutionSpec(fill="next_open"))
    assert runner(written(CLOSE)).fill == "next_close"
    assert runner(written(CLOSE, OPEN)).fill == "next_open"
    assert runner(written(CLOSE, OPEN), ExecutionSpec(fill="next_close")).fill == "next_close"


def test_sectors_that_are_not_there() -> None:
    with pytest.raises(ConfigError, match="max_sector needs data with sectors"):
        runner(written(CLOSE), constraints={"max_sector": 0.5})


# Regimes


def switching() -> tuple[Market, Ensemble]:
    """Two assets; calm holds A, turbulent holds B, no regime holds both."""
    market = written(100.0 * np.cumprod(1 + 0.01 * np.sin(np.arange(40)).reshape(20, 2), axis=0))
    base = [Scripted(alpha=((1.0, 0.0),)), Second(alpha=((0.0, 1.0),))]
    settings = {
        "calm": RegimeSettings(weights={"scripted": 1.0}),
        "turbulent": RegimeSettings(weights={"scripted_second": 1.0}),
    }
    return market, Ensemble.adaptive(base, [1, 1], ("calm", "turbulent"), settings)


def test_rows_follow_labels_and_a_change_of_regime_is_a_rebalance() -> None:
    market, ensemble = switching()
    path = regimes(market, ("calm", "turbulent"), [-1] * 3 + [0] * 5 + [1] * 7 + [0] * 5)
    found = runner(market, rebalance="monthly").run(ensemble, 2, path)
    assert found.row.tolist() == (path.label + 1).tolist()
    assert np.flatnonzero(found.decide).tolist() == [1, 3, 8, 15, 19]
    assert found.simulation.weights is not None
    held = found.simulation.weights.round(12).tolist()
    assert held[2] == [0.5, 0.5]  # decided at bar 1, when no regime was known
    assert held[4:9] == [[1.0, 0.0]] * 5  # the regime known at bar 3 is traded at bar 4,
    assert held[9:16] == [[0.0, 1.0]] * 7  # that of bar 8 at bar 9,
    assert held[16:] == [[1.0, 0.0]] * 4


def test_parameters_adapt_too() -> None:
    market = written(np.ones((8, 2)))
    ensemble = Ensemble.adaptive(
        [Scripted(alpha=((0.5, 0.5),))],
        [1.0],
        ("calm", "turbulent"),
        {"turbulent": RegimeSettings(strategies={"scripted": {"scale": -1.0}})},
    )
    path = regimes(market, ("calm", "turbulent"), [0, 0, 0, 1, 1, 1, 0, 0])
    found = runner(market).run(ensemble, 1, path)
    assert found.target.sum(axis=1).tolist() == [1, 1, 1, 0, 0, 0, 1, 1]


def test_an_ensemble_that_does_not_adapt_is_only_measured_by_regime() -> None:
    market, _ = switching()
    path = regimes(market, ("calm", "turbulent"), [0] * 10 + [1] * 10)
    static = Ensemble.static([Scripted(alpha=((1.0, 1.0),))], [1.0])
    without, measured = (runner(market, rebalance="monthly").run(static, 1, each) for each in (None, path))
    same(without, measured)
    assert without.regime_metrics == {}
    assert list(measured.regime_metrics) == ["calm", "turbulent"]
    assert measured.regime_metrics["calm"]["bars"] == 10
    assert measured.regime_metrics["turbulent"]["bars"] == 8  # the last two decisions have no exit


def test_decision_returns_belong_to_the_regime_known_at_the_decision() -> None:
    market, ensemble = switching()
    path = regimes(market, ("calm", "turbulent"), [0] * 10 + [1] * 10)
    found = runner(market).run(ensemble, 1, path)
    calm = found.simulation.decision_return[:10]
    assert found.regime_metrics["calm"]["total_return"] == pytest.approx(np.prod(1 + calm) - 1, rel=1e-12)


@pytest.mark.parametrize("method", ["weighted", "confidence_weighted"])
def test_an_adaptive_ensemble_whose_regimes_all_say_the_same_is_the_static_one(method: str) -> None:
    """To the bit; rebalanced daily, so that a change of regime adds no decision."""
    market = synthetic_market(700)
    strategies = [BollingerMeanReversion(), MacdRsiConfluence(), MomentumRank(lookback=60)]
    path = Trend(on="index", average=40, slope=5, high=60).detect(market)
    assert len(np.unique(path.label)) == 4
    weights = [1.0, 2.0, 3.0]
    spelt = {
        name: RegimeSettings(
            strategies={s.kind: s.plain() for s in strategies},
            weights={s.kind: w for s, w in zip(strategies, weights, strict=True)},
        )
        for name in ("bull", "bear")
    }
    portfolio = PortfolioSpec.model_validate({"rebalance": "daily", "combination_method": method})
    backtest = BacktestRunner(market, portfolio, TEN_BP)
    static = backtest.run(Ensemble.static(strategies, weights), 200, path)
    adaptive = backtest.run(Ensemble.adaptive(strategies, weights, path.names, spelt), 200, path)
    same(static, adaptive)
    assert adaptive.row.any()


# Replay


@pytest.mark.parametrize("method", ["weighted", "confidence_weighted"])
def test_a_replay_of_saved_signals_is_the_run_to_the_bit(method: str, tmp_path: Path) -> None:
    market = synthetic_market(600)
    strategies = [BollingerMeanReversion(lookback=10, width=1.0), MacdRsiConfluence(), MomentumRank(lookback=60)]
    path = Trend(on="index", average=40, slope=5, high=60).detect(market)
    settings = {
        "bull": RegimeSettings(strategies={"momentum_rank": {"lookback": 120}}, weights={"momentum_rank": 1.0}),
        "bear": RegimeSettings(weights={"bollinger_mean_reversion": 0.3, "macd_rsi_confluence": 0.7}),
    }
    ensemble = Ensemble.adaptive(strategies, [1, 1, 1], path.names, settings)
    portfolio = {"combination_method": method, "constraints": {"max_position": 0.2, "max_sector": 0.5}, "top_n": 6}
    spec = PortfolioSpec.model_validate({"rebalance": "weekly", **portfolio})
    full = BacktestRunner(market, spec, TEN_BP).run(ensemble, 200, path)
    for number, strategy in enumerate(ensemble.strategies):
        signals = strategy.signals(market)
        write_npy(tmp_path / f"{number}.npy", np.stack([signals.alpha, signals.confidence]))
    panels = [read_npy(tmp_path / f"{n}.npy", mmap_mode="r") for n in range(len(ensemble.strategies))]
    stack = SignalStack.joined([panel[0] for panel in panels], [panel[1] for panel in panels])
    fresh = BacktestRunner(synthetic_market(600), spec, TEN_BP)
    same(full, fresh.replay(stack, ensemble, 200, path, record=True))


# An allocator of one's own


class Largest(Allocator, kind="largest_of_the_past_week"):
    """Everything in the tradable asset that rose most over five bars; looks at the view's market."""

    def weights(self, view: View) -> Float:
        close, out = view.market.panel.close, np.zeros(view.alpha.size)
        if len(close) > 5:
            grown = np.where(view.tradable, close[-1] / close[-6], -np.inf)
            out[int(np.nanargmax(grown))] = 1.0 if np.nanmax(grown) > 0 else 0.0
        return out


def test_an_allocator_of_ones_own_runs_a_whole_backtest() -> None:
    market = synthetic_market(300)
    ensemble = Ensemble.static([BollingerMeanReversion()], [1.0])
    found = BacktestRunner(market, PortfolioSpec(allocator=Largest(), rebalance="weekly"), TEN_BP).run(ensemble, 30)
    close, tradable = market.panel.close, market.panel.member & np.isfinite(market.panel.close)
    decided = np.flatnonzero(found.decide)
    assert decided.size > 40
    for t in decided:
        best = int(np.nanargmax(np.where(tradable[t], close[t] / close[t - 5], -np.inf)))
        assert np.nan_to_num(found.target[t])[best] == np.nansum(found.target[t]) == 1.0
    assert found.simulation.trades is not None
    assert found.simulation.trades.size > 40
    assert found.metrics["turnover"] > 5.0
    again = BacktestRunner(market, PortfolioSpec(allocator=Largest(), rebalance="weekly"), TEN_BP)
    same(found, again.replay(again.signals(ensemble), ensemble, 30, record=True))


def test_compiled_and_asked_bar_by_bar_an_allocator_is_the_same() -> None:
    class Asked(Allocator):
        """`proportional`, without its compiled rule."""

        def weights(self, view: View) -> Float:
            return Proportional().weights(view)

    market, ensemble = synthetic_market(300), Ensemble.static([BollingerMeanReversion()], [1.0])
    limits = {"max_position": 0.3, "max_sector": 0.5}
    specs = [
        PortfolioSpec.model_validate({"allocator": each, "constraints": limits, "top_n": 6, "on_conflict": "best"})
        for each in (Proportional(), Asked())
    ]
    compiled, asked = (BacktestRunner(market, spec, TEN_BP).run(ensemble, 30) for spec in specs)
    same(compiled, asked)


def test_costs_that_equity_cannot_pay_are_refused() -> None:
    dear = ExecutionSpec(commission_bps=3000, slippage_bps=3000)
    shorts = {"allocator": {"kind": "proportional", "long_short": True}, "constraints": {"max_gross": 2}}
    runner(written(CLOSE), dear)
    with pytest.raises(ConfigError, match="costs of 60% of what is traded cannot be paid from equity where max_gross"):
        runner(written(CLOSE), dear, 1000.0, **shorts)


def test_shorts_are_held_and_cash_is_never_overdrawn() -> None:
    market, strategy = synthetic_market(400), MomentumRank(lookback=60)
    book = {
        "allocator": {"kind": "proportional", "long_short": True},
        "constraints": {"max_gross": 1.6, "min_net": 1.0, "max_net": 1.0},
    }
    # Who is short of an asset that ends must buy it back, whatever cash there is.
    terms = TEN_BP.model_copy(update={"delist_after": "never"})
    found = BacktestRunner(market, PortfolioSpec.model_validate(book), terms).run(Ensemble.static([strategy], [1]), 80)
    weights, cash = found.simulation.weights, found.simulation.cash
    assert weights is not None
    assert weights.min() < -0.01
    assert (cash[80:] >= 0.0).all()
    filled = np.flatnonzero(found.simulation.turnover > 0)
    assert found.metrics["exposure"] == pytest.approx(1.6, abs=0.1)
    net = weights[filled].sum(axis=1)  # less where the order of an asset without a bar lapsed
    assert np.median(net) == pytest.approx(1.0, abs=1e-9)
    assert net.max() <= 1.0 + 1e-9


def test_recording_changes_no_number() -> None:
    market, ensemble = switching()
    path = regimes(market, ("calm", "turbulent"), [0, 1] * 10)
    stack = runner(market).signals(ensemble)
    kept, lean = (runner(market).replay(stack, ensemble, 1, path, record=record) for record in (True, False))
    assert lean.simulation.weights is None
    assert lean.simulation.trades is None
    assert kept.simulation.equity.tobytes() == lean.simulation.equity.tobytes()
    assert np.array_equal(list(kept.metrics.values()), list(lean.metrics.values()), equal_nan=True)


def test_twice_the_capital_is_twice_the_money_to_the_bit() -> None:
    market = synthetic_market(500)
    ensemble = Ensemble.static([BollingerMeanReversion(), MomentumRank(lookback=60)], [1, 1])
    one, two = (BacktestRunner(market, DAILY, TEN_BP, capital).run(ensemble, 100) for capital in (1e6, 2e6))
    for name in ("equity", "cash", "cost", "shares"):
        assert (2.0 * getattr(one.simulation, name)).tobytes() == getattr(two.simulation, name).tobytes(), name
    for name in ("turnover", "decision_return", "weights"):
        assert getattr(one.simulation, name).tobytes() == getattr(two.simulation, name).tobytes(), name
    for name in ("sharpe", "cagr", "max_drawdown", "turnover", "profit_factor", "cost_fraction"):
        assert one.metrics[name] == two.metrics[name], name
    assert two.metrics["costs"] == 2.0 * one.metrics["costs"]


def test_an_outcome_is_named_by_what_was_asked_for() -> None:
    found = run(written(CLOSE), ALL_A_THEN_HALVES_THEN_CASH)
    one, two = found.outcome({"a": 1, "b": 2}), found.outcome({"b": 2, "a": 1})
    assert one.fingerprint == two.fingerprint != found.outcome({"a": 1, "b": 3}).fingerprint
    assert one.status == "ok"
    assert one.metrics == found.metrics


# How orders are filled: sizing, accounts, delay and borrow.


def test_shares_move_only_where_a_target_changes() -> None:
    """A's target stays at a half while its price grows: on_change lets it run, and B alone is sold."""
    free = ExecutionSpec(commission_bps=0, slippage_bps=0, sizing="on_change")
    script = Scripted(alpha=((0.5, 0.5), (0.5, 0.5), (1.0, 0.0)))
    close = [[10.0, 10.0], [10.0, 10.0], [20.0, 10.0], [20.0, 10.0]]
    found = run(written(close), script, execution=free)
    trades = found.simulation.trades
    assert trades is not None
    assert trades["bar"].tolist() == [1, 1, 3, 3]
    assert trades["shares"].tolist() == [50.0, 50.0, 25.0, -50.0]
    always = run(written(close), script, execution=free.model_copy(update={"sizing": "target_weight"}))
    assert always.simulation.trades is not None
    assert always.simulation.trades["bar"].tolist() == [1, 1, 2, 2, 3, 3]
    # The last bar wants what was ordered last: nothing is left to order.
    assert np.isnan(found.simulation.pending).all()
    assert found.simulation.positions() == [("A", 1.0, None), ("B", 0.0, None)]
    assert always.simulation.positions() == [("A", 1.0, 1.0), ("B", 0.0, 0.0)]


def test_an_account_an_asset_is_long_or_flat() -> None:
    """Each asset's alpha counts for itself: A and B each hold all of their half, whatever the sizes of the alphas."""
    paid = ExecutionSpec(commission_bps=10, slippage_bps=0, accounts="per_asset")
    script = Scripted(alpha=((0.9, 0.01), (-0.2, 0.01), (-0.2, 0.01)))
    close = [[10.0, 10.0], [10.0, 10.0], [12.0, 10.0], [12.0, 15.0]]
    found = run(written(close), script, execution=paid)
    half = 500.0 / 1.001
    expected = [1000.0, 2 * half, half * 1.2 * 0.999 + half, half * 1.2 * 0.999 + half * 1.5]
    assert found.simulation.equity == pytest.approx(expected, rel=1e-14)
    assert found.target.tolist() == [[1.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]
    share = half * 1.5 / expected[-1]  # what is pending is of the whole, as what is held
    assert found.simulation.pending == pytest.approx([0.0, share], rel=1e-14)
    both = run(written(close), script, execution=paid, allocator={"kind": "proportional", "long_short": True})
    assert both.target.tolist() == [[1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0]]
    capped = run(written(close), script, execution=paid, constraints={"max_position": 0.3})
    assert capped.target[0].tolist() == [0.3, 0.3]


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"top_n": 3}, ("top_n",)),
        ({"combination_method": "rank_average"}, ("combination_method",)),
        ({"allocator": "risk_parity"}, ("allocator",)),
        ({"constraints": {"max_sector": 0.5}}, ("constraints", "max_sector")),
        ({"constraints": {"min_positions": 2}}, ("constraints", "min_positions")),
        ({"constraints": {"max_net": 0.5}}, ("constraints", "max_net")),
        (
            {"constraints": {"max_gross": 1.5}, "allocator": {"kind": "proportional", "long_short": True}},
            ("constraints", "max_gross"),
        ),
    ],
)
def test_accounts_apart_refuse_rules_that_compare_assets(rule: dict[str, object], place: tuple[str, ...]) -> None:
    market = written(CLOSE, sectors=("one", "two"))
    with pytest.raises(ConfigError, match="no asset knows of another; leave it out, or use accounts: shared") as found:
        runner(market, ExecutionSpec(accounts="per_asset"), 1000.0, **rule)
    assert found.value.place == ("portfolio", *place)


def test_a_late_fill_is_paid_for_by_the_decision_that_made_it() -> None:
    """The decision of bar 0 is filled at bar 2 and earns what happens until bar 3."""
    late = ExecutionSpec(commission_bps=0, slippage_bps=0, delay=1)
    close = [[10.0], [11.0], [12.0], [18.0], [9.0]]
    found = run(written(close), Scripted(alpha=((1.0,),)), start=2, execution=late).simulation
    assert found.equity == pytest.approx([1000.0, 1000.0, 1000.0, 1500.0, 750.0])
    assert found.decision_return == pytest.approx([0.5, -0.5, np.nan, np.nan, np.nan], nan_ok=True)
    with pytest.raises(DataError, match="must be 2 … 3, but is 1"):
        run(written(close), Scripted(alpha=((1.0,),)), start=1, execution=late)


def test_what_a_delay_keeps_from_being_filled_is_in_flight() -> None:
    """Decided at bars 3 and 4, filled 1 and 2 bars after bar 5; what bar 5 decides is pending."""
    late = ExecutionSpec(commission_bps=0, slippage_bps=0, delay=2)
    halves = Scripted(alpha=((1.0, 0.0), (1.0, 0.0), (1.0, 0.0), (0.5, 0.5), (0.0, 1.0), (1.0, 0.0)))
    close = [[10.0, 10.0]] * 4 + [[10.0, np.nan], [10.0, 10.0]]
    made = runner(written(close), late)
    recorded = made.run(Ensemble.static([halves], [1.0]), 3)
    found = recorded.simulation
    days = found.timestamps
    assert found.in_flight() == [("A", days[3], 0.5, 1), ("B", days[3], 0.5, 1), ("A", days[4], 0.0, 2)]
    assert [target for _, _, target in found.positions()] == [1.0, 0.0]
    assert recorded.orders()["in_flight"] == [
        {"symbol": order.symbol, "decided_at": f"{str(order.decided_at)[:10]}T00:00:00", **rest}
        for order in found.in_flight()
        for rest in ({"target": order.target, "fills_in": order.fills_in},)
    ]
    assert runner(written(close)).run(Ensemble.static([halves], [1.0]), 1).simulation.in_flight() == []


def test_regimes_see_late_fills_in_the_bar_that_decided() -> None:
    market = written([[10.0], [11.0], [12.0], [18.0], [9.0]])
    late = runner(market, ExecutionSpec(commission_bps=0, slippage_bps=0, delay=1))
    path = regimes(market, ("up", "down"), [0, 1, 1, 1, 1])
    found = late.run(Ensemble.static([Scripted(alpha=((1.0,),))], [1.0]), 2, path)
    assert found.regime_metrics["up"]["total_return"] == pytest.approx(0.5)
    assert found.regime_metrics["down"]["total_return"] == pytest.approx(-0.5)


# One pass over the signals.


def spread(market: Market, **portfolio: object) -> tuple[BacktestRunner, SignalStack, list[Ensemble]]:
    """Three strategies in seven weightings, one of them of a single strategy."""
    parts = (BollingerMeanReversion(width=0.5), MacdRsiConfluence(), MomentumRank(lookback=60))
    shares = [*np.random.default_rng(0).dirichlet(np.ones(3), 6).tolist(), [0.0, 1.0, 0.0]]
    execution = ExecutionSpec.model_validate(portfolio.pop("execution", {}))
    found = runner(market, execution, 1000.0, **portfolio)
    ensembles = [Ensemble.static(parts, each) for each in shares]
    return found, found.signals(ensembles[0]), ensembles


RULES = [
    {},
    {"rebalance": "weekly"},
    {"constraints": {"max_position": 0.15}},
    {"constraints": {"max_gross": 0.8}, "combination_method": "confidence_weighted"},
    {"allocator": "equal_weight"},
    {"allocator": {"kind": "proportional", "long_short": True}},
    {"allocator": {"kind": "proportional", "long_short": True}, "constraints": {"max_position": 0.1, "max_net": 0.2}},
    {"allocator": {"kind": "risk_parity", "lookback": 20}, "on_conflict": "best"},
    {"combination_method": "rank_average", "on_conflict": "flat"},
    {"combination_method": "best_strategy", "constraints": {"max_sector": 0.4}},
    {"top_n": 4, "constraints": {"max_position": 0.2, "max_gross": 0.7}},
    {"execution": {"accounts": "per_asset"}},
    {"execution": {"accounts": "per_asset", "sizing": "on_change", "delay": 2}, "constraints": {"max_gross": 0.6}},
    {"execution": {"accounts": "per_asset"}, "allocator": {"kind": "proportional", "long_short": True}},
    {"execution": {"sizing": "on_change", "delay": 1}},
]


@pytest.mark.parametrize("rules", RULES)
def test_the_number_of_runs_in_a_pass_changes_no_bit(rules: dict[str, object]) -> None:
    market = synthetic_market(300)
    found, stack, ensembles = spread(market, **rules)
    together = found.replay_all(stack, ensembles, 100, record=True)
    for ensemble, ours in zip(ensembles, together, strict=True):
        same(ours, found.replay(stack, ensemble, 100, record=True))
    lean = found.replay_all(stack, ensembles[2:], 100)
    for ours, theirs in zip(together[2:], lean, strict=True):
        assert ours.simulation.equity.tobytes() == theirs.simulation.equity.tobytes()
        assert ours.simulation.pending.tobytes() == theirs.simulation.pending.tobytes()
        assert theirs.target.size == 0


@pytest.mark.parametrize("rules", RULES)
def test_what_is_traded_is_what_one_bar_decides(rules: dict[str, object]) -> None:
    """The pass over all bars has the bits of the manager's targets, which are those of `weights_row` at each bar."""
    market = synthetic_market(300)
    found, stack, ensembles = spread(market, **rules)
    for ensemble, ours in zip(ensembles, found.replay_all(stack, ensembles, 100, record=True), strict=True):
        expected = found.manager.targets(stack, ensemble, ours.row, ours.decide)
        assert ours.target.tobytes() == expected.tobytes()


def test_the_bars_after_change_nothing_before() -> None:
    """Whatever the bars that are decided in one go: a shorter history has the bits of the longer one."""
    market = synthetic_market(300)
    found, stack, ensembles = spread(market)
    full = found.replay(stack, ensembles[0], 100).simulation.equity
    for cut in (131, 132, 133, 163, 164, 165, 299):
        short = market.until(cut)
        part = runner(short, ExecutionSpec()).replay(
            SignalStack(stack.alpha[:cut], stack.confidence[:cut]), ensembles[0], 100
        )
        assert part.simulation.equity.tobytes() == full[:cut].tobytes(), cut


def test_targets_of_ones_own_are_traded_as_a_runs_are() -> None:
    market = synthetic_market(300)
    runner = BacktestRunner(market, PortfolioSpec(rebalance="weekly"), TEN_BP)
    strategy = MomentumRank(lookback=40)
    run = runner.run(Ensemble.static([strategy], [1.0]), 60)
    for record in (False, True):
        found = runner.simulate(run.target, 60, record=record)
        assert found.equity == pytest.approx(run.simulation.equity, rel=1e-13)
        assert found.shares == pytest.approx(run.simulation.shares, rel=1e-13)
        np.testing.assert_array_equal(found.pending, run.target[-1])
    assert found.trades is not None
    assert run.simulation.trades is not None
    assert found.trades["bar"].tolist() == run.simulation.trades["bar"].tolist()
    first, later = (int(bar) for bar in np.flatnonzero(run.simulation.turnover)[[0, -1]])
    only = runner.simulate(run.target, first, decide=np.arange(300) == later - 1)
    assert set(np.flatnonzero(only.turnover)) == {first, later}  # what is decided before the first bar always counts


def test_a_record_changes_no_bit_of_what_is_recorded() -> None:
    market = synthetic_market(300)
    for fill in ("next_open", "next_close"):
        runner = BacktestRunner(market, PortfolioSpec(rebalance="monthly"), TEN_BP.model_copy(update={"fill": fill}))
        ensemble = Ensemble.static([MomentumRank(lookback=40)], [1.0])
        stack = runner.signals(ensemble)
        without, recorded = (runner.replay(stack, ensemble, 60, record=each) for each in (False, True))
        np.testing.assert_array_equal(without.simulation.equity, recorded.simulation.equity)
        np.testing.assert_array_equal(without.simulation.shares, recorded.simulation.shares)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (np.zeros((10, 2)), r"target must be float64 of shape \(300, \d+\).*but is float64 of shape \(10, 2\)"),
        (np.zeros((300, 12), np.float32), r"but is float32"),
        (np.full((300, 12), np.inf), r"the targets of bar 0, .* have a gross of inf, which cannot be traded"),
        (np.full((300, 12), 100.0), r"have a gross of 1200, which cannot be traded at costs of 0\.10%"),
    ],
)
def test_targets_that_cannot_be_traded_are_refused(target: Float, message: str) -> None:
    with pytest.raises(DataError, match=message):
        BacktestRunner(synthetic_market(300), DAILY, TEN_BP).simulate(target)
