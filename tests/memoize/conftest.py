"""A cache of its own for each test of the decorator."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gridcache.cache import GridCache


@pytest.fixture
def cache(store_dir: Path) -> Iterator[GridCache]:
    with GridCache("memo", path=store_dir / "store", capacity="32MiB") as made:
        yield made


class Counted:
    """Counts calls by argument."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def __gridcache_key__(self) -> str:
        return "counts calls, decides nothing"

    def __call__(self, argument: object = None) -> None:
        self.calls.append(argument)

    def __len__(self) -> int:
        return len(self.calls)


@pytest.fixture
def counted() -> Counted:
    return Counted()
