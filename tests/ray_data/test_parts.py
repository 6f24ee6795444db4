"""Parts: Ray blocks as they are kept, and what is said of those that are gone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gridcache import GridCache
from gridcache.errors import KeyNotFoundError
from gridcache.published.handle import Handle, close_all
from gridcache.published.keeping import Keeping
from gridcache.ray_data.manifest import Manifest, find, ordered, save
from gridcache.ray_data.parts import (
    Destination,
    as_stored,
    fetch_block,
    new_write,
    store_block,
)
from gridcache.ray_data.schemas import joined_schema, schema_of


@pytest.fixture
def handle(store_dir: Path) -> Iterator[Handle]:
    with GridCache("parts", path=store_dir / "store", capacity="64MiB") as cache:
        yield Handle.of(cache, "")
        close_all()


def destination(handle: Handle, **options: Any) -> Destination:
    return Destination(handle, "it", new_write(), Keeping(), **options)


def test_a_ray_block_of_pandas_is_kept_as_arrow() -> None:
    kept = as_stored(pd.DataFrame({"id": [1, 2]}))
    assert kept == pa.table({"id": [1, 2]})


def test_what_arrow_cannot_hold_stays_pandas(handle: Handle) -> None:
    odd = pd.DataFrame({"id": [1, 2], "odd": [3 + 4j, 1j]})
    kept = as_stored(odd)
    assert isinstance(kept, pd.DataFrame)
    part = store_block(odd, destination(handle), 0, 0)
    pd.testing.assert_frame_equal(fetch_block(handle, part.text, "it"), odd)
    assert part.rows == 2


def test_a_ray_block_is_read_without_a_copy(handle: Handle) -> None:
    table = pa.table({"x": np.arange(1_000_000)})
    part = store_block(table, destination(handle), 0, 0)
    before = pa.total_allocated_bytes()
    found = fetch_block(handle, part.text, "it")
    assert found == table
    assert pa.total_allocated_bytes() - before < table.nbytes / 10


def test_the_same_ray_block_is_another_part_at_each_attempt(handle: Handle) -> None:
    to, table = destination(handle), pa.table({"id": [1]})
    first, second = (store_block(table, to, 0, 0) for _ in range(2))
    assert first.text != second.text
    assert first.text.startswith(f"part:it:{to.write}")


def test_the_error_for_a_lost_part_names_dataset_ray_block_node_and_cure(
    handle: Handle,
) -> None:
    part = store_block(pa.table({"id": [1]}), destination(handle), 0, 0)
    handle.cache.delete_many([part.text])
    with pytest.raises(
        KeyNotFoundError,
        match=r"Ray block 7 of dataset 'it', stored by node 'far', is not .*deleted"
        r".*gridcache.ray_data.persist\(dataset, name, overwrite=True\)",
    ) as told:
        fetch_block(handle, part.text, "it", node="far", index=7)
    assert told.value.reason == "deleted"


# -- schemas -----------------------------------------------------------------------


def test_schemas_of_several_are_joined() -> None:
    first = pa.table({"a": pa.nulls(1), "b": [1]})
    second = pa.table({"a": ["x"], "b": [2]})
    joined = joined_schema([b"", *map(schema_of, (first, second, first))])
    assert joined == schema_of(second)


def test_schemas_that_cannot_be_joined_are_as_the_first() -> None:
    first, second = pa.table({"a": [1]}), pa.table({"a": [[1]]})
    assert joined_schema([schema_of(first), schema_of(second)]) == schema_of(first)


def test_what_has_no_columns_has_no_schema() -> None:
    assert schema_of(pa.table({})) == b""
    assert joined_schema([b"", b""]) == b""


# -- manifests -----------------------------------------------------------------------


def test_a_manifest_comes_back_as_it_was_kept(handle: Handle) -> None:
    to = destination(handle)
    places = [(1, 0), (0, 1), (0, 0)]
    parts = [store_block(pa.table({"id": [1]}), to, *place) for place in places]
    manifest = Manifest(
        name="it",
        version="1",
        plan=None,
        schema=schema_of(pa.table({"id": [1]})),
        write=to.write,
        parts=ordered(parts),
        ttl_s=60.0,
    )
    save(handle, manifest)
    assert find(handle.cache, "it") == manifest
    assert [(part.task, part.index) for part in manifest.parts] == sorted(places)
    assert (manifest.rows, manifest.nbytes) == (3, 24)
    assert manifest.loaded_schema() == pa.schema({"id": pa.int64()})
    assert find(handle.cache, "another") is None
