"""A shell with the magics, on a namespace of its own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from gridcache.cache import GridCache
from gridcache.notebook import load_ipython_extension

Cell = Callable[..., str]
"""Runs a cell under `%%grid_cache`; returns what it printed."""


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    """Name of a namespace that is emptied afterwards."""
    name = request.node.name
    yield name
    with GridCache(name) as cache:
        cache.clear()


@pytest.fixture
def shell() -> Iterator[Any]:
    """IPython without a history file, as after a start."""
    config = Config()
    config.HistoryManager.enabled = False
    make: Any = InteractiveShell  # it has no types
    shell = make(config=config)
    load_ipython_extension(shell)
    yield shell
    shell.restore_sys_module_state()
    InteractiveShell.clear_instance()


@pytest.fixture
def cell(shell: Any, namespace: str, capsys: pytest.CaptureFixture[str]) -> Cell:
    """Run a cell; its error is raised."""

    def run(body: str, line: str = "cell") -> str:
        text = f"%%grid_cache {line} --namespace '{namespace}'\n{body}"
        capsys.readouterr()
        shell.run_cell(text).raise_error()
        captured = capsys.readouterr()
        return captured.out + captured.err

    return run
