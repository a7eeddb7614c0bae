"""What was done to the bars, in words."""

from __future__ import annotations

from collections.abc import Mapping


def counted(count: int, word: str) -> str:
    """A count and what is counted, `1 split` or `2 splits`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def used(what: str, ignored: Mapping[str, int]) -> str:
    """What of a file was used, and how many rows were ignored for which reasons."""
    reasons = [f"{count:,} {reason}" for reason, count in ignored.items() if count]
    return f"{what} (ignored: {', '.join(reasons)})" if reasons else what
