"""Backtests whose portfolio selects: what is held, replays to the bit, shorts; and profiles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.api import build_matrix, profile_file, read_document, read_profile, shipped_profiles
from regimefolio.backtest import BacktestRunner, ExecutionSpec, RerankSpec
from regimefolio.core.errors import ConfigError, StaleError, WorkspaceError
from regimefolio.features import parts_giving
from regimefolio.market.view import Market
from regimefolio.portfolio import Ensemble, PortfolioManager, PortfolioSpec, RegimeSettings
from regimefolio.regimes import Trend
from regimefolio.strategies import BollingerMeanReversion, MomentumRank
from regimefolio.testing import synthetic_market
from tests.scripted import Scripted, written

FREE = ExecutionSpec(commission_bps=0, slippage_bps=0)
BEST_THREE = {
    "filter": ["Recommend.All > 0", "history >= 60"],
    "rank_by": "Recommend.MA",
    "top_n": 3,
    "keep_until_rank": 5,
}


def portfolio(**said: object) -> PortfolioSpec:
    return PortfolioSpec.model_validate({"rebalance": "daily", **said})


def targets(market: Market, *alpha: float, **said: object) -> list[list[float]]:
    """What is decided at every bar by one strategy that says the same at all of them."""
    strategy = Scripted(alpha=(alpha,))
    run = BacktestRunner(market, portfolio(**said), FREE).run(Ensemble.static([strategy], [1.0]), 1)
    found: list[list[float]] = run.target.tolist()
    return found


OLDEST = {"rank_by": "history", "top_n": 2}


def test_what_is_not_selected_is_sold() -> None:
    # C is listed a bar before A and B go on without it; the two with most history are kept.
    close = np.ones((4, 3))
    close[0, 0] = np.nan
    close[2:, 1] = np.nan
    market = written(close)
    market = Market(replace(market.panel, member=np.isfinite(close)))
    found = targets(market, 0.5, 0.5, 0.25, selection=OLDEST)
    assert found[1] == pytest.approx([0.0, 2 / 3, 1 / 3])  # A has one bar, the others two
    assert found[2] == pytest.approx([2 / 3, 0.0, 1 / 3])


def test_an_allocator_is_asked_about_the_selected_alone() -> None:
    market = written(np.ones((3, 3)))
    for allocator in ("proportional", "equal_weight"):
        found = targets(market, 1.0, 1.0, 1.0, selection={"filter": ["history >= 3"]}, allocator=allocator)
        assert found[:2] == [[0.0] * 3] * 2
        assert found[2] == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(
    ("allocator", "expected"),
    [
        ("equal_weight", [-1 / 3, -1 / 3, -1 / 3]),
        ("proportional", [0.0, -2 / 3, -1 / 3]),
        ({"kind": "proportional", "long_short": True}, [0.4, -0.4, -0.2]),
    ],
)
def test_sold_short_alphas_and_weights_are_turned_round(allocator: object, expected: list[float]) -> None:
    market = written(np.ones((3, 3)))
    assert targets(market, 0.5, -0.5, -0.25, selection={"side": "short"}, allocator=allocator)[1] == pytest.approx(
        expected
    )


def test_sold_short_limits_hold_as_elsewhere() -> None:
    market = written(np.ones((3, 3)))
    capped = targets(
        market, 0, 0, 0, selection={"side": "short"}, allocator="equal_weight", constraints={"max_position": 0.2}
    )
    assert capped[1] == pytest.approx([-0.2, -0.2, -0.2])
    wide = targets(
        market, 0, 0, 0, selection={"side": "short"}, allocator="equal_weight", constraints={"max_gross": 1.5}
    )
    assert wide[1] == pytest.approx([-0.5, -0.5, -0.5])
    net = targets(market, 0, 0, 0, selection={"side": "short"}, allocator="equal_weight", constraints={"max_net": -0.1})
    assert sum(net[1]) == pytest.approx(-1.0)


def test_top_n_of_a_short_portfolio_keeps_the_worst_alphas() -> None:
    market = written(np.ones((3, 3)))
    found = targets(market, 0.5, -0.5, -0.25, selection={"side": "short"}, top_n=1)
    assert found[1] == pytest.approx([0.0, -1.0, 0.0])


def test_capital_is_allocated_among_the_selected() -> None:
    market = written(np.ones((3, 3)))
    made = PortfolioManager(portfolio(selection={"side": "short"}, allocator="equal_weight"), market)
    assert made.allocate_capital({}, 300.0) == pytest.approx({"A": -100.0, "B": -100.0, "C": -100.0})


def test_accounts_apart_know_of_no_ranks() -> None:
    market = written(np.ones((3, 3)))
    apart = ExecutionSpec(accounts="per_asset")
    with pytest.raises(ConfigError, match=r"portfolio\.selection .*per_asset no asset knows of another") as caught:
        BacktestRunner(market, portfolio(selection=OLDEST), apart)
    assert caught.value.place == ("portfolio", "selection")


@pytest.mark.parametrize("side", ["long", "short"])
def test_replays_have_the_bits_of_full_runs(side: str) -> None:
    market = synthetic_market(400)
    strategies = [BollingerMeanReversion(), MomentumRank(lookback=63)]
    regimes = Trend(average=40, slope=5, high=60, on="equal_weight").detect(market)
    ensemble = Ensemble.adaptive(
        strategies, [1.0, 1.0], regimes.names, {regimes.names[0]: RegimeSettings(weights={"momentum_rank": 1.0})}
    )
    spec = portfolio(rebalance="weekly", selection={**BEST_THREE, "side": side})
    runner = BacktestRunner(market, spec, ExecutionSpec())
    full = runner.run(ensemble, 100, regimes)
    again = runner.replay(runner.signals(ensemble), ensemble, 100, regimes, record=True)
    held = (full.target != 0.0) & np.isfinite(full.target)
    assert held.sum(axis=1).max() == 3
    for name in ("equity", "cash", "pending", "weights"):
        assert getattr(full.simulation, name).tobytes() == getattr(again.simulation, name).tobytes()
    # The selection is that of the market's first bar on, wherever trading starts.
    late = runner.run(ensemble, 200, regimes)
    decided = late.decide & full.decide
    assert decided[199:].sum() > 40
    assert late.target[decided].tobytes() == full.target[decided].tobytes()


def test_a_prefix_of_the_market_decides_as_the_whole() -> None:
    market, ensemble = synthetic_market(400), Ensemble.static([MomentumRank(lookback=63)], [1.0])
    spec = portfolio(rebalance="weekly", selection=BEST_THREE, allocator="inverse_volatility")
    whole = BacktestRunner(market, spec, ExecutionSpec()).run(ensemble, 100)
    for bars in (250, 399):
        cut = BacktestRunner(market.until(bars), spec, ExecutionSpec()).run(ensemble, 100)
        assert cut.target[: bars - 1].tobytes() == whole.target[: bars - 1].tobytes()


# A matrix


def test_a_matrix_gives_the_bits_of_memory_and_a_stale_one_is_refused(tmp_path: Path) -> None:
    market, ensemble = synthetic_market(300), Ensemble.static([MomentumRank(lookback=63)], [1.0])
    parts = parts_giving(["Recommend.All", "history"])
    build_matrix(market.panel, parts, tmp_path)
    computed = BacktestRunner(market, portfolio(selection=BEST_THREE), FREE).run(ensemble, 100)
    looked_up = portfolio(selection={**BEST_THREE, "features": str(tmp_path)})
    found = BacktestRunner(market, looked_up, FREE).run(ensemble, 100)
    assert found.target.tobytes() == computed.target.tobytes()
    # Bars that were cut off are no other prices, and changed ones are.
    BacktestRunner(market.until(200), looked_up, FREE)
    panel = market.panel
    changed = Market(replace(panel, close=np.where(np.arange(300)[:, None] == 250, 1.01, 1.0) * panel.close))
    with pytest.raises(StaleError, match=r"was made from other prices.*`regimefolio features build") as caught:
        BacktestRunner(changed, looked_up, FREE)
    assert caught.value.place == ("portfolio", "selection", "features")
    BacktestRunner(changed, looked_up.in_memory(), FREE)
    votes = portfolio(selection={"filter": ["Vote.rsi > 0"], "features": str(tmp_path)})
    with pytest.raises(StaleError, match=r"and not technical_votes.*--with .technical_votes"):
        BacktestRunner(market, votes, FREE)
    with pytest.raises(WorkspaceError, match="there is no such file"):
        BacktestRunner(market, portfolio(selection={**BEST_THREE, "features": "nowhere"}), FREE)


# Profiles


def test_the_shipped_profiles_are_sound_and_are_what_their_names_say() -> None:
    assert list(shipped_profiles()) == ["ma_long", "ma_short"]
    long, short = read_profile("ma_long"), read_profile("ma_short")
    assert (long.name, long.order, long.side) == ("ma_long", "descending", "long")
    assert (short.name, short.order, short.side) == ("ma_short", "ascending", "short")
    assert read_profile(shipped_profiles()["ma_long"]) == long


def test_a_profile_is_short_for_a_backtest() -> None:
    profile = read_profile("ma_short")
    made = profile.backtest()
    assert made.portfolio.selection == profile.selection
    assert made.portfolio.sells_short
    assert made.portfolio.rebalance == "monthly"
    assert made.portfolio.allocator.kind == "inverse_volatility"
    assert made.execution.borrow_rate == 0.01
    assert RerankSpec.model_validate(profile.plain()) == profile


@pytest.mark.parametrize(
    ("name", "message"),
    [("ma_lon", "unknown profile 'ma_lon'; did you mean 'ma_long'"), ("nothing", "known: ma_long, ma_short")],
)
def test_an_unknown_profile_is_refused(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        profile_file(name)


def test_mistakes_in_a_profile_have_their_place(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text('rerank:\n  data: {source: "sample:us5"}\n  filter: ["history >= 9", "Recommend.Al > 0"]\n')
    with pytest.raises(ConfigError, match=r"p\.yaml:3:\d+: unknown feature 'Recommend\.Al'; did you mean"):
        read_document(file).parse(RerankSpec, "rerank")
    file.write_text('rerank:\n  data: {source: "sample:us5"}\n  top_n: 3\n  constraints: {max_gross: 1.5}\n')
    with pytest.raises(ConfigError, match=r"p\.yaml:4:17: max_gross 1\.5 would overdraw cash without shorts"):
        read_document(file).parse(RerankSpec, "rerank")
    with pytest.raises(ValidationError, match="unknown key 'top'"):
        RerankSpec.model_validate({"data": {"source": "sample:us5"}, "top": 3})
