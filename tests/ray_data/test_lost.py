"""What is lost is made again by who has its source."""

import gc
from typing import Any

import cloudpickle
import pytest

from gridcache.errors import CacheWarning, KeyNotFoundError, NameNotFoundError
from gridcache.published.handle import Handle
from gridcache.ray_data.catalog import info, release
from gridcache.ray_data.persisting import persist
from gridcache.ray_data.reading import load
from tests.ray_data.kit.blocks import numbers
from tests.ray_data.kit.notes import Notes
from tests.ray_data.kit.pipelines import noted, total

pytestmark = pytest.mark.ray

AGAIN = "made again from its source"


def lose_one(handle: Handle) -> None:
    """Drop a part of "it"."""
    del handle.cache[next(iter(handle.cache.keys("part:it:")))]


def test_the_next_execution_makes_lost_ray_blocks_again(
    local: Handle, notes: Notes
) -> None:
    kept = persist(noted(notes), "it", cache=local, version="1")
    others = load("it", cache=local)
    lose_one(local)
    with pytest.warns(CacheWarning, match=AGAIN):
        assert kept.sum("id") == total()
    assert notes.count == 8
    assert info("it", cache=local).complete
    assert others.sum("id") == total()
    assert kept.sum("id") == total()
    assert notes.count == 8


def test_a_dataset_that_was_pickled_has_its_source_with_it(
    local: Handle, notes: Notes
) -> None:
    kept = persist(noted(notes), "it", cache=local, version="1")
    other = cloudpickle.loads(cloudpickle.dumps(kept))
    lose_one(local)
    with pytest.warns(CacheWarning, match=AGAIN):
        assert other.sum("id") == total()


def test_a_source_in_rays_object_store_is_kept_by_the_caller_alone(
    local: Handle,
) -> None:
    source: Any = numbers(8, 2).materialize()
    kept = persist(source, "it", cache=local, version="1")
    lose_one(local)
    with pytest.warns(CacheWarning, match=AGAIN):
        assert kept.sum("id") == 28
    lose_one(local)
    del source
    gc.collect()
    with pytest.raises(KeyNotFoundError, match="of dataset 'it', stored by node"):
        kept.sum("id")


def test_what_was_released_does_not_come_back(local: Handle, notes: Notes) -> None:
    kept = persist(noted(notes), "it", cache=local, version="1")
    release("it", cache=local)
    with pytest.raises(NameNotFoundError):
        kept.sum("id")
    assert notes.count == 4
