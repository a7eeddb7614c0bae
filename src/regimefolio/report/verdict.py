"""The result in plain words."""

from __future__ import annotations

from typing import Literal

from regimefolio.report.record import EQUAL_WEIGHT, STATIC, Difference, Number, Record
from regimefolio.report.words import count, number, percent, probability, signed

Verdict = Literal["helped", "hurt", "not shown", "undefined"]


def judge(difference: Difference) -> Verdict:
    """Which side of zero the interval of a difference lies on, if it lies on one."""
    if difference.low is None or difference.high is None:
        return "undefined"
    if difference.low > 0:
        return "helped"
    return "hurt" if difference.high < 0 else "not shown"


def first_sentence(record: Record) -> tuple[str, str]:
    """Whether adapting to regimes helped, by the interval of adaptive minus static: the claim, and what it rests on."""
    difference = record.results.selected_minus[STATIC]
    verdict = judge(difference)
    measured = (
        f"over {count(record.results.window.test.bars)} test bars the adaptive strategy’s Sharpe ratio is "
        f"{_sharpe(record, record.selected)}, against {_sharpe(record, STATIC)} for the same ensemble without "
        f"adaptation"
    )
    if verdict == "undefined":
        return "Whether adapting to regimes helped cannot be said", f": {measured}; their difference has no interval."
    claim = {"helped": "helped", "hurt": "hurt", "not shown": "is not shown to have helped"}[verdict]
    return f"Adapting to regimes {claim}", f": {measured}, and {_interval(difference)}."


def against_equal_weight(record: Record) -> list[str]:
    """How the strategy stands against the primary benchmark, as sentences."""
    cagr, volatility, fall = (
        (metric(record, record.selected, name), metric(record, EQUAL_WEIGHT, name))
        for name in ("cagr", "volatility", "max_drawdown")
    )
    difference = record.results.selected_minus[EQUAL_WEIGHT]
    verdict = judge(difference)
    shown = {
        "helped": "so the strategy is shown to be better for the risk it took",
        "hurt": "so the strategy is shown to be worse for the risk it took",
        "not shown": "so neither is shown to be better for the risk it took",
        "undefined": "so nothing is shown",
    }[verdict]
    return [
        f"Against equal weight of the same {len(record.symbols)} symbols, the primary benchmark, it earned "
        f"{_compared(*cagr)}: {_pair(cagr)} a year, with a volatility of {_pair(volatility)} and a maximum drawdown "
        f"of {_pair(fall)}.",
        f"Its Sharpe ratio is {_sharpe(record, record.selected)} against {_sharpe(record, EQUAL_WEIGHT)}; "
        + (
            f"{_interval(difference)}, {shown}." if verdict != "undefined" else f"the difference is undefined, {shown}."
        ),
        f"Costs took about {percent(cost_a_year(record, record.selected))} of equity a year, against "
        f"{percent(cost_a_year(record, EQUAL_WEIGHT))}.",
        *(
            f"{record.title(name)} went bankrupt."
            for name, run in record.runs.items()
            if run.status == "bankrupt" and name in (record.selected, STATIC, EQUAL_WEIGHT)
        ),
    ]


def deflated(record: Record) -> list[str]:
    """What the number of trials leaves of the training result, as sentences."""
    found, year = record.overfitting, record.results.window.periods_per_year
    phases = " and ".join(f"{count(n)} of {name.replace('_', ' ')}" for name, n in found.trials_by_phase.items())
    annual, noise = (
        _times(value, year**0.5) for value in (found.sharpe_per_bar, found.expected_maximum_sharpe_per_bar)
    )
    ratio = found.deflated_sharpe_ratio
    if ratio is None:
        meaning = "It is undefined here."
    elif ratio >= 0.95:
        meaning = "That is more than the luck of the best of so many trials explains."
    else:
        meaning = "Below 95%, the luck of the best of so many trials is explanation enough."
    return [
        f"{count(found.trials)} trials were run in training ({phases}). Their Sharpe ratios have a variance of "
        f"{number(_times(found.variance_of_trial_sharpes, year), 3)} a year, so the best of so many worthless trials "
        f"is expected to show {number(noise)}.",
        f"The chosen strategy showed {number(annual)} on the {count(found.bars)} bars on which its weights were "
        f"chosen: its deflated Sharpe ratio, the probability that it is better than that, is {probability(ratio)}. "
        f"{meaning}",
    ]


def metric(record: Record, run: str, name: str) -> Number:
    """A metric of a run, None where it is undefined or was not measured."""
    return record.runs[run].metrics.get(name)


def cost_a_year(record: Record, run: str) -> Number:
    """Commission and slippage a year over the average equity."""
    paid = metric(record, run, "costs")
    average = float(record.equity[run].mean())
    years = record.results.window.test.bars / record.results.window.periods_per_year
    return None if paid is None or average <= 0 else paid / average / years


def _sharpe(record: Record, run: str) -> str:
    return number(metric(record, run, "sharpe"))


def _interval(difference: Difference) -> str:
    place = {
        "helped": "lies above zero",
        "hurt": "lies below zero",
        "not shown": "includes zero",
        "undefined": "is undefined",
    }[judge(difference)]
    return (
        f"the {percent(difference.level, 0)} interval of the difference, {signed(difference.low)} to "
        f"{signed(difference.high)}, {place}"
    )


def _compared(ours: Number, theirs: Number) -> str:
    if ours is None or theirs is None:
        return "what cannot be compared"
    return "less" if ours < theirs else "more" if ours > theirs else "as much"


def _pair(values: tuple[Number, Number]) -> str:
    return f"{percent(values[0])} against {percent(values[1])}"


def _times(value: Number, factor: float) -> Number:
    return None if value is None else value * factor
