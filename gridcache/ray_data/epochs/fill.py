"""Fill: which dataset a stream fills the cache with, and under what name.

An epoch that is cut short leaves what its tasks have stored, and the next one takes it:
of the same name, version and plan. A plan without a digest could be another one in the
next job, so there only epochs of one dataset object share.
"""

import uuid
from dataclasses import dataclass, field

from gridcache.digest import digest
from gridcache.published.handle import Handle
from gridcache.published.keeping import Keeping
from gridcache.ray_data.manifest import Manifest
from gridcache.ray_data.parts import Destination

__all__ = ["UNFINISHED_S", "Fill"]

UNFINISHED_S = 86400.0
"""That parts stay which no epoch has completed: a day, if there is room for them."""
_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """What is to stand under a name, once an epoch has run to its end."""

    handle: Handle
    name: str
    version: str | None
    plan: str | None
    """Digest of the plan that makes it; None if it has none."""
    ttl_s: float | None
    object_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Of the dataset object, in all processes that it goes to."""

    @property
    def write(self) -> str:
        """What its parts have in common, of all epochs: 16 hexadecimal digits."""
        same = self.plan or self.object_id
        return digest(("fill", self.name, self.version, same))[:_LENGTH]

    @property
    def destination(self) -> Destination:
        """Where tasks put Ray blocks: they may be evicted until all are there."""
        return Destination(self.handle, self.name, self.write, Keeping(UNFINISHED_S))

    @property
    def wanted(self) -> Manifest:
        """The manifest, so far without parts."""
        return Manifest(
            name=self.name,
            version=self.version,
            plan=self.plan,
            schema=b"",
            write=self.write,
            parts=(),
            ttl_s=self.ttl_s,
        )
