"""Target weights for every bar that decides: combine, settle conflicts, rank, allocate, constrain."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator
from threadpoolctl import threadpool_limits

from regimefolio.core.arrays import time_text
from regimefolio.core.component import Model, Part, did_you_mean, placed_error
from regimefolio.core.errors import ConfigError, DataError, must_be, placed, within
from regimefolio.core.files import file_named
from regimefolio.core.types import Allocation, Bool, Float, Float32, Int, RegimePath, Signals, read_only
from regimefolio.kernels import weights as rules
from regimefolio.kernels.constraints import constrain_row
from regimefolio.kernels.replay import target_weights
from regimefolio.kernels.volatility import NO_SCALING, scale_row
from regimefolio.market import Market, Rebalance, decision_bars
from regimefolio.market.page_views import read_page_views
from regimefolio.market.view import NO_ALPHAS, View
from regimefolio.portfolio.adaptive_ensemble import Ensemble
from regimefolio.portfolio.allocators import Allocator, CompiledAllocator, Proportional, Rule
from regimefolio.portfolio.allocators.base import asked
from regimefolio.portfolio.conflicts import Conflicts, count_conflicts
from regimefolio.portfolio.constraints import Constraints
from regimefolio.portfolio.selection import Selection
from regimefolio.portfolio.volatility_target import VolatilityTarget

CombinationMethod = Literal["weighted", "confidence_weighted", "rank_average", "best_strategy"]
OnConflict = Literal["net", "flat", "best"]

_METHODS: Mapping[CombinationMethod, int] = {
    "weighted": rules.WEIGHTED,
    "confidence_weighted": rules.CONFIDENCE_WEIGHTED,
    "rank_average": rules.RANK_AVERAGE,
    "best_strategy": rules.BEST_STRATEGY,
}
_ON_CONFLICT: Mapping[OnConflict, int] = {"net": rules.NET, "flat": rules.FLAT, "best": rules.BEST}


class PortfolioSpec(Model):
    """How signals become weights."""

    selection: Selection | None = Field(None, description="who may be held; all members with a bar, if not said")
    combination_method: CombinationMethod = "weighted"
    on_conflict: OnConflict = Field("net", description="what becomes of an asset on which strategies contradict")
    top_n: int | None = Field(
        None,
        ge=1,
        description="keep the assets of the n largest combined alphas; of the n largest |alpha| where long_short",
    )
    allocator: Part[Allocator] = Proportional()
    constraints: Constraints = Constraints()
    rebalance: Rebalance = "weekly"
    no_trade_band: float = Field(
        0.0, ge=0, lt=1, description="distance of a weight from its target, a fraction of equity, up to which it stays"
    )
    relative_band: float = Field(
        0.0, ge=0, lt=1, description="the same as a fraction of the target; the wider of both counts"
    )
    rebalance_fraction: float = Field(1.0, gt=0, le=1, description="part of the way to the target that an order goes")

    @property
    def uses_alpha(self) -> bool:
        """Whether the strategies' combined alphas have a say."""
        return self.top_n is not None or self.allocator.uses_alpha

    @property
    def sells_short(self) -> bool:
        """Whether what the allocator gives is sold short."""
        return self.selection is not None and self.selection.side == "short"

    def in_memory(self) -> PortfolioSpec:
        """The same, whose features are computed from the prices at hand, wherever else they are kept."""
        selection = None if self.selection is None else self.selection.in_memory()
        return self.model_copy(update={"selection": selection})

    def of_files(self, market: Market, folder: Path) -> tuple[Market, tuple[str, ...]]:
        """The market that also knows the page views whose files are named here, and cautions; paths start at `folder`.

        Raises
        ------
        MissingDataError, DataError
            A file is none of page views, or has those of no symbol.
        """
        told: tuple[str, ...] = ()
        for source in self.allocator.page_view_files:
            with placed("portfolio", "allocator"):
                views = read_page_views(file_named(source, folder), market.panel)
            market, told = market.with_file(source, views.known), told + views.cautions
        return market, told

    @property
    def frictions(self) -> list[str]:
        """The fields that keep an order from going all the way to its target."""
        names = ("no_trade_band", "relative_band", "rebalance_fraction")
        return [name for name in names if getattr(self, name) != type(self).model_fields[name].default]

    @model_validator(mode="after")
    def _limits_fit_the_rest(self) -> Self:
        limits, kind = self.constraints, self.allocator.kind or type(self.allocator).__name__
        if self.top_n is not None and limits.min_positions is not None and self.top_n < limits.min_positions:
            text = (
                f"top_n {self.top_n} keeps fewer assets than min_positions {limits.min_positions}; raise it, or lower"
            )
            raise placed_error(("top_n",), f"{text} min_positions")
        if self.allocator.long_only and not self.sells_short:
            hint = (
                f"and {kind} is long-only; take one that sells short, such as {{kind: proportional, long_short: true}}"
            )
            if limits.max_gross > 1.0:
                text = f"max_gross {limits.max_gross:g} would overdraw cash without shorts, {hint}, or at most 1"
                raise placed_error(("constraints", "max_gross"), text)
            if limits.max_net is not None and limits.max_net <= 0.0:
                text = f"max_net {limits.max_net:g} leaves nothing to hold without shorts, {hint}, or a max_net above 0"
                raise placed_error(("constraints", "max_net"), text)
        return self


def must_be_sound(signals: Signals) -> None:
    """Refuse signals out of range: a single NaN or a large alpha would break every limit on weights without a word.

    Raises
    ------
    DataError
        Names the strategy, the first such symbol and bar, and what to do.
    """
    alpha, confidence = signals.alpha, signals.confidence
    if rules.are_sound(alpha.ravel(), confidence.ravel()):
        return
    t, n = np.argwhere(~((np.abs(alpha) <= 1.0) & (confidence >= 0.0) & (confidence <= 1.0)))[0]
    when = time_text(signals.timestamps[t])
    raise DataError(
        f"{signals.strategy}: alpha must lie in -1 … 1 and confidence in 0 … 1, but {signals.symbols[n]} at {when} has "
        f"alpha {alpha[t, n]} and confidence {confidence[t, n]}; no opinion is alpha 0 and confidence 0. "
        "regimefolio.testing.StrategyContract finds such mistakes"
    )


Known = Callable[[View, Callable[[], Allocation]], Allocation]
"""Gives the allocation of a view: one that is known already, or the one that it is handed to make."""


class SignalStack(NamedTuple):
    """The signals of S strategies side by side, bar by bar: two arrays of shape (T, S, N), float32."""

    alpha: Float32
    confidence: Float32

    @classmethod
    def of(cls, signals: Sequence[Signals]) -> SignalStack:
        """Strategies in the order given.

        Raises
        ------
        DataError
            As `must_be_sound`.
        """
        for each in signals:
            must_be_sound(each)
        return cls.joined([each.alpha for each in signals], [each.confidence for each in signals])

    @classmethod
    def empty(cls, n_bars: int, n_assets: int) -> SignalStack:
        """The signals of no strategies."""
        nothing = read_only(np.empty((n_bars, 0, n_assets), np.float32))
        return cls(nothing, nothing)

    @classmethod
    def joined(cls, alphas: Sequence[Float32], confidences: Sequence[Float32]) -> SignalStack:
        """From S panels of shape (T, N) each; read-only, as everything that kernels only read."""
        stack = cls(np.stack(alphas, axis=1), np.stack(confidences, axis=1))
        stack.alpha.flags.writeable = stack.confidence.flags.writeable = False
        return stack


def must_work_alone(spec: PortfolioSpec) -> None:
    """Refuse what compares assets, where every asset has an account of its own.

    Raises
    ------
    ConfigError
        Names the rule, and what to do about it.
    """
    limits, kind = spec.constraints, spec.allocator.kind or type(spec.allocator).__name__
    compared: dict[tuple[str, ...], object] = {
        ("selection",): None if spec.selection is None else "said",
        ("top_n",): spec.top_n,
        ("combination_method",): "rank_average" if spec.combination_method == "rank_average" else None,
        ("allocator",): None if kind in ("proportional", "equal_weight") else kind,
        **{
            ("constraints", name): getattr(limits, name)
            for name in ("max_sector", "min_positions", "min_net", "max_net")
        },
        ("constraints", "max_gross"): limits.max_gross if limits.max_gross > 1.0 else None,
    }
    for place, value in compared.items():
        if value is not None:
            raise ConfigError(
                f"portfolio.{'.'.join(place)} is {value}, but with execution.accounts: per_asset no asset knows of "
                "another; leave it out, or use accounts: shared",
                ("portfolio", *place),
            )


class PortfolioManager:
    """Turns stacked signals into target weights on one market; `alone`, into those of an account for each asset.

    At the bars that are `flat` (T,) it decides to hold nothing, whatever the signals say.

    Raises
    ------
    ConfigError, MissingDataError
        A sector limit where the data names no sectors, an allocator that it does not fit; `alone`, a rule that compares
        assets.
    InfeasibleError
        Limits that no weights on this data can keep together.
    """

    def __init__(
        self,
        spec: PortfolioSpec,
        market: Market,
        alone: bool = False,
        volatility_target: VolatilityTarget | None = None,
        flat: Bool | None = None,
    ) -> None:
        must_be(PortfolioSpec, spec, "spec", "PortfolioSpec() has the defaults")
        must_be(Market, market, "market", "load_market gives one, or Market(panel)")
        panel = market.panel
        if alone:
            must_work_alone(spec)
        with within("portfolio", "allocator"):
            spec.allocator.must_fit(market)
        names = panel.sectors or ("",) * panel.n_assets
        order = sorted(set(names))
        rule = spec.allocator.rule if isinstance(spec.allocator, CompiledAllocator) else Rule(rules.GIVEN)
        self.spec = spec
        self.market = market
        self.tradable: Bool = panel.member & np.isfinite(panel.close)
        silent = panel.member & ~self.tradable
        self._scheduled = decision_bars(panel.timestamps, spec.rebalance)
        if spec.selection is not None:
            self.tradable &= spec.selection.kept_on(market, self._scheduled)
        if flat is not None and flat.any():
            self._scheduled |= flat
            self.tradable[flat] = silent[flat] = False
        self.silent: Bool = silent if silent.any() else np.zeros((0, 0), dtype=bool)
        self.settings = rules.Settings(
            method=_METHODS[spec.combination_method],
            allocator=rule.code,
            top_n=spec.top_n or 0,
            sector=np.array([order.index(name) for name in names], dtype=np.int64),
            limits=spec.constraints.limits(panel),
            on_conflict=_ON_CONFLICT[spec.on_conflict],
            tilt=rule.tilt,
            risk=rule.risk(market),
            alone=alone,
            scaling=NO_SCALING if volatility_target is None else volatility_target.scaling(market, spec.constraints),
            side=-1 if spec.sells_short else 1,
        )

    def decisions(self, regimes: RegimePath | None, start: int) -> Bool:
        """Bars of shape (T,) that decide: the schedule, what is flat, regime changes, the bar before `start`, the last.

        The last bar's decision is pending: whether the schedule asks for it is not known yet.
        """
        decide = self._scheduled.copy()
        if regimes is not None:
            decide[1:] |= regimes.label[1:] != regimes.label[:-1]
        decide[: start - 1] = False
        decide[start - 1] = True
        decide[-1] = True
        return decide

    def targets(self, stack: SignalStack, ensemble: Ensemble, row: Int, decide: Bool) -> Float:
        """Target weights of shape (T, N), fractions of equity.

        NaN is no order: at bars that do not decide, and for a member without a bar, whose holding stays as it is.
        Limits bind the orders alone: what stays is not counted. An allocator that is not compiled is asked bar by bar,
        with a view that ends there.

        Raises
        ------
        ModelError
            An allocator of one's own gives no usable weights.
        """
        out = np.full(self.tradable.shape, np.nan)
        weights, settings = ensemble.weights, self.settings
        if isinstance(self.spec.allocator, CompiledAllocator):
            target_weights(stack.alpha, stack.confidence, weights, row, decide, self.tradable, settings, out)
        else:
            given = self.allocations(stack, ensemble, row, decide)
            for t, allocation in zip(np.flatnonzero(decide).tolist(), given, strict=True):
                out[t] = self.constrained(t, allocation.weights)
        return self.ordered(out)

    def allocations(
        self,
        stack: SignalStack,
        ensemble: Ensemble,
        row: Int,
        decide: Bool,
        known: Known = lambda view, make: make(),
    ) -> tuple[Allocation, ...]:
        """What the allocator gives at each bar that decides, or what is `known` already, in the order of the bars.

        Raises
        ------
        ModelError
            It gives no usable weights.
        """
        given: tuple[Allocation, ...] = ()
        alphas = self.alphas(stack, ensemble, row) if self.spec.allocator.uses_alpha else NO_ALPHAS
        with threadpool_limits(1):  # many small products of matrices, which threads only slow down
            for t in np.flatnonzero(decide).tolist():
                alpha = alphas[t] if alphas.size else self.alpha(stack, ensemble, row, t)
                view = self.view(t, alpha, given, alphas)
                given += (known(view, partial(self.spec.allocator.allocate, view)),)
        return given

    def ordered(self, target: Float) -> Float:
        """The targets (T, N) themselves, with no order for a member that has no bar."""
        if self.silent.size:
            target[self.silent] = np.nan
        return target

    def alpha(self, stack: SignalStack, ensemble: Ensemble, row: Int, t: int) -> Float32:
        """The combined alpha (N,) of a bar that decides."""
        alpha = np.empty(self.tradable.shape[1], np.float32)
        weights, settings = ensemble.weights[row[t]], self.settings
        rules.combined_row(stack.alpha[t], stack.confidence[t], weights, self.tradable[t], settings, alpha)
        return alpha

    def alphas(self, stack: SignalStack, ensemble: Ensemble, row: Int) -> Float32:
        """The combined alphas (T, N) of all bars, each as `alpha` has it."""
        return np.stack([self.alpha(stack, ensemble, row, t) for t in range(len(self.tradable))])

    def view(self, t: int, alpha: Float32, past: tuple[Allocation, ...] = (), alphas: Float32 = NO_ALPHAS) -> View:
        """What the allocator is shown at a bar of its combined alphas (N,); what ranks too low is not tradable.

        `alphas` (T, N) are those of all bars, where it looks at earlier ones; it is shown none after `t`.
        """
        keep, side, known = self.tradable[t].copy(), self.settings.side, alphas[: t + 1]
        faced = alpha if side > 0 else -alpha
        rules.keep_best_row(faced, self.settings, keep)
        known = known if side > 0 else -known
        return View(self.market.until(t + 1), read_only(faced), read_only(keep), side, past, read_only(known))

    def constrained(self, t: int, given: Float) -> Float:
        """Target weights (N,), fractions of equity, of the shares that an allocator gave at a bar."""
        limits, out = self.settings.limits, np.empty(given.size)
        constrain_row(self.settings.side * limits.max_gross * given, self.settings.sector, limits, out)
        if self.settings.scaling.target > 0.0:
            scale_row(t, self.settings.sector, limits, self.settings.scaling, out)
        return out

    def conflicts(self, stack: SignalStack, ensemble: Ensemble, row: Int, decide: Bool) -> Conflicts:
        """How often strategies with a weight had opinions of opposite sign, at the bars that decide."""
        alpha, confidence = stack.alpha[decide], stack.confidence[decide]
        counts = (ensemble.weights[row[decide]] > 0)[:, :, None] & self.tradable[decide][:, None, :]
        opinion = (confidence > 0) & counts
        kinds = [strategy.kind for strategy in ensemble.strategies]
        return count_conflicts(opinion & (alpha > 0), opinion & (alpha < 0), opinion, kinds, self.market.symbols)

    def allocate_capital(self, alphas: Mapping[str, float], total_capital: float) -> dict[str, float]:
        """Money for every symbol of the market at its last bar, from combined alphas; what is left is cash.

        Ranking, allocator and constraints are those of a backtest. What cannot be traded at that bar gets 0; shorts are
        negative.

        Parameters
        ----------
        alphas : mapping of symbol to float
            In [-1, 1]; a symbol that is not named has 0.
        total_capital : float
            Equity in money, above 0.

        Raises
        ------
        ConfigError
            A symbol that the market does not have, an alpha out of its range, or no capital.
        """
        if not 0.0 < total_capital < math.inf:
            raise ConfigError(f"total_capital must be an amount of money above 0, but is {total_capital}")
        symbols = self.market.symbols
        for symbol, alpha in alphas.items():
            if symbol not in symbols:
                raise ConfigError(f"alphas: unknown symbol {symbol!r}; {did_you_mean(symbol, symbols)}")
            if not -1.0 <= alpha <= 1.0:
                raise ConfigError(f"alphas: that of {symbol} must lie in -1 … 1, but is {alpha}")
        row = np.array([alphas.get(symbol, 0.0) for symbol in symbols], dtype=np.float32)
        t = len(self.tradable) - 1
        money = total_capital * self.constrained(t, asked(self.spec.allocator, self.view(t, row)))
        return dict(zip(symbols, money.tolist(), strict=True))
