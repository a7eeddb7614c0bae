"""The allocator that looks at page views, and a blend that does, are allocators like any other."""

from __future__ import annotations

from regimefolio.market import Market
from regimefolio.portfolio import AllocationOrchestrator, Attention, AttentionThenEqual
from regimefolio.testing import BlendContract
from regimefolio.testing.allocators import AllocatorContract
from tests.page_views import VIEWS, with_leading_views

LED = range(0, 12, 2)


class TestAttention(AllocatorContract):
    allocator = Attention(page_views=VIEWS, window=60, growth=1, significance=0.2)

    def market(self, complete: bool = False) -> Market:
        return with_leading_views(super().market(complete), LED)


class TestAttentionThenEqual(AllocatorContract):
    allocator = AllocationOrchestrator.model_validate(
        {
            "optimizers": ["equal_weight", "inverse_volatility"],
            "orchestration_type": {
                "kind": "attention_then_equal",
                "page_views": VIEWS,
                "window": 60,
                "growth": 1,
                "top_n": 3,
                "if_none": "cash",
            },
            "lookback": 20,
        }
    )
    stride = 7

    def market(self, complete: bool = False) -> Market:
        return with_leading_views(super().market(complete), LED)


class TestAmongTheLeading(BlendContract):
    blend = AttentionThenEqual(page_views=VIEWS, if_none="cash")
