"""What happens beside the calls: housekeeping, resident memory, explanations."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gridcache.errors import StoreStalledError
from gridcache.store import housekeeping
from gridcache.store.filesystem import is_memory
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import MissReason
from tests.store.kit.processes import Child
from tests.store.kit.shop import Shop

CAPACITY = 8 << 20


@pytest.fixture
def quick_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "PERIOD_S", 0.01)


def eventually(holds: Callable[[], bool]) -> bool:
    """True once it holds; False after ten seconds."""
    end, pause = time.monotonic() + 10, threading.Event()
    while not holds():
        if time.monotonic() > end:
            return False
        pause.wait(0.02)
    return True


@pytest.mark.usefixtures("quick_rounds")
def test_what_the_dead_held_is_free_without_any_call(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    shop.put("held", 1, 300_000)
    with Child("writer", shop.store.directory, "leased") as child:
        child.hear("leased")
        shop.delete("held")
        child.kill()
    snapshot = shop.store._parts.index.snapshot
    assert eventually(lambda: snapshot(lambda txn: txn.state.retired) == 0)


@pytest.mark.usefixtures("quick_rounds")
def test_what_expired_is_removed_without_any_call(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    for number in range(300):
        shop.put(f"key{number}", number, 3000, ttl_s=1e-9)
    assert eventually(lambda: not shop.store.extents())


@pytest.mark.usefixtures("quick_rounds")
def test_a_failed_round_does_not_end_the_housekeeping(
    open_shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = []
    errors = [StoreStalledError("stalled"), RuntimeError("a bug"), KeyError("odd")]

    def tidy(_: NodeStore) -> None:
        rounds.append(1)
        if errors:
            raise errors.pop()

    monkeypatch.setattr(NodeStore, "tidy", tidy)
    open_shop(CAPACITY)
    assert eventually(lambda: len(rounds) > 5)


def resident_shared_nbytes() -> int:
    text = Path("/proc/self/status").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("RssShmem")]
    return int(line.split()[1]) << 10


needs_linux = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs /proc"
)


@needs_linux
def test_puts_and_copying_gets_map_nothing(open_shop: Callable[..., Shop]) -> None:
    """Dask's worker memory manager counts mapped pages as a leak."""
    shop = open_shop(64 << 20)
    before = resident_shared_nbytes()
    for number in range(30):
        shop.put(f"key{number}", number, 1 << 20)
        shop.hit(f"key{number}", view=False)
    assert resident_shared_nbytes() - before < 4 << 20


@needs_linux
def test_a_views_pages_leave_with_it(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(64 << 20)
    shop.put("key", 1, 30 << 20)
    before = resident_shared_nbytes()
    hit = shop.hit("key")
    assert np.frombuffer(hit.body, np.uint8).sum() > 0
    assert resident_shared_nbytes() - before > 25 << 20
    del hit
    shop.store.tidy()
    assert resident_shared_nbytes() - before < 4 << 20


def test_explanations_say_why_and_what_looks_alike(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    explain = shop.store.inspector.explain
    shop.put("temperature", 1, 5000, cost_s=2.0)
    shop.put("short", 2, 10, ttl_s=1e-9)
    shop.put("gone", 3, 10)
    shop.delete("gone")
    assert explain(shop.space, "short").reason is MissReason.EXPIRED
    assert explain(shop.space, "gone").reason is MissReason.DELETED
    for number in range(200):
        shop.put(f"more{number}", number, 100_000)
    evicted = explain(shop.space, "temperature")
    assert (evicted.present, evicted.reason) == (False, MissReason.EVICTED)
    assert evicted.need_nbytes is not None
    assert evicted.need_nbytes >= 100_000
    assert "evicted" in str(evicted)
    never = explain(shop.space, "moer199")
    assert never.reason is MissReason.NEVER_STORED
    assert "more199" in never.near_keys
    assert "more199" in str(never)
    there = explain(shop.space, "more199")
    assert there.present
    assert there.info is not None
    assert "100000 bytes" in str(there)


def test_what_kind_of_memory_a_path_is_on(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    inner = tmp_path / "with space"
    inner.mkdir()
    escaped = str(inner).replace(" ", "\\040")
    mounts.write_text(
        f"disk / ext4 rw 0 0\ntmpfs {escaped} tmpfs rw 0 0\nproc /proc proc rw 0 0\n"
    )
    assert is_memory(inner, mounts)
    assert not is_memory(tmp_path, mounts)
    assert not is_memory(tmp_path, tmp_path / "missing")
