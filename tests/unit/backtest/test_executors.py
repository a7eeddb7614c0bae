"""Worker processes: what each of them is given, and in what order their results stand."""

from __future__ import annotations

import functools
import os

import pytest

from regimefolio.backtest import in_processes
from regimefolio.backtest.executors import ONE_THREAD


def test_a_worker_has_the_environment_of_its_parent_but_one_thread_for_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGIMEFOLIO_TEST", "here")
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "7")
    found = in_processes(functools.partial, os.getenv, ["REGIMEFOLIO_TEST", *ONE_THREAD], 1)
    assert found == ["here", *("1" for _ in ONE_THREAD)]


def test_results_stand_in_the_order_of_the_items() -> None:
    assert in_processes(functools.partial, abs, [-3, 1, -2], 2) == [3, 1, 2]
