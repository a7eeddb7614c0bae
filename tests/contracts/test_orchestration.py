"""The orchestrator is an allocator like any other."""

from __future__ import annotations

from regimefolio.portfolio import AllocationOrchestrator
from regimefolio.testing.allocators import AllocatorContract


class TestOrchestrator(AllocatorContract):
    allocator = AllocationOrchestrator.model_validate(
        {
            "optimizers": ["proportional", "min_variance", {"kind": "hrp", "lookback": 15}],
            "orchestration_type": "equal",
            "lookback": 20,
        }
    )
    stride = 14
