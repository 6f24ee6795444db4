"""The sink: what Ray Data writes is there under its name, whole, or not at all."""

from typing import Any

import pytest

from gridcache.published.handle import Handle
from gridcache.ray_data.datasink import GridDatasink
from gridcache.ray_data.manifest import Manifest, read
from gridcache.ray_data.parts import fetch_block
from tests.ray_data.kit.blocks import KINDS, as_rows, dataset_of, plain

pytestmark = pytest.mark.ray


def write(dataset: Any, handle: Handle, **options: Any) -> Manifest:
    """Write it as "it"."""
    dataset.write_datasink(GridDatasink("it", cache=handle, **options))
    return read(handle.cache, "it")


def rows_of(manifest: Manifest, handle: Handle) -> list[dict[str, Any]]:
    return [
        row
        for part in manifest.parts
        for row in as_rows(fetch_block(handle, part.text, manifest.name))
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_ray_blocks_of_every_kind_come_back_as_they_were(
    kind: str, handle: Handle
) -> None:
    dataset = dataset_of(KINDS[kind]())
    manifest = write(dataset, handle)
    assert rows_of(manifest, handle) == plain(dataset.take_all())
    assert manifest.rows == 3
