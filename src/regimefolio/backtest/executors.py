"""Where work runs: threads for our kernels, which release the interpreter lock, and processes for a user's Python."""

from __future__ import annotations

import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, TypeVar

from regimefolio.core.errors import ModelError, RegimefolioError

A = TypeVar("A")
B = TypeVar("B")
S = TypeVar("S")

LIVES = 2
"""How often the same item may end its worker before it is given up."""

PATIENCE = 5.0
"""Seconds in which a worker that hung up may end by itself, so that how it ended is its own doing."""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


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


@dataclass(frozen=True)
class Died:
    """An item whose worker ended `LIVES` times while it worked on it; `how` says by what."""

    how: str


@dataclass(frozen=True)
class Overdue:
    """An item that took longer than it may; its worker was stopped."""

    limit: float


def in_processes(
    begin: Callable[[S], Callable[[A], B]],
    setting: S,
    items: Sequence[A],
    workers: int,
    done: Callable[[], None] = lambda: None,
    limit: float | None = None,
) -> list[B | Died | Overdue]:
    """Results in the order of the items, each made in a fresh interpreter, whatever the number of workers.

    A worker that is killed is replaced, and its item tried once more; one whose item takes too long is stopped and
    replaced, and its item given up. Workers end with this process, however it ends:
    each of them reads a pipe that breaks then. BLAS runs in one thread.

    Parameters
    ----------
    begin : callable
        A module's function: makes, once in each worker, the function that turns an item into its result.
    setting : object
        What `begin` is given; small, since it is pickled. Large arrays go by path.
    items : sequence
        Pickled one by one.
    limit : float, optional
        Seconds that an item may take.

    Raises
    ------
    ModelError
        A worker cannot start.
    Exception
        What an item raises: it stops everything.
    """
    pool = _Pool(begin, setting, items, limit)
    try:
        return pool.run(workers, done)
    finally:
        pool.end()


@dataclass(eq=False)
class _Worker:
    """A process, the line to it, and the position of the item that it works on; None while it starts.

    `due` is the time, of the monotonic clock, at which the item must be over.
    """

    process: subprocess.Popen[bytes]
    line: Connection[Any, Any]
    position: int | None = None
    due: float = math.inf

    def send(self, value: object) -> None:
        """Put a question; that it is dead is noticed where its answer is read."""
        with suppress(OSError):
            self.line.send(value)

    def end(self, patience: float = 0.0) -> str:
        """Kill it if it is not dead after so many seconds, and say how it ended."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        self.process.kill()
        code = self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.line.close()
        return f"signal {-code}, {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


class _Pool:
    """Workers, the items that wait for one, and the results."""

    def __init__(
        self, begin: Callable[[S], Callable[[A], B]], setting: S, items: Sequence[A], limit: float | None
    ) -> None:
        self._question = (begin, setting)
        self._items = items
        self._limit = limit
        self._results: list[Any] = [None] * len(items)
        self._waiting = deque(range(len(items)))
        self._deaths: Counter[int | None] = Counter()  # by item; None: before the first one
        self._workers: list[_Worker] = []

    def run(self, workers: int, done: Callable[[], None]) -> list[Any]:
        """Keep up to so many workers busy until nothing waits."""
        while self._waiting or self._workers:
            busy = sum(worker.position is not None for worker in self._workers)
            while len(self._workers) < min(max(workers, 1), busy + len(self._waiting)):
                self._start()
            ready = wait([worker.line for worker in self._workers], self._patience())
            for worker in list(self._workers):
                if self._heard(worker) if worker.line in ready else self._stopped(worker):
                    done()
        return self._results

    def _patience(self) -> float | None:
        """Seconds until the next item is overdue; None where none ever is."""
        due = min(worker.due for worker in self._workers)
        return None if due == math.inf else max(0.0, due - time.monotonic())

    def end(self) -> None:
        """Leave no worker behind."""
        while self._workers:
            self._workers.pop().end()

    def _start(self) -> None:
        """A fresh interpreter that finds the modules which this one finds, and is told what to do."""
        here, there = Pipe()
        number = there.fileno()
        program = (
            f"import sys; sys.path[:] = {sys.path!r}; from regimefolio.backtest.executors import serve; serve({number})"
        )
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", program],  # unbuffered: what is printed is out before a worker ends
            stdin=subprocess.PIPE,  # never written to: it breaks when this process ends
            stdout=2,  # what a strategy prints must not stand among results
            pass_fds=[number],
            process_group=0,  # Ctrl-C is for the one who asks, who then ends the others
            env={**os.environ, **ONE_THREAD},
        )
        there.close()
        worker = _Worker(process, here)
        self._workers.append(worker)
        worker.send(self._question)

    def _heard(self, worker: _Worker) -> bool:
        """Take a worker's answer, or its death, and give it the next item; whether an item is over."""
        position = worker.position
        try:
            ok, answer = worker.line.recv()
        except (EOFError, OSError):
            return self._buried(worker)
        if not ok:
            raise answer
        if position is not None:
            self._results[position] = answer
        if self._waiting:
            worker.position = self._waiting.popleft()
            worker.due = math.inf if self._limit is None else time.monotonic() + self._limit
            worker.send(self._items[worker.position])
        else:
            self._workers.remove(worker)
            worker.end()
        return position is not None

    def _stopped(self, worker: _Worker) -> bool:
        """Stop a worker that has said nothing for too long; whether its item is given up."""
        if self._limit is None or worker.position is None or time.monotonic() < worker.due:
            return False
        self._workers.remove(worker)
        worker.end()
        self._results[worker.position] = Overdue(self._limit)
        return True

    def _buried(self, worker: _Worker) -> bool:
        """What becomes of the item of a worker that is dead; whether the item is given up."""
        position = worker.position
        self._workers.remove(worker)
        how = worker.end(PATIENCE)
        self._deaths[position] += 1
        over = self._deaths[position] == LIVES
        if position is None:
            if over:
                raise ModelError(f"two worker processes ended before they could start ({how}); run with --threads 1")
        elif over:
            self._results[position] = Died(how)
        else:
            self._waiting.appendleft(position)
        return over and position is not None


def serve(descriptor: int) -> None:
    """What a worker does: make the work, say that it is ready, and answer item after item until nobody asks."""
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    with Connection(descriptor) as line:
        try:
            begin, setting = line.recv()
            work = begin(setting)
            line.send((True, None))
            while True:
                line.send((True, work(line.recv())))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return
        except Exception as error:  # a door: told to the one who asks
            line.send((False, _portable(error)))


def _end_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """The error where it survives the way to another process, otherwise one of ours with its text."""
    if not isinstance(error, RegimefolioError):
        error.add_note(f"In a worker process:\n{traceback.format_exc()}")
    try:
        again = pickle.loads(pickle.dumps(error))
    except Exception:  # a door: an error of the user's own making
        again = None
    return error if type(again) is type(error) else ModelError(f"{type(error).__name__}: {error}")
