"""Digests of plans: equal for the same rows, and never for others."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from gridcache.published.handle import Handle
from tests.cluster.kit.ray_cluster import RayCluster, quietly
from tests.ray_data.kit.drivers import Driver
from tests.ray_data.kit.plans import load

pytestmark = [
    pytest.mark.ray,
    pytest.mark.usefixtures("ray_data"),
    # Of Ray's, which users of older ways of saying things get.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Use .expr. instead of .fn.:UserWarning"),
]

CELL = """
import functools
import numpy as np
import ray
from ray.data import ActorPoolStrategy
from ray.data.aggregate import AggregateFn
from ray.data.datatype import DataType
from ray.data.expressions import col, udf

LIMIT = 0.5
TABLE = {"a": [1, 2]}

def helper(x):
    return x + LIMIT

def maker(shift, seen):
    def shifted(row):
        return {"id": helper(row["id"]) + shift, "seen": len(seen)}
    return shifted

def batch(block, y=1, *, z=2):
    "What it does."
    return {"id": block["id"] * y + z + len(TABLE["a"])}

class Model:
    scale = 3

    def __init__(self, size, bias=0):
        self.size = size

    def run(self, block):
        return {"id": block["id"] * self.size * self.scale}

    def __call__(self, block):
        return self.run(block)

@udf(return_dtype=DataType.int64())
def plus(x):
    return x

@udf(return_dtype=DataType.int64())
class Scaled:
    def __init__(self, sizes):
        self.sizes = sizes

    def __call__(self, x):
        return x

def plans():
    ds = ray.data.range(20)
    fold = AggregateFn(
        init=lambda key: 0, accumulate_row=lambda a, row: a + row["id"],
        merge=lambda a, b: a + b, name="fold",
    )
    return [
        ds.map(maker(1, [])),
        ds.map_batches(batch, fn_args=[3], fn_kwargs={"z": 4}),
        ds.map_batches(functools.partial(batch, y=5)),
        ds.map_batches(
            Model, fn_constructor_args=[2], fn_constructor_kwargs={"bias": 1},
            compute=ActorPoolStrategy(size=1),
        ),
        ds.map_batches(Model(2).run),
        ds.filter(lambda row: row["id"] > LIMIT),
        ds.flat_map(lambda row: [row, row]),
        ds.add_column("x", lambda block: block["id"] * LIMIT),
        ds.with_column("x", plus(col("id")) + 1),
        ds.with_column("x", Scaled([1, 2])(col("id"))),
        ds.groupby("id").map_groups(lambda group: group),
        ds.groupby("id").aggregate(fold),
        ds.map_batches(lambda block, ref: block, fn_args=[ray.put(np.arange(3))]),
        ray.data.from_items([{"a": 1}, {"a": "x"[:0] or None}]),
    ]
"""

EDITS = {
    "a global": ("LIMIT = 0.5", "LIMIT = 0.6"),
    "what is in a global": ('{"a": [1, 2]}', '{"a": [1, 2, 3]}'),
    "a function it calls": ("x + LIMIT", "x - LIMIT"),
    "a closure": ("maker(1, [])", "maker(2, [])"),
    "what is in a closure": ("maker(1, [])", "maker(1, [1])"),
    "a body": ('block["id"] * y', 'block["id"] + y'),
    "a default": ("y=1", "y=2"),
    "a default by keyword": ("*, z=2", "*, z=3"),
    "fn_args": ("fn_args=[3]", "fn_args=[4]"),
    "fn_kwargs": ('{"z": 4}', '{"z": 5}'),
    "a partial": ("y=5", "y=6"),
    "a method": ("* self.size", "+ self.size"),
    "an attribute of a class": ("scale = 3", "scale = 4"),
    "fn_constructor_args": ("fn_constructor_args=[2]", "fn_constructor_args=[3]"),
    "fn_constructor_kwargs": ('{"bias": 1}', '{"bias": 2}'),
    "the state of an object": ("Model(2).run", "Model(3).run"),
    "a lambda": ("[row, row]", "[row]"),
    "what add_column computes": ('["id"] * LIMIT', '["id"] + LIMIT'),
    "a function in an expression": ("    return x\n\n@", "    return -x\n\n@"),
    "an expression": ('plus(col("id")) + 1', 'plus(col("id")) + 2'),
    "a class in an expression": ("Scaled([1, 2])", "Scaled([1, 3])"),
    "a function of groups": ("lambda group: group", "lambda group: group[:1]"),
    "an aggregation": ("a + b", "a - b"),
    "a value in the object store": ("np.arange(3)", "np.arange(4)"),
    "an item": ('{"a": 1}', '{"a": 2}'),
    "the type of an item": ('{"a": 1}', '{"a": 1.0}'),
    "the rows at the source": ("range(20)", "range(21)"),
}
REMARKS = {
    "a comment": ("    return x + LIMIT", "    # Why.\n    return x + LIMIT"),
    "a docstring": ('"What it does."', '"What it did."'),
    "how many workers": ("ActorPoolStrategy(size=1)", "ActorPoolStrategy(size=2)"),
}


def digests(made: Any) -> list[str | None]:
    from gridcache.ray_data.plans import plan_digest  # noqa: PLC0415 - imports Ray

    return [plan_digest(one) for one in made]


def doubt(dataset: Any) -> str:
    from gridcache.ray_data.plans import digest_of  # noqa: PLC0415 - imports Ray

    found = digest_of(dataset)
    assert (found.digest is None) == bool(found.doubt)
    return found.doubt


@pytest.fixture(scope="module")
def before(ray_joined: RayCluster) -> list[str | None]:
    """The digests of the cell as it is."""
    return digests(load(CELL).plans())


def edited(what: tuple[str, str]) -> str:
    text = CELL.replace(*what)
    assert text != CELL
    return text


def test_every_plan_has_a_digest_and_no_two_have_the_same(
    before: list[str | None],
) -> None:
    assert None not in before
    assert len(set(before)) == len(before)


def test_a_cell_that_runs_again_makes_the_same_digests(
    before: list[str | None],
) -> None:
    assert digests(load("\n\n" + CELL).plans()) == before


def test_another_job_makes_the_same_digests(
    before: list[str | None], ray_data: RayCluster
) -> None:
    with Driver("digesting", ray_data, Handle("unused"), CELL) as other:
        assert other.hear().split() == before


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_the_digest_of_what_it_reaches(
    name: str, before: list[str | None]
) -> None:
    after = digests(load(edited(EDITS[name])).plans())
    assert None not in after
    changed = [one != other for one, other in zip(before, after, strict=True)]
    # All come from the rows at the source but for the last one.
    assert sum(changed) == (len(before) - 1 if "source" in name else sum(changed))
    assert any(changed)


@pytest.mark.parametrize("name", REMARKS)
def test_an_edit_that_changes_no_row_changes_no_digest(
    name: str, before: list[str | None]
) -> None:
    assert digests(load(edited(REMARKS[name])).plans()) == before


# -- operators ---------------------------------------------------------------------


def variants() -> dict[str, list[Callable[[Any], Any]]]:
    """Datasets by what differs between them."""
    from ray.data.aggregate import Count, Sum  # noqa: PLC0415 - imports Ray
    from ray.data.datatype import DataType  # noqa: PLC0415 - imports Ray
    from ray.data.expressions import col, random  # noqa: PLC0415 - imports Ray

    def randomly(seed: int) -> Any:
        return random(seed=seed, reseed_after_execution=False)

    return {
        "nothing done": [lambda ds: ds],
        "a limit": [lambda ds: ds.limit(3), lambda ds: ds.limit(4)],
        "what is sorted by": [
            lambda ds: ds.sort("id"),
            lambda ds: ds.sort("x"),
            lambda ds: ds.sort(["id", "x"]),
            lambda ds: ds.sort("id", descending=True),
        ],
        "a filter": [
            lambda ds: ds.filter(expr=col("id") > 3),
            lambda ds: ds.filter(expr=col("id") > 4),
            lambda ds: ds.filter(expr=col("id") > 3.0),
            lambda ds: ds.filter(expr=col("id") >= 3),
            lambda ds: ds.filter(expr=col("x") > 3),
        ],
        "columns": [
            lambda ds: ds.select_columns(["id"]),
            lambda ds: ds.select_columns(["x"]),
            lambda ds: ds.drop_columns(["id"]),
            lambda ds: ds.drop_columns(["x"]),
            lambda ds: ds.rename_columns({"id": "y"}),
            lambda ds: ds.rename_columns({"id": "z"}),
            lambda ds: ds.with_column("y", col("x")),
            lambda ds: ds.with_column("z", col("x")),
            lambda ds: ds.with_column(
                "z", col("x").cast(DataType.from_arrow(pa.int32()))
            ),
        ],
        "a seed": [
            lambda ds: ds.random_shuffle(seed=1),
            lambda ds: ds.random_shuffle(seed=2),
            lambda ds: ds.randomize_block_order(seed=1),
            lambda ds: ds.randomize_block_order(seed=2),
            lambda ds: ds.random_sample(0.5, seed=1),
            lambda ds: ds.random_sample(0.5, seed=2),
            lambda ds: ds.random_sample(0.6, seed=1),
            lambda ds: ds.with_column("y", randomly(1)),
            lambda ds: ds.with_column("y", randomly(2)),
        ],
        "groups": [
            lambda ds: ds.groupby("id").count(),
            lambda ds: ds.groupby("x").count(),
            lambda ds: ds.groupby("id").aggregate(Sum("x")),
            lambda ds: ds.groupby("id").aggregate(Sum("id")),
            lambda ds: ds.groupby("id").aggregate(Sum("x", ignore_nulls=False)),
            lambda ds: ds.groupby("id").aggregate(Sum("x"), Count()),
        ],
        "blocks": [
            lambda ds: ds.repartition(3),
            lambda ds: ds.repartition(4),
            lambda ds: ds.repartition(3, shuffle=True),
        ],
        "batches": [
            lambda ds: ds.map_batches(_same, batch_size=3),
            lambda ds: ds.map_batches(_same, batch_size=4),
            lambda ds: ds.map_batches(_same, batch_size=3, batch_format="pandas"),
            lambda ds: ds.map_batches(
                _same, batch_size=3, runtime_env={"env_vars": {"A": "1"}}
            ),
        ],
        "several inputs": [
            lambda ds: ds.union(ds),
            lambda ds: ds.union(ds, ds),
            lambda ds: ds.union(ds.limit(3)),
            lambda ds: ds.limit(3).union(ds),
            lambda ds: ds.join(ds, "inner", 2, on=("id",)),
            lambda ds: ds.join(ds, "left_outer", 2, on=("id",)),
            lambda ds: ds.join(ds, "inner", 2, on=("x",)),
        ],
        "order": [
            lambda ds: ds.limit(3).sort("id"),
            lambda ds: ds.sort("id").limit(3),
        ],
    }


def _same(block: Any) -> Any:
    return block


@pytest.fixture(scope="module")
def source(ray_joined: RayCluster) -> Any:
    import ray  # noqa: PLC0415 - only where it is used

    return ray.data.from_pandas(pd.DataFrame({"id": [1, 2], "x": [3, 4]}))


def test_no_two_operations_have_the_same_digest(source: Any) -> None:
    makers = [make for group in variants().values() for make in group]
    once = digests(make(source) for make in makers)
    assert None not in once
    assert len(set(once)) == len(once)
    assert digests(make(source) for make in makers) == once


def test_what_is_by_chance_has_no_digest(source: Any) -> None:
    from ray.data.expressions import (  # noqa: PLC0415 - imports Ray
        monotonically_increasing_id,
        random,
        uuid,
    )

    assert "without a seed" in doubt(source.random_shuffle())
    assert "without a seed" in doubt(source.randomize_block_order())
    assert "without a seed" in doubt(source.random_sample(0.5))
    assert "without a seed" in doubt(source.with_column("y", random()))
    assert "another seed" in doubt(source.with_column("y", random(seed=1)))
    assert doubt(source.with_column("y", uuid()))
    assert doubt(source.with_column("y", monotonically_increasing_id()))


def test_what_cannot_be_looked_at_has_no_digest(source: Any, tmp_path: Path) -> None:
    import ray  # noqa: PLC0415 - only where it is used

    with (tmp_path / "open").open("w") as file:
        assert "TextIO" in doubt(source.map_batches(lambda block: (block, file)[0]))
        assert "TextIO" in doubt(source.map_batches(_same, fn_args=[file]))
    rows = ray.data.read_sql("SELECT 1", lambda: None)
    assert "SQLDatasource reads what cannot be looked at" in doubt(rows)
    actor: Any = ray.remote(num_cpus=0)(Counting).remote()
    assert "actor" in doubt(source.map_batches(lambda block, _=actor: block))
    ray.kill(actor)


class Counting:
    """For an actor; never called."""


def test_a_digest_leaves_the_dataset_as_it_was_and_survives_its_runs(
    source: Any,
) -> None:
    import ray  # noqa: PLC0415 - only where it is used

    dataset = source.limit(1).map_batches(_same)
    rows = ray.data.range(20)
    plans = [dataset, rows, rows.limit(3)]
    before = digests(plans)
    assert dataset.schema() is not None
    assert dataset.take_all() == [{"id": 1, "x": 3}]
    assert plans[2].count() == 3
    assert digests(plans) == before


# -- input -------------------------------------------------------------------------


def test_input_counts_by_content() -> None:
    import ray  # noqa: PLC0415 - only where it is used

    def plans(x: int) -> list[Any]:
        frame = pd.DataFrame({"a": [1, x]})
        return [
            ray.data.from_pandas(frame),
            ray.data.from_pandas(frame[::-1]),
            ray.data.from_arrow(pa.Table.from_pandas(frame)),
            ray.data.from_arrow([pa.table({"a": [1]}), pa.table({"a": [x]})]),
            ray.data.from_numpy(np.array([1, x])),
            ray.data.from_items([1, x]),
            ray.data.from_items([x, 1]),
            ray.data.from_items([x, None]),
        ]

    once = digests(plans(2))
    assert None not in once
    assert digests(plans(2)) == once
    assert set(once).isdisjoint(digests(plans(3)))
    assert len(set(once)) == len(once)


def test_items_count_however_many_blocks_they_are_in() -> None:
    import ray  # noqa: PLC0415 - only where it is used

    rows = [{"a": one} for one in range(6)]
    made = [ray.data.from_items(rows, override_num_blocks=n) for n in (1, 2, 6)]
    assert len(set(digests(made))) == 1


def test_what_an_earlier_run_left_counts_if_its_order_is_no_chance() -> None:
    import ray  # noqa: PLC0415 - only where it is used

    def left(rows: int, blocks: int) -> Any:
        return ray.data.range(rows, override_num_blocks=blocks).materialize()

    assert digests([left(4, 1)]) == digests([left(4, 1)])
    assert digests([left(4, 1)]) != digests([left(5, 1)])
    assert "materialized" in doubt(left(4, 2).map_batches(_same))


def test_files_count_by_their_versions(tmp_path: Path) -> None:
    import ray  # noqa: PLC0415 - only where it is used

    def plans() -> list[Any]:
        return [
            ray.data.read_csv(str(tmp_path / "csv")),
            ray.data.read_csv(str(tmp_path / "csv"), include_paths=True),
            ray.data.read_parquet(str(tmp_path / "parquet")),
            ray.data.read_parquet(str(tmp_path / "parquet"), columns=["a"]),
            ray.data.read_text(str(tmp_path / "csv" / "one.csv")),
        ]

    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "one.csv").write_text("a,b\n1,2\n")
    (tmp_path / "parquet").mkdir()
    write = pyarrow.parquet.write_table
    write(pa.table({"a": [1], "b": [2]}), tmp_path / "parquet" / "one.parquet")
    once = digests(plans())
    assert None not in once
    assert len(set(once)) == len(once)
    assert digests(plans()) == once

    # Of the same size, and as old as it was.
    replaced = tmp_path / "new"
    replaced.write_text("a,b\n1,3\n")
    one = tmp_path / "csv" / "one.csv"
    os.utime(replaced, ns=(one.stat().st_atime_ns, one.stat().st_mtime_ns))
    replaced.replace(one)
    write(pa.table({"a": [2], "b": [2]}), tmp_path / "parquet" / "two.parquet")
    after = digests(plans())
    assert None not in after
    assert set(once).isdisjoint(after)


def test_the_older_way_to_read_parquet_counts_as_well(tmp_path: Path) -> None:
    import ray  # noqa: PLC0415 - only where it is used

    def plans() -> list[Any]:
        return [
            ray.data.read_parquet(str(path)),
            ray.data.read_parquet(str(path), columns=["a"]),
        ]

    path = tmp_path / "one.parquet"
    pyarrow.parquet.write_table(pa.table({"a": [1], "b": [2]}), path)
    context = ray.data.DataContext.get_current()
    if not hasattr(context, "use_datasource_v2"):
        pytest.skip("there is but one way")
    context.use_datasource_v2 = False
    try:
        once, again = digests(plans()), digests(plans())
        os.utime(path, ns=(1, 1))
        after = digests(plans())
    finally:
        context.use_datasource_v2 = True
    assert None not in once
    assert once == again
    assert len({*once, *after}) == len(once) + len(after)


def test_what_is_published_counts_by_its_plan_however_it_is_read(
    handle: Handle,
) -> None:
    import ray  # noqa: PLC0415 - only where it is used

    from gridcache.ray_data.epochs import tee  # noqa: PLC0415 - imports Ray
    from gridcache.ray_data.persisting import persist  # noqa: PLC0415 - imports Ray
    from gridcache.ray_data.reading import load  # noqa: PLC0415 - imports Ray

    dataset = ray.data.range(20, override_num_blocks=4)
    tee(dataset, "one", cache=handle).take_all()
    persist(dataset, "two", cache=handle, version="2")
    same = [
        tee(dataset, "one", cache=handle),
        tee(dataset, "other", cache=handle),
        load("one", cache=handle),
        load("one", cache=handle, ordered=True),
    ]
    others = [
        load("two", cache=handle),
        load("one", cache=handle).union(load("one", cache=handle)),
        load("one", cache=handle).limit(3),
        tee(dataset.limit(3), "limited", cache=handle),
        dataset,
    ]
    once = digests([*same, *others])
    assert None not in once
    assert len(set(once[: len(same)])) == 1
    assert len(set(once)) == 1 + len(others)
    shuffled = tee(dataset.random_shuffle(), "x", cache=handle, version="1")
    assert "lasting identity" in doubt(shuffled)


def test_files_in_an_order_by_chance_have_no_digest(tmp_path: Path) -> None:
    import ray  # noqa: PLC0415 - only where it is used

    (tmp_path / "one.csv").write_text("a\n1\n")
    pyarrow.parquet.write_table(pa.table({"a": [1]}), tmp_path / "one.parquet")
    assert doubt(ray.data.read_csv(str(tmp_path / "one.csv"), shuffle="files"))
    path = str(tmp_path / "one.parquet")
    assert doubt(ray.data.read_parquet(path, shuffle="files"))
    fixed = ray.data.FileShuffleConfig(seed=1, reseed_after_execution=False)
    anew = ray.data.FileShuffleConfig(seed=1)
    assert not doubt(ray.data.read_parquet(path, shuffle=fixed))
    assert "another seed" in doubt(ray.data.read_parquet(path, shuffle=anew))


def test_a_source_of_the_users_counts_by_what_it_says_of_itself() -> None:
    cell = """
import ray
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask

class Numbers(Datasource):
    def __init__(self, day):
        super().__init__()
        self.day = day

    def estimate_inmemory_data_size(self):
        return None

    def get_read_tasks(self, parallelism, per_task_row_limit=None, data_context=None):
        return []

class Dated(Numbers):
    def __gridcache_key__(self):
        return self.day

def plans():
    return [ray.data.read_datasource(kind(1)) for kind in (Numbers, Dated)]
"""
    made = load(cell).plans()
    assert "__gridcache_key__" in doubt(made[0])
    (once,) = digests(made[1:])
    assert once is not None
    assert digests(load(cell).plans()[1:]) == [once]
    assert digests(load(cell.replace("kind(1)", "kind(2)")).plans()[1:]) != [once]
    assert digests(load(cell.replace("return []", "return ()")).plans()[1:]) != [once]


def test_a_plan_of_another_ray_has_no_digest(source: Any) -> None:
    class Sorcery(type(source._logical_plan.dag)):  # type: ignore[misc]
        """An operator that nobody knows."""

    assert "is not known to gridcache" in doubt(object())
    dataset = source.limit(1)
    quietly(lambda: object.__setattr__(dataset._logical_plan.dag, "limit", object()))
    assert "identity" in doubt(dataset)
    operator = Sorcery.__new__(Sorcery)
    dataset._logical_plan._dag = operator
    assert "Sorcery" in doubt(dataset)
