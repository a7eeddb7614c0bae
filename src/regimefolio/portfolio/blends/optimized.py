"""The parts that would have been best in the past."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
from pydantic import Field

from regimefolio.core.errors import MissingDataError
from regimefolio.core.types import Allocation, Float, Int
from regimefolio.market.view import View
from regimefolio.portfolio.allocators.base import Allocator, asked
from regimefolio.portfolio.blends.base import Blended, Proposals
from regimefolio.portfolio.blends.performing import Decided, PerformanceBlend
from regimefolio.portfolio.mixture import best_mixture


class OptimizedBlend(PerformanceBlend, kind="optimized"):
    """The mean of the allocators' weights, with the parts that were best for their accounts, net, in the past.

    Each account trades what its allocator decided at the bars of this run, and before these every `step` bars, where it
    is asked with what was known then; so no return is scored by a decision that saw it. Over the last `window` bars the
    parts maximise mean − risk_aversion/2 · variance of the accounts' mixed returns, a bar's: `walk_forward`. With
    `resampled` the periods between decisions are drawn again, as many with replacement, and the parts are the mean of
    those that each of `resamples` such pasts asks for, which are less extreme. They are equal until two bars can be
    scored. What changing the parts costs, and what is saved where allocators trade against each other, is not counted;
    an allocator that fails at a bar at which it is asked keeps what its account holds. What was no member then, or had
    no bar, it cannot hold; what a selection left out then it can.
    Source: Michaud (1998), Efficient Asset Management, chapter 6, for the resampling.
    """

    method: Literal["walk_forward", "resampled"] = Field("walk_forward", description="which past is scored")
    risk_aversion: float = Field(5.0, gt=0, le=1e6, description="how much variance counts")
    window: int = Field(252, ge=2, description="bars that are scored")
    step: int = Field(21, ge=1, description="bars between the decisions that are asked for before the run's own")
    resamples: int = Field(50, ge=1, le=10_000, description="pasts that are drawn")
    seed: int = Field(0, ge=0, description="of what is drawn")

    def warmup_with(self, allocators: int) -> int:
        return allocators + self.window

    def blend(self, proposals: Proposals, view: View) -> Blended:
        order = sorted(range(len(proposals.names)), key=lambda m: proposals.names[m])
        names = tuple(proposals.names[m] for m in order)
        decided = self._decided(names, [proposals.allocators[m] for m in order], view)
        if not decided.bars.size or view.market.panel.n_bars - 1 - decided.bars[0] < 2:
            return Blended.equally(proposals)
        earned = self.earned(decided, view)[-self.window :]
        parts = np.empty(len(names))
        parts[order] = self._best(earned, decided.bars, view)
        return Blended.of(parts, proposals)

    def _best(self, earned: Float, bars: Int, view: View) -> Float:
        """The parts (M,) for returns (B, M) of the last B bars, decided at some bars."""
        if self.method == "walk_forward":
            return self._best_of(earned)
        first = view.market.panel.n_bars - len(earned)
        periods = np.split(np.arange(len(earned)), bars[bars >= first] + 1 - first)
        periods = [period for period in periods if period.size]
        rng = np.random.default_rng([self.seed, int(view.market.timestamps[-1].astype(np.int64))])
        drawn = rng.integers(len(periods), size=(self.resamples, len(periods)))
        found = [self._best_of(earned[np.concatenate([periods[k] for k in row])]) for row in drawn.tolist()]
        return np.mean(found, axis=0)

    def _best_of(self, earned: Float) -> Float:
        centred = earned - earned.mean(axis=0)
        return best_mixture(earned.mean(axis=0), centred.T @ centred / len(earned), self.risk_aversion)

    def _decided(self, names: tuple[str, ...], allocators: list[Allocator], view: View) -> Decided:
        """What the allocators decided, from the last decision on that rules before the window begins."""
        own = Decided.in_the_past(names, view)
        now = view.market.panel.n_bars - 1
        begin, ready = now - self.window, max(each.warmup for each in allocators)
        first = int(own.bars[0]) if own.bars.size else now
        count = max(-(-(first - begin) // self.step), 0)
        earlier = np.array([bar for bar in first - self.step * np.arange(count, 0, -1) if bar >= ready], dtype=np.int64)
        bars = np.concatenate([earlier, own.bars])
        weights = np.concatenate([_asked(names, allocators, earlier, view), own.weights], axis=1)
        ruling = max(int(np.searchsorted(bars, begin, side="right")) - 1, 0)
        return Decided(bars[ruling:], weights[:, ruling:])


def _asked(names: tuple[str, ...], allocators: list[Allocator], bars: Int, view: View) -> Float:
    """What the allocators give (M, K, N) at some bars before the run, each with its own past from the first of them.

    Raises
    ------
    MissingDataError
        One looks at alphas, and the view does not tell those of earlier bars.
    """
    blind = [name for name, each in zip(names, allocators, strict=True) if each.uses_alpha and not view.alphas.size]
    if not bars.size:
        return np.empty((len(names), 0, view.alpha.size))
    if blind:
        raise MissingDataError(
            f"optimized asks {blind[0]} at earlier bars, and it looks at alphas, of which the view tells those of its "
            "last bar alone; use another blend, such as stacked"
        )
    views = [_cut(view, bar) for bar in bars.tolist()]
    seen = (bars.tobytes(), view.side, view.alphas.tobytes())
    given = [
        view.market.memo(("asked before the run", each.fingerprint, *seen), partial(_asked_alone, each, views))
        for each in allocators
    ]
    return np.stack(given)


def _cut(view: View, bar: int) -> View:
    """What was known at an earlier bar."""
    market, alphas = view.market.until(bar + 1), view.alphas[: bar + 1]
    tradable = market.panel.member[-1] & np.isfinite(market.panel.close[-1])
    alpha = alphas[-1] if alphas.size else np.zeros_like(view.alpha)
    return View(market, alpha, tradable, view.side, alphas=alphas)


def _asked_alone(allocator: Allocator, views: list[View]) -> Float:
    """What an allocator gives (K, N) at some bars; NaN where it fails."""
    past: tuple[Allocation, ...] = ()
    for view in views:
        try:
            weights = asked(allocator, view._replace(past=past))
        except Exception:  # a door: one allocator's failure leaves its account as it is
            weights = np.full(view.alpha.size, np.nan)
        past += (Allocation(view.market.timestamps[-1], view.market.symbols, weights),)
    return np.stack([each.weights for each in past])
