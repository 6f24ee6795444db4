"""Writers and readers with checked values while one after the other is killed.

Every worker owns some keys, puts and deletes them, and notes in a log what was
acknowledged. It reads its own keys, whose value it knows exactly, and those of
the others, whose every byte it checks. A killed worker's successor goes on where
the log ends.
"""

import os
import random
import struct
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from pathlib import Path
from time import monotonic
from typing import Any

from gridcache.store.namespaces import Namespace
from gridcache.store.opening import open_store
from gridcache.store.outcome import Hit
from tests.store.kit.shop import Shop
from tests.store.kit.values import read_number

__all__ = ["Siege", "acknowledged", "besiege"]

_RECORD = struct.Struct("<QQ")
_SIZES = (0, 100, 230, 300, 1000, 5000, 20_000, 70_000, 300_000)
_HELD = 4
_fork: Any = get_context("fork")


@dataclass(frozen=True)
class Siege:
    """What happens."""

    directory: Path
    """Of the store, which exists; the logs lie beside it."""
    seconds: float
    keys: int = 40
    """Of each worker."""
    workers: int = 4
    kill_every_s: float = 0.5
    evicting: bool = False
    """True if a key may be gone at any time."""

    def log(self, worker: int) -> Path:
        return self.directory.parent / f"log{worker}"


def besiege(siege: Siege) -> int:
    """Run it; returns how many workers were killed.

    The caller has no store open: every worker opens it anew.
    """
    chance, killed = random.Random(4), 0
    workers = {which: _start(siege, which) for which in range(siege.workers)}
    end = monotonic() + siege.seconds
    try:
        while monotonic() < end:
            sentinels = [process.sentinel for process in workers.values()]
            ended = connection.wait(sentinels, siege.kill_every_s)
            assert not ended, "a worker ended by itself"
            which = chance.randrange(siege.workers)
            workers[which].kill()
            workers[which].join()
            workers[which] = _start(siege, which)
            killed += 1
    finally:
        for process in workers.values():
            process.kill()
            process.join()
    return killed


def _start(siege: Siege, which: int) -> Any:
    process = _fork.Process(target=_work, args=(siege, which))
    process.start()
    return process


def acknowledged(siege: Siege, worker: int) -> dict[int, int]:
    """By key, the number of its last acknowledged put; negative for a delete."""
    last = {}
    data = siege.log(worker).read_bytes() if siege.log(worker).exists() else b""
    whole = len(data) - len(data) % _RECORD.size
    for key, number in _RECORD.iter_unpack(data[:whole]):
        last[key & 0xFFFF] = -number if key >> 16 else number
    return last


def _work(siege: Siege, which: int) -> None:
    try:
        for _ in _steps(siege, which):
            pass
    except BaseException:  # noqa: BLE001 - told here: it must not go on in the fork
        traceback.print_exc()
        os._exit(1)


@dataclass
class _Worker:
    siege: Siege
    which: int
    shop: Shop
    log: int
    chance: random.Random
    known: dict[int, int]
    """By key, the number it must have; 0 for none."""
    sequence: int
    held: list[tuple[Hit, int]] = field(default_factory=list)


def _steps(siege: Siege, which: int) -> Iterator[None]:
    last = acknowledged(siege, which)
    log = os.open(siege.log(which), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.ftruncate(log, os.fstat(log).st_size // _RECORD.size * _RECORD.size)
    store = open_store(siege.directory)
    worker = _Worker(
        siege,
        which,
        Shop(store, store.namespace(Namespace("default"))),
        log,
        random.Random(),
        {},
        max((abs(number) >> 16 for number in last.values()), default=0) + 1,
    )
    _take_over(worker, last)
    while True:
        worker.chance.choice((_put, _put, _delete, _read_own, _read_other, _hold))(
            worker
        )
        yield


def _take_over(worker: _Worker, last: dict[int, int]) -> None:
    """The last act of the one before may have happened without a note."""
    for key in range(worker.siege.keys):
        found = worker.shop.number(_name(worker.which, key))
        _check_after(worker.siege, worker.which, key, last.get(key, 0), found)
        worker.known[key] = found or 0
        worker.sequence = max(worker.sequence, (found or 0) >> 16)


def _name(worker: int, key: int) -> str:
    return f"{worker}/{key}" + "x" * (450 if key % 10 == 9 else 0)


def _check_after(
    siege: Siege, worker: int, key: int, acknowledged: int, found: int | None
) -> None:
    """What may be there after the last acknowledged act and perhaps one more."""
    if found is not None:
        assert found & 0xFFFF == worker << 8 | key, "another key's value"
        assert found >= abs(acknowledged), "an older value"
        assert found != -acknowledged, "a deleted value"
    elif acknowledged > 0 and not siege.evicting:
        # It may be an unnoted delete, which writes its intention first.
        assert key in _intended(siege, worker), "an acknowledged put is lost"


def _intended(siege: Siege, worker: int) -> set[int]:
    """The key that the last worker was about to delete."""
    path = siege.log(worker).with_suffix(".deleting")
    text = path.read_text() if path.exists() else ""
    return {int(text)} if text else set()


def _put(worker: _Worker) -> None:
    key = worker.chance.randrange(worker.siege.keys)
    worker.sequence += 1
    number = worker.sequence << 16 | worker.which << 8 | key
    worker.shop.put(_name(worker.which, key), number, worker.chance.choice(_SIZES))
    worker.known[key] = number
    os.write(worker.log, _RECORD.pack(key, number))


def _delete(worker: _Worker) -> None:
    key = worker.chance.randrange(worker.siege.keys)
    intention = worker.siege.log(worker.which).with_suffix(".deleting")
    intention.write_text(str(key))
    done = worker.shop.delete(_name(worker.which, key))
    number = worker.known[key]
    assert worker.siege.evicting or done == bool(number)
    worker.known[key] = 0
    os.write(worker.log, _RECORD.pack(1 << 16 | key, number))
    intention.write_text("")


def _read_own(worker: _Worker) -> None:
    key = worker.chance.randrange(worker.siege.keys)
    found = worker.shop.number(_name(worker.which, key)) or 0
    if not (worker.siege.evicting and not found):
        assert found == worker.known[key], "not the last value"


def _read_other(worker: _Worker) -> None:
    other = worker.chance.randrange(worker.siege.workers)
    key = worker.chance.randrange(worker.siege.keys)
    found = worker.shop.number(_name(other, key))
    assert found is None or found & 0xFFFF == other << 8 | key


def _hold(worker: _Worker) -> None:
    other = worker.chance.randrange(worker.siege.workers)
    key = worker.chance.randrange(worker.siege.keys)
    found = worker.shop.look_up(_name(other, key))
    if isinstance(found, Hit):
        worker.held.append((found, read_number(found)))
    if len(worker.held) > _HELD:
        hit, number = worker.held.pop(0)
        assert read_number(hit) == number, "a view changed"


def check_all(siege: Siege, shop: Shop) -> None:
    """Every acknowledged put is there, unless a later act was under way."""
    for worker in range(siege.workers):
        last = acknowledged(siege, worker)
        for key in range(siege.keys):
            found = shop.number(_name(worker, key))
            _check_after(siege, worker, key, last.get(key, 0), found)
