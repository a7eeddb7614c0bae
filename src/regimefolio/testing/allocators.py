"""The promises of every allocator, as tests that a user's own allocator inherits.

    class TestSquared(AllocatorContract):
        allocator = Squared()

pytest then runs each of them on alphas that are made to be unpleasant.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from regimefolio.core.types import Allocation, Bool, Float, Float32, Int
from regimefolio.market.view import Market, View
from regimefolio.portfolio import Allocator, CompiledAllocator, Ensemble, PortfolioManager, PortfolioSpec, SignalStack
from regimefolio.strategies import MomentumRank
from regimefolio.testing.strategies import synthetic_market

BARS = 400
ROUNDING = 1e-12


class AllocatorContract:
    """Checks what is promised of any allocator, compiled or not; inherit it in a test file and set `allocator`.

    The bars have every kind of alpha: of both signs, all negative, all zero, one alone, tiny ones, equal ones;
    assets that have no bar or are no members; a market of one bar, and one whose prices never move.
    `stride` leaves bars out, for an allocator that takes milliseconds; `buys` is False for one that never buys; one
    that looks at files overrides `market`.
    """

    allocator: ClassVar[Allocator]
    stride: ClassVar[int] = 1
    buys: ClassVar[bool] = True

    def market(self) -> Market:
        """A fresh market of BARS bars: that of `synthetic_market`, perhaps with what files tell."""
        return synthetic_market(BARS)

    def test_weights_are_finite_fractions_of_equity(self) -> None:
        for name, view in self._views():
            weights = self.allocator.weights(view)
            assert weights.shape == view.alpha.shape, name
            assert weights.dtype == np.float64, name
            assert np.isfinite(weights).all(), f"{name}: weights are not finite"

    def test_weights_sum_to_one_at_most(self) -> None:
        for name, view in self._views():
            gross = np.abs(self.allocator.weights(view)).sum()
            assert gross <= 1.0 + ROUNDING, f"{name}: |weights| sum to {gross}"

    def test_what_cannot_be_traded_has_no_weight(self) -> None:
        for name, view in self._views():
            weights = self.allocator.weights(view)
            assert not weights[~view.tradable].any(), f"{name}: an asset without a bar or membership has a weight"

    def test_long_only_has_no_shorts(self) -> None:
        if self.allocator.long_only:
            for name, view in self._views():
                assert (self.allocator.weights(view) >= 0.0).all(), f"{name}: a weight is negative"

    def test_something_is_bought_somewhere(self) -> None:
        bought = any(self.allocator.weights(view).any() for _, view in self._views())
        assert bought == self.buys, "something is bought, where nothing was promised" if bought else "all weights are 0"

    def test_equal_views_give_equal_weights(self) -> None:
        for (name, view), (_, again) in zip(self._views(), self._views(), strict=True):
            weights = self.allocator.weights(view)
            assert weights.tobytes() == self.allocator.weights(view).tobytes(), f"{name}: asked again"
            assert weights.tobytes() == self.allocator.weights(again).tobytes(), f"{name}: an equal view"

    def test_the_view_is_left_as_it_is(self) -> None:
        for name, view in self._views():
            before = view.alpha.tobytes(), view.tradable.tobytes(), view.market.panel.close.tobytes()
            self.allocator.weights(view)
            after = view.alpha.tobytes(), view.tradable.tobytes(), view.market.panel.close.tobytes()
            assert after == before, name

    def test_the_order_of_symbols_changes_nothing(self) -> None:
        order = np.random.default_rng(3).permutation(self.market().panel.n_assets)
        for name, view in self._views():
            shuffled = View(
                _reordered(view.market, order),
                np.ascontiguousarray(view.alpha[order]),
                np.ascontiguousarray(view.tradable[order]),
                alphas=np.ascontiguousarray(view.alphas[:, order]),
            )
            gap = np.abs(self.allocator.weights(view)[order] - self.allocator.weights(shuffled))
            assert gap.max() <= ROUNDING, f"{name}: weights depend on the order of symbols"

    def test_the_order_of_the_questions_changes_nothing(self) -> None:
        forward = [self.allocator.weights(view).tobytes() for _, view in self._views()]
        backward = [self.allocator.weights(view).tobytes() for _, view in reversed(list(self._views()))]
        assert forward == backward[::-1], "weights depend on what was asked before"

    def test_the_unit_of_prices_changes_nothing(self) -> None:
        for name, view in self._views():
            other = view._replace(market=_repriced(view.market, lambda price: 2.0 * price))
            assert self.allocator.weights(view).tobytes() == self.allocator.weights(other).tobytes(), name

    def test_one_bar_and_the_whole_history_agree_to_the_bit(self) -> None:
        market, alpha = self.market(), _alphas()
        targets, given = self._history(market)
        tradable: Bool = market.panel.member & np.isfinite(market.panel.close)
        for bar in range(0, BARS, 7 * self.stride):
            expected = np.where(tradable[bar], targets[bar], 0.0)  # no order where a member has no bar
            past, alphas = given[: bar // self.stride], alpha[: bar + 1]
            view = View(market.until(bar + 1), alpha[bar], tradable[bar], past=past, alphas=alphas)
            assert self.allocator.weights(view).tobytes() == expected.tobytes(), f"bar {bar}"

    def test_the_past_does_not_know_the_future(self) -> None:
        market = self.market()
        whole = self._history(market)[0]
        for bars in (BARS // 3, BARS - 1):
            assert self._history(market.until(bars))[0].tobytes() == whole[:bars].tobytes(), f"the first {bars} bars"

    def test_the_description_gives_the_allocator_back(self) -> None:
        described = json.loads(json.dumps(self.allocator.spec(), allow_nan=False))
        again = type(self.allocator).of(described)
        assert again == self.allocator
        assert again.fingerprint == self.allocator.fingerprint

    def _history(self, market: Market) -> tuple[Float, tuple[Allocation, ...]]:
        """Target weights (T, N), decided at every bar, as a backtest has them; what is not compiled gave them."""
        bars, alpha = market.panel.n_bars, _alphas()[: market.panel.n_bars]
        manager = PortfolioManager(PortfolioSpec(allocator=self.allocator, rebalance="daily"), market)
        ensemble = Ensemble.static([MomentumRank()], [1.0])
        stack = SignalStack.joined([alpha], [np.abs(alpha)])
        asked = stack, ensemble, ensemble.rows(None, bars), np.arange(bars) % self.stride == 0
        if isinstance(self.allocator, CompiledAllocator):
            return manager.targets(*asked), ()
        given, targets = manager.allocations(*asked), np.full((bars, alpha.shape[1]), np.nan)
        targets[asked[-1]] = [each.weights for each in given]
        return manager.ordered(targets), given

    def _views(self) -> Iterator[tuple[str, View]]:
        market, alpha = self.market(), _alphas()
        tradable: Bool = market.panel.member & np.isfinite(market.panel.close)
        for bar in range(0, BARS, 7 * self.stride):
            yield f"bar {bar}", View(market.until(bar + 1), alpha[bar], tradable[bar], alphas=alpha[: bar + 1])
        for number in (0, 1):
            few = np.arange(alpha.shape[1]) < number
            yield f"{number} assets", View(market.until(BARS), alpha[-1], few, alphas=alpha)
        yield (
            "prices that never move",
            View(
                _repriced(market, np.ones_like),
                alpha[0],
                np.ones(alpha.shape[1], np.bool_),
                alphas=np.roll(alpha, -1, axis=0),
            ),
        )


_PRICES = ("open", "high", "low", "close")


def _repriced(market: Market, price: Callable[[Float], Float]) -> Market:
    """The same market with other prices."""
    panel = market.panel
    cells: dict[str, Any] = {name: None if (old := getattr(panel, name)) is None else price(old) for name in _PRICES}
    index, benchmark = (None if old is None else price(old) for old in (market.index, market.benchmark))
    return Market(replace(panel, **cells), index, benchmark, market.files)


def _alphas() -> Float32:
    """Alphas of shape (BARS, 12), one kind a bar in turn; read-only."""
    rng = np.random.default_rng(11)
    alpha = rng.uniform(-1.0, 1.0, (BARS, 12))
    kind = np.arange(BARS) // 7 % 6
    alpha[kind == 1] = -np.abs(alpha[kind == 1])
    alpha[kind == 2] = 0.0
    alpha[kind == 3] = np.where(np.arange(12) == 6, 0.25, 0.0)
    alpha[kind == 4] = 1e-42  # below float32's smallest normal number
    alpha[kind == 5] = np.sign(alpha[kind == 5])
    out = alpha.astype(np.float32)
    out.flags.writeable = False
    return out


def _reordered(market: Market, order: Int) -> Market:
    panel = market.panel
    names = ("open", "high", "low", "close", "volume", "member")
    cells: dict[str, Any] = {name: np.ascontiguousarray(getattr(panel, name)[:, order]) for name in names}
    symbols = tuple(panel.symbols[n] for n in order)
    sectors = None if panel.sectors is None else tuple(panel.sectors[n] for n in order)
    files = {source: known[:, order] if known.ndim == 2 else known for source, known in market.files.items()}
    return Market(replace(panel, symbols=symbols, sectors=sectors, **cells), market.index, market.benchmark, files)
