"""Facts: `grid.json` in a node's store, by which a process without Ray finds the grid."""

import json
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from gridcache.store.files import open_private

__all__ = ["FACTS", "GridFacts", "beat", "read_facts", "write_facts", "write_private"]

FACTS = "grid.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class GridFacts:
    """What `grid.json` in a node's store says."""

    grid: str
    node: str
    incarnation: str
    """Of the grid: another one when it was taken down and started again."""
    number: int | None = None
    """As member, if it has joined."""
    host: str = ""
    port: int = 0
    ray_address: str = ""
    ray_node_id: str = ""
    replicas: int = 1
    """Copies of a mutable entry unless a put says otherwise."""


def read_facts(store: Path) -> GridFacts | None:
    """Read `grid.json` of a store; None if it belongs to no grid, or never did."""
    try:
        return GridFacts(**json.loads((store / FACTS).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def write_facts(store: Path, facts: GridFacts) -> None:
    """Replace `grid.json`."""
    write_private(store / FACTS, json.dumps(asdict(facts), indent=1).encode())


def write_private(path: Path, content: bytes) -> None:
    """Replace a file of mode 0600; readers see the old or the new one, whole."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def beat(store: Path) -> None:
    """Say that the node's actor lives, for processes that come while it restarts."""
    with suppress(OSError):
        os.utime(store / FACTS)
