"""A store or a node in trouble: values go elsewhere or stay, and nobody waits long."""

import errno
import logging
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from distributed.spill import SpillBuffer

from gridcache.dask.spill.breaker import Breaker
from gridcache.dask.spill.buffer import tiers_of
from gridcache.dask.spill.figures import figures_of
from gridcache.dask.spill.freeing import Freeing
from gridcache.dask.spill.memory import SpillMemory
from gridcache.dask.spill.own import OwnMemory
from gridcache.dask.spill.troubles import SpillError
from gridcache.errors import (
    BlockNotFoundError,
    ClosedError,
    ConfigError,
    NodeLostError,
    OutOfSpaceError,
    PeerError,
    PeerLostError,
    StoreStalledError,
)
from gridcache.store.node_store import NodeStore

NBYTES = 60_000
TROUBLES = [
    ClosedError("closed"),
    ConfigError("number taken"),
    StoreStalledError("stalled"),
    PeerError("failed"),
    MemoryError("system"),
    RuntimeError("a bug"),
    KeyError("a bug that zict would take for a race"),
    OSError(errno.ENOSPC, "no space"),
    BlockNotFoundError("gone"),
    NodeLostError("gone"),
]


class Clock:
    """Seconds that the test lets pass."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Troubled(OwnMemory):
    """Memory of a real store that fails when told to."""

    trouble: Exception | None = None
    asked = 0

    def _fail(self) -> None:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble

    def put(self, pieces: Sequence[memoryview], nbytes: int, taken_nbytes: int) -> int:
        self._fail()
        return super().put(pieces, nbytes, taken_nbytes)

    def read_into(self, number: int, into: memoryview) -> None:
        self._fail()
        super().read_into(number, into)

    def free(self, number: int) -> None:
        self._fail()
        super().free(number)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def own(store: NodeStore) -> Iterator[Troubled]:
    own = Troubled(store, "test", 32 << 20)
    yield own
    own.trouble = None
    own.close()


@pytest.fixture
def buffer(
    make_buffer: Callable[..., SpillBuffer], own: Troubled, clock: Clock
) -> SpillBuffer:
    return troubled(make_buffer(), own, clock)


def troubled(buffer: SpillBuffer, own: Troubled, clock: Clock) -> SpillBuffer:
    tiers = tiers_of(buffer)
    assert tiers is not None
    assert tiers.memory is not None
    tiers.memory.close()
    tiers.memory = SpillMemory(own, clock=clock)
    tiers._memories = dict.fromkeys(tiers._memories, tiers.memory)
    return buffer


def fill(buffer: SpillBuffer, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        buffer[f"key{number}"] = np.full(NBYTES // 8, number, np.float64)


def check(buffer: SpillBuffer, count: int) -> None:
    for number in range(count):
        assert buffer[f"key{number}"][0] == number  # type: ignore[index]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda one: type(one).__name__)
def test_any_error_of_the_store_sends_values_to_disk(
    buffer: SpillBuffer, own: Troubled, trouble: Exception
) -> None:
    own.trouble = trouble
    fill(buffer, 4)
    assert buffer.evict() > 0
    assert figures_of(buffer).disk_count == len(buffer.slow) == 4
    check(buffer, 4)


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda one: type(one).__name__)
def test_without_disk_any_error_of_the_store_leaves_values_in_ram(
    make_buffer: Callable[..., SpillBuffer],
    own: Troubled,
    trouble: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    buffer = troubled(make_buffer(disk=False), own, Clock())
    own.trouble = trouble
    with caplog.at_level(logging.CRITICAL, "distributed"):
        fill(buffer, 4)
        assert buffer.evict() == -1
        buffer["large"] = np.zeros(200_000)
    assert len(buffer.fast) == 5
    check(buffer, 4)


@pytest.mark.parametrize(
    ("trouble", "raised"),
    [
        (BlockNotFoundError("gone"), KeyError),
        (NodeLostError("gone"), KeyError),
        (PeerLostError("no answer"), OSError),
        (StoreStalledError("stalled"), OSError),
        (ClosedError("closed"), OSError),
    ],
)
def test_a_read_says_whether_a_value_is_lost_or_out_of_reach(
    buffer: SpillBuffer,
    own: Troubled,
    trouble: Exception,
    raised: type[Exception],
) -> None:
    fill(buffer, 2)
    own.trouble = trouble
    with pytest.raises(raised):
        buffer["key0"]
    own.trouble = None
    check(buffer, 2)


def test_a_value_that_cannot_be_freed_is_forgotten_and_freed_with_the_worker(
    buffer: SpillBuffer, own: Troubled, store: NodeStore
) -> None:
    fill(buffer, 2)
    own.trouble = StoreStalledError("stalled")
    del buffer["key0"]
    assert "key0" not in buffer
    assert buffer.spilled_total == (0, 0)
    own.trouble = None
    own.close()
    assert not store.blocks.sizes().blocks


# -- the breaker --------------------------------------------------------------------


def test_a_store_that_fails_three_times_is_left_alone_for_thirty_seconds(
    buffer: SpillBuffer, own: Troubled, clock: Clock
) -> None:
    own.trouble = PeerError("failed")
    for number in range(10):
        clock.now_s += 1.5  # not taken for full
        buffer[f"key{number}"] = np.zeros(NBYTES // 8)
    assert own.asked == 3
    own.trouble = None
    clock.now_s += 30
    fill(buffer, 3, first=10)
    assert figures_of(buffer).grid_own_count == 3


def test_one_that_takes_its_whole_time_limit_is_left_alone_at_once(
    buffer: SpillBuffer, own: Troubled, clock: Clock
) -> None:
    own.trouble = StoreStalledError("stalled")
    for number in range(5):
        clock.now_s += 1.5
        buffer[f"key{number}"] = np.zeros(NBYTES // 8)
    assert own.asked == 1


def test_a_full_store_is_no_failure_but_is_not_asked_for_a_moment(
    buffer: SpillBuffer, own: Troubled, clock: Clock
) -> None:
    own.trouble = OutOfSpaceError("full")
    fill(buffer, 10)
    assert own.asked == 1
    for _ in range(5):
        clock.now_s += 1.5
        fill(buffer, 2, first=20)
    own.trouble = None
    clock.now_s += 1.5
    before = figures_of(buffer).grid_own_count
    fill(buffer, 2, first=30)
    assert figures_of(buffer).grid_own_count > before


def test_a_breaker_that_has_rested_rests_again_at_the_next_failure() -> None:
    clock = Clock()
    breaker = Breaker(clock, failures=2, rest_s=10)
    rests = []
    for step in ("failed", "failed", "wait", "failed", "wait", "worked", "failed"):
        if step == "wait":
            clock.now_s += 10
        else:
            getattr(breaker, step)()
        rests.append(breaker.rests)
    assert rests == [False, True, False, True, False, False, False]


# -- freeing aside ---------------------------------------------------------------------


def test_what_a_node_does_not_hear_is_freed_later_and_with_the_rest() -> None:
    heard: list[list[int]] = []
    troubles = [PeerLostError("no answer")]

    def free(_node: str, numbers: list[int]) -> None:
        if troubles:
            raise troubles.pop()
        heard.append(numbers)

    freeing = Freeing(free, pause_s=0.01)
    freeing.add("a", 1)
    assert freeing.settle(20.0)
    freeing.add("a", 2)
    assert freeing.settle(20.0)
    freeing.close()
    assert sorted(number for numbers in heard for number in numbers) == [1, 2]


def test_a_node_that_is_lost_is_told_nothing_again() -> None:
    told: list[str] = []

    def free(node: str, _numbers: list[int]) -> None:
        told.append(node)
        message = "lost"
        raise NodeLostError(message)

    freeing = Freeing(free)
    freeing.add("a", 1)
    assert freeing.settle(20.0)
    freeing.close()
    assert told == ["a"]


def test_spill_errors_are_os_errors() -> None:
    assert issubclass(SpillError, OSError)
