"""Writers beside one another, and those that are killed."""

from pathlib import Path

import pytest

from gridcache.errors import NameNotFoundError
from gridcache.published.handle import Handle
from gridcache.ray_data.manifest import read
from tests.cluster.kit.ray_cluster import RayCluster, wait_until
from tests.ray_data.kit.blocks import numbers
from tests.ray_data.kit.drivers import Driver
from tests.ray_data.kit.notes import Gate
from tests.ray_data.kit.written import ids_of, texts_of, write

pytestmark = pytest.mark.ray


def test_of_two_writers_of_a_name_the_last_published_wins_whole(
    ray_data: RayCluster, handle: Handle, tmp_path: Path
) -> None:
    inside, gate = tmp_path / "inside", tmp_path / "gate"
    arguments = ("it", 60, inside, gate, 120)
    with Driver("writing", ray_data, handle, *arguments) as other:
        Gate(inside).wait()
        begun = texts_of(handle)
        assert begun, "it has stored some Ray blocks"
        ours = write(numbers(40), handle)
        assert read(handle.cache, "it").texts == ours.texts
        assert {*ours.texts, *begun} <= set(texts_of(handle))
        assert ids_of(ours, handle) == list(range(40))
        Gate(gate).open()
        other.hear("done")
    theirs = read(handle.cache, "it")
    assert sorted(ids_of(theirs, handle)) == list(range(60))
    assert texts_of(handle) == sorted(theirs.texts)


def test_what_a_killed_driver_has_stored_goes_and_its_name_stands_for_nothing(
    ray_data: RayCluster, handle: Handle, tmp_path: Path
) -> None:
    inside = tmp_path / "inside"
    arguments = ("it", 60, inside, tmp_path / "gate", 3)
    with Driver("writing", ray_data, handle, *arguments) as other:
        Gate(inside).wait()
        assert texts_of(handle), "it has stored some Ray blocks"
        other.kill()
    wait_until(lambda: list(handle.cache) == [], lambda: str(list(handle.cache)))
    with pytest.raises(NameNotFoundError):
        read(handle.cache, "it")
