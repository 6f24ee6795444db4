"""Callers of a single flight: in this process, and in others that obey orders.

Those run `worker.py`: they read plans from their standard input, play them and
say what happens, so that tests order events by what was said and not by the clock.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import pytest

from gridcache import codec
from gridcache.flight import ABSENT, STALE_S, Fence, SingleFlight, single
from gridcache.flight.attempt import Pause
from gridcache.flight.waiting import ThreadPauser
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.opening import close_store, open_store
from gridcache.store.outcome import Hit
from gridcache.store.writer import Order

collect_ignore = ["worker.py"]  # a program, not a module
_CAPACITY = 8 << 20
_DEADLINE_S = 30.0
_WORKER = Path(__file__).with_name("worker.py")
_ROOT = Path(__file__).parents[2]


def telling(tell: Callable[[], object]) -> type[ThreadPauser]:
    """A pauser that tells when its call begins to wait."""

    class TellingPauser(ThreadPauser):
        told = False

        def pause(self, pause: Pause) -> None:
            if not self.told:
                tell()
            self.told = True
            super().pause(pause)

    return TellingPauser


class Calls:
    """`get_or_compute` over a store, as a cache does it."""

    def __init__(self, store: NodeStore, stale_s: float = STALE_S) -> None:
        self.store = store
        self.space = store.namespace(Namespace("default"))
        self.flight = SingleFlight(store.flights, stale_s=stale_s)

    def find(self, key: str) -> Any:
        found = self.store.look_up(self.space, key)
        if isinstance(found, Hit):
            return codec.decode(found.header, found.body)
        return ABSENT

    def put(self, key: str, value: Any, fence: Fence | None = None) -> int | None:
        order = Order(self.space, key, codec.encode(value), fence=fence)
        return self.store.put(order)

    def get(self, key: str, compute: Callable[[], Any], *, store: bool = True) -> Any:
        found = self.find(key)
        if found is not ABSENT:
            return found
        return self.flight.run(
            self.space,
            key,
            find=lambda: self.find(key),
            compute=compute,
            keep=self._keeper(key, store=store),
        )

    async def aget(self, key: str, compute: Callable[[], Awaitable[Any]]) -> Any:
        found = self.find(key)
        if found is not ABSENT:
            return found
        return await self.flight.run_async(
            self.space,
            key,
            find=lambda: self.find(key),
            compute=compute,
            keep=self._keeper(key, store=True),
        )

    def _keeper(self, key: str, *, store: bool) -> Callable[[Any, Fence | None], Any]:
        def keep(value: Any, fence: Fence | None) -> Any:
            if store:
                self.put(key, value, fence)
            return value

        return keep

    def records(self) -> int:
        """How many records the table of flights has."""

        def count(txn: Any) -> int:
            return int(txn.txn.stat(txn.tables.flights)["entries"])

        return self.store._parts.index.snapshot(count)

    def see_beats(self, pid: int, count: int) -> None:
        """Until a process has beaten so many times."""
        clients = self.store._parts.clients
        (row,) = (row.row for row in clients.read() if row.pid == pid)
        seen: set[float] = set()
        while len(seen) <= count:
            seen.add(clients.heartbeat_s(row))
            time.sleep(0.05)


class Gated:
    """A computation that says it has begun and waits to be let go."""

    def __init__(self, value: Any = "v") -> None:
        self._begun, self.go = threading.Event(), threading.Event()
        self.runs = 0
        self._value = value

    def __call__(self) -> Any:
        self.runs += 1
        self._begun.set()
        assert self.go.wait(_DEADLINE_S)
        return self._value

    def has_begun(self) -> None:
        """Return when it has."""
        assert self._begun.wait(_DEADLINE_S)


Start = Callable[..., "Future[Any]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Call something in a thread."""
    with ThreadPoolExecutor(32) as pool:
        yield pool.submit


@pytest.fixture
def gate() -> type[Gated]:
    """Make gated computations."""
    return Gated


# -- another process, seen from the test ---------------------------------------


class Worker:
    """A process that plays plans."""

    def __init__(self, directory: Path, stale_s: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, _WORKER, str(directory), str(stale_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=os.environ | {"PYTHONPATH": str(_ROOT)},
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def order(self, plan: dict[str, Any]) -> Self:
        """Have it get a key; see `play` for the steps of a plan."""
        self._write(json.dumps(plan))
        return self

    def go(self) -> Self:
        """End its `wait`."""
        self._write("go")
        return self

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    def next_words(self) -> str:
        """What it says next."""
        assert self._process.stdout is not None
        words = b""
        while not words.endswith(b"\n"):
            readable, _, _ = select.select([self._process.stdout], [], [], _DEADLINE_S)
            assert readable, f"silent for {_DEADLINE_S} s after {words!r}"
            some = self._process.stdout.read(1)
            assert some, f"ended after {words!r}"
            words += some
        return words.decode().strip()

    def hear(self, *expected: str) -> Self:
        """It says this next, in this order."""
        for words in expected:
            assert self.next_words() == words
        return self

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; returns when a stop or an end is a fact."""
        os.kill(self._process.pid, number)
        if number is signal.SIGSTOP:
            os.waitpid(self._process.pid, os.WUNTRACED)
        if number is signal.SIGKILL:
            self._process.wait()

    def end(self) -> None:
        """Kill it if it is still there."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


Hire = Callable[..., Worker]


@pytest.fixture
def store(store_dir: Path) -> Iterator[NodeStore]:
    opened = open_store(store_dir / "store", capacity_nbytes=_CAPACITY)
    yield opened
    close_store(opened)


@pytest.fixture
def calls(store: NodeStore) -> Iterator[Calls]:
    """Whatever a test does, no record stays and the store is whole."""
    made = Calls(store)
    yield made
    store.tidy()
    assert made.records() == 0
    report = store.check()
    assert report.ok, report.problems


@pytest.fixture
def hire(calls: Calls) -> Iterator[Hire]:
    """Start workers on the store; long patience, so that only death replaces."""
    workers: list[Worker] = []

    def start(stale_s: float = 1_000.0) -> Worker:
        workers.append(Worker(calls.store.directory, stale_s))
        return workers[-1].hear("ready")

    yield start
    for worker in workers:
        worker.end()


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Counts calls of this process's threads that have begun to wait."""
    counter = threading.Semaphore(0)
    monkeypatch.setattr(single, "ThreadPauser", telling(counter.release))
    return counter
