"""What is told of a run's trading: costs by kind, what intervened, what to doubt; for backtests and workflows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from regimefolio.cli.tables import counted, minus

if TYPE_CHECKING:
    from regimefolio.api import ExecutionSpec

SHOWN = 3
"""Stops and delistings that are named; `--json` lists all."""

KINDS = {
    "commission": "commission",
    "fees": "fees",
    "slippage": "slippage and spread",
    "impact": "impact",
    "borrow": "borrow fees",
}


def costs_line(trading: Mapping[str, Any]) -> str:
    """What each kind of cost came to, in money; empty where nothing was paid and nothing earned."""
    costs = [f"{said} {trading['costs'][kind]:,.0f}" for kind, said in KINDS.items() if trading["costs"][kind]]
    found = [f"Costs: {', '.join(costs)}"] if costs else []
    if abs(trading["interest"]) >= 0.5:  # less is rounding
        found.append(minus(f"interest on cash {trading['interest']:,.0f}"))
    return "; ".join(found)


def intervention_lines(trading: Mapping[str, Any]) -> Iterator[str]:
    """How often stops, brake, vetoes and the volatility target had a say, a line each."""
    acted = trading["interventions"]
    of = f"of {counted(acted['decisions'], 'decision')}"
    if acted["stops"]:
        kinds = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in acted["stops"].items())
        yield f"stops closed {counted(sum(acted['stops'].values()), 'round trip')}: {kinds}"
    if (brake := acted["drawdown_brake"]) is not None:
        left = f", leaving {brake['left']:.0%} of the targets on average" if brake["decisions"] else ""
        yield f"the drawdown brake acted at {brake['decisions']:,} {of}{left}"
    if acted["vetoed"] is not None:
        yield f"a side that a veto forbids was asked for at {acted['vetoed']:,} {of}"
    if (scaled := acted["volatility_target"]) is not None and scaled["mean"] is not None:
        yield (
            f"under the volatility target decisions held {scaled['mean']:.0%} gross on average, "
            f"{scaled['least']:.0%} to {scaled['most']:.0%}"
        )


def doubt_line(trading: Mapping[str, Any]) -> str:
    """Which stops closed at bars that the check of the data calls doubtful; empty where none did."""
    stops = trading["doubtful_stops"]
    if not stops:
        return ""
    verb = "closes" if len(stops) == 1 else "close"
    return (
        f"{counted(len(stops), 'stop')} {verb} at bars that `regimefolio data check` calls doubtful: {_first(stops)}. "
        "A file `data.mask` takes out bars that cannot be right."
    )


def assumed_line(trading: Mapping[str, Any], execution: ExecutionSpec) -> str:
    """Which assets were taken to be delisted, when, and at what; empty where none was."""
    assumed = trading["assumed_delistings"]
    if not assumed:
        return ""
    from regimefolio.market.traded import DELIST_AFTER

    return (
        f"Taken to be delisted after {execution.delist_after or DELIST_AFTER} missing bars, at the last close "
        f"{execution.delisting_return:+.0%}: {_first(assumed)}. A file `data.delistings` tells better."
    )


def _first(found: list[dict[str, str]]) -> str:
    """The first few of what is told, by symbol and date, and how many more there are."""
    shown = [f"{each['symbol']} {each['at'].removesuffix('T00:00:00')}" for each in found[:SHOWN]]
    return ", ".join(shown + [f"and {len(found) - SHOWN:,} more"] * (len(found) > SHOWN))
