"""What the opinions of the chosen strategies were worth on the test bars, computed after everything was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from regimefolio.backtest import in_order
from regimefolio.evaluation import StrategyEvaluation, StrategyEvaluator
from regimefolio.portfolio import Ensemble
from regimefolio.strategies import Strategy
from regimefolio.workflow.phases.base import Job

LAGS = 21
"""Bars after the fill over which the decay is followed: a month of daily ones."""


@dataclass(frozen=True)
class _Variant:
    """A strategy with its parameters, and its weight wherever these were chosen."""

    strategy: Strategy
    weights: dict[str, float] = field(default_factory=dict)


def signal_quality(job: Job, rows: Sequence[Ensemble], places: Sequence[str]) -> dict[str, object]:
    """All of signal_quality.json: every chosen parameter set of every strategy, judged by its own signals.

    Parameters
    ----------
    rows : sequence of Ensemble
        What rules in each place; all have the same kinds of strategies, in the same order.
    places : sequence of str
        Their names.
    """
    panel, start, fill = job.market.panel, job.test_start, job.runner(job.market).fill
    evaluator = StrategyEvaluator(panel, fill, start, lags=LAGS, delay=job.spec.execution.delay)
    variants = _variants(rows, places)
    job.progress.stage("signals", len(variants))
    found = in_order(
        lambda each: evaluator.evaluate(each.strategy.signals(job.market)), variants, job.threads, job.progress.advance
    )
    return {
        "fill": fill,
        "bars": panel.n_bars - start,
        "asset_bars": int(panel.member[start:].sum()),
        "strategies": [_described(*pair) for pair in zip(variants, found, strict=True)],
    }


def _variants(rows: Sequence[Ensemble], places: Sequence[str]) -> list[_Variant]:
    """Every parameter set once; those of one strategy stand together, in the order of the places."""
    found: dict[str, _Variant] = {}
    for position in range(len(rows[0].strategies)):
        for place, row in zip(places, rows, strict=True):
            strategy = row.strategies[position]
            variant = found.setdefault(strategy.fingerprint, _Variant(strategy))
            variant.weights[place] = float(row.weights[0, position])
    return list(found.values())


def _described(variant: _Variant, found: StrategyEvaluation) -> dict[str, object]:
    ic = found.ic
    return {
        "strategy": variant.strategy.kind,
        "parameters": variant.strategy.plain(),
        "weights": variant.weights,
        "horizon": found.horizon,
        "opinions": found.opinions,
        "labelled": found.labelled,
        "ic": {"mean": ic.mean, "ir": ic.ir, "t_value": ic.t_value, "bars": ic.n, "reason": ic.reason},
        "decay": found.decay,
        "alpha_histogram": found.alpha_histogram._asdict(),
        "confidence_histogram": found.confidence_histogram._asdict(),
        "by_alpha": [each._asdict() for each in found.by_alpha],
        "reliability": [each._asdict() for each in found.reliability],
    }
