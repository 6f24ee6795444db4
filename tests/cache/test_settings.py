"""Which store and namespace a cache means, and what is there already."""

import warnings
from pathlib import Path

import pytest

import gridcache.attach as attach_module
from gridcache import (
    CacheWarning,
    ConfigError,
    GridCache,
    StoreAccessError,
    StoreFormatError,
)
from gridcache.store.layout import MINIMUM_CAPACITY
from tests.cache.conftest import Make
from tests.cache.elsewhere import run_script

MIB = 1 << 20


@pytest.fixture
def home(store_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory of named stores."""
    monkeypatch.setenv("GRIDCACHE_DIRECTORY", str(store_dir))
    monkeypatch.setattr(attach_module, "automatic_capacity", lambda _: 256 * MIB)
    return store_dir


class TestDefaultStore:
    def test_a_name_is_a_namespace_of_it(self, home: Path) -> None:
        with GridCache() as one, GridCache("a") as two, GridCache("a") as again:
            assert (one.name, two.name) == ("default", "a")
            assert one.path == two.path == home / "default"
            one["k"], two["k"] = 1, 2
            assert (one["k"], two["k"], again["k"]) == (1, 2, 2)
            assert one.stats().store.capacity_nbytes == 256 * MIB
            assert not one.stats().store.on_disk

    def test_settings_choose_it(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GRIDCACHE_STORE", "other")
        monkeypatch.setenv("GRIDCACHE_NAMESPACE", "mine")
        monkeypatch.setenv("GRIDCACHE_CAPACITY", "8MiB")
        monkeypatch.setenv("GRIDCACHE_POLICY", "lfu")
        with GridCache() as cache, GridCache("default") as named:
            assert cache.path == home / "other"
            assert (cache.name, named.name) == ("mine", "default")
            assert cache.stats().store.capacity_nbytes == 8 * MIB
            assert cache.stats().namespace.policy == "lfu"

    def test_an_argument_wins(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GRIDCACHE_POLICY", "lfu")
        monkeypatch.setenv("GRIDCACHE_CAPACITY", "8MiB")
        with GridCache(policy="none", capacity="9MiB") as cache:
            assert cache.path.parent == home
            assert cache.stats().namespace.policy == "none"
            assert cache.stats().store.capacity_nbytes == 9 * MIB

    def test_a_setting_that_differs_is_no_reason_to_warn(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with GridCache():
            monkeypatch.setenv("GRIDCACHE_CAPACITY", "8MiB")
            monkeypatch.setenv("GRIDCACHE_POLICY", "lfu")
            with GridCache() as again:
                assert again.path == home / "default"
                assert again.stats().namespace.policy == "lru"

    def test_its_files_are_private(self, home: Path) -> None:
        with GridCache() as cache:
            assert cache.path.stat().st_mode & 0o777 == 0o700
            for file in cache.path.rglob("*"):
                assert file.stat().st_mode & 0o077 == 0


class TestPath:
    def test_it_is_a_store_of_its_own(self, tmp_path: Path) -> None:
        one_path, other_path = tmp_path / "deep" / "one", str(tmp_path / "other")
        with (
            GridCache(path=one_path, capacity="8MiB") as one,
            GridCache(path=other_path, capacity="8MiB") as other,
        ):
            one["k"] = 1
            assert "k" not in other
            assert one.path == one_path
            assert one.stats().store.on_disk

    def test_relative_and_home_paths(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path))
        with (
            GridCache(path="store", capacity="8MiB") as one,
            GridCache(path="~/store") as other,
        ):
            one["k"] = 1
            assert other["k"] == 1
            assert one.path == tmp_path / "store"

    @pytest.mark.parametrize("bad", ["", "file", "full"])
    def test_what_is_no_store_is_left_alone(self, tmp_path: Path, bad: str) -> None:
        (tmp_path / "file").write_text("text")
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "something").write_text("text")
        path = tmp_path / bad if bad else ""
        with pytest.raises((ConfigError, StoreFormatError)):
            GridCache(path=path, capacity="8MiB")
        assert {file.name for file in tmp_path.rglob("*")} == {
            "file",
            "full",
            "something",
        }

    def test_what_others_can_write_is_refused(self, tmp_path: Path) -> None:
        GridCache(path=tmp_path / "store", capacity="8MiB").close()
        (tmp_path / "store").chmod(0o777)
        with pytest.raises(StoreAccessError, match="chmod 700"):
            GridCache(path=tmp_path / "store")


class TestExistingStore:
    def test_another_capacity_warns_with_both_and_the_cures(self, make: Make) -> None:
        make(capacity="16MiB")
        with pytest.warns(CacheWarning) as caught:
            cache = make(capacity="32MiB")
        (warning,) = caught
        assert warning.filename == __file__.replace("test_settings", "conftest")
        for words in ("16.00 MiB", "32.00 MiB", "resize()", "quota=", "path="):
            assert words in str(warning.message)
        assert cache.stats().store.capacity_nbytes == 16 * MIB

    def test_the_same_or_none_does_not(self, make: Make) -> None:
        make(capacity="16MiB")
        make(capacity=16 * MIB)
        make()

    def test_resize_changes_it_for_all(self, make: Make) -> None:
        cache = make(capacity="16MiB")
        cache.resize("24MiB")
        make(capacity="24MiB")
        assert cache.stats().store.capacity_nbytes == 24 * MIB
        with pytest.raises(ConfigError):
            cache.resize("a bc")

    def test_durable_is_said_not_to_be(self, make: Make, tmp_path: Path) -> None:
        make()
        with pytest.warns(CacheWarning, match=r"is in memory and cannot be durable"):
            make(durable=True)
        path = tmp_path / "store"
        GridCache(path=path, capacity="8MiB").close()
        with pytest.warns(CacheWarning, match=r"exists and is not durable"):
            GridCache(path=path, durable=True).close()
        with GridCache(
            path=tmp_path / "other", capacity="8MiB", durable=True
        ) as durable:
            durable["a"] = 1
            assert durable.stats().store.durable


class TestExistingNamespace:
    @pytest.mark.parametrize(
        ("made", "asked", "said"),
        [
            ({}, {"policy": "lfu"}, "policy='lru', not 'lfu'"),
            ({}, {"compression": None}, "compression='auto', not None"),
            ({"ttl": 60}, {"ttl": None}, "ttl_s=60.0, not None"),
            ({"quota": "1MiB"}, {"quota": "2MiB"}, "quota_nbytes=1048576, not 2097152"),
        ],
        ids=["policy", "compression", "ttl", "quota"],
    )
    def test_another_setting_warns_with_both(
        self, make: Make, made: dict[str, object], asked: dict[str, object], said: str
    ) -> None:
        make(**made)
        with pytest.warns(CacheWarning, match="another name") as caught:
            make(**asked)
        assert said in str(caught[0].message)
        assert "reconfigure" in str(caught[0].message)

    def test_several_are_one_warning(self, make: Make) -> None:
        make()
        with pytest.warns(CacheWarning) as caught:
            make(policy="none", ttl="1h")
        assert len(caught) == 1

    def test_reconfigure_changes_them(self, make: Make) -> None:
        cache = make()
        cache.reconfigure(policy="lfu", quota="2MiB", ttl="1h", compression=None)
        cache["a"] = 1
        info = cache.info("a")
        assert info is not None
        assert info.expires is not None
        own = make(policy="lfu", quota="2MiB", ttl="1h", compression=None)
        assert own.stats().namespace.quota_nbytes == 2 * MIB
        cache.reconfigure(quota=None, ttl=None)
        assert cache.stats().namespace.quota_nbytes is None
        assert cache.stats().namespace.policy == "lfu"

    @pytest.mark.parametrize("wrong", [{"policy": "best"}, {"ttl": 0}], ids=str)
    def test_a_wrong_one_changes_nothing(
        self, make: Make, wrong: dict[str, object]
    ) -> None:
        cache = make()
        with pytest.raises(ConfigError):
            cache.reconfigure(**wrong)  # type: ignore[arg-type]
        assert cache.stats().namespace.policy == "lru"
        cache["a"] = 1


def test_a_warning_that_is_an_error_leaves_nothing_open(make: Make) -> None:
    first = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(CacheWarning):
            make(policy="lfu")
    first.close()
    with GridCache("contract", path=first._own_path) as again:
        assert again.stats().store.clients == 1


class TestSmallSharedMemory:
    def test_the_new_store_says_how_small_it_is(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attach_module, "automatic_capacity", lambda _: 32 * MIB)
        with pytest.warns(CacheWarning) as caught:
            cache = GridCache()
        with cache:
            assert cache.stats().store.capacity_nbytes == 32 * MIB
        message = str(caught[0].message)
        for words in ("32.00 MiB", str(home), "--shm-size", "path="):
            assert words in message
        GridCache().close()  # the second time it is there, and nothing is said

    def test_there_is_a_least(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attach_module, "automatic_capacity", lambda _: 100)
        with pytest.warns(CacheWarning), GridCache() as cache:
            assert cache.stats().store.capacity_nbytes == MINIMUM_CAPACITY
        assert (home / "default").is_dir()


@pytest.mark.parametrize(
    "options",
    [
        {"capacity": 0},
        {"capacity": -1},
        {"capacity": "a bc"},
        {"capacity": "9EB"},
        {"capacity": "1KiB"},
        {"quota": "much"},
        {"quota": -1},
        {"policy": "best"},
        {"policy": None},
        {"compression": "zip"},
        {"ttl": 0},
        {"ttl": -1},
        {"name": ""},
        {"name": None},
        {"name": 3},
        {"allow_pickle": "perhaps"},
    ],
    ids=str,
)
def test_wrong_arguments_make_nothing(
    store_dir: Path, options: dict[str, object]
) -> None:
    with pytest.raises(ConfigError):
        GridCache(path=store_dir / "store", **{"capacity": "8MiB"} | options)  # type: ignore[arg-type]
    assert list(store_dir.iterdir()) == []


NAMES = ["a b", "naïve-日本", "x" * 3000, "a/../b", "\ud800", "\0"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_text_is_a_name(make: Make, name: str) -> None:
    cache, other = make(name), make(name + "x")
    cache["a"] = 1
    assert make(name)["a"] == 1
    assert "a" not in other
    assert cache.stats().namespace.namespace == name


def test_the_capacity_is_measured_when_nobody_says(store_dir: Path) -> None:
    said = run_script(
        "import sys, gridcache; from gridcache.config import automatic_capacity\n"
        "from pathlib import Path; path = Path(sys.argv[1]) / 'store'\n"
        "wanted = automatic_capacity(path)\n"
        "cache = gridcache.GridCache(path=path)\n"
        "found = cache.stats().store.capacity_nbytes\n"
        "print(abs(found - wanted) <= wanted / 5)",
        store_dir,
    )
    assert said == "True"
