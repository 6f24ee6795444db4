"""The bar: who sees one, and what it counts."""

import sys
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

import gridcache.dask
from gridcache import GridCache
from gridcache.dask.progress import bar
from tests.dask.kit.collections import array
from tests.dask.kit.notes import Log


@pytest.mark.parametrize("scheduler", ["sync", "threads", "workers"])
def test_a_bar_counts_the_partitions_that_are_computed(
    scheduler: str,
    cache: GridCache,
    tmp_path: Path,
    workers: Client,
    capsys: pytest.CaptureFixture[str],
) -> None:
    how: Any = workers if scheduler == "workers" else scheduler
    log = Log(tmp_path / "log")
    options: Any = {"cache": cache, "scheduler": how, "progress": True}
    gridcache.dask.persist(array(log), "it", **options)
    shown = capsys.readouterr().err
    assert "persist 'it'" in shown
    assert "4/4" in shown
    gridcache.dask.persist(array(log), "it", **options)
    assert capsys.readouterr().err == ""


def test_no_bar_where_nobody_looks(
    cache: GridCache, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log(tmp_path / "log")
    gridcache.dask.persist(array(log), "it", cache=cache, scheduler="sync")
    gridcache.dask.persist(
        array(log) + 1, "too", cache=cache, scheduler="sync", progress=False
    )
    captured = capsys.readouterr()
    assert captured.err == captured.out == ""


def test_a_terminal_has_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with bar("persist 'it'", 2, wanted=None) as advance:
        advance()
    assert "1/2" in capsys.readouterr().err
    with bar("persist 'it'", 2, wanted=False) as advance:
        advance()
    assert capsys.readouterr().err == ""
