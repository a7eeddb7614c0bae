"""Numbers as they are read: rounded for the eye, with a real minus sign."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np

from regimefolio.core.types import Json

NOTHING = "–"


def number(value: float | None, digits: int = 2) -> str:
    """A number with so many decimals, or the mark of an undefined one."""
    if _undefined(value):
        return NOTHING
    return _minus(f"{value:,.{digits}f}")


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction in percent."""
    return NOTHING if _undefined(value) or value is None else _minus(f"{value:,.{digits}%}")


def probability(value: float | None) -> str:
    """A probability in percent that is never rounded to certainty."""
    if _undefined(value) or value is None:
        return NOTHING
    return "> 99.9%" if value > 0.9995 else "< 0.1%" if value < 0.0005 else percent(value)


def signed(value: float | None) -> str:
    """A difference with its sign; a small one keeps two digits, so that its side of zero shows."""
    if _undefined(value) or value is None:
        return NOTHING
    text = f"{value:+.2f}" if abs(value) >= 0.005 or value == 0 else f"{value:+.2g}"
    return _minus(text)


def count(value: float | None) -> str:
    """A whole number."""
    return number(value, 0)


def counted(value: int, word: str) -> str:
    """A count and what is counted, `1 bar` or `2 bars`."""
    return f"{count(value)} {word}{'' if value == 1 else 's'}"


def listed(words: Sequence[str]) -> str:
    """Words one after another: `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def day(value: datetime.datetime | np.datetime64) -> str:
    """A date, with its time where that is not midnight."""
    text = value.isoformat() if isinstance(value, datetime.datetime) else str(value.astype("datetime64[s]"))
    return text.removesuffix("T00:00:00").replace("T", " ")


def parameter(value: Json) -> str:
    """The value of a parameter; a part as `smoothing (window 3)`, a list of them with commas."""
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(map(parameter, value)) or "none"
    if isinstance(value, dict):
        rest = ", ".join(f"{name} {parameter(each)}" for name, each in value.items() if name != "kind")
        return f"{value.get('kind', '')} ({rest})".strip() if rest else str(value.get("kind", ""))
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


_METRICS = {
    "sharpe": "Sharpe ratio",
    "sortino": "Sortino ratio",
    "calmar": "Calmar ratio",
    "drawdown": "maximum drawdown",
    "minimize_regime_drawdown": "maximum drawdown inside a regime",
}


def metric_name(name: str) -> str:
    """What a metric or an objective of the configuration is called."""
    return _METRICS.get(name, name.replace("_", " "))


def _undefined(value: float | None) -> bool:
    return value is None or value != value


def _minus(text: str) -> str:
    """`-0.00` is 0.00, and the hyphen of a negative number a minus."""
    if not text.strip("-0.,%"):
        text = text.lstrip("-")
    return text.replace("-", "−")
