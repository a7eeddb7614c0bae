"""What every strategy shares: being found by name, adapting, and lent buffers."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.core.component import registered
from regimefolio.core.errors import ConfigError, DataError
from regimefolio.core.types import Action, SignalBuffer, Signals
from regimefolio.market.view import Market, View
from regimefolio.strategies import BollingerMeanReversion, MacdRsiConfluence, MomentumRank, Strategy
from regimefolio.testing import market_of, synthetic_market


def test_the_room_registers_its_strategies() -> None:
    for part in (BollingerMeanReversion, MacdRsiConfluence, MomentumRank):
        assert registered("strategy")[part.kind] is part
        assert Strategy.of(part.kind) == part()


def test_a_misspelled_strategy_gets_a_hint() -> None:
    with pytest.raises(ConfigError, match="did you mean 'momentum_rank'"):
        Strategy.of("momentum_ranks")


def test_adapting_gives_another_strategy_and_leaves_this_one() -> None:
    calm = BollingerMeanReversion(lookback=30)
    turbulent = calm.adapt_to_regime("turbulent", {"width": 3.0})
    assert turbulent == BollingerMeanReversion(lookback=30, width=3.0)
    assert calm == BollingerMeanReversion(lookback=30)
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        calm.adapt_to_regime("turbulent", {"lookback": 1})
    with pytest.raises(ValidationError, match="did you mean 'width'"):
        calm.adapt_to_regime("turbulent", {"widht": 3.0})


class Told(Strategy, kind="told"):
    """Says at the last bar what it is told; nothing where the confidence is 0."""

    alpha: tuple[float, ...] = (0.5, 0.1, 0.0, -0.1, -0.5, 0.9)
    confidence: tuple[float, ...] = (1.0, 0.5, 0.0, 0.5, 1.0, 0.0)

    @property
    def warmup(self) -> int:
        return 0

    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        panels = self.buffer(market, out)
        panels.alpha[:], panels.confidence[:] = 0.25, 0.25
        panels.alpha[-1], panels.confidence[-1] = self.alpha, self.confidence
        return self.emit(market, panels, horizon=4)


SIX = market_of([[1.0] * 6, [2.0] * 6])


def test_the_last_bars_opinions_as_records() -> None:
    records = Told().generate_alpha_signal(SIX)
    assert [record.symbol for record in records] == ["A0", "A1", "A2", "A3", "A4", "A5"]
    assert {record.timestamp for record in records} == {SIX.timestamps[1]}
    assert [record.confidence for record in records] == [1.0, 0.5, 0.0, 0.5, 1.0, 0.0]
    first = records[0]
    assert (first.alpha_score, first.horizon_days, first.volatility_adjusted) == (0.5, 4, False)
    assert first.metadata == Told().plain()


def test_a_view_is_a_market_that_ends_at_its_bar() -> None:
    market, strategy = synthetic_market(90), BollingerMeanReversion(width=0.5)
    cut = market.until(70)
    view = View(cut, np.zeros(12, np.float32), np.ones(12, np.bool_))
    assert strategy.generate_alpha_signal(view) == strategy.generate_alpha_signal(cut)
    assert strategy.generate_signals(view) == strategy.generate_signals(cut)
    assert strategy.generate_alpha_signal(view) == list(strategy.signals(market).records(69)), "as it was said then"


@pytest.mark.parametrize(
    ("thresholds", "expected"),
    [
        ((), ["BUY", "BUY", "HOLD", "SELL", "SELL", "HOLD"]),
        ((0.1, -0.1), ["BUY", "HOLD", "HOLD", "HOLD", "SELL", "HOLD"]),
        ((0.5, -0.5), ["HOLD"] * 6),
        ((1.0, 0.0), ["HOLD", "HOLD", "HOLD", "SELL", "SELL", "HOLD"]),
    ],
)
def test_plain_words_by_thresholds(thresholds: tuple[float, ...], expected: list[str]) -> None:
    found = Told().generate_signals(SIX, *thresholds)
    assert list(found.values()) == expected
    assert set(found) == set(SIX.symbols)
    assert {Action.BUY: 1}["BUY"] == 1, "an action is its word"  # type: ignore[index]


@pytest.mark.parametrize(("buy", "sell"), [(-0.1, -0.2), (0.1, 0.2), (1.5, 0.0), (float("nan"), 0.0)])
def test_thresholds_on_the_wrong_side_are_refused(buy: float, sell: float) -> None:
    with pytest.raises(ConfigError, match="-1 <= sell <= 0 <= buy <= 1 must hold, but got"):
        Told().generate_signals(SIX, buy, sell)


@pytest.mark.parametrize(
    "panel",
    [
        np.empty((60, 11), np.float32),
        np.empty((59, 12), np.float32),
        np.empty((60, 12), np.float64),
        np.empty((12, 60), np.float32).T,
    ],
)
def test_a_lent_buffer_of_another_kind_is_refused(panel: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> None:
    fitting = np.empty((60, 12), np.float32)
    with pytest.raises(DataError, match=r"out.confidence must be a C-ordered float32 panel of shape \(60, 12\)"):
        BollingerMeanReversion().signals(synthetic_market(60), out=SignalBuffer(fitting, panel))
