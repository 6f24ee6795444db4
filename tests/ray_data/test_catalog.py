"""Names, what is told of them, and their end."""

import pytest

import gridcache.ray_data
from gridcache.errors import NameNotFoundError
from gridcache.published.handle import Handle
from gridcache.published.texts import parts_of
from gridcache.ray_data.describe import info_of
from tests.ray_data.kit.blocks import KINDS
from tests.ray_data.kit.placed import ids, stored

pytestmark = pytest.mark.ray


def test_names_are_listed_told_of_and_released(local: Handle) -> None:
    stored(local, "numbers", [ids(0, 3), ids(3, 7)], version="1")
    stored(local, "images", [KINDS["tensors"]()])
    assert gridcache.ray_data.names(cache=local) == ["images", "numbers"]
    found = gridcache.ray_data.info("numbers", cache=local)
    assert (found.rows, found.nbytes, found.schema) == (7, 56, {"id": "int64"})
    assert found.blocks == {local.node: 2}
    assert found.nodes == {local.node: 56}
    assert found.complete
    assert str(found) == "numbers: [id], 7 rows in 2 Ray blocks, 56 B, version 1"
    assert "<b>numbers</b>" in found._repr_html_()
    assert gridcache.ray_data.release("numbers", cache=local) == 56
    assert gridcache.ray_data.names(cache=local) == ["images"]
    assert not list(parts_of(local.cache, "numbers"))


def test_a_part_that_is_gone_is_told(local: Handle) -> None:
    manifest = stored(local, "numbers", [ids(0, 3), ids(3, 7)], ttl_s=60.0)
    del local.cache[manifest.parts[0].text]
    found = gridcache.ray_data.info("numbers", cache=local)
    assert (found.present, found.ray_blocks, found.complete) == (1, 2, False)
    assert found.expires_s == found.created_s + 60.0
    assert "2 Ray blocks, 1 of them there" in str(found)


def test_names_that_are_not_there_are_named_with_those_that_are_near(
    local: Handle,
) -> None:
    stored(local, "clean", [ids(0, 3)])
    for ask in (
        gridcache.ray_data.info,
        gridcache.ray_data.load,
        gridcache.ray_data.release,
    ):
        with pytest.raises(NameNotFoundError, match="there is 'clean'"):
            ask("cleen", cache=local)


def test_a_dataset_that_never_had_a_row_has_no_columns(local: Handle) -> None:
    manifest = stored(local, "nothing", [])
    assert str(info_of(manifest, ())) == "nothing: [], 0 rows in 0 Ray blocks, 0 B"
