"""The parts that would have been best in the past."""

from __future__ import annotations

from functools import partial
from typing import Literal, Self, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from regimefolio.core.arrays import time_seed
from regimefolio.core.component import placed_error
from regimefolio.core.errors import MissingDataError, placed
from regimefolio.core.types import Allocation, Float, Int
from regimefolio.kernels.metrics import NAMES, equity_metrics
from regimefolio.kernels.terms import ZERO
from regimefolio.market.view import View
from regimefolio.portfolio import objectives
from regimefolio.portfolio.allocators.base import Allocator, asked
from regimefolio.portfolio.blends.base import Blended, Proposals
from regimefolio.portfolio.blends.performing import Decided, PerformanceBlend
from regimefolio.portfolio.mixture import best_mixture
from regimefolio.portfolio.search import evolved, must_have_pymoo, swarmed

Score: TypeAlias = Literal["mean_variance", "sharpe", "sortino", "calmar", "cagr", "max_drawdown", "var_95", "cvar_95"]
Search: TypeAlias = Literal["solver", "cma_es", "particle_swarm"]

PARTICLES = 40
"""Points of a swarm."""

UNDEFINED = -1e9
"""The score of parts whose metric is undefined."""


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
    Another `score` is the metric of that name of the accounts' mixed returns, without a risk-free rate; parts for which
    it is undefined are worse than all others. Such scores may have many peaks; a search finds what is near the best.
    Source: Michaud (1998), Efficient Asset Management, chapter 6, for the resampling.
    """

    method: Literal["walk_forward", "resampled"] = Field("walk_forward", description="which past is scored")
    score: Score = Field("mean_variance", description="what is maximised: mean and variance, or a metric")
    risk_aversion: float = Field(5.0, gt=0, le=1e6, description="how much variance counts in `mean_variance`")
    search: Search = Field(
        "solver", description="how the best parts are found: solver, of mean_variance alone, cma_es or particle_swarm"
    )
    generations: int = Field(100, ge=1, le=100_000, description="rounds of a search")
    window: int = Field(252, ge=2, description="bars that are scored")
    step: int = Field(21, ge=1, description="bars between the decisions that are asked for before the run's own")
    resamples: int = Field(50, ge=1, le=10_000, description="pasts that are drawn")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="of what is drawn, and of a search")

    @model_validator(mode="after")
    def _somebody_knows_the_best(self) -> Self:
        if self.score != "mean_variance" and self.search == "solver":
            text = f"no solver knows the best {self.score}; use cma_es or particle_swarm"
            raise placed_error(("search",), text)
        return self

    def must_fit(self, names: tuple[str, ...]) -> None:
        if self.search == "particle_swarm":
            with placed("search"):
                must_have_pymoo()

    def warmup_with(self, allocators: int) -> int:
        return allocators + self.window + 2 * self.step  # whole periods begin before the window

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
        panel = view.market.panel
        if self.method == "walk_forward":
            return self._best_of(earned, panel.periods_per_year)
        first = panel.n_bars - len(earned)
        periods = np.split(np.arange(len(earned)), bars[bars >= first] + 1 - first)
        periods = [period for period in periods if period.size]
        rng = np.random.default_rng([self.seed, time_seed(panel.timestamps[-1])])
        drawn = [rng.integers(len(periods), size=len(periods)).tolist() for _ in range(self.resamples)]
        pasts = [earned[np.concatenate([periods[k] for k in row])] for row in drawn]
        return np.mean([self._best_of(past, panel.periods_per_year) for past in pasts], axis=0)

    def _best_of(self, earned: Float, per_year: float) -> Float:
        """The parts (M,) whose mixture of returns (B, M) has the best score."""
        count = earned.shape[1]
        if self.search == "solver":
            centred = earned - earned.mean(axis=0)
            return best_mixture(earned.mean(axis=0), centred.T @ centred / len(earned), self.risk_aversion)
        if count == 1:
            return np.ones(1)
        scored = partial(self._scores, earned, per_year)
        if self.search == "cma_es":
            return evolved(scored, count, self.generations, self.seed)
        return swarmed(scored, count, self.generations, PARTICLES, self.seed)

    def _scores(self, earned: Float, per_year: float, mixtures: Float) -> Float:
        """The score (P,) of each of some parts (P, M)."""
        mixed = earned @ mixtures.T
        if self.score == "mean_variance":
            return objectives.mean_variance(mixed, self.risk_aversion)
        metrics, place = np.empty((len(mixtures), len(NAMES))), NAMES.index(self.score)
        for equity, values in zip(np.cumprod(1.0 + mixed, axis=0).T.copy(), metrics, strict=True):
            equity_metrics(equity, 1.0, 0, per_year, ZERO, values)
        return np.nan_to_num(metrics[:, place], nan=UNDEFINED)

    def _decided(self, names: tuple[str, ...], allocators: list[Allocator], view: View) -> Decided:
        """What the allocators decided, from the decision before the one that rules where the window begins.

        What the accounts buy first is then bought before the window.
        """
        own = Decided.in_the_past(names, view)
        now = view.market.panel.n_bars - 1
        begin, ready = now - self.window, max(each.warmup for each in allocators)
        first = int(own.bars[0]) if own.bars.size else now
        count = max(-(-(first - begin) // self.step) + 1, 0)
        earlier = np.array([bar for bar in first - self.step * np.arange(count, 0, -1) if bar >= ready], dtype=np.int64)
        bars = np.concatenate([earlier, own.bars])
        weights = np.concatenate([_asked(names, allocators, earlier, view), own.weights], axis=1)
        kept = max(int(np.searchsorted(bars, begin, side="right")) - 2, 0)
        return Decided(bars[kept:], weights[:, kept:])


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
