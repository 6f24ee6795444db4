"""Power loss: a durable store has what it acknowledged, any other starts empty."""

import itertools
import random
from collections import defaultdict
from pathlib import Path

import pytest

from gridcache.store.outcome import Miss, MissReason
from gridcache.store.scan import read_found, scan_arena, survivors
from tests.store.disk.platter import Platter
from tests.store.disk.stores import (
    another_boot,
    copy_store,
    fill,
    opened,
    read_all,
)
from tests.store.kit.shop import Shop
from tests.store.kit.values import _HEADER

CAPACITY = 4 << 20


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the store of a test lies."""
    return tmp_path / "store"


@pytest.mark.parametrize("index", ["older", "garbage", "gone"])
def test_a_durable_store_has_everything_acknowledged(
    home: Path, tmp_path: Path, index: str
) -> None:
    with opened(home, durable=True) as shop:
        fill(shop, 40)
        old = (home / "data.mdb").read_bytes()
        expected = fill(shop)
        deleted = [
            key for key in (f"key-{n}" for n in range(90)) if key not in expected
        ]
        lost = copy_store(home, tmp_path / "lost")
    another_boot(lost)
    if index == "gone":
        (lost / "data.mdb").unlink()
    else:
        (lost / "data.mdb").write_bytes(
            old if index == "older" else random.Random(3).randbytes(len(old))
        )
    with opened(lost) as shop:
        assert read_all(shop, list(expected)) == expected
        assert deleted
        assert read_all(shop, deleted) == dict.fromkeys(deleted)
        assert shop.store.durable


def test_a_store_that_is_not_durable_starts_empty(home: Path, tmp_path: Path) -> None:
    with opened(home) as shop:
        expected = fill(shop)
        lost = copy_store(home, tmp_path / "lost")
    another_boot(lost)
    with opened(lost) as shop:
        assert shop.keys() == []
        assert read_all(shop, list(expected)) == dict.fromkeys(expected)
        fill(shop)
    (lost / "data.mdb").unlink()  # nothing of before lies in the arena either
    with opened(lost) as shop:
        assert shop.number("key-0") is None


def test_a_clean_close_is_trusted_after_another_boot(home: Path) -> None:
    with opened(home) as shop:
        expected = fill(shop)
    content = (home / "open").read_text()
    (home / "open").write_text(content.replace(content[:5], "00000"))
    with opened(home) as shop:
        assert read_all(shop, list(expected)) == expected


class _Model:
    """What may be found under each key after a power loss."""

    def __init__(self) -> None:
        self.certain: dict[str, int] = {}
        """By key, the number last acknowledged; 0 for none."""
        self.open: dict[str, list[int]] = defaultdict(list)
        """Begun and not acknowledged."""
        self.evicted: set[str] = set()
        """Since the last acknowledgment."""

    def begin(self, key: str, number: int) -> None:
        self.open[key].append(number)

    def acknowledge(self) -> None:
        for key, numbers in self.open.items():
            self.certain[key] = numbers[-1]
            self.evicted.discard(key)
        self.open.clear()

    def note_gone(self, key: bytes, reason: MissReason, *_: object) -> None:
        if reason is MissReason.EVICTED:
            self.evicted.add(key[2:].decode())

    def problems(self, found: dict[str, int], gone: set[str]) -> list[str]:
        odd = []
        for key in self.certain.keys() | found.keys() | self.open.keys():
            allowed = {self.certain.get(key, 0), *self.open.get(key, ())}
            if key in gone | self.evicted:
                allowed.add(0)
            if found.get(key, 0) not in allowed:
                odd.append(f"{key} is {found.get(key, 0)}, not of {allowed}")
        return odd


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("full", [False, True], ids=["roomy", "full"])
def test_whatever_order_the_disk_takes_what_was_acknowledged_is_there(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, full: bool
) -> None:
    chance, model = random.Random(seed), _Model()
    image = tmp_path / "image"
    losses = 0
    with opened(home, capacity_nbytes=CAPACITY, durable=True) as shop:
        assert shop.store._housekeeper is not None
        shop.store._housekeeper.stop()  # the platter keeps one order of writes
        monkeypatch.setattr(shop.store._parts.gone, "note", model.note_gone)
        platter = Platter(shop.store, monkeypatch)

        def lose_power() -> None:
            nonlocal losses
            if chance.random() < 0.15:
                losses += 1
                image.write_bytes(platter.after_power_loss(chance))
                live = _live(shop) if full else set(model.certain)
                gone = model.certain.keys() - live
                problems = model.problems(_numbers(image, shop), gone)
                assert not problems, problems

        platter.on_write = lose_power
        numbers = itertools.count(1)
        for _ in range(150):
            with shop.store.batch():
                for _ in range(chance.choice((1, 1, 1, 3))):
                    _change(shop, model, chance, next(numbers), full=full)
            model.acknowledge()
        monkeypatch.undo()
    assert losses > 50


def _change(
    shop: Shop, model: _Model, chance: random.Random, number: int, *, full: bool
) -> None:
    key = f"key-{chance.randrange(30 if full else 6)}"
    if chance.random() < 0.25:
        model.begin(key, 0)
        shop.delete(key)
    else:
        nbytes = chance.choice((10, 700, 5000, 300_000 if full else 9000))
        model.begin(key, number)
        shop.put(key, number, nbytes, viewable=False)


def _live(shop: Shop) -> set[str]:
    found = {f"key-{n}": shop.store.find(shop.space, f"key-{n}") for n in range(30)}
    return {key for key, entry in found.items() if not isinstance(entry, Miss)}


def _numbers(image: Path, shop: Shop) -> dict[str, int]:
    """What a rebuild would find, without building it."""
    found, _ = survivors(scan_arena(image, torn=True), torn=True)
    numbers = {}
    with image.open("rb") as file:
        for one in found:
            read = read_found(file.fileno(), one.offset)
            assert read is not None
            numbers[one.key[2:].decode()] = _HEADER.unpack_from(read[1].header)[0]
    return numbers
