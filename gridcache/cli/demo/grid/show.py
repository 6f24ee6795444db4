"""Shows the acts on a grid: reads what the player tells, act by act."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from gridcache.cli.demo.scene import Claim, Scene
from gridcache.cli.demo.stage import Stage, child_command
from gridcache.cli.report import Column, Kind, Section
from gridcache.errors import GridCacheError

__all__ = ["act_count", "scenes"]

act_count = 4
_LOG_CHARS = 2000


def scenes(stage: Stage) -> Iterator[tuple[str, Scene, float]]:
    """Play; gives title, scene and seconds of each act as it ends.

    Raises
    ------
    GridCacheError
        The player failed; with the end of what it wrote.
    """
    stores = stage.directory / "grid"
    stores.mkdir(mode=0o700)
    with tempfile.TemporaryFile("w+") as log, _player(stores, log) as player:
        assert player.stdout is not None  # noqa: S101 - it is a pipe
        for line in player.stdout:
            told = json.loads(line)
            yield told["title"], _scene(told), told["seconds"]
        if player.wait():
            log.seek(0)
            message = f"the demo's cluster failed: {log.read()[-_LOG_CHARS:]}"
            raise GridCacheError(message)


@contextmanager
def _player(stores: Any, log: IO[str]) -> Iterator[subprocess.Popen[str]]:
    command = child_command("grid.player", stores)
    player = subprocess.Popen(  # noqa: S603 - our own module, in this interpreter
        command, stdout=subprocess.PIPE, stderr=log, text=True
    )
    try:
        yield player
    finally:
        player.terminate()
        player.wait()


def _scene(told: dict[str, Any]) -> Scene:
    section = told["section"]
    columns = tuple(
        Column(one["name"], Kind[one["kind"]], one["label"])
        for one in section["columns"]
    )
    rows = [tuple(row) for row in section["rows"]]
    claims = tuple(Claim(**claim) for claim in told["claims"])
    return Scene(Section(section["name"], columns, rows), claims, told["lesson"])
