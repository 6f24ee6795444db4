"""Keys across processes: scripts, hash seeds, edits, pickles, notebooks."""

import json
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from gridcache import GridCache, grid_cache

SCRIPT = """
import sys
import numpy as np
from dataclasses import dataclass
from enum import Enum
import gridcache

cache = gridcache.GridCache("memo", path=sys.argv[1], capacity="32MiB")
THRESH = 0.5
NAMES = {"a", "b", "c", "d"}

class Colour(Enum):
    RED = 1

@dataclass
class Settings:
    size: int = 1
    tags: frozenset = frozenset({"x", "y", "z"})

def helper(x):
    return x > THRESH

@gridcache.grid_cache(cache=cache)
def f(x, settings=Settings(), colour=Colour.RED, names=frozenset("abc"), **more):
    print("computed")
    return helper(x) and len(NAMES) and x in {"p", "q", 1}

@gridcache.grid_cache(cache=cache)
def g(array, function):
    print("computed")
    return function(array)

f(1, array={"k": np.arange(3)}, kind=Settings, words={"u", "v", "w"})
g(np.eye(3), lambda a: a.sum())
print(f.cache_key(1), g.cache_key(np.eye(3), helper))
"""


def run(script: Path, store: Path, seed: str) -> list[str]:
    command = [sys.executable, str(script), str(store)]
    environment = os.environ | {"PYTHONHASHSEED": seed}
    done = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.split()


def test_a_script_finds_its_results_whatever_the_hash_seed(
    tmp_path: Path, store_dir: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    computed, computed_too, *keys = run(script, store_dir / "s", "1")
    assert computed == computed_too == "computed"
    moved = tmp_path / "elsewhere" / "renamed.py"
    moved.parent.mkdir()
    moved.write_text("# Moved.\n\n\n" + SCRIPT)
    for seed, file in (("2", script), ("3", moved)):
        assert run(file, store_dir / "s", seed) == keys


@pytest.fixture(scope="module")
def unedited(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the key of `f` in the script as it is above."""
    folder = tmp_path_factory.mktemp("unedited")
    (folder / "script.py").write_text(SCRIPT)
    return run(folder / "script.py", folder / "store", "1")[2]


EDITS = {
    "a global": ("THRESH = 0.5", "THRESH = 0.25", True),
    "a global set": ('"c", "d"}', '"c", "e"}', True),
    "a helper": ("x > THRESH", "x >= THRESH", True),
    "the body": ('{"p", "q", 1}', '{"p", "q", 2}', True),
    "a default": ("size: int = 1", "size: int = 2", True),
    "the other function": ("return function(array)", "return array", False),
}


@pytest.mark.parametrize(("old", "new", "counts"), EDITS.values(), ids=EDITS)
def test_an_edited_script_computes_again(
    unedited: str, tmp_path: Path, store_dir: Path, old: str, new: str, counts: bool
) -> None:
    assert old in SCRIPT
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace(old, new))
    assert (unedited not in run(script, store_dir / "s", "2")) == counts


CELLS = [
    "import gridcache",
    "cache = gridcache.GridCache('memo', path={store!r}, capacity='32MiB')",
    "calls = []; THRESH = 0.5",
    "def helper(x):\n    return x > THRESH",
    """
@gridcache.grid_cache(cache=cache, ignore=['calls'])
def f(x):
    calls.append(x)
    return helper(x)
""",
    "f(0.4), f(0.4), f.cache_key(0.4)",
    "THRESH = 0.3",
    "f(0.4), f(0.4)",
    "def helper(x):\n    return not x > THRESH",
    "f(0.4), f(0.4)",
    "calls",
]

IN_SHELL = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(display_page=False)
for cell in json.loads(sys.argv[1]):
    done = shell.run_cell(cell, store_history=True)
    done.raise_error()
    if done.result is not None:
        print("result", json.dumps(done.result))
"""


def run_cells(cells: list[str], folder: Path) -> list[Any]:
    """Run cells as a kernel does, in a process of its own."""
    command = [sys.executable, "-c", IN_SHELL, json.dumps(cells)]
    environment = os.environ | {"IPYTHONDIR": str(folder)}
    done = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    )
    lines = [line.partition("result ") for line in done.stdout.splitlines()]
    return [json.loads(result) for _, mark, result in lines if mark]


def test_an_edited_cell_or_global_runs_again_and_a_new_kernel_finds_the_results(
    tmp_path: Path, store_dir: Path
) -> None:
    pytest.importorskip("IPython")
    cells = [cell.format(store=str(store_dir / "s")) for cell in CELLS]
    (one, two, key), third, fourth, calls = run_cells(cells, tmp_path)
    assert [one, two, third, fourth] == [False, False, [True, True], [False, False]]
    assert calls == [0.4, 0.4, 0.4]
    again = run_cells(["# One more cell", *cells], tmp_path)
    assert again[0][2] == key
    assert again[-1] == []


@grid_cache
def at_module_level(x: int) -> int:
    return x


def test_a_function_that_its_name_leads_to_pickles_as_its_name() -> None:
    assert pickle.loads(pickle.dumps(at_module_level)) is at_module_level


def test_a_local_function_travels_by_value(cache: GridCache) -> None:
    offset = 5

    @grid_cache(cache=cache, ttl="1h")
    def local(x: int) -> int:
        return x + offset if x < 3 else int(local(x - 1))

    copy = cloudpickle.loads(cloudpickle.dumps(local))
    assert copy is not local
    assert copy.cache_key(1) == local.cache_key(1)
    assert copy(4) == 7
    assert local.is_cached(4)
    copy.cache.close()


TRAVELS = """
import sys, multiprocessing, pickle, subprocess
import cloudpickle, gridcache
FACTOR = 2

@gridcache.grid_cache
def f(x):
    return FACTOR * x

if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(f, [1, 2, 1]) == [2, 4, 2]
    read = "import sys, cloudpickle; print(cloudpickle.load(sys.stdin.buffer).cache_key(1))"
    command = [sys.executable, "-c", read]
    done = subprocess.run(command, input=cloudpickle.dumps(f), stdout=subprocess.PIPE)
    print(done.stdout.decode().strip() == f.cache_key(1), f.is_cached(1))
"""


def test_a_function_of_a_script_travels_to_workers(
    tmp_path: Path, store_dir: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(TRAVELS))
    environment = os.environ | {
        "GRIDCACHE_DIRECTORY": str(store_dir),
        "GRIDCACHE_CAPACITY": "32MiB",
    }
    command = [sys.executable, str(script)]
    done = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["True", "True"]
