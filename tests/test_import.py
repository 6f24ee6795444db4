"""The public face: complete, and cheap to import."""

import subprocess
import sys

import pytest

import gridcache
from gridcache import errors

HEAVY = {
    *("IPython", "click", "cloudpickle", "dask", "distributed", "lmdb", "numpy"),
    *("pandas", "polars", "pyarrow", "ray", "rich", "yaml"),
}


MAX_IMPORT_S = 0.150
"""Of the processor's time, which does not depend on what else is running."""


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return done.stdout


def test_importing_gridcache_loads_no_heavy_library() -> None:
    loaded = run("import gridcache, sys; print(*sys.modules)").split()
    assert HEAVY.isdisjoint(loaded)


def test_importing_gridcache_is_quick() -> None:
    code = (
        "import time; start = time.process_time(); import gridcache;"
        "print(time.process_time() - start)"
    )
    assert min(float(run(code)) for _ in range(3)) < MAX_IMPORT_S


def test_using_a_cache_class_loads_no_library_it_does_not_need() -> None:
    loaded = run("import gridcache, sys; gridcache.GridCache; print(*sys.modules)")
    unwanted = HEAVY - {"cloudpickle", "lmdb", "numpy"}
    assert unwanted.isdisjoint(loaded.split())


@pytest.mark.parametrize("name", gridcache.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(gridcache, name) is not None
    assert name in dir(gridcache)


def test_every_error_is_public_and_the_same_object() -> None:
    assert set(errors.__all__) <= set(gridcache.__all__)
    assert all(
        getattr(gridcache, name) is getattr(errors, name) for name in errors.__all__
    )


def test_the_public_names_are_sorted() -> None:
    assert gridcache.__all__ == sorted(gridcache.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'GridCash'"):
        gridcache.GridCash  # noqa: B018 - the access is the test
