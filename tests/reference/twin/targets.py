"""What a target is: from opinions to weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tests.reference.twin.basics import Weights, root


@dataclass(frozen=True)
class Opinion:
    """One strategy's alpha and confidence in one asset at one bar, as float32 numbers."""

    alpha: float
    confidence: float


@dataclass(frozen=True)
class Rules:
    """How opinions become weights."""

    method: str = "weighted"
    on_conflict: str = "net"
    allocator: str = "proportional"
    tilt: float = 1.0
    top_n: int = 0
    sector: Mapping[str, str] = field(default_factory=dict)
    max_position: float = math.inf
    max_sector: float = math.inf
    max_gross: float = 1.0
    min_net: float = -math.inf
    max_net: float = math.inf


def ranks(alpha: Mapping[str, float]) -> dict[str, np.float32]:
    """From -1 to 1 in equal steps; equal alphas share the mean of theirs, and one alone is in the middle."""
    if len(alpha) < 2:
        return dict.fromkeys(alpha, np.float32(0))
    below = {s: sum(other < a for other in alpha.values()) for s, a in alpha.items()}
    equal = {s: sum(other == a for other in alpha.values()) for s, a in alpha.items()}
    return {s: np.float32((2 * below[s] + equal[s] - 1 - (len(alpha) - 1)) / (len(alpha) - 1)) for s in alpha}


def combined_alphas(
    opinions: Mapping[str, Sequence[Opinion]], weights: Sequence[float], rules: Rules
) -> dict[str, float]:
    """Every tradable asset's alpha: strategies in order, every operation in float32, as signals are saved."""
    f = np.float32
    rank = [
        ranks({s: o[i].alpha for s, o in opinions.items() if o[i].confidence > 0}) if w > 0 else {}
        for i, w in enumerate(weights)
    ]
    found = {}
    for symbol, views in opinions.items():
        held = [i for i, view in enumerate(views) if weights[i] > 0 and view.confidence > 0]
        strength = {i: f(weights[i]) * f(views[i].confidence) for i in held}
        best = [i for i in held if strength[i] == max(strength.values())][:1]
        signs = {np.sign(views[i].alpha) for i in held} - {0.0}
        if len(signs) == 2 and rules.on_conflict == "flat":
            held = []
        if (len(signs) == 2 and rules.on_conflict == "best") or rules.method == "best_strategy":
            held = [i for i in held if i in best]
        # Without an opinion alpha is 0, so that in `weighted` those who have none count as 0, with their weight.
        score = {i: rank[i][symbol] if rules.method == "rank_average" else f(views[i].alpha) for i in held}
        share = {i: strength[i] if rules.method == "confidence_weighted" else f(weights[i]) for i in held}
        total, belief = f(0), f(0)
        for i in held:
            total += share[i] * score[i]
            belief += share[i]
        if rules.method in ("confidence_weighted", "rank_average"):
            found[symbol] = float(total / belief if held else 0.0)
        else:
            found[symbol] = float(total if rules.method == "weighted" else sum(score.values()))
    return found


def wished_weights(alpha: Mapping[str, float], risk: Mapping[str, float], rules: Rules) -> dict[str, float]:
    """Weights of the tradable assets before any limit."""
    chosen = dict(alpha)
    if rules.top_n and len(alpha) > rules.top_n:
        strength = {symbol: abs(a) if rules.allocator == "long_short" else a for symbol, a in alpha.items()}
        worst = sorted(strength.values(), reverse=True)[rules.top_n - 1]
        chosen = {symbol: a for symbol, a in alpha.items() if strength[symbol] >= worst}
    gross = rules.max_gross if math.isfinite(rules.max_gross) else 1.0
    if rules.allocator == "equal_weight":
        wish = dict.fromkeys(chosen, 1.0)
    elif rules.allocator == "risk_parity":
        wish = {s: max(1.0 + rules.tilt * a, 0.0) / risk[s] if risk.get(s, 0.0) > 0 else 0.0 for s, a in chosen.items()}
    else:
        wish = {s: a if rules.allocator == "long_short" else max(a, 0.0) for s, a in chosen.items()}
    total = math.fsum(map(abs, wish.values()))
    return {symbol: gross * s / total if total > 0.0 else 0.0 for symbol, s in wish.items()}


def filled(size: Mapping[str, float], ceiling: Mapping[str, float], rules: Rules) -> dict[str, float]:
    """Scale a sector that is too large, then everything, each at most its ceiling; the rest is cash."""

    def excess(symbols: Sequence[str], most: float) -> Callable[[float], float]:
        return lambda x: math.fsum(min(ceiling[s], size[s] * min(x, scale[s])) for s in symbols) - most

    scale = dict.fromkeys(size, math.inf)
    for sector in sorted(set(rules.sector.values())):
        inside = [symbol for symbol in size if rules.sector.get(symbol) == sector]
        if math.fsum(ceiling[s] for s in inside) > rules.max_sector:
            b = root(excess(inside, rules.max_sector), 0.0, 1e6)
            scale.update(dict.fromkeys(inside, b))
    if math.fsum(min(ceiling[s], size[s] * scale[s]) if size[s] else 0.0 for s in size) > rules.max_gross:
        a = root(excess([s for s in size if size[s]], rules.max_gross), 0.0, 1e6)
        scale = {s: min(a, b) for s, b in scale.items()}
    return {s: min(ceiling[s], size[s] * scale[s]) if size[s] else 0.0 for s in size}


def with_net(size: Mapping[str, float], up: set[str], least: float, rules: Rules) -> dict[str, float]:
    """Positions whose net, those of `up` less the others, is at least `least`: the nearest ones, or the utmost."""
    utmost = {s: rules.max_position if s in up and size[s] else 0.0 for s in size}
    utmost = filled({s: size[s] if s in up else 0.0 for s in size}, utmost, rules)
    if math.fsum(utmost.values()) <= least + 1e-13:
        return utmost

    def positions(pressure: float, x: float) -> dict[str, float]:
        factor = {s: 1.0 + pressure - x if s in up else 1.0 - pressure - x for s in size}

        def shifted(y: float, symbols: Sequence[str]) -> dict[str, float]:
            return {s: min(max(size[s] * (factor[s] - y), 0.0), rules.max_position) for s in symbols}

        found = {}

        def room(symbols: Sequence[str]) -> Callable[[float], float]:
            return lambda y: rules.max_sector - math.fsum(shifted(y, symbols).values())

        for sector in sorted(set(rules.sector.values())):
            inside = [s for s in size if rules.sector.get(s) == sector]
            y = root(room(inside), 0.0, 1.0 + pressure) if room(inside)(0.0) < 0.0 else 0.0
            found.update(shifted(y, inside))
        return found

    def within_gross(pressure: float) -> dict[str, float]:
        x = 0.0
        if math.fsum(positions(pressure, 0.0).values()) > rules.max_gross:
            x = root(lambda x: rules.max_gross - math.fsum(positions(pressure, x).values()), 0.0, 1.0 + pressure)
        return positions(pressure, x)

    def net(pressure: float) -> float:
        return math.fsum(w if s in up else -w for s, w in within_gross(pressure).items())

    high = 1.0
    while net(high) < least:
        high *= 2.0
    return within_gross(root(lambda pressure: net(pressure) - least, 0.0, high))


def constrained_weights(wished: Weights, rules: Rules) -> dict[str, float]:
    """The nearest weights that keep every limit; the rest is cash."""
    size = {s: abs(w) for s, w in wished.items()}
    found = filled(size, {s: min(rules.max_position, u) for s, u in size.items()}, rules)
    net = math.fsum(math.copysign(found[s], w) for s, w in wished.items())
    slack = 1e-13 * math.fsum(found.values())
    if net < rules.min_net - slack:
        found = with_net(size, {s for s, w in wished.items() if w > 0}, rules.min_net, rules)
    elif net > rules.max_net + slack:
        found = with_net(size, {s for s, w in wished.items() if w < 0}, -rules.max_net, rules)
    return {s: math.copysign(found[s], w) for s, w in wished.items()}


def target(
    opinions: Mapping[str, Sequence[Opinion]],
    weights: Sequence[float],
    tradable: set[str],
    risk: Mapping[str, float],
    rules: Rules,
) -> dict[str, float]:
    """Target weights of every asset; one that cannot be traded now gets 0."""
    alpha = combined_alphas({s: o for s, o in opinions.items() if s in tradable}, weights, rules)
    weight = constrained_weights(wished_weights(alpha, risk, rules), rules)
    return {symbol: weight.get(symbol, 0.0) for symbol in opinions}
