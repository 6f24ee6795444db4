"""Describe: published collections in words and numbers."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from gridcache.dask.manifest import Manifest
from gridcache.published.telling import card
from gridcache.units import format_bytes

__all__ = ["NameInfo", "info_of", "kind_of", "shape_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NameInfo:
    """A published collection; `str()` of it is one line for people."""

    name: str
    kind: str
    """Type of the collection."""
    shape: str
    version: str | None
    partitions: int
    present: int
    """Partitions that are there now; with fewer than all it cannot be read whole."""
    nbytes: int
    """As encoded, before compression."""
    nodes: dict[str, int]
    """Bytes by the node that stored them."""
    replicas: int
    created_s: float
    """Seconds since the epoch."""
    expires_s: float | None

    @property
    def what(self) -> str:
        """Type and shape."""
        return f"{self.kind} {self.shape}".rstrip()

    @property
    def complete(self) -> bool:
        """True if every partition is there."""
        return self.present == self.partitions

    def __str__(self) -> str:
        there = "" if self.complete else f", {self.present} of them there"
        version = "" if self.version is None else f", version {self.version}"
        return (
            f"{self.name}: {self.what}, {_counted(self.partitions, 'partition')}"
            f"{there}, {format_bytes(self.nbytes)}{version}"
        )

    def _repr_html_(self) -> str:
        facts = {
            "kind": self.what,
            "partitions": f"{self.present} of {self.partitions} present",
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
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def info_of(manifest: Manifest, there: Collection[str]) -> NameInfo:
    """Say what a manifest stands for, and how much of it is there."""
    nodes: Counter[str] = Counter()
    for part in {part.text: part for part in manifest.parts}.values():
        nodes[part.node or "?"] += part.nbytes
    lives_s = manifest.ttl_s
    return NameInfo(
        name=manifest.name,
        kind=manifest.kind,
        shape=manifest.shape,
        version=manifest.version,
        partitions=len(manifest.parts),
        present=sum(part.text in there for part in manifest.parts),
        nbytes=manifest.nbytes,
        nodes=dict(nodes),
        replicas=manifest.replicas,
        created_s=manifest.created_s,
        expires_s=None if lives_s is None else manifest.created_s + lives_s,
    )


def kind_of(collection: Any) -> str:
    """What people call its type."""
    return type(collection).__name__


def shape_of(collection: Any) -> str:
    """Shape and dtype, columns, or nothing where there is nothing to say."""
    kind = kind_of(collection)
    if kind == "Delayed":
        return ""
    if kind in {"Array", "DataArray"}:
        return f"{tuple(collection.shape)} {collection.dtype}".replace("nan", "?")
    if kind == "DataFrame":
        names = [str(one) for one in collection.columns[:_COLUMNS]]
        more = ", ..." if len(collection.columns) > _COLUMNS else ""
        return f"[{', '.join(names)}{more}]"
    if kind == "Dataset":
        return str(dict(collection.sizes))
    return ""


_COLUMNS = 6
