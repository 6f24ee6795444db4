"""Tenures: parts live as long as their driver, and hardly longer."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from gridcache import GridCache
from gridcache.published.handle import Handle, close_all
from gridcache.published.keeping import Keeping
from gridcache.ray_data.parts import Destination, new_write, store_block
from gridcache.ray_data.tenure import Tenure, ended, stands
from tests.cluster.kit.ray_cluster import wait_until

BLOCK = pa.table({"id": [1, 2, 3]})
SHORT_S = 0.6


@pytest.fixture
def handle(store_dir: Path) -> Iterator[Handle]:
    with GridCache("tenures", path=store_dir / "store", capacity="64MiB") as cache:
        yield Handle.of(cache, "")
        close_all()


def stored(handle: Handle, write: str, ttl_s: float = SHORT_S) -> str:
    """A part of the write."""
    to = Destination(handle, "it", write, Keeping(ttl_s, pin=True))
    return store_block(BLOCK, to, 0, 0).text


def expires(handle: Handle, text: str) -> float:
    found = handle.cache.info(text)
    assert found is not None
    assert found.expires is not None
    return found.expires


def test_parts_are_renewed_while_it_lasts_and_go_when_it_does_not(
    handle: Handle,
) -> None:
    write, other = new_write(), new_write()
    tenure = Tenure(handle, "it", write, ttl_s=SHORT_S)
    text, nobodys = stored(handle, write), stored(handle, other)
    began = expires(handle, text)
    wait_until(lambda: nobodys not in handle.cache)
    wait_until(lambda: expires(handle, text) > began + SHORT_S)
    assert stands(handle, "it", write)
    tenure.end(drop=True)
    tenure.end(drop=True)
    assert not stands(handle, "it", write)
    assert list(handle.cache) == []


def test_what_is_settled_is_renewed_no_more(handle: Handle) -> None:
    write = new_write()
    tenure = Tenure(handle, "it", write, ttl_s=SHORT_S)
    text = stored(handle, write)
    tenure.settle()
    handle.cache.touch(text, "1h")
    until = expires(handle, text)
    sign = f"write:it:{write}"
    began = expires(handle, sign)
    wait_until(lambda: expires(handle, sign) > began)
    assert expires(handle, text) == until
    tenure.end()
    assert list(handle.cache) == [text]


def test_writes_that_have_ended_are_told_from_those_that_go_on(handle: Handle) -> None:
    lasting, over = new_write(), new_write()
    tenure = Tenure(handle, "it", lasting)
    assert ended(handle.cache, "it", [lasting, over]) == {over}
    assert ended(handle.cache, "another", [lasting]) == {lasting}
    tenure.end()
    assert ended(handle.cache, "it", [lasting, over]) == {lasting, over}


def test_a_sign_that_is_lost_is_set_again(handle: Handle) -> None:
    write = new_write()
    tenure = Tenure(handle, "it", write, ttl_s=SHORT_S)
    handle.cache.delete_many([f"write:it:{write}"])
    wait_until(lambda: stands(handle, "it", write))
    tenure.end()


def test_it_is_no_baggage_of_tasks(handle: Handle) -> None:
    tenure = Tenure(handle, "it", new_write())
    with pytest.raises(TypeError, match="belongs to the process"):
        pickle.dumps(tenure)
    tenure.end()


_LEAVES = """
import sys
from gridcache import GridCache
from gridcache.published.handle import Handle
from gridcache.ray_data.tenure import Tenure

handle = Handle("tenures", sys.argv[1])
tenure = Tenure(handle, "it", "0" * 16)
handle.cache.put("part:it:" + "0" * 32, 1)
"""


def test_a_process_that_ends_drops_what_it_had_begun(handle: Handle) -> None:
    command = [sys.executable, "-c", _LEAVES, str(handle.path)]
    subprocess.run(command, check=True, timeout=60)
    assert list(handle.cache) == []
