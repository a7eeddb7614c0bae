"""Ensembles: which variants there are, and which weights rule when."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from regimefolio.core.errors import ConfigError
from regimefolio.portfolio import Ensemble, RegimeSettings
from regimefolio.strategies import BollingerMeanReversion, MacdRsiConfluence, MomentumRank
from tests.scripted import regimes, written

BOLLINGER, MACD, MOMENTUM = BollingerMeanReversion(), MacdRsiConfluence(), MomentumRank()
TRIO = (BOLLINGER, MACD, MOMENTUM)
NAMES = ("bull", "neutral", "bear")


def settings(**by_regime: Mapping[str, object]) -> dict[str, RegimeSettings]:
    return {regime: RegimeSettings.model_validate(value) for regime, value in by_regime.items()}


def test_weights_are_normalised() -> None:
    ensemble = Ensemble.static(TRIO, [1.0, 2.0, 1.0])
    assert ensemble.strategies == TRIO
    assert ensemble.weights.dtype == np.float32
    assert ensemble.weights.tolist() == [[0.25, 0.5, 0.25]]
    assert ensemble.regimes == ()
    assert not ensemble.weights.flags.writeable


def test_a_regime_that_changes_nothing_has_the_same_row_and_no_variants() -> None:
    ensemble = Ensemble.adaptive(TRIO, [1.0, 2.0, 1.0], NAMES, {})
    assert ensemble.strategies == TRIO
    assert ensemble.weights.tolist() == [[0.25, 0.5, 0.25]] * 4


def test_parameters_of_a_regime_make_a_variant_beside_its_base() -> None:
    ensemble = Ensemble.adaptive(
        TRIO,
        [1, 2, 1],
        NAMES,
        settings(bear={"strategies": {"bollinger_mean_reversion": {"lookback": 10}}}),
    )
    assert ensemble.strategies == (BOLLINGER, BollingerMeanReversion(lookback=10), MACD, MOMENTUM)
    assert ensemble.weights.tolist() == [
        [0.25, 0.0, 0.5, 0.25],
        [0.25, 0.0, 0.5, 0.25],
        [0.25, 0.0, 0.5, 0.25],
        [0.0, 0.25, 0.5, 0.25],
    ]


def test_equal_variants_of_several_regimes_stand_once() -> None:
    ten = {"strategies": {"bollinger_mean_reversion": {"lookback": 10}}}
    same = {"strategies": {"bollinger_mean_reversion": {"lookback": 20}}}  # the default, spelt out
    ensemble = Ensemble.adaptive(TRIO, [1, 1, 2], NAMES, settings(bull=ten, neutral=same, bear=ten))
    assert [s.kind for s in ensemble.strategies] == [
        "bollinger_mean_reversion",
        "bollinger_mean_reversion",
        "macd_rsi_confluence",
        "momentum_rank",
    ]
    assert ensemble.weights.tolist() == [
        [0.25, 0.0, 0.25, 0.5],
        [0.0, 0.25, 0.25, 0.5],
        [0.25, 0.0, 0.25, 0.5],
        [0.0, 0.25, 0.25, 0.5],
    ]


def test_weights_of_a_regime_replace_those_of_the_base_and_what_is_not_named_has_none() -> None:
    ensemble = Ensemble.adaptive(TRIO, [1, 1, 2], ("bull",), settings(bull={"weights": {"momentum_rank": 3}}))
    assert ensemble.weights.tolist() == [[0.25, 0.25, 0.5], [0.0, 0.0, 1.0]]
    assert ensemble.settings(1) == {"momentum_rank": {"parameters": MOMENTUM.plain(), "weight": 1.0}}


def test_a_base_weight_of_zero_may_come_to_life_in_a_regime() -> None:
    ensemble = Ensemble.adaptive(
        TRIO, [0, 0, 1], ("calm", "turbulent"), settings(turbulent={"weights": {"bollinger_mean_reversion": 0.5}})
    )
    assert ensemble.strategies == TRIO
    assert ensemble.weights.tolist() == [[0, 0, 1], [0, 0, 1], [1, 0, 0]]


def test_the_order_of_columns_follows_the_strategies_not_the_settings() -> None:
    one = settings(
        bull={"strategies": {"momentum_rank": {"lookback": 63}, "bollinger_mean_reversion": {"lookback": 10}}}
    )
    ensemble = Ensemble.adaptive(TRIO, [1, 1, 1], ("bull",), one)
    assert [(s.kind, s.plain()["lookback"]) for s in ensemble.strategies if "lookback" in s.plain()] == [
        ("bollinger_mean_reversion", 20),
        ("bollinger_mean_reversion", 10),
        ("momentum_rank", 252),
        ("momentum_rank", 63),
    ]


def test_the_warmup_is_that_of_the_slowest_variant() -> None:
    slow = settings(bear={"strategies": {"momentum_rank": {"lookback": 500, "skip": 5}}})
    assert Ensemble.adaptive(TRIO, [1, 1, 1], NAMES, slow).warmup == 505
    assert Ensemble.static([BOLLINGER], [1.0]).warmup == 19


@pytest.mark.parametrize(
    ("by_regime", "message"),
    [
        ({"bul": {}}, "unknown regime 'bul'; did you mean 'bull'?"),
        ({"sideways": {}}, "unknown regime 'sideways'; known: bear, bull, neutral"),
        (
            {"bull": {"strategies": {"momentum_rnk": {"lookback": 63}}}},
            "regime 'bull': unknown strategy 'momentum_rnk'; did you mean 'momentum_rank'?",
        ),
        (
            {"bear": {"weights": {"momentum": 1.0}}},
            "regime 'bear': unknown strategy 'momentum'; did you mean 'momentum_rank'?",
        ),
        (
            {"bear": {"weights": {"momentum_rank": 0.0}}},
            "regime 'bear': strategy weights must not be negative and must not all be 0, but are "
            "{'bollinger_mean_reversion': 0.0, 'macd_rsi_confluence': 0.0, 'momentum_rank': 0.0}",
        ),
    ],
)
def test_mistakes(by_regime: dict[str, dict[str, object]], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Ensemble.adaptive(TRIO, [1, 1, 1], NAMES, settings(**by_regime))
    assert str(caught.value) == message


@pytest.mark.parametrize("weights", [[1.0, -1.0, 1.0], [0.0, 0.0, 0.0]])
def test_weights_that_cannot_be_normalised(weights: list[float]) -> None:
    with pytest.raises(ConfigError, match="the ensemble: strategy weights must not be negative and must not all be 0"):
        Ensemble.static(TRIO, weights)


def test_two_strategies_of_a_kind() -> None:
    with pytest.raises(ConfigError, match="every strategy of an ensemble must be of another kind"):
        Ensemble.static([BOLLINGER, BollingerMeanReversion(lookback=10)], [1, 1])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"lookback": 1}, "refuses {'lookback': 1}: lookback: Input should be greater than or equal to 2"),
        ({"lokback": 5}, "refuses {'lokback': 5}: unknown key 'lokback'; did you mean 'lookback'?"),
    ],
)
def test_parameters_that_a_strategy_refuses(parameters: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Ensemble.adaptive(
            TRIO, [1, 1, 1], NAMES, settings(bull={"strategies": {"bollinger_mean_reversion": parameters}})
        )
    assert str(caught.value) == f"regime 'bull': bollinger_mean_reversion {message}"


def test_the_row_that_rules() -> None:
    market = written(np.ones((5, 1)))
    path = regimes(market, NAMES, [-1, -1, 2, 0, 1])
    assert Ensemble.adaptive(TRIO, [1, 1, 1], NAMES, {}).rows(path, 5).tolist() == [0, 0, 3, 1, 2]
    assert Ensemble.static(TRIO, [1, 1, 1]).rows(path, 5).tolist() == [0] * 5
    assert Ensemble.static(TRIO, [1, 1, 1]).rows(None, 5).tolist() == [0] * 5


def test_an_ensemble_of_other_regimes() -> None:
    market = written(np.ones((2, 1)))
    ensemble = Ensemble.adaptive(TRIO, [1, 1, 1], NAMES, {})
    with pytest.raises(ConfigError, match="adapts to bull, neutral, bear, but the regimes are calm, turbulent"):
        ensemble.rows(regimes(market, ("calm", "turbulent"), [0, 1]), 2)
    with pytest.raises(ConfigError, match="adapts to bull, neutral, bear, but the regimes are none"):
        ensemble.rows(None, 2)
