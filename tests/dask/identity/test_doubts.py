"""What an identity cannot promise: impure tasks, tasks that act, unknown inputs."""

import random
import re
import threading
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from dask._task_spec import DataNode, GraphNode, List, Task, TaskRef
from dask.array.core import load_store_chunk
from dask.delayed import delayed
from distributed import Client

from gridcache.dask.graph import low_level, materialize
from gridcache.dask.identity import identities
from tests.dask.identity.kit import found, ids


def frame(npartitions: int = 2) -> Any:
    data = pd.DataFrame({"a": range(8), "b": list("abcdabcd")})
    return dd.from_pandas(data, npartitions=npartitions)


def test_unseeded_random_numbers_differ_and_seeded_ones_do_not() -> None:
    def of(seed: Any) -> list[str]:
        made = ids(da.random.default_rng(seed).random(4, chunks=2))
        assert len(set(made)) == 2
        return made

    assert of(5) == of(5) != of(6)
    assert set(of(None)).isdisjoint(of(None))
    old = [ids(da.random.RandomState(seed).normal(size=4)) for seed in (1, 1, None)]
    assert old[0] == old[1] != old[2]


def test_random_samples_of_frames_and_bags_follow_their_seed() -> None:
    assert ids(frame().sample(frac=0.5, random_state=1)) == ids(
        frame().sample(frac=0.5, random_state=1)
    )
    bag = db.from_sequence(range(8), npartitions=2)
    assert ids(bag.random_sample(0.5, 3)) == ids(bag.random_sample(0.5, 3))
    assert ids(bag.random_sample(0.5, 3)) != ids(bag.random_sample(0.5, 4))


def test_impure_calls_and_what_uses_them_are_said() -> None:
    impure = delayed(random.random)()
    after = delayed(abs, pure=True)(impure)
    keys, made = found(delayed(list, pure=True)([after, 1]))
    assert impure.key in made.impure
    assert not any(made.cacheable(key) for key in keys)
    assert "pure=True" in made.reason(keys[0])


def test_impure_calls_are_said_when_they_are_fused_into_others() -> None:
    x = da.from_delayed(delayed(np.ones)(4), (4,), float) + 1
    keys, made = found(x)
    assert not any(made.cacheable(key) for key in keys)


def test_data_are_never_impure() -> None:
    keys, made = found(delayed(abs, pure=True)(delayed(3)))
    assert all(made.cacheable(key) for key in keys)
    assert not made.impure


def test_only_the_reading_end_of_a_shuffle_may_be_kept() -> None:
    shuffled = frame().shuffle("b", shuffle_method="disk")
    keys, made = found(shuffled)
    assert ids(shuffled) == ids(frame().shuffle("b", shuffle_method="disk"))
    assert all(made.cacheable(key) for key in keys)
    acting = {re.split(r"\W+", str(key).lstrip("('"))[0] for key in made.effects}
    assert acting == {"zpartd", "shuffle", "barrier"}
    assert "acts" in made.reason(next(iter(made.effects)))


def test_only_the_reading_end_of_grouping_a_bag_may_be_kept() -> None:
    bag = db.from_sequence(range(8), npartitions=2)
    keys, made = found(bag.groupby(lambda x: x % 2, shuffle="disk"))
    assert all(made.cacheable(key) for key in keys)
    assert len(made.effects) == 4
    assert ids(bag.groupby(len, shuffle="disk")) != ids(
        bag.groupby(abs, shuffle="disk")
    )


@pytest.mark.usefixtures("workers")
def test_only_the_reading_end_of_a_transfer_may_be_kept() -> None:
    for collection in (
        frame().shuffle("b", shuffle_method="p2p"),
        frame().merge(frame(), on="b", shuffle_method="p2p"),
        da.ones((4, 4), chunks=(1, 4)).rechunk((4, 1), method="p2p"),
    ):
        keys, made = found(collection)
        assert all(made.cacheable(key) for key in keys)
        for word in ("transfer", "barrier"):
            assert any(word in str(key) for key in made.effects), word


def test_writing_is_acting(tmp_path: Path) -> None:
    target = np.zeros(4)
    written = [
        da.ones(4, chunks=2).store(target, compute=False),
        da.ones(4, chunks=2).to_zarr(tmp_path / "z", compute=False),
        frame().to_parquet(tmp_path / "p", compute=False),
        *frame().to_csv(tmp_path / "c", compute=False),
        *db.from_sequence("ab").to_textfiles(str(tmp_path / "*.txt"), compute=False),
    ]
    for one in written:
        keys, made = found(one)
        assert made.effects.issuperset(keys)
        assert not any(map(made.cacheable, keys))


def test_acting_in_a_task_is_acting() -> None:
    inner = Task(None, load_store_chunk, TaskRef("x"))
    nodes: dict[Any, GraphNode] = {
        "x": DataNode("x", 1),
        "k": Task("k", list, List(inner)),
    }
    nodes["l"] = Task("l", len, TaskRef("k"))
    assert identities(nodes).effects == {"k", "l"}


def test_an_input_without_identity_is_named_with_a_cure() -> None:
    lock = threading.Lock()
    keys, made = found(delayed(repr, pure=True)(lock))
    (sentence,) = made.unsafe
    assert "lock" in sentence
    assert "version=" in sentence
    again = delayed(repr, pure=True)(lock)
    assert ids(again) != [made.digests[key] for key in keys] or again.key == keys[0]


def test_an_input_without_identity_is_named_once_for_a_layer() -> None:
    lock = threading.Lock()

    def use(block: Any, lock: Any) -> Any:
        return block

    x = da.ones(8, chunks=1).map_blocks(use, lock=lock, dtype=float)
    assert len(found(x)[1].unsafe) == 1


class Wild:
    """Answers to every name, and cannot be looked at."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Wild()

    def __call__(self, value: Any) -> Any:
        return value

    def __gridcache_key__(self) -> Any:
        message = "not today"
        raise OSError(message)


def nested(depth: int) -> Any:
    made: list[Any] = []
    for _ in range(depth):
        made = [made, None, ...]
    return made


def test_what_cannot_be_looked_at_is_no_error() -> None:
    circle: list[Any] = []
    circle.append(circle)
    for value in (nested(100_000), circle, Wild()):
        node = Task("k", nested, value)
        (sentence,) = identities({"k": node}).unsafe
        assert "k" in sentence
    (sentence,) = identities({"k": Task("k", Wild(), 1)}).unsafe
    assert "not today" in sentence


def test_a_function_that_reads_what_has_no_identity_is_named() -> None:
    numbers = iter([1, 2])

    def use(block: Any) -> Any:
        return block + next(numbers)

    keys, made = found(da.ones(4, chunks=2).map_blocks(use, dtype=float))
    (sentence,) = made.unsafe
    assert "iterator" in sentence
    assert len({made.digests[key] for key in keys}) <= 2


def test_futures_are_known_by_their_key_and_said_once(workers: Client) -> None:
    x = da.ones(4, chunks=2) + 1
    held = x.persist()
    keys, made = found(held * 2)
    assert len(set(made.digests.values())) > 2
    (sentence,) = made.unsafe
    assert "Future" in sentence
    assert x.name in sentence
    future = workers.submit(sum, [1, 2], pure=True)
    keys, made = found(delayed(abs, pure=True)(future))
    assert "Future" in made.unsafe[0]
    impure = workers.submit(sum, [1, 2], pure=False)
    keys, made = found(delayed(abs, pure=True)(impure))
    assert not made.cacheable(keys[0])


def test_what_the_caller_vouches_for_counts_by_its_place() -> None:
    def graph(names: list[str]) -> dict[Any, GraphNode]:
        return {(n, 0): Task((n, 0), ids, TaskRef(f"future {n}")) for n in names}

    def digests(names: list[str], **options: Any) -> list[str]:
        nodes = graph(names)
        made = identities(nodes, list(nodes), **options)
        assert bool(made.unsafe) != options.get("vouched", False)
        return [made.digests[key] for key in nodes]

    assert digests(["a", "b"]) != digests(["c", "d"])
    one = digests(["a", "b"], vouched=True)
    assert one == digests(["c", "d"], vouched=True)
    assert len(set(one)) == 2
    assert one != digests(["a", "b"], vouched=True, salt="2")


def test_vouching_changes_nothing_where_there_is_no_doubt() -> None:
    plan = materialize(da.arange(4, chunks=2) + 1)
    one, other = (identities(plan.graph, plan.keys, vouched=v) for v in (True, False))
    assert one.digests == other.digests


def test_a_legacy_graph_of_a_scheduler_is_read_too() -> None:
    x = da.ones(4, chunks=2) + 1
    with dask.config.set({"optimization.fuse.active": False}):
        made = identities(low_level(dict(x.__dask_graph__())))
    plan = materialize(x)
    optimised = identities(plan.graph, plan.keys)
    assert [made.digests[k] for k in plan.keys] == [
        optimised.digests[k] for k in plan.keys
    ]
