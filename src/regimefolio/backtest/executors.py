"""Where work runs: threads, since every kernel releases the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def in_order(
    work: Callable[[A], B], items: Sequence[A], threads: int, done: Callable[[], None] = lambda: None
) -> list[B]:
    """Results of `work` in the order of the items, whatever the number of threads.

    `done` is called, from any thread, after each item. The first error cancels what has not begun, and is raised.
    """

    def one(item: A) -> B:
        result = work(item)
        done()
        return result

    if threads <= 1:
        return [one(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, items))
