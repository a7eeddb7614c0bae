"""What holds an account back: stops, vetoes, and what changes the targets of a decision."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from tests.reference.twin.basics import Prices, Weights, deviation
from tests.reference.twin.stops import Stops
from tests.reference.twin.targets import Rules


@dataclass(frozen=True)
class VolatilityTarget:
    """The deviation of a year that targets are scaled to, as the last returns have it, within the limits of `rules`."""

    annual: float
    lookback: int
    ppy: float
    rules: Rules = field(default_factory=Rules)

    def factor(self, weights: Weights, close: Sequence[Prices], bar: int) -> float:
        """What the targets decided at a bar are multiplied by."""
        first = max(bar - self.lookback + 1, 1)
        values = [math.fsum(w * one_bar_return(s, close, t) for s, w in weights.items()) for t in range(first, bar + 1)]
        if len(values) < 2 or deviation(values) <= 1e-14:
            return 1.0
        wished = self.annual / (deviation(values) * math.sqrt(self.ppy))
        return wished if wished <= 1.0 else max(min(wished, self.room(weights)), 1.0)

    def room(self, weights: Weights) -> float:
        """The largest factor above 1 that keeps every limit."""
        r = self.rules
        sectors = {r.sector[s] for s in weights if s in r.sector}
        sizes = [
            (r.max_gross, math.fsum(map(abs, weights.values()))),
            *((r.max_position, abs(w)) for w in weights.values()),
            *((r.max_sector, math.fsum(abs(w) for s, w in weights.items() if r.sector.get(s) == k)) for k in sectors),
        ]
        net = math.fsum(weights.values())
        if abs(net) > 1e-12 * sizes[0][1]:  # less is rounding
            sizes.append((r.max_net, net) if net > 0.0 else (-r.min_net, -net))
        return min((most / size for most, size in sizes if size > 0.0), default=math.inf)


def one_bar_return(symbol: str, close: Sequence[Prices], bar: int) -> float:
    """From the close before to that of a bar; 0 where one of them is missing."""
    if symbol not in close[bar] or symbol not in close[bar - 1]:
        return 0.0
    return close[bar][symbol] / close[bar - 1][symbol] - 1.0


@dataclass(frozen=True)
class Brake:
    """Targets shrink to `floor` of them as equity falls from `begin` to `full` below its highest of `window` bars."""

    begin: float
    full: float
    floor: float
    window: int

    def factor(self, equity: Callable[[int], float], bar: int) -> float:
        """What the targets decided at a bar are multiplied by; `equity` is that of a bar's close."""
        peak = max(equity(t) for t in range(max(bar - self.window + 1, 0), bar + 1))
        below = 1.0 - equity(bar) / peak
        if below <= self.begin:
            return 1.0
        if below >= self.full:
            return self.floor
        return 1.0 - (1.0 - self.floor) * (below - self.begin) / (self.full - self.begin)


@dataclass(frozen=True)
class Risk:
    """All that holds an account back; by default nothing does.

    `vetoes` are the sides, 1 and -1, that may not be opened or enlarged by what a bar decides.
    """

    stops: Stops = field(default_factory=Stops)
    vetoes: Mapping[int, Collection[int]] = field(default_factory=dict)
    volatility: VolatilityTarget | None = None
    brake: Brake | None = None

    def decided(self, weights: Weights, close: Sequence[Prices], equity: Callable[[int], float], bar: int) -> Weights:
        """A decision's targets as they are recorded."""
        factors = []
        if self.volatility is not None:
            factors.append(self.volatility.factor(weights, close, bar))
        if self.brake is not None:
            factors.append(self.brake.factor(equity, bar))
        for factor in factors:
            weights = {s: w * factor for s, w in weights.items()}
        return weights
