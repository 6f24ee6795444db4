"""Lazy names load their module when they are used, and not before."""

import subprocess
import sys
from types import ModuleType

import pytest

import gridcache.dask
import gridcache.ray_data

_LOADED = "import sys, {package}; print(sorted({{'ray', 'dask'}} & set(sys.modules)))"


@pytest.mark.parametrize("package", ["gridcache.dask", "gridcache.ray_data"])
def test_a_package_alone_loads_no_library(package: str) -> None:
    script = _LOADED.format(package=package)
    told = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert told.stdout.strip() == "[]"


def test_a_name_nobody_has_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"'gridcache.dask' has no attribute 'x'"):
        gridcache.dask.x  # noqa: B018


def test_names_are_listed_before_they_are_loaded() -> None:
    assert set(gridcache.dask.__all__) <= set(dir(gridcache.dask))


@pytest.mark.parametrize("package", [gridcache.dask, gridcache.ray_data])
def test_every_name_is_where_it_is_said_to_be(package: ModuleType) -> None:
    assert [getattr(package, name) for name in package.__all__]
