"""Keys, items and length, while things come and go."""

import time
from typing import Any

import pytest

from gridcache import GridCache, KeyNotFoundError


def test_equal_to_a_dict_of_the_same_items(memory: GridCache) -> None:
    items = {"a": 1, 2: "b", (3, b"c"): None}
    memory.update(items)
    assert memory == items
    assert dict(memory) == items
    memory["a"] = 2
    assert memory != items


def test_what_goes_while_items_are_listed_is_left_out(memory: GridCache) -> None:
    memory.update({"a": 1, "b": 2, "c": 3})
    seen = []
    for key, value in memory.items():
        seen.append((key, value))
        memory.delete_many(["b"])
    assert seen == [("a", 1), ("c", 3)]
    listed = iter(memory.values())
    assert next(listed) == 1
    memory.clear()
    assert list(listed) == []


def test_what_is_put_or_deleted_while_keys_are_listed_is_listed_or_not(
    memory: GridCache,
) -> None:
    stays = {f"s{number:04}" for number in range(300)}
    memory.put_many(dict.fromkeys(stays, 0))
    seen = []
    for number, key in enumerate(memory):
        seen.append(key)
        memory[f"t{number:04}"] = 1
        memory.pop(f"t{number - 1:04}", None)
        if number > 1000:
            break
    assert stays <= set(seen)
    assert len(set(seen)) == len(seen)


def test_pop_returns_the_default_if_another_was_faster(
    memory: GridCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory["a"] = 1
    real = GridCache.__getitem__

    def slow(self: GridCache, key: str) -> Any:
        value = real(self, key)
        self.delete_many([key])
        return value

    monkeypatch.setattr(GridCache, "__getitem__", slow)
    assert memory.pop("a", "gone") == "gone"
    memory["a"] = 1
    with pytest.raises(KeyNotFoundError):
        memory.pop("a")


def test_expired_entries_are_neither_counted_nor_listed(cache: GridCache) -> None:
    cache.put_many({"a": 1, "b": 2}, ttl=0.05)
    cache.put("c", 3, ttl=60)
    cache["d"] = 4
    deadline = time.monotonic() + 10
    while "a" in cache or "b" in cache:
        assert time.monotonic() < deadline
    assert len(cache) == 2
    assert list(cache) == ["c", "d"]
    assert dict(cache) == {"c": 3, "d": 4}
    assert list(cache.keys("a")) == []


def test_length_counts_this_namespace_alone(make: Any) -> None:
    one, other = make("one"), make("other")
    one.put_many({"a": 1, "b": 2}, ttl=0.01)
    other["a"] = 1
    while "a" in one or "b" in one:
        pass
    assert (len(one), len(other)) == (0, 1)
    assert (list(one), list(other)) == ([], ["a"])


def test_keys_are_listed_by_prefix_in_order(cache: GridCache) -> None:
    cache.put_many({"user:2": 0, "user:10": 0, "use": 0, "users": 0, "zoo": 0})
    assert list(cache.keys("user:")) == ["user:10", "user:2"]
    assert list(cache.keys("user")) == ["user:10", "user:2", "users"]
    assert list(cache.keys("w")) == []
    assert cache.keys() == {"user:2", "user:10", "use", "users", "zoo"}


def test_the_prefix_is_one_of_text_forms(memory: GridCache) -> None:
    memory.put_many({("user", 1): 1, ("user", 2): 2, ("pet", 1): 3, 42: 4, "!": 5})
    assert list(memory.keys("!('user'")) == [("user", 1), ("user", 2)]
    assert set(memory.keys("!")) == {("user", 1), ("user", 2), ("pet", 1), 42, "!"}


def test_a_prefix_longer_than_any_index_key_is_compared_whole(
    memory: GridCache,
) -> None:
    near, far = "x" * 3000 + "a", "x" * 3000 + "b"
    memory.put_many({near: 1, far: 2, "x" * 350: 3})
    assert list(memory.keys("x" * 3000 + "b")) == [far]
    assert set(memory.keys("x" * 351)) == {near, far}


def test_many_keys_are_listed_in_several_steps(memory: GridCache) -> None:
    keys = [f"{number:05}" for number in range(1000)]
    memory.put_many(dict.fromkeys(keys, None))
    assert list(memory) == keys
    assert len(memory) == 1000
