"""Worker processes: what each of them is given, and in what order their results stand."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable

import pytest

from regimefolio.backtest import Overdue, in_processes
from regimefolio.backtest.executors import ONE_THREAD


def test_a_worker_has_the_environment_of_its_parent_but_one_thread_for_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGIMEFOLIO_TEST", "here")
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "7")
    found = in_processes(functools.partial, os.getenv, ["REGIMEFOLIO_TEST", *ONE_THREAD], 1)
    assert found == ["here", *("1" for _ in ONE_THREAD)]


def test_an_item_that_takes_too_long_is_given_up_and_its_worker_replaced() -> None:
    """The others keep their time, also those that wait behind it for the only worker."""
    ended = []
    found = in_processes(functools.partial, time.sleep, [0.0, 600.0, 0.0], 1, lambda: ended.append(1), limit=2.0)
    assert found == [None, Overdue(2.0), None]
    assert len(ended) == 3


def test_starting_a_worker_is_no_part_of_an_item_s_time() -> None:
    assert in_processes(begin_slowly, 0.5, [1, 2], 1, limit=0.4) == [1, 2]


def begin_slowly(seconds: float) -> Callable[[int], int]:
    time.sleep(seconds)
    return abs


def test_results_stand_in_the_order_of_the_items() -> None:
    assert in_processes(functools.partial, abs, [-3, 1, -2], 2) == [3, 1, 2]
