"""What each overlay does, by hand; and a strategy under overlays as a part among parts."""

from __future__ import annotations

import json
import math
import types
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike
from pydantic import Field, ValidationError

from regimefolio.core.component import registered
from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Float, Float32, SignalBuffer, Signals
from regimefolio.market.view import Market
from regimefolio.strategies import (
    BollingerMeanReversion,
    ConfidenceFloor,
    MomentumRank,
    Normalise,
    Overlaid,
    Overlay,
    Smoothing,
    Strategy,
)
from regimefolio.testing import market_of, synthetic_market

NAN = math.nan


def applied(
    overlay: Overlay, alpha: ArrayLike, confidence: ArrayLike, close: ArrayLike = 1.0, member: ArrayLike = True
) -> tuple[Float32, Float32]:
    """The panels that an overlay makes of opinions written by hand."""
    a, c = np.array(alpha, np.float32), np.array(confidence, np.float32)
    market = market_of(np.broadcast_to(np.array(close, np.float64), a.shape), member)
    out = SignalBuffer(np.full_like(a, NAN), np.full_like(a, NAN))
    overlay.apply(Signals(market.timestamps, market.symbols, "by_hand", a, c, 1), market, out)
    return out


def column(*numbers: float) -> Float:
    return np.array(numbers, np.float64)[:, None]


def test_the_floor_drops_what_lies_below_it() -> None:
    alpha, confidence = applied(ConfidenceFloor(floor=0.1), [[0.5, -0.5, 0.5, 0.0]], [[0.1, 0.0999, 1.0, 0.0]])
    np.testing.assert_array_equal(alpha, np.array([[0.5, 0.0, 0.5, 0.0]], np.float32))
    np.testing.assert_array_equal(confidence, np.array([[0.1, 0.0, 1.0, 0.0]], np.float32))


def test_smoothing_is_the_mean_and_the_net_belief() -> None:
    """Three bars: agreement, one silent, one against it, and a strong voice against many weak ones."""
    alpha, confidence = applied(
        Smoothing(window=3),
        column(0.3, 0.6, 0.9, 0.0, -0.6, 0.9, -0.1, -0.1),
        column(0.5, 0.5, 0.8, 0.0, 0.5, 0.2, 0.5, 0.5),
    )
    np.testing.assert_allclose(alpha[:, 0], [0, 0, 0.6, 0.5, 0.1, 0, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(confidence[:, 0], [0, 0, 0.6, 1.3 / 3, 0.1, 0, 0, 0], rtol=1e-6)
    # The last three: mean alpha 0.1, 0.2/3, 0.7/3, and net belief -0.1, -0.8/3, -0.8/3: no consensus.


def test_smoothing_counts_the_assets_own_bars() -> None:
    close = column(1.0, NAN, 1.0, NAN, NAN, 1.0)
    alpha, confidence = applied(Smoothing(window=2), column(0.2, 0, 0.4, 0, 0, 0.8), column(1, 0, 1, 0, 0, 1), close)
    np.testing.assert_allclose(alpha[:, 0], [0, 0, 0.3, 0, 0, 0.6], rtol=1e-6)
    np.testing.assert_array_equal(confidence[:, 0], [0, 0, 1, 0, 0, 1])


def test_smoothing_of_one_bar_changes_nothing() -> None:
    market = synthetic_market(200)
    strategy = MomentumRank(lookback=8)
    plain, smooth = (
        strategy.signals(market),
        strategy.with_parameters({"overlays": [{"kind": "smoothing", "window": 1}]}),
    )
    found = smooth.signals(market)
    assert found.alpha.tobytes() == plain.alpha.tobytes()
    assert found.confidence.tobytes() == plain.confidence.tobytes()


def test_a_cross_section_is_of_members_with_an_opinion() -> None:
    """0.1, 0.3 and 0.5 are compared; a silent asset and a stranger are not, and the middle has no side."""
    alpha, confidence = applied(
        Normalise(method="min_max"), [[0.1, 0.3, 0.5, 0.9, 0.0]], [[0.2, 0.4, 0.6, 0.8, 0.0]], 1.0, [[1, 1, 1, 0, 1]]
    )
    np.testing.assert_allclose(alpha, [[-1.0, 0.0, 1.0, 0.0, 0.0]], atol=1e-6)
    assert confidence[0, [0, 2]].tolist() == pytest.approx([0.2, 0.6])
    assert confidence[0, [3, 4]].tolist() == [0.0, 0.0]
    alone, _ = applied(Normalise(method="rank"), [[0.4, 0.0]], [[1.0, 0.0]])
    assert not alone.any(), "one opinion has nothing to be compared with"


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("zscore", [-math.sqrt(1.5) / 2.0, math.sqrt(1.5) / 2.0]),
        ("tanh", [math.tanh(-math.sqrt(1.5) / 2.0), math.tanh(math.sqrt(1.5) / 2.0)]),
        ("rank", [-1.0, 1.0]),
        ("min_max", [-1.0, 1.0]),
    ],
)
def test_each_method_on_three_alphas(method: str, expected: list[float]) -> None:
    alpha, _ = applied(Normalise.model_validate({"method": method}), [[0.25, 0.5, 0.75]], [[1.0, 1.0, 1.0]])
    np.testing.assert_allclose(alpha[0, [0, 2]], expected, rtol=1e-6)
    assert alpha[0, 1] == 0.0


@pytest.mark.parametrize("over", ["cross_section", "own_history"])
@pytest.mark.parametrize("method", ["zscore", "min_max", "rank", "tanh"])
def test_the_middle_has_no_side_whatever_float32_leaves_of_it(method: str, over: str) -> None:
    alphas = [0.1, 0.3, 0.7, 0.9, 0.5]  # in float32 their mean is not the last one
    overlay = Normalise.model_validate({"method": method, "over": over, "window": 5})
    rows = column(*alphas) if over == "own_history" else [alphas]
    alpha, confidence = applied(overlay, rows, np.ones_like(rows))
    assert alpha[-1, -1] == confidence[-1, -1] == 0.0
    assert over == "own_history" or alpha[0, :4].all()


def test_own_history_is_of_the_assets_own_bars_and_opinions() -> None:
    """A missing bar does not count; a bar without opinion counts, but has none to compare."""
    alphas = column(0.1, 0, 0.2, 0.3, 0.4, 0.5, 0, 0.25)
    confidences = column(1, 0, 1, 1, 1, 1, 0, 0.5)
    close = column(1, NAN, 1, 1, 1, 1, 1, 1)
    alpha, confidence = applied(Normalise(method="rank", over="own_history", window=5), alphas, confidences, close)
    np.testing.assert_array_equal(
        alpha[:, 0], [0, 0, 0, 0, 0, 1.0, 0, 0]
    )  # then 0.3, 0.4, 0.5, none, 0.25: four are too few
    assert confidence[5, 0] == 1.0
    wide, _ = applied(Normalise(method="rank", over="own_history", window=7), alphas, confidences, close)
    np.testing.assert_allclose(wide[7, 0], -0.2)  # 0.25 is the third of six


def test_an_assets_warmup_is_without_opinion() -> None:
    market = synthetic_market(400)
    strategy = Overlaid(strategy=BollingerMeanReversion(lookback=5, width=0.5), overlays=(Smoothing(window=10),))
    assert strategy.warmup == 4 + 9
    late = int(np.argmax(np.isfinite(market.panel.close[:, 8])))
    confidence = strategy.signals(market).confidence
    bars = np.flatnonzero(np.isfinite(market.panel.close[:, 8]))
    assert late > 20
    assert not confidence[bars[:13], 8].any()
    assert confidence[bars[13:40], 8].any()


class Blanket(Overlay, kind="blanket"):
    """Says the same everywhere."""

    @property
    def warmup(self) -> int:
        return 0

    def apply(self, signals: Signals, market: Market, out: SignalBuffer) -> None:
        for panel in out:
            panel[:] = 0.5


def test_a_missing_bar_stays_without_opinion_whatever_an_overlay_says() -> None:
    market = market_of([[1.0, 1.0], [NAN, 1.0], [1.0, 1.0]])
    strategy = Overlaid(strategy=Settling(), overlays=(Blanket(),))
    assert strategy.warmup == 0
    assert strategy.signals(market).confidence.tolist() == [[0.5, 0.5], [0.0, 0.5], [0.5, 0.5]]


# A strategy under overlays as a part.

DESCRIBED: dict[str, Any] = {
    "kind": "momentum_rank",
    "lookback": 16,
    "overlays": [{"kind": "normalise", "method": "rank"}, "smoothing", {"kind": "confidence_floor", "floor": 0.2}],
}


def test_it_is_described_and_read_back() -> None:
    strategy = Strategy.of(DESCRIBED)
    assert isinstance(strategy, Overlaid)
    assert (strategy.kind, strategy.warmup) == ("momentum_rank", 16 + 21 + 2)
    assert strategy.bare == MomentumRank(lookback=16) == strategy.bare.bare
    assert strategy.plain()["overlays"] == [overlay.spec() for overlay in strategy.overlays]
    again = Strategy.of(json.loads(json.dumps(strategy.spec())))
    assert again == strategy
    assert again.fingerprint == strategy.fingerprint != strategy.bare.fingerprint
    assert Overlaid.of(DESCRIBED) == strategy
    assert "overlaid" not in registered("strategy")


def test_its_signals_tell_of_it() -> None:
    strategy = Strategy.of(DESCRIBED)
    signals = strategy.signals(synthetic_market(80))
    assert (signals.strategy, signals.horizon) == ("momentum_rank", 21)
    assert signals.metadata == strategy.plain()


def test_overlays_are_applied_in_their_order() -> None:
    market = synthetic_market(200)
    floor, smooth = {"kind": "confidence_floor", "floor": 0.9}, {"kind": "smoothing", "window": 5}
    one, other = (
        Strategy.of({"kind": "momentum_rank", "lookback": 16, "overlays": order}).signals(market)
        for order in ([floor, smooth], [smooth, floor])
    )
    assert (one.alpha != other.alpha).any()
    assert other.confidence[other.confidence > 0.0].min() >= np.float32(0.9)


def test_no_overlays_change_nothing_but_are_written_down() -> None:
    market = synthetic_market(100)
    none = Strategy.of({"kind": "momentum_rank", "lookback": 16, "overlays": []})
    assert none.spec() == {**MomentumRank(lookback=16).spec(), "overlays": []}
    assert Strategy.of(none.spec()) == none
    lent = SignalBuffer(*(np.full(market.panel.close.shape, NAN, np.float32) for _ in range(2)))
    assert none.signals(market, lent).alpha.tobytes() == none.bare.signals(market).alpha.tobytes()
    assert np.isfinite(lent.alpha).all()


def test_parameters_change_under_the_overlays() -> None:
    strategy = Strategy.of(DESCRIBED)
    for changed in (strategy.with_parameters({"lookback": 32}), strategy.adapt_to_regime("calm", {"lookback": 32})):
        assert changed == Strategy.of({**DESCRIBED, "lookback": 32})
    none = strategy.with_parameters({"overlays": [], "skip": 3})
    assert none == Overlaid(strategy=MomentumRank(lookback=16, skip=3), overlays=())
    assert strategy.with_parameters(none.plain()) == none, "its parameters tell all of it"
    for bare in (none, none.bare):
        assert bare.with_parameters({"overlays": DESCRIBED["overlays"]}) == Strategy.of({**DESCRIBED, "skip": 3})
    with pytest.raises(ValidationError, match="greater than or equal to 8"):
        strategy.with_parameters({"lookback": 2})


class Settling(Strategy, kind="settling"):
    """Adapts in a way of its own."""

    calm: bool = False

    @property
    def warmup(self) -> int:
        return 0

    def signals(self, market: Market, out: SignalBuffer | None = None) -> Signals:
        panels = self.buffer(market, out)
        for panel in panels:
            panel[:] = 1.0
        return self.emit(market, panels, horizon=1)

    def adapt_to_regime(self, regime: str, parameters: Any) -> Strategy:
        return Settling(calm=regime == "calm")


def test_a_strategy_adapts_in_its_own_way_under_overlays() -> None:
    adapted = Strategy.of({"kind": "settling", "overlays": ["smoothing"]}).adapt_to_regime("calm", {})
    assert adapted == Overlaid(strategy=Settling(calm=True), overlays=(Smoothing(),))


@pytest.mark.parametrize(
    ("overlays", "message"),
    [
        (["smothing"], "unknown overlay 'smothing'; did you mean 'smoothing'"),
        ([{"kind": "smoothing", "window": 0}], "greater than or equal to 1"),
        ([{"kind": "smoothing", "widnow": 3}], "did you mean 'window'"),
        ("smoothing", "valid tuple"),
        ([3], "an overlay is a name or a mapping with `kind`, but this is 3"),
        ([["smoothing"]], "an overlay is a name or a mapping"),
    ],
)
def test_a_wrong_overlay_is_refused(overlays: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Strategy.of({"kind": "momentum_rank", "overlays": overlays})


def test_a_strategy_made_by_its_class_says_where_overlays_go() -> None:
    with pytest.raises(ValidationError, match=r"'overlays' is no field of MomentumRank.*use MomentumRank.read\("):
        MomentumRank.model_validate({"lookback": 20, "overlays": ["smoothing"]})
    assert isinstance(MomentumRank.read({"lookback": 20, "overlays": ["smoothing"]}), Overlaid)


def test_overlays_stand_in_one_list() -> None:
    with pytest.raises(ValidationError, match="put all of them into one list"):
        Overlaid(strategy=Strategy.of(DESCRIBED), overlays=(Smoothing(),))


def test_a_strategy_with_overlays_is_no_other_class() -> None:
    with pytest.raises(ConfigError, match="'momentum_rank' is a Overlaid, not a MomentumRank"):
        MomentumRank.of(DESCRIBED)


@pytest.mark.parametrize("name", ["overlays", "weight"])
def test_the_keys_of_an_entry_are_taken(name: str) -> None:
    fields = {"__annotations__": {name: float}, name: Field(1.0), "__module__": __name__}
    with pytest.raises(TypeError, match=f"Greedy.{name}: a strategy's entry has a key of this name"):
        types.new_class("Greedy", (MomentumRank,), {"kind": "greedy"}, lambda space: space.update(fields))
