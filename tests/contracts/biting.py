"""Whether a contract bites: which of its tests a part fails that breaks a promise."""

from __future__ import annotations

from regimefolio.core.component import Component
from regimefolio.core.errors import ModelError


def failures(contract: type, **parts: Component) -> set[str]:
    """The contract's tests that parts fail, such as `failures(StrategyContract, strategy=suspect)`."""
    suite = type("Suite", (contract,), parts)()
    failed = set()
    for name in dir(suite):
        if name.startswith("test_") and "description" not in name:
            try:
                getattr(suite, name)()
            except (AssertionError, ModelError):
                failed.add(name.removeprefix("test_"))
    return failed
