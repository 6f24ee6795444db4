"""Answers: what a node tells the membership, and what it may be told instead of yes.

The yes is a `view.Member` at a join and a `leases.Grant` at a renewal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["MemberInfo", "NotMember", "NotYet"]


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """What a node tells about itself when it joins."""

    name: str
    host: str
    port: int
    ray_node_id: str
    store: str
    capacity_nbytes: int
    labels: Mapping[str, str] = field(default_factory=dict)
    number: int | None = None
    """The one its store remembers, if that store is still there."""


@dataclass(frozen=True, slots=True)
class NotMember:
    """The asker was removed: it serves nothing, and joins again under a new number."""

    number: int


@dataclass(frozen=True, slots=True)
class NotYet:
    """Another member has this name and may still serve; ask again then."""

    retry_at_s: float
    name: str
