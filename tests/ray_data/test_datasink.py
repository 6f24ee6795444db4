"""The sink: what Ray Data writes is there under its name, whole, or not at all."""

import time

import numpy as np
import pyarrow as pa
import pytest
import ray.data
from ray.data.expressions import col

from gridcache.errors import ConfigError
from gridcache.published.handle import Handle
from gridcache.published.texts import manifest_text
from gridcache.ray_data.parts import fetch_block
from tests.ray_data.kit.blocks import KINDS, dataset_of, numbers, plain
from tests.ray_data.kit.written import rows_of, write

pytestmark = pytest.mark.ray


@pytest.mark.parametrize("kind", KINDS)
def test_ray_blocks_of_every_kind_come_back_as_they_were(
    kind: str, handle: Handle
) -> None:
    dataset = dataset_of(KINDS[kind]())
    manifest = write(dataset, handle)
    assert rows_of(manifest, handle) == plain(dataset.take_all())
    assert manifest.rows == 3


# -- few rows or none --------------------------------------------------------------


def test_an_empty_dataset_is_published_as_empty(handle: Handle) -> None:
    manifest = write(numbers().filter(expr=col("id") < 0), handle)
    assert (manifest.rows, manifest.parts) == (0, ())
    assert manifest.loaded_schema().names == ["id"]


def test_a_dataset_without_ray_blocks_is_published_as_empty(handle: Handle) -> None:
    manifest = write(ray.data.from_items([]), handle)
    assert (manifest.rows, manifest.parts) == (0, ())


def test_ray_blocks_without_rows_are_left_out(handle: Handle) -> None:
    in_the_second = (col("id") >= 10) & (col("id") < 20)
    manifest = write(numbers(40, blocks=4).filter(expr=in_the_second), handle)
    assert len(manifest.parts) == 1
    assert rows_of(manifest, handle) == [{"id": id_} for id_ in range(10, 20)]


def test_a_column_that_is_all_null_in_one_ray_block_has_the_others_type(
    handle: Handle,
) -> None:
    null = pa.table({"word": pa.nulls(2)})
    manifest = write(dataset_of(null, pa.table({"word": ["a", None]})), handle)
    assert manifest.loaded_schema().field("word").type == pa.string()


# -- how it is kept ------------------------------------------------------------------


def test_parts_are_in_the_order_of_the_dataset(handle: Handle) -> None:
    manifest = write(numbers(40, blocks=8), handle)
    assert [part.rows for part in manifest.parts] == [5] * 8
    assert rows_of(manifest, handle) == [{"id": id_} for id_ in range(40)]


def test_a_part_holds_its_own_rows_of_a_larger_table(handle: Handle) -> None:
    large = pa.table({"id": range(100_000)})
    (part,) = write(dataset_of(large.slice(500, 10)), handle).parts
    found = handle.cache.info(part.text)
    assert found is not None
    assert found.raw_nbytes < 1000
    assert part.nbytes < 1000


def test_each_ray_block_lies_on_the_node_that_made_it_and_is_pinned(
    handle: Handle,
) -> None:
    manifest = write(numbers(400, blocks=8), handle)
    for part in manifest.parts:
        found = handle.cache.info(part.text)
        assert found is not None
        assert found.pinned
        assert part.node in str(handle.cache.explain(part.text))


def test_a_dataset_lives_as_long_as_is_said(handle: Handle) -> None:
    began_s = time.time()
    manifest = write(numbers(), handle, ttl="1h")
    expiries = [handle.cache.info(text) for text in manifest.texts]
    assert all(e and e.expires and e.expires >= began_s + 3600 for e in expiries)
    found = handle.cache.info(manifest_text("it"))
    assert found is not None
    assert found.expires == pytest.approx(began_s + 3600, abs=60)


def test_lz4_compresses_at_once(handle: Handle) -> None:
    zeros = pa.table({"zero": np.zeros(100_000)})
    (raw,) = write(dataset_of(zeros), handle).parts
    found = handle.cache.info(raw.text)
    assert found is not None
    assert not found.compressed
    (packed,) = write(dataset_of(zeros), handle, compression="lz4").parts
    found = handle.cache.info(packed.text)
    assert found is not None
    assert found.compressed
    assert found.stored_nbytes < packed.nbytes / 10
    assert fetch_block(handle, packed.text, "it") == zeros


def test_two_replicas_without_a_grid_are_refused(local: Handle) -> None:
    with pytest.raises(ConfigError, match="grid up"):
        write(numbers(), local, replicas=2)


def test_a_store_of_one_machine_does(local: Handle) -> None:
    manifest = write(numbers(), local)
    assert rows_of(manifest, local) == plain(numbers().take_all())
