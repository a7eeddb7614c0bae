"""How assets are taken side by side: few enough to stay in the processor's cache, in rows that fill its registers."""

from __future__ import annotations

from itertools import pairwise

ROW = 16
WIDEST = 3 * ROW


def side_by_side(assets: int, threads: int = 1) -> list[tuple[int, int]]:
    """The first asset and the width of every group; as much work for each thread as can be.

    Widths are multiples of ROW, so that the last group may be wider than there are assets.
    """
    rows = -(-assets // ROW)
    count = threads * -(-rows * ROW // (threads * WIDEST))
    edges = (ROW * (rows * i // count) for i in range(count + 1))
    return [(first, end - first) for first, end in pairwise(edges) if end > first]
