"""Identities last: the same in another process, folder and order of hashes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

from gridcache.dask.identity.common import FORMAT

SCRIPT = """
import functools, json, sys
from dataclasses import dataclass

import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import xarray as xr
from dask import delayed

from tests.dask.identity.kit import found

FACTOR = 3
NAMES = frozenset({"alpha", "beta", "gamma"})


@dataclass
class Model:
    size: int
    names: frozenset


def scale(block, by=2):
    return block * by * FACTOR


def shifted(by):
    def shift(block):
        return block + by
    return shift


def use(*args, **kwargs):
    return args, kwargs


frame = pd.DataFrame({"a": range(8), "b": list("abcdabcd")})
table = dd.from_pandas(frame, npartitions=2)
array = da.from_array(np.arange(16.0).reshape(4, 4), chunks=2)
pure = functools.partial(delayed, pure=True)
sets = {"x", "y", "z"}

COLLECTIONS = {
    "function": array.map_blocks(scale),
    "lambda": array.map_blocks(lambda block: block - FACTOR),
    "closure": array.map_blocks(shifted(5)),
    "no input": da.map_blocks(
        lambda block_info=None: np.ones(4) * FACTOR, chunks=((4, 4),), dtype=float
    ),
    "call of an array": pure(use)(array),
    "partial": array.map_blocks(functools.partial(scale, by=4)),
    "frozenset": array.map_blocks(lambda b, option: b, option=NAMES, dtype=float),
    "fused": ((array + 1) * 2 - array.T).sum(),
    "stack of names": da.stack([array, array + 1]).mean(axis=0),
    "seeded": da.random.default_rng(5).random((4, 4), chunks=2) + 1,
    "grouped": table.groupby("b").a.sum(),
    "merged": table.merge(table, on="b"),
    "by tasks": table.shuffle("b", shuffle_method="tasks"),
    "mapped": table.map_partitions(lambda part: part.assign(c=part.a * FACTOR)),
    "from a map": dd.from_map(lambda i: pd.DataFrame({"a": [i]}), range(3)),
    "bag": db.from_sequence(range(6), npartitions=3).map(scale).filter(bool),
    "bag with options": db.from_sequence(range(6)).map(scale, 3).map(use, option=4),
    "summed bag": db.from_sequence(range(6), npartitions=3).map(scale).sum(),
    "dataclass": pure(use)(Model(1, NAMES), sets, {"m": Model(2, NAMES)}),
    "class": pure(Model)(1, NAMES),
    "tree": pure(use)([pure(scale)(1), {"k": pure(scale)(2)}], option=sets),
    "csv": dd.read_csv(f"{sys.argv[1]}/one.csv").a + 1,
    "parquet": dd.read_parquet(f"{sys.argv[1]}/one.parquet"),
    "text": db.read_text(f"{sys.argv[1]}/one.csv").map(str.upper),
    "zarr": da.from_zarr(f"{sys.argv[1]}/one.zarr") + 1,
    "xarray of zarr": xr.open_zarr(f"{sys.argv[1]}/dataset.zarr", consolidated=False).v.mean(),
    "xarray in memory": xr.Dataset({"v": ("x", np.arange(6))}).chunk(x=3) * FACTOR,
    "xarray": xr.Dataset({"v": (("x", "y"), array)}).mean("x") * FACTOR,
}
made = {}
for name, collection in COLLECTIONS.items():
    keys, identities = found(collection)
    assert not identities.unsafe, identities.unsafe
    assert all(map(identities.cacheable, keys)), name
    made[name] = [identities.digests[key] for key in keys]
json.dump(made, sys.stdout)
"""


def write_files(folder: Path) -> None:
    folder.mkdir()
    frame = pd.DataFrame({"a": [1, 2]})
    frame.to_csv(folder / "one.csv")
    frame.to_parquet(folder / "one.parquet")
    zarr.create_array(str(folder / "one.zarr"), data=np.arange(4.0))
    dataset = xr.Dataset({"v": ("x", np.arange(6.0))})
    dataset.to_zarr(folder / "dataset.zarr", consolidated=False)


def started(folder: Path, seed: str, root: Path) -> "subprocess.Popen[bytes]":
    script = folder / "script.py"
    script.parent.mkdir()
    script.write_text(SCRIPT)
    env = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
    command = [sys.executable, str(script), str(folder.parent / "files")]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, cwd=folder)


def test_scripts_in_two_folders_with_two_hash_seeds_agree(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    root = pytestconfig.rootpath
    write_files(tmp_path / "files")
    with (
        started(tmp_path / "one", "0", root) as one,
        started(tmp_path / "other", "1", root) as other,
    ):
        first, second = (json.loads(run.communicate()[0]) for run in (one, other))
    assert first == second
    apart = {json.dumps(digests) for digests in first.values()}
    assert len(apart) == len(first)


def test_a_change_of_identities_is_a_change_of_the_format() -> None:
    """Raise FORMAT, and write here what it gives, if this fails for a good reason."""
    assert FORMAT == "1"
