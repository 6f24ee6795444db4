"""Describe: published datasets in words and numbers."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from gridcache.published.telling import card
from gridcache.ray_data.manifest import Manifest
from gridcache.units import format_bytes

__all__ = ["DatasetInfo", "info_of"]

_COLUMNS = 6
"""Shown in a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetInfo:
    """A published dataset; `str()` of it is one line for people."""

    name: str
    version: str | None
    rows: int
    nbytes: int
    """In memory, before compression."""
    schema: dict[str, str]
    """Type of each column; empty if the dataset never had a row."""
    blocks: dict[str, int] = field(default_factory=dict)
    """Ray blocks by the node that stored them."""
    nodes: dict[str, int] = field(default_factory=dict)
    """Bytes by the node that stored them."""
    present: int = 0
    """Ray blocks that are there now; with fewer than all it cannot be read whole."""
    replicas: int = 1
    created_s: float = 0.0
    """Seconds since the epoch."""
    expires_s: float | None = None

    @property
    def ray_blocks(self) -> int:
        """Ray blocks that it has."""
        return sum(self.blocks.values())

    @property
    def complete(self) -> bool:
        """True if every Ray block is there."""
        return self.present == self.ray_blocks

    @property
    def what(self) -> str:
        """Columns, in a line."""
        shown = list(self.schema)[:_COLUMNS]
        more = ", ..." if len(self.schema) > _COLUMNS else ""
        return f"[{', '.join(shown)}{more}]"

    def __str__(self) -> str:
        there = "" if self.complete else f", {self.present} of them there"
        version = "" if self.version is None else f", version {self.version}"
        return (
            f"{self.name}: {self.what}, {_counted(self.rows, 'row')} in "
            f"{_counted(self.ray_blocks, 'Ray block')}{there}, "
            f"{format_bytes(self.nbytes)}{version}"
        )

    def _repr_html_(self) -> str:
        facts = {
            "rows": f"{self.rows:,}",
            "columns": ", ".join(f"{one}: {kind}" for one, kind in self.schema.items()),
            "Ray blocks": f"{self.present} of {self.ray_blocks} present",
        }
        return card(
            self.name,
            facts,
            nbytes=self.nbytes,
            nodes=self.nodes,
            version=self.version,
            created_s=self.created_s,
        )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def info_of(manifest: Manifest, there: Collection[str]) -> DatasetInfo:
    """Say what a manifest stands for, and how much of it is there."""
    blocks: Counter[str] = Counter()
    nodes: Counter[str] = Counter()
    for part in manifest.parts:
        blocks[part.node or "?"] += 1
        nodes[part.node or "?"] += part.nbytes
    lives_s = manifest.ttl_s
    return DatasetInfo(
        name=manifest.name,
        version=manifest.version,
        rows=manifest.rows,
        nbytes=manifest.nbytes,
        schema=_types(manifest),
        blocks=dict(blocks),
        nodes=dict(nodes),
        present=sum(part.text in there for part in manifest.parts),
        replicas=manifest.replicas,
        created_s=manifest.created_s,
        expires_s=None if lives_s is None else manifest.created_s + lives_s,
    )


def _types(manifest: Manifest) -> dict[str, str]:
    schema = manifest.loaded_schema()
    if schema is None:
        return {}
    return {
        str(name): str(kind)
        for name, kind in zip(schema.names, schema.types, strict=True)
    }
