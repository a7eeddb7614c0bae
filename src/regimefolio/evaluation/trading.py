"""What is told of a run's trading beside its metrics and trips: costs by kind, what intervened, what to doubt."""

from __future__ import annotations

from regimefolio.backtest import Run
from regimefolio.backtest.risk import RiskSpec
from regimefolio.core.files import jsonable
from regimefolio.core.types import REASONS, Json, Panel
from regimefolio.evaluation.costs import costs_by_kind, interest
from regimefolio.evaluation.interventions import interventions
from regimefolio.evaluation.round_trips import RoundTrips, doubtful_stops


def trading_document(run: Run, risk: RiskSpec, panel: Panel, trips: RoundTrips) -> dict[str, Json]:
    """Costs by kind, interest, interventions, doubtful stops and assumed delistings, as they are written to JSON.

    Parameters
    ----------
    risk, panel : RiskSpec and Panel
        Under which it ran, and what it traded.
    trips : RoundTrips
        Its own.

    Raises
    ------
    DataError
        It was not recorded.
    """
    acted = interventions(run, risk, trips)
    stops = [
        {"symbol": trips.symbols[trips.asset[n]], "at": _second(trips.timestamps[trips.exit_bar[n]]), "by": by}
        for n in doubtful_stops(trips, panel).tolist()
        for by in [REASONS[trips.reason[n]]]
    ]
    brake, scaled = acted.drawdown_brake, acted.volatility_target
    told = {
        "costs": costs_by_kind(run, trips)._asdict(),
        "interest": interest(run, trips),
        "interventions": {
            **acted._asdict(),
            "drawdown_brake": None if brake is None else brake._asdict(),
            "volatility_target": None if scaled is None else scaled._asdict(),
        },
        "doubtful_stops": stops,
        "assumed_delistings": [{"symbol": symbol, "at": _second(when)} for symbol, when in run.assumed],
    }
    found = jsonable(told)
    assert isinstance(found, dict)
    return found


def _second(timestamp: object) -> str:
    return str(timestamp)[:19]
