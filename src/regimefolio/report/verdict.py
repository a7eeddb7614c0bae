"""The result in plain words."""

from __future__ import annotations

from typing import Literal

from regimefolio.report.contents import BreakEven, Difference, Number
from regimefolio.report.record import ALL_BARS, EQUAL_WEIGHT, SHARES, STATIC, Record
from regimefolio.report.words import count, counted, number, percent, probability, signed

FEWEST_BARS = 252
"""Fewer test bars show nothing: a year of them is twelve mean blocks of the bootstrap."""

SIGNIFICANT = 0.05
"""A placebo's p-value above this does not show that the timing of the regimes matters."""

Verdict = Literal["helped", "hurt", "not shown", "too few bars", "undefined"]


def judge(difference: Difference, bars: int) -> Verdict:
    """Which side of zero the interval of a difference over so many test bars lies on, if it lies on one."""
    if bars < FEWEST_BARS:
        return "too few bars"
    if difference.low is None or difference.high is None:
        return "undefined"
    if difference.low > 0:
        return "helped"
    return "hurt" if difference.high < 0 else "not shown"


def first_sentence(record: Record) -> tuple[str, str]:
    """Whether adapting to regimes helped, by the interval of adaptive minus static: the claim, and what it rests on."""
    difference, bars = record.results.selected_minus[STATIC], record.results.window.test.bars
    measured = (
        f"over {counted(bars, 'test bar')} the adaptive strategy’s Sharpe ratio is "
        f"{_sharpe(record, record.selected)}, against {_sharpe(record, STATIC)} for the same ensemble without "
        f"adaptation"
    )
    same = nothing_to_adapt(record)
    if same:
        return "There was nothing to adapt", f": {same}; {measured}."
    verdict = judge(difference, bars)
    if verdict == "undefined":
        return "Whether adapting to regimes helped cannot be said", f": {measured}; their difference has no interval."
    if verdict == "too few bars":
        return "Too few test bars to say whether adapting to regimes helped", f": {measured}; {_few(bars)}."
    claim = {"helped": "helped", "hurt": "hurt", "not shown": "is not shown to have helped"}[verdict]
    p, doubt = record.robustness.placebo.p_value, ""
    if verdict == "helped" and (p is None or p > SIGNIFICANT):
        claim = "helped, but its timing is not shown to matter"
        doubt = "; a placebo, the same regimes at the wrong time, "
        doubt += "could not be run" if p is None else "did as well too often"
    return f"Adapting to regimes {claim}", f": {measured}, and {_interval(difference, bars)}{doubt}."


def nothing_to_adapt(record: Record) -> str:
    """Why the adaptive strategy could not differ from the static one on the test bars; empty where it could."""
    names, label = record.results.regimes[record.selected].names, record.labels[record.selected]
    seen = [name for k, name in enumerate(names) if (label == k).any()]
    if not seen:
        return "no regime was known on any test bar, so the settings were the static ones"
    if any(_settings(record, record.selected, name) != _settings(record, STATIC, ALL_BARS) for name in seen):
        return ""
    return (
        "every regime of the test bars chose the settings of the static ensemble, so differences come from rebalancing "
        "at changes of regime alone"
    )


def _settings(record: Record, classifier: str, regime: str) -> dict[str, tuple[float, object]]:
    """Weight and parameters of the strategies that have a weight in a regime."""
    weights = record.shares.classifiers[classifier].weights.get(regime, {})
    chosen = record.choices[classifier].get(regime, {})
    return {
        kind: (weight, chosen[kind].parameters if kind in chosen else None)
        for kind, weight in weights.items()
        if weight
    }


def against_equal_weight(record: Record) -> list[str]:
    """How the strategy stands against the primary benchmark, as sentences."""
    cagr, volatility, fall = (
        (metric(record, record.selected, name), metric(record, EQUAL_WEIGHT, name))
        for name in ("cagr", "volatility", "max_drawdown")
    )
    difference, bars = record.results.selected_minus[EQUAL_WEIGHT], record.results.window.test.bars
    verdict = judge(difference, bars)
    shown = {
        "helped": "so the strategy is shown to be better for the risk it took",
        "hurt": "so the strategy is shown to be worse for the risk it took",
        "not shown": "so neither is shown to be better for the risk it took",
        "too few bars": _few(bars),
        "undefined": "so nothing is shown",
    }[verdict]
    rests = {"too few bars": "", "undefined": "the difference is undefined, "}.get(verdict)
    rests = f"{_interval(difference, bars)}, " if rests is None else rests
    return [
        f"Against equal weight of the same {counted(len(record.symbols), 'symbol')}, the primary benchmark, it earned "
        f"{_compared(*cagr)}: {_pair(cagr)} a year, with a volatility of {_pair(volatility)} and a maximum drawdown "
        f"of {_pair(fall)}.",
        f"Its Sharpe ratio is {_sharpe(record, record.selected)} against {_sharpe(record, EQUAL_WEIGHT)}; "
        f"{rests}{shown}.",
        f"Costs took about {percent(cost_a_year(record, record.selected))} of equity a year, against "
        f"{percent(cost_a_year(record, EQUAL_WEIGHT))}.",
        *(
            f"{record.title(name)} went bankrupt."
            for name, run in record.runs.items()
            if run.status == "bankrupt" and name in (record.selected, STATIC, EQUAL_WEIGHT)
        ),
    ]


def holds_up(record: Record) -> list[str]:
    """What higher costs and regimes at the wrong time leave of it, as sentences."""
    return [sentence for sentence in (costs(record), timing(record)) if sentence]


def timing(record: Record) -> str:
    """Whether it mattered when the regimes changed, by the placebo, in a sentence; empty where there is no answer."""
    found = record.robustness.placebo
    if found.p_value is None or record.results.window.test.bars < FEWEST_BARS or nothing_to_adapt(record):
        return ""
    shown = "is shown to matter" if found.p_value <= SIGNIFICANT else "is not shown to matter"
    return (
        f"Of {counted(found.counted, 'regime path')} shifted in time, {count(found.at_least_as_good)} did as well or "
        f"better (p = {number(found.p_value, 3)}), so the timing of the regimes {shown}."
    )


def costs(record: Record) -> str:
    """How much higher costs could be, in a sentence; empty where there are none."""
    gain, lead = record.robustness.costs.break_even.gain, record.robustness.costs.break_even.advantage
    if gain.reason == "no costs":
        return ""
    own = _bearable(gain, "Its return is gone at", "Its return is not gone at", "It earned nothing even without costs")
    if lead.multiple is not None and lead.multiple < 1:
        ahead = f"it would have earned more than equal weight only below {number(lead.multiple, 1)} times the costs"
    else:
        less = "it earned no more than equal weight even without costs"
        ahead = _bearable(lead, "its lead over equal weight is gone at", "its lead over equal weight holds at", less)
    return f"{own}, and {ahead}."


def _bearable(found: BreakEven, gone: str, holds: str, never: str) -> str:
    if found.multiple is not None:
        return f"{gone} {number(found.multiple, 1)} times the costs"
    return f"{holds} {found.searched_to:g} times the costs" if found.reason == "always ahead" else never


def later(record: Record) -> str:
    """What a bar's delay does to the result, in a sentence."""
    ours = metric(record, record.selected, "sharpe"), record.robustness.one_bar_later.selected.get("sharpe")
    if None in ours:
        return ""
    return f"With every fill one bar later its Sharpe ratio is {number(ours[1])} instead of {number(ours[0])}."


def together(record: Record) -> str:
    """Whether the strategies do better together than the best of them alone, in a sentence."""
    alone = {each.strategy: each.metrics.get("sharpe") for each in record.robustness.alone}
    known = {name: value for name, value in alone.items() if value is not None}
    ours = metric(record, record.selected, "sharpe")
    if ours is None or not known:
        return ""
    best = max(known, key=lambda name: known[name])
    said = "more" if ours > known[best] else "no more"
    return f"The best strategy alone, {best}, has {number(known[best])}: the portfolio has {said}."


def trials(record: Record) -> str:
    """How many trials were run in training, and of what."""
    found = record.overfitting
    third = found.trials_by_phase.get("ensemble_optimization", 0)
    assembled = min(len(record.shares.classifiers), third)
    parts = [
        f"{count(found.trials_by_phase.get('parameter_discovery', 0))} of parameter discovery",
        counted(third - assembled, "weight vector"),
        counted(assembled, "assembled ensemble"),
    ]
    return f"{counted(found.trials, 'trial')}: {', '.join(parts[:-1])} and {parts[-1]}"


def deflated(record: Record) -> list[str]:
    """What the number of trials leaves of the training result, as sentences."""
    found, year = record.overfitting, record.results.window.periods_per_year
    annual, noise = (
        _times(value, year**0.5) for value in (found.sharpe_per_bar, found.expected_maximum_sharpe_per_bar)
    )
    ratio = found.deflated_sharpe_ratio
    shown = (
        f"The chosen strategy showed {number(annual)} on the {count(found.bars)} bars on which its weights were chosen"
    )
    said = f"{shown}: its deflated Sharpe ratio, the probability that it is better than that, is {probability(ratio)}."
    if annual is None or noise is None or ratio is None:
        return [f"In training there were {trials(record)}.", f"{shown}; what luck explains of it is undefined here."]
    if annual <= 0:
        meaning = "It gained nothing over cash there, so there is nothing for luck to explain."
    elif annual <= noise:
        meaning = "It is no more than the best of worthless trials would show: luck is explanation enough."
    elif ratio < 0.95:
        meaning = "Below 95%, the luck of the best of so many trials is explanation enough."
    else:
        meaning = "That is more than the luck of the best of so many trials explains."
    return [
        f"In training there were {trials(record)}. Their Sharpe ratios have a variance of "
        f"{number(_times(found.variance_of_trial_sharpes, year), 3)} a year, so the best of so many worthless trials "
        f"is expected to show {number(noise)}.",
        f"{said} {meaning}",
        *(["All of this was measured before a person edited the weights."] if SHARES in record.edited else []),
    ]


def metric(record: Record, run: str, name: str) -> Number:
    """A metric of a run, None where it is undefined or was not measured."""
    return record.runs[run].metrics.get(name)


def cost_a_year(record: Record, run: str) -> Number:
    """What orders cost and borrow fees, a year, over the average equity."""
    paid = metric(record, run, "costs")
    average = float(record.equity[run].mean())
    years = record.results.window.test.bars / record.results.window.periods_per_year
    return None if paid is None or average <= 0 else paid / average / years


def _sharpe(record: Record, run: str) -> str:
    return number(metric(record, run, "sharpe"))


def _few(bars: int) -> str:
    return f"{counted(bars, 'test bar')}, fewer than {FEWEST_BARS}, are too few to say more"


def _interval(difference: Difference, bars: int) -> str:
    places: dict[Verdict, str]
    places = {"helped": "lies above zero", "hurt": "lies below zero", "not shown": "includes zero"}
    return (
        f"the {percent(difference.level, 0)} interval of the difference, {signed(difference.low)} to "
        f"{signed(difference.high)}, {places[judge(difference, bars)]}"
    )


def _compared(ours: Number, theirs: Number) -> str:
    if ours is None or theirs is None:
        return "what cannot be compared"
    return "less" if ours < theirs else "more" if ours > theirs else "as much"


def _pair(values: tuple[Number, Number]) -> str:
    return f"{percent(values[0])} against {percent(values[1])}"


def _times(value: Number, factor: float) -> Number:
    return None if value is None else value * factor
