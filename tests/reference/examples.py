"""How many random cases are tried: few at every change, as many as one likes in a long run."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings


def examples(usual: int) -> settings:
    """`REGIMEFOLIO_EXAMPLES=5000 pytest tests/reference` tries so many of each instead of the usual number."""
    number = int(os.environ.get("REGIMEFOLIO_EXAMPLES", usual))
    return settings(max_examples=number, deadline=None, suppress_health_check=[HealthCheck.too_slow])
