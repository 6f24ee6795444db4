"""Plays the acts in a process of its own; prints a line of JSON as each ends."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gridcache.cli.demo.grid.two_nodes import two_nodes

__all__ = ["main"]


def main(stores: str) -> None:
    """Start two nodes, play, end them."""
    out = sys.stdout
    sys.stdout = sys.stderr  # Ray prints where it likes
    with two_nodes(Path(stores)) as nodes:
        from gridcache.cli.demo.grid.acts import (  # noqa: PLC0415 - load Ray
            ACTS,
            GridStage,
        )
        from gridcache.cluster.actors.connect import connect  # noqa: PLC0415

        grid = connect(nodes.address)
        stage = GridStage(nodes, grid)
        while not _settled(grid):
            time.sleep(0.1)
        for title, play in ACTS:
            start = time.perf_counter()
            scene = play(stage)
            told = {"title": title, "seconds": time.perf_counter() - start}
            out.write(json.dumps({**told, **_told(scene)}) + "\n")
            out.flush()
        grid.stop(remove_stores=True)


def _settled(grid: Any) -> bool:
    status = grid.status()
    serving = [one for one in status.nodes if one.state == "serving"]
    return len(serving) == 2 and not status.moves  # noqa: PLR2004 - two nodes


def _told(scene: Any) -> dict[str, Any]:
    section = scene.section
    columns = [
        {"name": one.name, "kind": one.kind.name, "label": one.label}
        for one in section.columns
    ]
    return {
        "section": {"name": section.name, "columns": columns, "rows": section.rows},
        "claims": [asdict(claim) for claim in scene.claims],
        "lesson": scene.lesson,
    }


if __name__ == "__main__":
    main(sys.argv[1])
