"""A cache is a mapping: CPython's own tests and zict's, in memory and on disk."""

import shutil
import tempfile
import threading
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gridcache import GridCache

mapping_tests: Any = pytest.importorskip("test.mapping_tests")
zict_tests: Any = pytest.importorskip("zict.tests.utils_test")


class MappingProtocol(mapping_tests.BasicTestMappingProtocol):  # type: ignore[misc]
    """CPython's tests; each asks for several empty mappings."""

    __test__ = False
    parent: str | None = None
    type2test = GridCache

    def setUp(self) -> None:
        self._names = map("mapping-{}".format, count())
        self._dir = Path(tempfile.mkdtemp(dir=self.parent))
        self.addCleanup(shutil.rmtree, self._dir)

    def _empty_mapping(self) -> GridCache:
        path, name = self._dir / "store", next(self._names)
        capacity = None if path.exists() else "8MiB"
        made = GridCache(name, path=path, capacity=capacity)
        self.addCleanup(made.close)
        return made


class TestMappingProtocolInMemory(MappingProtocol):
    __test__ = True
    parent = "/dev/shm" if Path("/dev/shm").is_dir() else None


class TestMappingProtocolOnDisk(MappingProtocol):
    __test__ = True


def test_zict_finds_a_mapping(cache: GridCache) -> None:
    zict_tests.check_mapping(cache)


def test_zict_finds_an_empty_mapping(cache: GridCache) -> None:
    cache["x"] = b"123"
    del cache["x"]
    zict_tests.check_empty_mapping(cache)


def test_zict_finds_bad_keys_refused(cache: GridCache) -> None:
    zict_tests.check_bad_key_types(cache)


def test_zict_finds_bad_values_refused(cache: GridCache) -> None:
    class Refuses:
        lock = threading.Lock()

        def __reduce__(self) -> Any:
            return tuple, (self.lock,)

    with pytest.raises(TypeError):
        cache["x"] = Refuses()
    assert "x" not in cache


def test_zict_finds_threads_on_one_key_safe(cache: GridCache) -> None:
    zict_tests.check_same_key_threadsafe(cache)


def test_zict_finds_threads_on_their_keys_safe(cache: GridCache) -> None:
    zict_tests.check_different_keys_threadsafe(cache)
