"""What is left of the validated strategy under other circumstances, computed after everything was chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from regimefolio.backtest import ExecutionSpec, Run, in_order
from regimefolio.core.types import Float, RegimePath
from regimefolio.evaluation import (
    COSTS,
    Replayable,
    break_even,
    by_asset,
    by_regime,
    by_side,
    by_strategy,
    circular_shifts,
    follows_alpha,
    greatest_multiple,
    placebo,
    profit_and_loss,
    rolling_risk,
    with_costs,
)
from regimefolio.portfolio import Ensemble, EqualWeight, PortfolioSpec, SignalStack
from regimefolio.workflow.phases.base import Job
from regimefolio.workflow.phases.choices import ALL_BARS, STATIC, Choices, Weights
from regimefolio.workflow.phases.parameter_discovery import trials_of
from regimefolio.workflow.phases.search_review import (
    parameter_trials_afterwards,
    replays_of,
    surfaces,
    weight_trials_afterwards,
)

SHIFTS = 500
"""Regime paths at the wrong time that the real one is compared with."""

GAP = 21
"""Bars by which the nearest of them is shifted at least, where the test is long enough."""

MULTIPLES = (0.0, 1.0, 2.0, 5.0)
MOST = 50.0
"""The greatest multiple of costs at which a break-even is looked for."""

SHOWN = ("cagr", "volatility", "sharpe", "max_drawdown", "exposure", "turnover", "costs")
"""Metrics that are written of every replay."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """The selected strategy with its signals on all bars, its recorded run on the test bars, and its benchmark.

    `paths` are the regimes of every classifier.
    """

    choices: Choices
    weights: Weights
    selected: Replayable
    run: Run
    equal_weight: Replayable
    paths: Mapping[str, RegimePath]


def replayable(job: Job, ensemble: Ensemble, regimes: RegimePath) -> Replayable:
    """An ensemble under the workflow's rules on the test bars, its signals computed."""
    spec, signals = job.spec, job.runner(job.market).signals(ensemble)
    return Replayable(
        job.market,
        spec.portfolio,
        spec.execution,
        spec.initial_capital,
        spec.risk_free,
        signals,
        ensemble,
        job.test_start,
        regimes,
        spec.risk,
    )


def equal_weight(job: Job, regimes: RegimePath) -> Replayable:
    """The same stocks in equal parts, on the same schedule and at the same costs."""
    spec, panel = job.spec, job.market.panel
    silence = np.zeros((panel.n_bars, 1, panel.n_assets), dtype=np.float32)
    silence.flags.writeable = False
    return Replayable(
        job.market,
        PortfolioSpec(allocator=EqualWeight(), rebalance=spec.portfolio.rebalance),
        spec.execution,
        spec.initial_capital,
        spec.risk_free,
        SignalStack(silence, silence),
        Ensemble.static(spec.strategies[:1], [1.0]),
        job.test_start,
        regimes,
    )


def robustness(job: Job, found: Chosen) -> dict[str, object]:
    """All of robustness.json; says how far it is."""
    decisions = job.dataset.panel.n_bars - found.selected.first_decision
    shifts = circular_shifts(decisions, SHIFTS, max(1, min(GAP, decisions // 10)), job.spec.seed)
    replays = replays_of(job)
    job.progress.stage("robustness", len(shifts) + len(trials_of(job.spec)) + len(replays) + 3)
    done = job.progress.advance
    shifted = placebo(found.selected, _sharpe, shifts, job.threads, done)
    answers: dict[str, object] = {
        "placebo": {
            "metric": "sharpe",
            "wanted": SHIFTS,
            "nearest": int(shifts[0]) if shifts.size else None,
            "counted": shifted.counted,
            "real": shifted.real,
            "at_least_as_good": shifted.at_least,
            "p_value": shifted.p_value,
            "shifted_by": shifts,
            "scores": shifted.scores,
        }
    }
    for name, answer in (("costs", _costs), ("one_bar_later", _later), ("alone", _alone)):
        answers[name] = answer(job, found)
        done()
    answers["trials"] = {
        "metric": "sharpe",
        "parameter_discovery": parameter_trials_afterwards(job),
        "ensemble_optimization": weight_trials_afterwards(job, found.choices, found.weights, found.paths, replays),
    }
    answers["surface"] = surfaces(job, found.choices)
    return answers


def contributions(job: Job, found: Chosen) -> dict[str, object]:
    """All of contributions.json: the selected run's profit and loss, added up in four ways."""
    case, portfolio, delay = found.selected, job.spec.portfolio, job.spec.execution.delay
    pieces = profit_and_loss(found.run.simulation, case.runner().prices, delay)
    assert case.regimes is not None
    return {
        "total": pieces.total,
        "allocator": portfolio.allocator.kind,
        "combination_method": portfolio.combination_method,
        "follows_alpha": follows_alpha(portfolio),
        "by_strategy": by_strategy(pieces, found.run, case.stack, case.ensemble, portfolio),
        "by_side": by_side(pieces),
        "by_regime": by_regime(pieces, case.regimes),
        "by_asset": by_asset(pieces),
    }


def rolling(job: Job, curves: Float) -> Float:
    """Sharpe ratio and volatility of the last year of bars, (2, runs, bars), of equity curves (runs, bars)."""
    year = job.dataset.panel.periods_per_year
    before = np.concatenate([np.full((len(curves), 1), job.spec.initial_capital), curves[:, :-1]], axis=1)
    returns = np.divide(curves, before, out=np.full_like(curves, np.nan), where=before > 0) - 1.0
    free = job.risk_free(slice(job.test_start, None))
    found = [rolling_risk(row, max(2, round(year)), year, free) for row in returns]
    return np.stack([[each.sharpe for each in found], [each.volatility for each in found]])


def _costs(job: Job, found: Chosen) -> dict[str, object]:
    """All that trades cost multiplied, and where that eats the return, or the advantage over equal weight."""
    execution = job.spec.execution
    most = greatest_multiple(execution, MOST, job.spec.portfolio.constraints.max_gross)

    def cagr(case: Replayable, multiple: float) -> float:
        return case.replay(with_costs(execution, multiple)).metrics["cagr"]

    def advantage(multiple: float) -> float:
        return cagr(found.selected, multiple) - cagr(found.equal_weight, multiple)

    def row(multiple: float) -> dict[str, object]:
        return {"multiple": multiple, **_both(found, with_costs(execution, multiple))}

    multiples = [multiple for multiple in MULTIPLES if multiple <= max(1.0, most)]
    searches: list[Callable[[float], float]] = [lambda multiple: cagr(found.selected, multiple), advantage]
    gone = in_order(lambda search: break_even(search, most), searches, job.threads)
    return {
        "multiplied": {name: value for name, value in execution.plain().items() if name in ("commission_bps", *COSTS)},
        "multiples": in_order(row, multiples, job.threads),
        "break_even": {name: each._asdict() for name, each in zip(("return", "advantage"), gone, strict=True)},
    }


def _later(job: Job, found: Chosen) -> dict[str, object]:
    """Every fill one bar later."""
    execution = job.spec.execution
    return _both(found, execution.model_copy(update={"delay": execution.delay + 1}))


def _alone(job: Job, found: Chosen) -> list[dict[str, object]]:
    """Each strategy with its parameters of all bars, by itself under the same rules."""
    pooled, runner = found.choices[STATIC][ALL_BARS], job.runner(job.market)
    rows: list[dict[str, object]] = []
    for strategy in job.spec.strategies:
        parameters = pooled[strategy.kind].parameters
        one = Ensemble.static([strategy.with_parameters(parameters)], [1.0])
        run = runner.run(one, job.test_start, record=False)
        rows.append({"strategy": strategy.kind, "parameters": parameters, "metrics": _shown(run)})
    return rows


def _both(found: Chosen, execution: ExecutionSpec) -> dict[str, object]:
    runs = {"selected": found.selected, "equal_weight": found.equal_weight}
    return {name: _shown(case.replay(execution)) for name, case in runs.items()}


def _shown(run: Run) -> dict[str, float]:
    return {name: run.metrics[name] for name in SHOWN}


def _sharpe(run: Run) -> float:
    return run.metrics["sharpe"]
