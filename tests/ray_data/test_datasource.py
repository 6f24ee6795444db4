"""What Ray Data gets of a published dataset: tasks, figures and columns."""

import pickle
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pytest
import ray.data
from hypothesis import given
from hypothesis import strategies as st

from gridcache.errors import KeyNotFoundError, NameNotFoundError
from gridcache.published.handle import Handle
from gridcache.ray_data.datasource import GridDatasource
from gridcache.ray_data.manifest import Part
from gridcache.ray_data.parts import as_stored
from gridcache.ray_data.pieces import cut, nbytes_of, numbered
from tests.ray_data.kit.blocks import KINDS, as_rows
from tests.ray_data.kit.placed import ids, stored

pytestmark = pytest.mark.ray


def read(tasks: Iterable[Any]) -> list[Any]:
    """Ray blocks that tasks give, in this process, as they arrive in workers."""
    return [block for task in tasks for block in pickle.loads(pickle.dumps(task))()]


@given(
    sizes=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 10**9)), max_size=40),
    tasks=st.integers(1, 60),
)
def test_tasks_read_every_row_once_and_in_order(
    sizes: list[tuple[int, int]], tasks: int
) -> None:
    parts = [
        Part(str(at), "", rows, nbytes, at, 0)
        for at, (rows, nbytes) in enumerate(sizes)
    ]
    groups = cut(numbered(parts), tasks)
    pieces = [piece for group in groups for piece in group]
    got = [(one.number, row) for one in pieces for row in range(one.start, one.stop)]
    assert got == [
        (at, row) for at, part in enumerate(parts) for row in range(part.rows)
    ]
    assert {one.number for one in pieces} == set(range(len(parts)))
    assert all(groups)
    if tasks <= len(parts):
        assert len(groups) == tasks
    elif parts and min(part.rows for part in parts) >= tasks:
        assert tasks <= len(groups) < tasks + len(parts)


def test_groups_weigh_about_the_same() -> None:
    parts = [Part(str(at), "", 1, at, at, 0) for at in range(1, 101)]
    weights = [nbytes_of(group) for group in cut(numbered(parts), 10)]
    assert max(weights) < 1.5 * min(weights)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_come_back_as_they_were(kind: str, local: Handle) -> None:
    block = KINDS[kind]()
    stored(local, "it", [block, block])
    tasks = GridDatasource("it", cache=local).get_read_tasks(2)
    kept = as_stored(block)
    assert [one.equals(kept) for one in read(tasks)] == [True, True]


def test_tasks_know_their_figures(local: Handle) -> None:
    stored(local, "it", [ids(0, 10), ids(10, 30)])
    source = GridDatasource("it", cache=local)
    assert source.get_name() == "Grid(it)"
    assert source.estimate_inmemory_data_size() == 240
    for tasks in (1, 2, 3, 8):
        made = source.get_read_tasks(tasks)
        assert sum(one.metadata.num_rows or 0 for one in made) == 30
        assert sum(one.metadata.size_bytes or 0 for one in made) == 240
        assert all(one.schema == pa.schema({"id": "int64"}) for one in made)
        assert pa.concat_tables(read(made)).to_pydict() == {"id": [*range(30)]}


def test_of_a_limit_no_more_parts_are_read_than_it_needs(local: Handle) -> None:
    manifest = stored(local, "it", [ids(0, 10), ids(10, 20), ids(20, 30)])
    (task,) = GridDatasource("it", cache=local).get_read_tasks(1, 12)
    local.cache.delete_many([manifest.parts[2].text])
    assert sum(block.num_rows for block in read([task])) == 12


@pytest.mark.parametrize("kind", ["arrow", "objects"])
def test_only_the_columns_are_read_that_are_needed(kind: str, local: Handle) -> None:
    stored(local, "it", [KINDS[kind]()])
    source = GridDatasource("it", cache=local)
    some = source.apply_projection({"id": "id", "gone": "gone"})
    (task,) = some.get_read_tasks(1)
    assert task.schema is not None
    assert list(task.schema.names) == ["id"]
    (block,) = read([task])
    assert [row.keys() for row in as_rows(block)] == [{"id"}] * 3
    none = some.apply_projection({})
    assert none.get_projection_map() == {}
    assert source.get_projection_map() is None
    (block,) = read(none.get_read_tasks(1))
    assert len(block) == 3


@pytest.mark.parametrize("kind", ["arrow", "objects"])
def test_an_empty_dataset_has_its_schema(kind: str, local: Handle) -> None:
    stored(local, "it", [KINDS[kind]()])
    full = GridDatasource("it", cache=local).get_read_tasks(1)[0].schema
    manifest = stored(local, "it", [])
    assert not GridDatasource("it", cache=local).get_read_tasks(1)
    stored(local, "it", [], schema=pickle.dumps(full), write=manifest.write)
    (task,) = GridDatasource("it", cache=local).get_read_tasks(4)
    assert task.schema == full
    (block,) = read([task])
    assert len(block) == 0
    assert as_rows(block) == []


def test_what_is_not_published_is_no_source(local: Handle) -> None:
    with pytest.raises(NameNotFoundError, match=r"gridcache\.ray_data\.persist"):
        GridDatasource("it", cache=local)


def test_a_lost_ray_block_is_named_with_dataset_and_node(local: Handle) -> None:
    manifest = stored(local, "it", [ids(0, 10), ids(10, 20)])
    tasks = GridDatasource("it", cache=local).get_read_tasks(2)
    del local.cache[manifest.parts[1].text]
    with pytest.raises(
        KeyNotFoundError, match=r"Ray block 1 of dataset .it."
    ) as raised:
        read(tasks)
    assert repr(local.node) in str(raised.value)


def test_ray_data_reads_it_like_any_source(local: Handle) -> None:
    stored(local, "it", [ids(0, 10), ids(10, 11), ids(11, 30)])
    dataset = ray.data.read_datasource(GridDatasource("it", cache=local))
    assert dataset.count() == 30
    assert dataset.schema().names == ["id"]
    assert dataset.map(lambda row: {"id": row["id"] + 1}).sum("id") == sum(range(31))
