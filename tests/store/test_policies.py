"""What every policy promises, and policies against cachetools through a store."""

from collections.abc import Callable
from typing import Any

import cachetools
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gridcache.errors import ConfigError, OutOfSpaceError
from gridcache.store.access import RECORD, USED
from gridcache.store.eviction import POLICIES, Policy, get_policy
from gridcache.store.outcome import Hit
from tests.store.kit.shop import Shop


@st.composite
def record_arrays(draw: st.DrawFn) -> NDArray[np.void]:
    count = draw(st.integers(0, 30))
    records = np.zeros(count, RECORD)
    ticks = draw(st.permutations(range(1, count + 1)))
    records["tick"] = ticks
    records["flags"] = USED
    for name, most in (("frequency", 2**16 - 1), ("units", 2**32 - 1)):
        values = st.lists(st.integers(1, most), min_size=count, max_size=count)
        records[name] = draw(values)
    costs = st.lists(st.floats(0, 60_000, width=16), min_size=count, max_size=count)
    records["cost"] = draw(costs)
    return records


@pytest.mark.parametrize("policy", POLICIES.values(), ids=list(POLICIES))
class TestEveryPolicy:
    """The caller gives access records of one namespace; the policy orders them."""

    def test_is_found_by_its_name(self, policy: Policy) -> None:
        assert get_policy(policy.name) is policy

    @given(records=record_arrays())
    def test_gives_one_integer_per_record(
        self, policy: Policy, records: NDArray[np.void]
    ) -> None:
        scores = policy.scores(records)
        assert scores.shape == records.shape
        assert scores.dtype == np.uint64

    @given(records=record_arrays())
    def test_only_looks(self, policy: Policy, records: NDArray[np.void]) -> None:
        before = records.copy()
        policy.scores(records)
        assert (records == before).all()

    @given(records=record_arrays(), order=st.randoms(use_true_random=False))
    def test_keeps_no_state_and_does_not_mind_the_order(
        self, policy: Policy, records: NDArray[np.void], order: Any
    ) -> None:
        shuffled = list(range(records.size))
        order.shuffle(shuffled)
        scores = policy.scores(records).copy()
        assert (policy.scores(records[shuffled]) == scores[shuffled]).all()
        assert (policy.scores(records) == scores).all()

    @given(records=record_arrays(), data=st.data())
    def test_stable_ones_put_what_is_used_behind_all_others(
        self, policy: Policy, records: NDArray[np.void], data: st.DataObject
    ) -> None:
        if not policy.stable or not records.size:
            return
        chosen = data.draw(st.integers(0, records.size - 1))
        before = np.delete(policy.scores(records), chosen)
        records["tick"][chosen] = records.size + 1
        scores = policy.scores(records)
        assert (scores[chosen] > before).all()
        assert (np.delete(scores, chosen) == before).all()

    @given(records=record_arrays(), data=st.data())
    def test_a_use_never_makes_an_entry_colder(
        self, policy: Policy, records: NDArray[np.void], data: st.DataObject
    ) -> None:
        if not records.size:
            return
        chosen = data.draw(st.integers(0, records.size - 1))
        before = policy.scores(records)[chosen]
        records["tick"][chosen] = records.size + 1
        if records["frequency"][chosen] < 2**16 - 1:
            records["frequency"][chosen] += 1
        assert policy.scores(records)[chosen] >= before


def test_an_unknown_policy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="lfu, lru, none"):
        get_policy("best")


def test_a_namespace_of_an_unknown_policy_is_refused(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop()
    with pytest.raises(ConfigError, match="best"):
        open_shop(name="other", policy="best")
    for number in range(300):
        shop.put(f"key{number}", number, 100_000)


# -- the same accesses as cachetools --------------------------------------------

NBYTES = {"inline": 100, "one transaction": 10_000, "reserved": 100_000}


def skewed(keys: int, count: int, seed: int) -> list[str]:
    """Accesses to a few keys often and to many seldom."""
    random = np.random.default_rng(seed)
    weights = 1 / np.arange(1, keys + 1) ** 0.8
    picked = random.choice(keys, count, p=weights / weights.sum())
    return [f"key{number}" for number in picked]


def hits_of_store(shop: Shop, accesses: list[str], nbytes: int) -> list[bool]:
    """Get, and put on a miss; the eviction is the store's."""
    hits = []
    for number, key in enumerate(accesses):
        hits.append(isinstance(shop.look_up(key), Hit))
        if not hits[-1]:
            shop.put(key, number, nbytes)
    return hits


def hits_of_cachetools(cache: Any, accesses: list[str]) -> list[bool]:
    hits = []
    for key in accesses:
        hits.append(cache.get(key) is not None)
        if not hits[-1]:
            cache[key] = 1
    return hits


def hits_of_counting(size: int, accesses: list[str]) -> list[bool]:
    """LFU by the letter: the least uses go first, then the longest unused."""
    uses: dict[str, tuple[int, int]] = {}
    hits = []
    for now, key in enumerate(accesses):
        hits.append(key in uses)
        if key not in uses and len(uses) == size:
            del uses[min(uses, key=lambda known: uses[known])]
        uses[key] = (uses.get(key, (0, 0))[0] + 1, now)
    return hits


def stored_nbytes(shop: Shop, nbytes: int) -> int:
    """What one value counts for."""
    shop.put("measured", 1, nbytes)
    info = shop.store.info(shop.space, "measured")
    assert info is not None
    shop.delete("measured")
    return info.stored_nbytes


def limited(
    open_shop: Callable[..., Shop], policy: str, size: int, nbytes: int
) -> Shop:
    """A namespace whose quota holds `size` values."""
    each = stored_nbytes(open_shop(), nbytes)
    return open_shop(name="limited", policy=policy, quota_nbytes=size * each)


@pytest.mark.parametrize("nbytes", NBYTES.values(), ids=list(NBYTES))
def test_lru_by_quota_hits_exactly_as_cachetools(
    open_shop: Callable[..., Shop], nbytes: int
) -> None:
    accesses = skewed(300, 3000, 1)
    shop = limited(open_shop, "lru", 60, nbytes)
    expected = hits_of_cachetools(cachetools.LRUCache(60), accesses)
    assert hits_of_store(shop, accesses, nbytes) == expected


@pytest.mark.parametrize("nbytes", [30_000, 100_000])
def test_lru_by_space_hits_exactly_as_cachetools(
    open_shop: Callable[..., Shop], nbytes: int
) -> None:
    shop = open_shop(8 << 20)
    size = 0
    while not shop.store.stats().namespace("default").evictions:
        size += 1
        shop.put(f"fill{size}", size, nbytes)
    size -= 1
    accesses = skewed(4 * size, 3000, 2)
    cache: Any = cachetools.LRUCache(size)
    for number in range(2, size + 2):
        cache[f"fill{number}"] = 1
    expected = hits_of_cachetools(cache, accesses)
    assert hits_of_store(shop, accesses, nbytes) == expected


@pytest.mark.parametrize("nbytes", NBYTES.values(), ids=list(NBYTES))
def test_lfu_hits_exactly_as_counting_before_it_ages(
    open_shop: Callable[..., Shop], nbytes: int
) -> None:
    accesses = skewed(150, 600, 3)
    shop = limited(open_shop, "lfu", 70, nbytes)
    assert hits_of_store(shop, accesses, nbytes) == hits_of_counting(70, accesses)


def test_lfu_hits_about_as_often_as_cachetools(
    open_shop: Callable[..., Shop],
) -> None:
    """Aging and other ties: within two points."""
    accesses = skewed(600, 8000, 4)
    shop = limited(open_shop, "lfu", 100, 100)
    expected = sum(hits_of_cachetools(cachetools.LFUCache(100), accesses))
    found = sum(hits_of_store(shop, accesses, 100))
    assert abs(found - expected) <= 0.02 * len(accesses)


def test_lfu_forgets_the_favourites_of_yesterday(
    open_shop: Callable[..., Shop],
) -> None:
    shop = limited(open_shop, "lfu", 50, 100)
    hits_of_store(shop, [f"old{n % 50}" for n in range(2500)], 100)
    hits = hits_of_store(shop, [f"new{n % 40}" for n in range(6000)], 100)
    assert sum(hits[-400:]) >= 300


def test_lfu_keeps_what_is_used_often_through_a_scan(
    open_shop: Callable[..., Shop],
) -> None:
    shop = limited(open_shop, "lfu", 50, 100)
    hits_of_store(shop, [f"hot{n % 20}" for n in range(200)], 100)
    hits_of_store(shop, [f"scan{n}" for n in range(200)], 100)
    assert all(isinstance(shop.look_up(f"hot{n}"), Hit) for n in range(20))


def test_none_refuses_and_keeps_what_it_has(open_shop: Callable[..., Shop]) -> None:
    shop = limited(open_shop, "none", 10, 5000)
    for number in range(10):
        shop.put(f"key{number}", number, 5000)
    with pytest.raises(OutOfSpaceError, match="none"):
        shop.put("more", 1, 5000)
    assert [shop.number(f"key{number}") for number in range(10)] == [*range(10)]
