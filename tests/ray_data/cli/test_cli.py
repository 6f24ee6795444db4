"""`grid ray-data`, on datasets that were published without a Ray that runs."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from gridcache import GridCache
from gridcache.cli import main
from gridcache.published.handle import Handle, close_all
from gridcache.published.keeping import Keeping
from gridcache.ray_data.catalog import names
from gridcache.ray_data.manifest import Manifest
from gridcache.ray_data.parts import Destination, new_write, put_block
from gridcache.ray_data.publishing import publish
from gridcache.ray_data.schemas import schema_of

Call = Callable[..., Result]
TABLE = pa.table({"id": [1, 2, 3], "word": ["one", None, "three"]})


@pytest.fixture
def cache(store_dir: Path) -> Iterator[GridCache]:
    path = store_dir / "store"
    with GridCache("ray_data", path=path, capacity="16MiB") as opened:
        yield opened
        close_all()


@pytest.fixture
def call(store_dir: Path) -> Call:
    """Call a command on the store of `cache`."""

    def run(*words: str) -> Result:
        arguments = ["ray-data", *words, "--path", str(store_dir / "store")]
        return CliRunner().invoke(main, arguments, prog_name="grid")

    return run


@pytest.fixture
def published(cache: GridCache) -> GridCache:
    handle = Handle.of(cache, "ray_data")
    for name, blocks in (("clean", 4), ("raw", 2)):
        to = Destination(handle, name, new_write(), Keeping(pin=True))
        parts = tuple(put_block(TABLE, to, task, 0) for task in range(blocks))
        manifest = Manifest(
            name=name,
            version="v1",
            plan=None,
            schema=schema_of(TABLE),
            write=to.write,
            parts=parts,
        )
        publish(handle, manifest)
    return cache


def test_every_command_explains_itself() -> None:
    for words in ([], ["names"], ["info"], ["release"]):
        result = CliRunner().invoke(main, ["ray-data", *words, "--help"])
        assert result.exit_code == 0
        assert "Usage:" in result.stdout
        assert "Examples:" in result.stdout or not words


def test_none_of_them_loads_ray(published: GridCache) -> None:
    """Half a second, and more with Ray Data."""
    code = (
        "import sys; from gridcache.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('ray' in sys.modules)"
    )
    words = ["ray-data", "names", "--path", str(published.path)]
    command = [sys.executable, "-c", code, *words]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert shown.split()[-1] == "False"
    assert "clean" in shown


@pytest.mark.usefixtures("published")
def test_names_are_listed(call: Call) -> None:
    result = call("names")
    assert result.exit_code == 0
    heading, *rows = result.stdout.splitlines()
    assert heading.split() == [
        *("name", "rows", "blocks", "present", "bytes", "age", "nodes"),
    ]
    assert [row.split()[:4] for row in rows] == [
        ["clean", "12", "4", "4"],
        ["raw", "6", "2", "2"],
    ]


@pytest.mark.usefixtures("published")
def test_names_for_programs(call: Call) -> None:
    found = json.loads(call("names", "--json").stdout)["names"]
    assert [(one["name"], one["rows"], one["version"]) for one in found] == [
        ("clean", 12, "v1"),
        ("raw", 6, "v1"),
    ]


def test_a_block_that_is_gone_is_said(call: Call, published: GridCache) -> None:
    published.delete_many([next(iter(published.keys("part:clean:")))])
    result = call("names")
    assert result.stdout.splitlines()[1].split()[2:4] == ["4", "3"]
    assert "persist the same dataset" in result.stderr


@pytest.mark.usefixtures("published")
def test_info_of_one(call: Call) -> None:
    found = json.loads(call("info", "clean", "--json").stdout)
    assert found["info"]["blocks"] == 4
    assert found["columns"] == [
        {"column": "id", "type": "int64"},
        {"column": "word", "type": "string"},
    ]
    (node,) = found["nodes"]
    assert (node["blocks"], node["nbytes"]) == (4, found["info"]["nbytes"])


@pytest.mark.usefixtures("published")
def test_info_of_what_is_not_published_says_what_is_like_it(call: Call) -> None:
    result = call("info", "claen")
    assert result.exit_code == 4
    assert "'clean'" in result.stderr
    assert "grid ray-data names" in result.stderr


def test_released_is_gone_and_a_missing_name_is_said(
    call: Call, published: GridCache
) -> None:
    result = call("release", "clean", "never")
    assert result.exit_code == 4
    assert "never" in result.stderr
    assert names(cache=published) == ["raw"]
    assert call("release", "never", "--force").exit_code == 0


def test_without_a_store_it_says_how_to_begin(call: Call) -> None:
    result = call("names")
    assert result.exit_code == 3
    assert "gridcache.ray_data.persist" in result.stderr


def test_nothing_published_is_no_failure(call: Call, cache: GridCache) -> None:
    cache.put("other", 1)
    result = call("names")
    assert result.exit_code == 0
    assert "nothing is published" in result.stderr


def test_an_unknown_command_is_suggested() -> None:
    result = CliRunner().invoke(main, ["ray-data", "name"])
    assert result.exit_code == 2
    assert "names" in result.stderr
