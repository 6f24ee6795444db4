"""Ray as a rival, in a process of its own: it changes the one that starts it."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

CODE = """
from gridcache.bench.place import private_place
from gridcache.bench.result import Series
from gridcache.bench.run import Plan, measure
from gridcache.bench.scale import TINY
with private_place() as place:
    rows = [row for row in measure(Plan(("latency",), TINY), place)]
found = {row.rival for row in rows if isinstance(row.theirs, Series)}
assert {"ray actor", "ray.put", "ray.get"} <= found, rows
"""


@pytest.mark.ray
@pytest.mark.soak
@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
def test_ray_is_measured_where_it_is_installed() -> None:
    """Starts a Ray more; that it is measured, `test_grid_command` shows as well."""
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        check=False,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
