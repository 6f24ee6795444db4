"""What would happen is what happens."""

from dataclasses import FrozenInstanceError
from typing import Any

import dask.array as da
import numpy as np
import pytest
from dask.base import compute
from dask.delayed import delayed

from gridcache import ConfigError, GridCache
from gridcache.dask import Outlook, cached, plan
from gridcache.dask.opportunistic.outlook import LayerOutlook
from tests.dask.kit.collections import array, frame
from tests.dask.kit.notes import Log, noted
from tests.dask.opportunistic.kit import ALL, PURE_KINDS


@pytest.mark.parametrize("kind", PURE_KINDS)
def test_the_figures_are_those_of_the_run_that_follows(
    kind: str, cache: GridCache, log: Log
) -> None:
    collection = PURE_KINDS[kind](log)
    for first in (True, False):
        outlook = plan(collection, cache=cache)
        before = log.count
        assert (outlook.hits == 0) is first
        with cached(cache, scheduler="sync", **ALL) as stats:
            collection.compute()
        assert stats.hits == outlook.hits
        assert stats.misses == outlook.computed
        assert stats.loaded_nbytes == outlook.nbytes
        assert stats.saved_s == pytest.approx(outlook.saved_s)
        assert (log.count == before) is not first
    assert outlook.computed == 0


def test_layers_tell_what_is_read_and_what_runs(cache: GridCache, log: Log) -> None:
    table = frame(log)
    with cached(cache, scheduler="sync", **ALL):
        table.compute()
    outlook = plan(table["a"].sum(), cache=cache)
    layers = {layer.name: layer for layer in outlook.layers}
    assert layers["noted"].hits == layers["noted"].tasks == 4
    assert layers["noted"].computed == 0
    assert layers["noted"].nbytes > 0
    assert layers["noted"].saved_s > 0
    others = [layer for layer in outlook.layers if layer.name != "noted"]
    assert all(layer.computed == layer.tasks for layer in others)
    assert outlook.tasks == 4 + outlook.computed
    assert "noted: 4 read" in str(outlook)


def test_several_collections_are_computed_together(cache: GridCache, log: Log) -> None:
    pair = array(log), delayed(noted, pure=True)(1, str(log.path))
    outlook = plan(*pair, cache=cache)
    with cached(cache, scheduler="sync", **ALL) as stats:
        compute(*pair)
    assert stats.misses == outlook.computed == outlook.tasks
    assert plan([pair], cache=cache).computed == 0


def test_a_salt_counts(cache: GridCache, log: Log) -> None:
    collection = array(log)
    with cached(cache, salt="a", scheduler="sync", **ALL):
        collection.compute()
    assert plan(collection, cache=cache, salt="a").computed == 0
    assert plan(collection, cache=cache).hits == 0


def test_it_says_what_is_never_kept_and_what_is_unsafe(cache: GridCache) -> None:
    def made() -> Any:
        return (one for one in range(3))

    outlook = plan(delayed(len)([1]), delayed(list, pure=True)(made()), cache=cache)
    ((name, reason, count),) = outlook.barred
    assert (name, count) == ("len", 1)
    assert "impure" in reason
    assert len(outlook.unsafe) == 1
    assert "never kept: 1 x len" in str(outlook)
    assert f"unsafe: {outlook.unsafe[0]}" in str(outlook)


def test_what_is_shown_is_text_and_not_markup() -> None:
    layers = [
        LayerOutlook(
            name=f"<b>&{n}", tasks=2, hits=1, computed=1, nbytes=1000, saved_s=1.5
        )
        for n in range(99)
    ]
    unsafe, barred = ("<i>",), (("<u>", "<s>", 1),)
    outlook = Outlook(layers=tuple(layers), unsafe=unsafe, barred=barred)
    html = outlook._repr_html_()
    assert not any(tag in html for tag in ("<b>&", "<i>", "<u>", "<s>"))
    assert "&lt;b&gt;&amp;0" in html
    assert "more names" in html
    assert "and 69 more names" in str(outlook)
    assert outlook.headline == (
        "99 of 198 tasks would run; 99 results would be read (96.68 KiB), which took "
        "2 min 28 s"
    )


def test_it_is_a_record(cache: GridCache) -> None:
    outlook = plan(da.from_array(np.arange(3)).sum(), cache=cache)
    with pytest.raises(FrozenInstanceError):
        outlook.unsafe = ()  # type: ignore[misc]
    with pytest.raises(ConfigError, match="Dask collections"):
        plan(3, cache=cache)
