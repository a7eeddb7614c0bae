"""What ratings were worth: the same portfolio with those of the time, with today's at all times, and with none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from regimefolio.backtest import BacktestRunner, BacktestSpec, RerankSpec, Run, load_market, prepare
from regimefolio.core.errors import ConfigError, DataError, must_be
from regimefolio.core.files import path_of
from regimefolio.core.progress import Progress
from regimefolio.core.types import Bool, Features, Float, Times, read_only
from regimefolio.evaluation.overfitting import SharpeDifference, paired_sharpe_difference
from regimefolio.features import History, MedianValue
from regimefolio.kernels.metrics import part_of
from regimefolio.market import Dataset, Market, decision_bars, narrowed
from regimefolio.portfolio import Selection, SignalStack

TODAYS, HISTORICAL, NONE = "todays", "historical", "none"
"""Which ratings choose: those of the last bar at every bar, the mistake; those of the time; or none."""


class ChosenAsset(NamedTuple):
    """An asset that may be held after the last bar, and what was known of it there; NaN = not available."""

    symbol: str
    features: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class RatingsComparison:
    """The same backtest with other ratings, on the same bars at the same costs.

    Parameters
    ----------
    bars : ndarray of shape (T - start,), datetime64[ns]
        Those that every run trades on.
    runs : mapping of str to Run
        `historical` is what `run_backtest` gives; all are recorded.
    minus_historical : mapping of str to SharpeDifference
        How far the Sharpe ratio of the others is above that of `historical`, with the interval of a paired stationary
        bootstrap.
    chosen : tuple of ChosenAsset
        Whom the ratings of the last bar choose, the best first.
    """

    bars: Times
    runs: Mapping[str, Run]
    minus_historical: Mapping[str, SharpeDifference]
    chosen: tuple[ChosenAsset, ...]


def compare_ratings(
    spec: BacktestSpec, market: Market, seed: int = 0, progress: Progress | None = None
) -> RatingsComparison:
    """Run a backtest whose portfolio selects with the ratings of the time, with none, and with today's.

    A rating is any feature but `history` and `median_value`. Without ratings every asset may be held that passes the
    other filters; allocators see the alpha 1. With today's the rating of the last bar stands at every bar, as if
    somebody screened the market now and asked how it would have done: an asset that has no rating any more is never
    chosen.

    Parameters
    ----------
    spec : BacktestSpec
        With one strategy, the source of the alphas that allocators may look at.
    market : Market
        Of its data, as `load_market` gives it.
    seed : int
        Of the bootstraps.

    Raises
    ------
    ConfigError
        The portfolio has no selection, or one without ratings.
    DataError
        Nobody is ever selected.
    """
    must_be(BacktestSpec, spec, "spec", "a profile gives one: RerankSpec.backtest()")
    must_be(Market, market, "market", "load_market gives one")
    selection = spec.portfolio.selection
    if selection is None:
        raise ConfigError("portfolio.selection is missing: without it there are no ratings to compare")
    _must_rate(selection)
    progress = progress or Progress()
    progress.stage("backtests", 3)
    runner, ensemble, regimes, start = prepare(spec, market)
    stack, decide = runner.signals(ensemble), decision_bars(market.timestamps, spec.portfolio.rebalance)
    if not selection.kept_on(market, decide)[start - 1 :].any():
        raise DataError("no asset passes the filters at any bar that decides; loosen them, or take more data")
    runs: dict[str, Run] = {HISTORICAL: runner.replay(stack, ensemble, start, regimes, record=True)}
    progress.advance()
    others: dict[str, tuple[Bool, SignalStack]] = {
        TODAYS: (_by_todays_ratings(selection, market, decide), _of_the_last_bar(stack)),
        NONE: (_without_ratings(selection, market, decide), _all_alike(stack, spec.portfolio.sells_short)),
    }
    for name, (kept, opinions) in others.items():
        runs[name] = _runner_among(kept, spec, market).replay(opinions, ensemble, start, regimes, record=True)
        progress.advance()
    free = part_of(runner.risk_free, slice(start, None))
    minus = {name: _sharpe_minus(runs[name], runs[HISTORICAL], market, seed, free) for name in others}
    return RatingsComparison(market.timestamps[start:], runs, minus, _chosen(selection, market, decide))


def rerank(
    spec: RerankSpec, folder: Path = Path(), seed: int = 0, progress: Progress | None = None
) -> tuple[Dataset, RatingsComparison]:
    """Run a re-ranking profile, and the same backtest with other ratings; relative paths start at `folder`.

    Raises
    ------
    ConfigError, DataError, InfeasibleError
        Whatever is wrong with the profile, the data, or both together.
    """
    must_be(RerankSpec, spec, "spec", "read_profile(file or name) reads one")
    backtest = spec.backtest()
    listed = None if spec.candidates is None else folder / path_of(spec.candidates)
    with nullcontext(spec.data) if listed is None else narrowed(spec.data, listed) as data:
        dataset, market = load_market(data, spec.benchmark, folder, spec.execution, spec.risk_free, backtest.portfolio)
    return dataset, compare_ratings(backtest, market, seed, progress)


def _sharpe_minus(run: Run, other: Run, market: Market, seed: int, risk_free: Float) -> SharpeDifference:
    ours, theirs = run.simulation.returns, other.simulation.returns
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):  # one of them went bankrupt
        return SharpeDifference(math.nan, math.nan, math.nan, 0.95, math.nan)
    return paired_sharpe_difference(ours, theirs, market.panel.periods_per_year, seed, risk_free=risk_free)


def _chosen(selection: Selection, market: Market, decide: Bool) -> tuple[ChosenAsset, ...]:
    """Whom the last bar's ratings choose, in the order of the features that rank."""
    known, kept = selection.known_on(market), np.flatnonzero(selection.kept_on(market, decide)[-1])
    last, ranking = known.values[-1], selection.ranking if selection.ranks else ()
    sign = -1.0 if selection.order == "descending" else 1.0
    keys = [sign * last[kept, known.index(name)] for name in reversed(ranking)]  # the last one sorts first; NaN is last
    best_first = kept[np.lexsort(keys)] if keys else kept
    return tuple(
        ChosenAsset(known.symbols[n], dict(zip(known.names, last[n].tolist(), strict=True)))
        for n in best_first.tolist()
    )


def _runner_among(kept: Bool, spec: BacktestSpec, market: Market) -> BacktestRunner:
    """What runs the same backtest where the dated universe is `kept` (T, N); members without a bar stay members."""
    panel, side = market.panel, Selection() if spec.portfolio.selection is None else spec.portfolio.selection
    member = kept | (panel.member & ~np.isfinite(panel.close))
    among = Market(replace(panel, member=member), market.index, market.benchmark, market.files)
    portfolio = spec.portfolio.model_copy(update={"selection": Selection(side=side.side)})
    return BacktestRunner(among, portfolio, spec.execution, spec.initial_capital, spec.risk_free, spec.risk)


UNIVERSE = (History.kind, MedianValue.kind)
"""Features that say who is listed for long enough, and liquid enough; all others are ratings."""


def _rates(feature: str) -> bool:
    return feature.partition("(")[0] not in UNIVERSE


def _without_ratings(selection: Selection, market: Market, decide: Bool) -> Bool:
    """Who may be held if nobody looks at ratings: whoever passes the other filters, ranked if no rating ranks."""
    kept: dict[str, object] = {"filter": tuple(each for each in selection.filter if not _rates(each.feature))}
    if _rates(selection.rank_by):
        kept |= {"top_n": None, "keep_until_rank": None, "max_per_sector": None}
    else:
        kept |= {"then_by": tuple(each for each in selection.ranking[1:] if not _rates(each))}
    return selection.model_copy(update=kept).kept_on(market, decide)


def _must_rate(selection: Selection) -> None:
    """Refuse a selection by which ratings are worth nothing, since it asks for none."""
    if not any(map(_rates, selection.needs)):
        raise ConfigError(
            "there are no ratings to compare, neither in its filters nor to keep the best by; name one, as rank_by: "
            "Recommend.MA with a top_n, or put what it selects by into `portfolio: {selection: …}` of a backtest"
        )


def _by_todays_ratings(selection: Selection, market: Market, decide: Bool) -> Bool:
    """THE MISTAKE: who is kept at each bar if the ratings of the last bar are used at all bars before it.

    It sees the future. Nothing but the comparison that shows what it does may call it.
    """
    known = selection.known_on(market)
    values = known.values.copy()
    for k, name in enumerate(known.names):
        if _rates(name):
            values[:, :, k] = values[-1, :, k]
    return selection.kept(market.panel, Features(known.timestamps, known.symbols, known.names, values), decide)


def _all_alike(stack: SignalStack, sells_short: bool) -> SignalStack:
    """The firmest opinion of every asset at every bar, in favour of what the portfolio does."""
    alpha = np.full_like(stack.alpha, -1.0 if sells_short else 1.0)
    return SignalStack(read_only(alpha), read_only(np.abs(alpha)))


def _of_the_last_bar(stack: SignalStack) -> SignalStack:
    """The opinions of the last bar at all bars: part of the mistake."""
    alpha, confidence = (read_only(np.broadcast_to(each[-1], each.shape)) for each in stack)
    return SignalStack(alpha, confidence)
