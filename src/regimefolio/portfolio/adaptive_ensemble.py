"""Which strategies, with which parameters and weights, rule in which regime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field, ValidationError

from regimefolio.core.component import Model, did_you_mean
from regimefolio.core.errors import ConfigError, must_be
from regimefolio.core.types import Float32, Int, Json, RegimePath
from regimefolio.strategies import Strategy


class RegimeSettings(Model):
    """What changes in one regime; what is not named stays as it is."""

    strategies: dict[str, dict[str, Json]] = Field(default_factory=dict)
    weights: dict[str, float] | None = None


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Parameterised strategies and the weights that they have in each regime.

    Parameters
    ----------
    strategies : tuple of S Strategy
        All different; the variants of one strategy stand together, in the order of the ensemble. None where nothing
        looks at alphas.
    weights : ndarray of shape (1 + K, S), float32
        Row 0 rules where no regime is known, row 1 + k in regime k. Rows sum to 1, if there are strategies.
    regimes : tuple of K str
        Empty for an ensemble that does not adapt.
    """

    strategies: tuple[Strategy, ...]
    weights: Float32
    regimes: tuple[str, ...] = ()

    @classmethod
    def static(cls, strategies: Sequence[Strategy], weights: Sequence[float]) -> Ensemble:
        """The ensemble that is the same in every regime."""
        return cls.adaptive(strategies, weights, (), {})

    @classmethod
    def adaptive(
        cls,
        strategies: Sequence[Strategy],
        weights: Sequence[float],
        regimes: Sequence[str],
        settings: Mapping[str, RegimeSettings],
    ) -> Ensemble:
        """The ensemble whose strategies adapt to each regime through `Strategy.adapt_to_regime`.

        Raises
        ------
        ConfigError
            A regime or strategy that is not there, a strategy named twice, parameters that it refuses, or weights
            that cannot be normalised.
        """
        for position, strategy in enumerate(strategies):
            must_be(Strategy, strategy, f"strategies[{position}]", "Strategy.of(name) makes one of its name")
        kinds = [strategy.kind for strategy in strategies]
        if len(set(kinds)) != len(kinds):
            raise ConfigError(f"every strategy of an ensemble must be of another kind, but these are {kinds}")
        for regime in settings:
            if regime not in regimes:
                raise ConfigError(f"unknown regime {regime!r}; {did_you_mean(regime, regimes)}")
        base = dict(zip(kinds, weights, strict=True))
        rows = [(list(strategies), _normalised(base, "the ensemble"))]
        for regime in regimes:
            chosen = settings.get(regime, RegimeSettings())
            for kind in (*chosen.strategies, *(chosen.weights or {})):
                if kind not in kinds:
                    raise ConfigError(f"regime {regime!r}: unknown strategy {kind!r}; {did_you_mean(kind, kinds)}")
            adapted = [_adapted(s, regime, chosen.strategies.get(s.kind, {})) for s in strategies]
            named = base if chosen.weights is None else {kind: chosen.weights.get(kind, 0.0) for kind in kinds}
            rows.append((adapted, _normalised(named, f"regime {regime!r}")))
        return cls._stack(rows, tuple(regimes))

    @classmethod
    def _stack(cls, rows: list[tuple[list[Strategy], list[float]]], regimes: tuple[str, ...]) -> Ensemble:
        """One column for each different variant, in strategy order, so that every row adds up in that order."""
        variants: dict[str, Strategy] = {}
        for position in range(len(rows[0][0])):
            for chosen, _ in rows:
                variants.setdefault(chosen[position].fingerprint, chosen[position])
        columns = {fingerprint: column for column, fingerprint in enumerate(variants)}
        table = np.zeros((len(rows), len(variants)), dtype=np.float32)
        for row, (chosen, shares) in enumerate(rows):
            for strategy, share in zip(chosen, shares, strict=True):
                table[row, columns[strategy.fingerprint]] = np.float32(share)
        table.flags.writeable = False
        return cls(tuple(variants.values()), table, regimes)

    def rows(self, regimes: RegimePath | None, n_bars: int) -> Int:
        """The row of `weights` that rules at every bar, of shape (T,).

        Raises
        ------
        ConfigError
            The ensemble adapts to other regimes than the path has.
        """
        if not self.regimes:
            return np.zeros(n_bars, dtype=np.int64)
        if regimes is None or regimes.names != self.regimes:
            found = "none" if regimes is None else ", ".join(regimes.names)
            raise ConfigError(f"the ensemble adapts to {', '.join(self.regimes)}, but the regimes are {found}")
        return regimes.label + 1

    @property
    def warmup(self) -> int:
        """Bars that pass before every strategy can have an opinion."""
        return max((strategy.warmup for strategy in self.strategies), default=0)

    def settings(self, row: int) -> dict[str, Json]:
        """What rules in one row, in words: each strategy with a weight, its parameters and that weight."""
        return {
            strategy.kind: {"parameters": strategy.plain(), "weight": float(weight)}
            for strategy, weight in zip(self.strategies, self.weights[row], strict=True)
            if weight != 0
        }


def _adapted(strategy: Strategy, regime: str, parameters: Mapping[str, Json]) -> Strategy:
    try:
        return strategy.adapt_to_regime(regime, parameters)
    except ValidationError as error:
        first = error.errors()[0]
        name = "".join(f"{step}: " for step in first["loc"])
        text = f"regime {regime!r}: {strategy.kind} refuses {dict(parameters)}: {name}{first['msg']}"
        raise ConfigError(text) from None


def _normalised(weights: Mapping[str, float], where: str) -> list[float]:
    total = sum(weights.values())
    if weights and (min(weights.values()) < 0 or total <= 0):
        raise ConfigError(
            f"{where}: strategy weights must not be negative and must not all be 0, but are {dict(weights)}"
        )
    return [weight / total for weight in weights.values()]
