"""Target weights for every bar that decides: combine, rank, allocate, constrain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field

from regimefolio.core.component import Model, Part
from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Bool, Float, Float32, Int, Panel, RegimePath, Signals
from regimefolio.kernels.replay import target_weights
from regimefolio.kernels.weights import CONFIDENCE_WEIGHTED, WEIGHTED, Limits, Settings
from regimefolio.market import Rebalance, decision_bars
from regimefolio.portfolio.adaptive_ensemble import Ensemble
from regimefolio.portfolio.allocators import Allocator, Proportional

_METHODS = {"weighted": WEIGHTED, "confidence_weighted": CONFIDENCE_WEIGHTED}


class Constraints(Model):
    """Limits on absolute weights, as fractions of equity; what they leave over is cash."""

    max_position: float | None = Field(None, gt=0, description="largest weight of one asset")
    max_sector: float | None = Field(None, gt=0, description="largest sum of weights of one sector")
    max_gross: float = Field(1.0, gt=0, le=1, description="largest sum of absolute weights")


class PortfolioSpec(Model):
    """How signals become weights."""

    combination_method: Literal["weighted", "confidence_weighted"] = "weighted"
    top_n: int | None = Field(None, ge=1, description="keep the assets of the n largest combined alphas")
    allocator: Part[Allocator] = Proportional()
    constraints: Constraints = Constraints()
    rebalance: Rebalance = "weekly"


class SignalStack(NamedTuple):
    """The signals of S strategies side by side, bar by bar: two arrays of shape (T, S, N), float32."""

    alpha: Float32
    confidence: Float32

    @classmethod
    def of(cls, signals: Sequence[Signals]) -> SignalStack:
        """Strategies in the order given."""
        return cls.joined([each.alpha for each in signals], [each.confidence for each in signals])

    @classmethod
    def joined(cls, alphas: Sequence[Float32], confidences: Sequence[Float32]) -> SignalStack:
        """From S panels of shape (T, N) each; read-only, as everything that kernels only read."""
        stack = cls(np.stack(alphas, axis=1), np.stack(confidences, axis=1))
        stack.alpha.flags.writeable = stack.confidence.flags.writeable = False
        return stack


class PortfolioManager:
    """Turns stacked signals into target weights on one panel.

    Raises
    ------
    ConfigError
        A sector limit where the data names no sectors.
    """

    def __init__(self, spec: PortfolioSpec, panel: Panel) -> None:
        limits = spec.constraints
        if limits.max_sector is not None and panel.sectors is None:
            raise ConfigError(
                "max_sector needs data with sectors, and this data names none; leave the limit out",
                ("portfolio", "constraints", "max_sector"),
            )
        names = panel.sectors or ("",) * panel.n_assets
        order = sorted(set(names))
        self.spec = spec
        self.tradable: Bool = panel.member & np.isfinite(panel.close)
        self._silent = panel.member & ~self.tradable
        self._scheduled = decision_bars(panel.timestamps, spec.rebalance)
        self._settings = Settings(
            method=_METHODS[spec.combination_method],
            allocator=spec.allocator.code,
            top_n=spec.top_n or 0,
            sector=np.array([order.index(name) for name in names], dtype=np.int64),
            limits=Limits(
                max_position=np.inf if limits.max_position is None else limits.max_position,
                max_sector=np.inf if limits.max_sector is None else limits.max_sector,
                max_gross=limits.max_gross,
            ),
        )

    def decisions(self, regimes: RegimePath | None, start: int) -> Bool:
        """Bars of shape (T,) that decide: the schedule, regime changes, the bar before `start`, and the last one.

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
        Limits bind the orders alone: what stays is not counted.
        """
        out = np.full(self.tradable.shape, np.nan)
        target_weights(stack.alpha, stack.confidence, ensemble.weights, row, decide, self.tradable, self._settings, out)
        out[self._silent] = np.nan
        return out
