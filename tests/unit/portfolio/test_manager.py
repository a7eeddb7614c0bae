"""From signals to target weights: what decides, and what is decided."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.core.errors import ConfigError
from regimefolio.market.view import Market
from regimefolio.portfolio import Ensemble, PortfolioManager, PortfolioSpec, SignalStack
from tests.scripted import Scripted, Second, regimes, written

FLAT = written(np.ones((12, 3)))
"""Monday 2 January to Tuesday 17 January 2023."""


def manager(market: Market = FLAT, **portfolio: object) -> PortfolioManager:
    return PortfolioManager(PortfolioSpec.model_validate(portfolio), market)


def one_bar(
    *alphas: list[float], weights: list[float] | None = None, market: Market = FLAT, **portfolio: object
) -> list[float]:
    """Target weights at one bar, of one strategy or two with these alphas; confidence is |alpha|."""
    kinds = [Scripted(alpha=(tuple(alphas[0]),)), *(Second(alpha=(tuple(alpha),)) for alpha in alphas[1:])]
    made = manager(market, **portfolio)
    ensemble = Ensemble.static(kinds, weights or [1.0] * len(kinds))
    bars = market.panel.n_bars
    stack = SignalStack.of([strategy.signals(market) for strategy in kinds])
    decide = np.arange(bars) == 1
    targets = made.targets(stack, ensemble, ensemble.rows(None, bars), decide)
    assert np.isnan(targets[~decide]).all()
    found: list[float] = targets[1].tolist()
    return found


# When


def test_weekly_decides_on_fridays_and_at_both_ends() -> None:
    decides = manager(rebalance="weekly").decisions(None, 1)
    assert np.flatnonzero(decides).tolist() == [0, 4, 9, 11]


def test_nothing_is_decided_before_the_bar_before_the_start() -> None:
    assert np.flatnonzero(manager(rebalance="weekly").decisions(None, 7)).tolist() == [6, 9, 11]
    assert np.flatnonzero(manager(rebalance="daily").decisions(None, 7)).tolist() == [6, 7, 8, 9, 10, 11]
    assert np.flatnonzero(manager(rebalance={"every": 5}).decisions(None, 4)).tolist() == [3, 5, 10, 11]
    assert np.flatnonzero(manager(rebalance="monthly").decisions(None, 2)).tolist() == [1, 11]


def test_a_change_of_regime_decides_at_its_own_bar() -> None:
    path = regimes(FLAT, ("calm", "turbulent"), [-1, -1, -1, 0, 0, 0, 1, 1, 1, 1, 0, 0])
    assert np.flatnonzero(manager(rebalance="monthly").decisions(path, 1)).tolist() == [0, 3, 6, 10, 11]
    assert np.flatnonzero(manager(rebalance="monthly").decisions(path, 5)).tolist() == [4, 6, 10, 11]


def test_asking_twice_gives_the_same_decisions() -> None:
    made = manager(rebalance="weekly")
    path = regimes(FLAT, ("calm", "turbulent"), [0, 1] * 6)
    before = made.decisions(None, 1).tolist()
    assert made.decisions(path, 1).all()
    assert made.decisions(None, 1).tolist() == before


# What


def test_proportional_weights() -> None:
    assert one_bar([0.5, 0.25, -0.5]) == [2 / 3, 1 / 3, 0.0]
    assert one_bar([-0.5, -0.25, 0.0]) == [0.0, 0.0, 0.0]


def test_equal_weight_ignores_alpha() -> None:
    assert one_bar([-0.5, 0.0, 1.0], allocator="equal_weight") == [1 / 3, 1 / 3, 1 / 3]


def test_two_strategies_weighted() -> None:
    # 0.75 · (0.5, 0, 0) + 0.25 · (0, 1, 0) = (0.375, 0.25, 0)
    found = one_bar([0.5, 0.0, 0.0], [0.0, 1.0, 0.0], weights=[3, 1])
    assert found == pytest.approx([0.6, 0.4, 0.0], rel=1e-15)


def test_two_strategies_weighted_by_confidence() -> None:
    # Σ w·c·alpha / Σ w·c with c = |alpha|: A = 0.5 alone; B = 1 alone; C = (0.25 − 0.0625)/(0.5 + 0.25) = 0.25
    found = one_bar([0.5, 0.0, 0.5], [0.0, 1.0, -0.25], weights=[1, 1], combination_method="confidence_weighted")
    assert found == pytest.approx([0.5 / 1.75, 1.0 / 1.75, 0.25 / 1.75], rel=1e-7)


def test_the_best_are_kept_with_their_ties() -> None:
    assert one_bar([0.5, 0.25, 0.125], top_n=1) == [1.0, 0.0, 0.0]
    assert one_bar([0.5, 0.5, 0.125], top_n=1) == [0.5, 0.5, 0.0]
    assert one_bar([0.5, 0.25, 0.125], top_n=2, allocator="equal_weight") == [0.5, 0.5, 0.0]


def test_limits_hold_together_and_the_rest_is_cash() -> None:
    assert one_bar([0.5, 0.25, 0.25], constraints={"max_position": 0.3}) == [0.3, 0.25, 0.25]
    assert one_bar([0.5, 0.25, 0.25], constraints={"max_gross": 0.5}) == [0.25, 0.125, 0.125]
    sectors = written(np.ones((3, 3)), sectors=("Z", "Y", "Z"))
    found = one_bar([0.5, 0.25, 0.25], market=sectors, constraints={"max_sector": 0.6})
    assert found == pytest.approx([0.4, 0.25, 0.2], rel=1e-15)
    found = one_bar([0.5, 0.25, 0.25], market=sectors, constraints={"max_sector": 0.6, "max_position": 0.3})
    assert found == pytest.approx([0.3, 0.25, 0.25], rel=1e-15)


def test_a_member_without_a_bar_has_no_order_and_a_stranger_gets_nothing() -> None:
    market = written([[1.0, 1.0, 1.0], [1.0, np.nan, 1.0], [1.0, 1.0, 1.0]])
    np.testing.assert_array_equal(one_bar([0.5, 0.25, 0.5], market=market), [0.5, np.nan, 0.5])
    member = np.array([[True, True, True], [False, True, True], [True, True, True]])
    outside = Market(replace(market.panel, close=np.ones((3, 3)), member=member))
    assert one_bar([0.5, 0.25, 0.75], market=outside) == [0.0, 0.25, 0.75]


def test_a_strategy_of_weight_zero_is_as_if_it_were_not_there() -> None:
    for method in ("weighted", "confidence_weighted"):
        alone = one_bar([0.1, 0.7, 0.3], combination_method=method)
        assert one_bar([0.1, 0.7, 0.3], [0.9, -0.9, 0.9], weights=[1, 0], combination_method=method) == alone


def test_the_row_of_the_regime_rules() -> None:
    strategies = [Scripted(alpha=((1.0, 0.0, 0.0),)), Second(alpha=((0.0, 1.0, 0.0),))]
    ensemble = Ensemble(tuple(strategies), np.array([[1, 0], [0, 1], [0.5, 0.5]], np.float32), ("calm", "turbulent"))
    ensemble.weights.flags.writeable = False
    path = regimes(FLAT, ("calm", "turbulent"), [-1] * 4 + [0] * 4 + [1] * 4)
    stack = SignalStack.of([strategy.signals(FLAT) for strategy in strategies])
    targets = manager().targets(stack, ensemble, ensemble.rows(path, 12), np.ones(12, np.bool_))
    assert targets[3].tolist() == [1.0, 0.0, 0.0]
    assert targets[4].tolist() == [0.0, 1.0, 0.0]
    assert targets[8].tolist() == [0.5, 0.5, 0.0]


# Mistakes


def test_a_sector_limit_needs_sectors() -> None:
    with pytest.raises(ConfigError, match="max_sector needs data with sectors, and this data names none"):
        manager(constraints={"max_sector": 0.5})


@pytest.mark.parametrize(
    "portfolio",
    [
        {"constraints": {"max_position": 0}},
        {"constraints": {"max_gross": 1.5}},
        {"constraints": {"max_sector": -1}},
        {"top_n": 0},
        {"combination_method": "average"},
        {"rebalance": "hourly"},
        {"rebalance": {"every": 0}},
        {"allocator": "proportionl"},
        {"leverage": 2},
    ],
)
def test_what_a_portfolio_cannot_be(portfolio: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PortfolioSpec.model_validate(portfolio)


def test_a_portfolio_is_written_as_it_is_read() -> None:
    spec = PortfolioSpec.model_validate(
        {"allocator": "equal_weight", "rebalance": {"every": 5}, "constraints": {"max_position": 0.2}, "top_n": 3}
    )
    assert PortfolioSpec.model_validate(spec.plain()) == spec
