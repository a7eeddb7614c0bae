"""How often what watches over a recorded run had a say: stops, the drawdown brake, vetoes, the volatility target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from regimefolio.backtest import Run
from regimefolio.backtest.risk import RiskSpec
from regimefolio.core.errors import DataError
from regimefolio.core.types import REASONS, Float, Int
from regimefolio.evaluation.contributions import STOPPED
from regimefolio.evaluation.round_trips import RoundTrips
from regimefolio.kernels.guards import LONGS, SHORTS, brake_at


class Braked(NamedTuple):
    """Decisions whose targets a drawdown brake made smaller, and the part of them that it left on average; or NaN."""

    decisions: int
    left: float


class Scaled(NamedTuple):
    """Gross weights of decisions under a volatility target, as fractions of equity: on average, least and most."""

    mean: float
    least: float
    most: float


class Interventions(NamedTuple):
    """What had a say in a run; None is what was not asked for.

    Attributes
    ----------
    decisions : int
        Those whose fill lies in the run.
    stops : mapping of str to int
        Closed round trips by the stop that closed them.
    drawdown_brake : Braked or None
    vetoed : int or None
        Decisions in which a target was on a side that is forbidden there; what was held of it could stay.
    volatility_target : Scaled or None
    """

    decisions: int
    stops: Mapping[str, int]
    drawdown_brake: Braked | None
    vetoed: int | None
    volatility_target: Scaled | None


def interventions(run: Run, risk: RiskSpec, trips: RoundTrips) -> Interventions:
    """How often stops, brake and vetoes had a say in a run, and how much a volatility target let it hold.

    Parameters
    ----------
    risk : RiskSpec
        Under which it ran.

    Raises
    ------
    DataError
        It was not recorded.
    """
    if run.traded is None:
        raise DataError("interventions need a recorded run; run it with record=True")
    simulation, terms = run.simulation, run.traded.terms
    decided = np.flatnonzero(run.decide)
    fills = decided + 1 + terms.delay
    decided = decided[(fills >= simulation.start) & (fills < len(simulation.timestamps))]
    decided = decided[simulation.equity[decided] > 0.0]
    target = run.target[decided]
    stops = np.bincount(trips.reason[trips.reason >= STOPPED], minlength=len(REASONS))
    veto = risk.veto(run.regimes)
    return Interventions(
        decisions=len(decided),
        stops={name: int(count) for name, count in zip(REASONS, stops.tolist(), strict=True) if count},
        drawdown_brake=None if risk.drawdown_brake is None else _braked(run, decided),
        vetoed=_vetoed(target, veto[decided]) if veto.size else None,
        volatility_target=None if risk.volatility_target is None else _scaled(target),
    )


def _braked(run: Run, decided: Int) -> Braked:
    assert run.traded is not None
    guards = run.traded.terms.guards
    left = np.array([brake_at(bar, run.simulation.equity, guards) for bar in decided.tolist()])
    acted = left < 1.0
    return Braked(int(acted.sum()), float(left[acted].mean()) if acted.any() else np.nan)


def _vetoed(target: Float, veto: Int) -> int:
    asked = (target > 0.0).any(axis=1) & (veto & LONGS > 0) | (target < 0.0).any(axis=1) & (veto & SHORTS > 0)
    return int(asked.sum())


def _scaled(target: Float) -> Scaled:
    gross = np.nansum(np.abs(target), axis=1)
    return Scaled(float(gross.mean()), float(gross.min()), float(gross.max())) if gross.size else Scaled(*[np.nan] * 3)
