"""Telling: what is published, as a notebook shows it."""

import time
from collections.abc import Mapping
from html import escape

from gridcache.units import format_bytes

__all__ = ["card"]


def card(
    name: str,
    facts: Mapping[str, str],
    *,
    nbytes: int,
    nodes: Mapping[str, int],
    version: str | None,
    created_s: float,
) -> str:
    """A table: facts of this kind of thing, then what all kinds have."""
    rows = {
        **facts,
        "bytes": format_bytes(nbytes),
        "nodes": ", ".join(f"{node} {format_bytes(n)}" for node, n in nodes.items()),
        "version": version or "",
        "published": time.strftime("%Y-%m-%d %H:%M", time.localtime(created_s)),
    }
    cells = "".join(
        f"<tr><th>{escape(head)}</th><td>{escape(text)}</td></tr>"
        for head, text in rows.items()
    )
    return f"<b>{escape(name)}</b><table>{cells}</table>"
