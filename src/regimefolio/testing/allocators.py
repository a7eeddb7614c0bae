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

from regimefolio.core.types import Allocation, Bool, Float, Float32, Int, Panel, last_seen
from regimefolio.market.view import Market, View
from regimefolio.portfolio import Allocator, CompiledAllocator, Ensemble, PortfolioManager, PortfolioSpec, SignalStack
from regimefolio.strategies import MomentumRank
from regimefolio.testing.strategies import synthetic_market

BARS = 400
ROUNDING = 1e-12
SOLVED = 1e-6
"""By how much weights may differ that a solver found of returns which differ by rounding."""


class AllocatorContract:
    """Checks what is promised of any allocator, compiled or not; inherit it in a test file and set `allocator`.

    The bars have every kind of alpha: of both signs, all negative, all zero, one alone, tiny ones, equal ones;
    assets that have no bar or are no members; a market of one bar, and one whose prices never move; identical assets,
    one that never moves, bars missing here and there, and more assets than returns where `lookback` can be as short.
    `stride` leaves bars out, for an allocator that takes milliseconds; `buys` is False for one that never buys; one
    that looks at files overrides `market`.
    `scale_free` says that returns of half the size have the same weights, as they have where only their proportions
    count: with least variance or the best ratio, but not where return is weighed against risk.
    """

    allocator: ClassVar[Allocator]
    stride: ClassVar[int] = 1
    buys: ClassVar[bool] = True
    scale_free: ClassVar[bool] = False

    def market(self, complete: bool = False) -> Market:
        """A fresh market of BARS bars: that of `synthetic_market`, perhaps with what files tell."""
        return synthetic_market(BARS, complete=complete)

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

    def test_the_size_of_returns_changes_nothing_where_that_is_promised(self) -> None:
        if self.scale_free:
            for name, view in self._views():
                other = view._replace(market=_calmed(view.market))
                gap = np.abs(self.allocator.weights(view) - self.allocator.weights(other))
                assert gap.max() <= SOLVED, f"{name}: weights depend on the size of returns"

    def test_more_assets_than_returns(self) -> None:
        if "lookback" in type(self.allocator).model_fields:
            few = self.allocator.model_copy(update={"lookback": 10})
            market, alpha = self.market(complete=True), _alphas()
            tradable: Bool = np.ones(alpha.shape[1], np.bool_)
            weights = few.weights(View(market, alpha[-1], tradable, alphas=alpha))
            assert np.isfinite(weights).all()
            assert np.abs(weights).sum() <= 1.0 + ROUNDING
            assert weights.any() or not self.buys

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
        everything: Bool = np.ones(alpha.shape[1], np.bool_)
        for name, price in _DEGENERATE.items():
            told = Market(_with_prices(market.panel, price), market.index, market.benchmark, market.files)
            known = everything & np.isfinite(told.panel.close[-1])
            yield name, View(told, alpha[0], known, alphas=np.roll(alpha, -1, axis=0))


_PRICES = ("open", "high", "low", "close")


def _repriced(market: Market, price: Callable[[Float], Float]) -> Market:
    """The same market with other prices."""
    index, benchmark = (None if old is None else price(old) for old in (market.index, market.benchmark))
    return Market(_with_prices(market.panel, price), index, benchmark, market.files)


def _with_prices(panel: Panel, price: Callable[[Float], Float]) -> Panel:
    cells: dict[str, Any] = {name: None if (old := getattr(panel, name)) is None else price(old) for name in _PRICES}
    return replace(panel, **cells)


def _identical(price: Float) -> Float:
    """The first five assets are the same one."""
    out = price.copy()
    out[:, :5] = out[:, :1]
    return out


def _constant(price: Float) -> Float:
    """The first asset never moves, nor does the second after the first half."""
    out, half = price.copy(), len(price) // 2
    out[:, 0] = 7.0
    out[half:, 1] = out[half - 1, 1]
    return out


def _with_gaps(price: Float) -> Float:
    """A fifth of the bars are missing, each asset's own ones; not the last."""
    rows, columns = np.indices(price.shape)
    return np.where(((rows * 7 + columns * 3) % 5 == 0) & (rows < len(price) - 1), np.nan, price)


_DEGENERATE: dict[str, Callable[[Float], Float]] = {
    "prices that never move": np.ones_like,
    "identical assets": _identical,
    "assets that do not move": _constant,
    "missing bars": _with_gaps,
}


def _calmed(market: Market) -> Market:
    """The same market with returns of half the size, from each asset's first close on."""
    close = market.panel.close
    seen = last_seen(close)
    with np.errstate(invalid="ignore"):
        steps = np.nan_to_num(0.5 * (seen[1:] / seen[:-1] - 1.0))
    first = np.array([column[np.isfinite(column)][:1].sum() for column in close.T])
    path = first * np.cumprod(np.vstack([np.ones(close.shape[1]), 1.0 + steps]), axis=0)
    calmed: Float = np.where(np.isfinite(close), path, np.nan)
    return Market(
        replace(market.panel, close=calmed, open=None, high=None, low=None),
        market.index,
        market.benchmark,
        market.files,
    )


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
