"""GridDatasink: a dataset goes into the grid, and stands there under a name.

Ray Data calls it: on the driver when a write begins and ends, and in tasks for their
Ray blocks. Reading is `gridcache.ray_data.datasource`'s.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from ray.data.block import Block
from ray.data.datasource.datasink import Datasink, WriteResult

from gridcache.cache import GridCache
from gridcache.errors import ClosedError, ConfigError, NoAvailableNodesError
from gridcache.published.handle import Handle
from gridcache.published.keeping import Keeping
from gridcache.published.texts import checked_name, checked_version
from gridcache.ray_data.address import handle_of
from gridcache.ray_data.clientcheck import check_not_client
from gridcache.ray_data.manifest import Manifest, find, ordered
from gridcache.ray_data.parts import (
    Destination,
    Receipt,
    as_stored,
    new_write,
    put_block,
)
from gridcache.ray_data.publishing import check_free, publish
from gridcache.ray_data.schemas import joined_schema, schema_of
from gridcache.ray_data.tenure import TTL_S, Tenure, stands
from gridcache.values import placed, ttl_seconds

__all__ = ["GridDatasink", "Written"]


@dataclass(frozen=True, slots=True)
class Written:
    """What a write task returns."""

    receipts: tuple[Receipt, ...]
    schema: bytes
    """As `schema_of` gives it."""
    store: str
    """That it wrote to, as `Handle.store`."""


class GridDatasink(Datasink[Written]):
    """Writes a dataset under a name: `dataset.write_datasink(GridDatasink("clean"))`.

    Each Ray block goes from the worker that made it into the memory of its node. The
    name stands for the dataset once every Ray block is there; a write that fails, or
    whose driver is killed, leaves nothing behind.

    Parameters
    ----------
    name
        What any other process can `load` it by.
    cache
        Where it lies: a `GridCache`, or the name of one; None for "ray_data".
    ttl
        How long it lives ("1h" or seconds); None until it is released.
    replicas
        2: each Ray block on two nodes of a grid.
    version
        Names what the name stands for: the data's or the code's version.
    overwrite
        True: replace what is published under the name once the new is complete.
        False: what has the same version and plan stays, if it is whole; anything
        else raises `NameInUseError`.
    compression
        "lz4": at once, where it pays; "auto": as the cache does.
    plan
        Digest of what makes the dataset, if that is known.
    """

    def __init__(  # noqa: PLR0913 - all but the first by name
        self,
        name: str,
        *,
        cache: GridCache | Handle | str | None = None,
        ttl: float | str | timedelta | None = None,
        replicas: int = 1,
        version: str | None = None,
        overwrite: bool = True,
        compression: str = "auto",
        plan: str | None = None,
    ) -> None:
        check_not_client()
        placed(replicas=replicas, compression=compression)  # raises
        self.handle = handle_of(cache)
        _check_replicas(self.handle, replicas)
        self.overwrite = overwrite
        self.wanted = Manifest(
            name=checked_name(name),
            version=checked_version(version),
            plan=plan,
            schema=b"",
            write="",
            parts=(),
            ttl_s=ttl_seconds(ttl),
            replicas=replicas,
        )
        self.compression = compression
        self.tenure_s = TTL_S
        """That parts outlive a driver that was killed."""
        self.manifest: Manifest | None = None
        """What the name stood for when the last write was complete."""
        self._tenure: Tenure | None = None

    def __getstate__(self) -> dict[str, Any]:
        # It is the driver's; so is what was published.
        return self.__dict__ | {"_tenure": None, "manifest": None}

    def get_name(self) -> str:
        """As Ray Data's log calls it."""
        return f"Grid({self.wanted.name!r})"

    # -- on the driver -------------------------------------------------------

    def on_write_start(self, schema: Any = None) -> None:
        """A write begins; the tasks get the sink as it is afterwards."""
        self._end(drop=True)  # one that was interrupted
        handle = self.handle.renewed()
        if not self.overwrite:
            check_free(find(handle.cache, self.wanted.name), self.wanted)
        self.wanted = replace(self.wanted, write=new_write())
        self._tenure = Tenure(
            handle, self.wanted.name, self.wanted.write, ttl_s=self.tenure_s
        )

    def on_write_complete(self, write_result: WriteResult[Written]) -> None:
        """Every task has ended well: publish."""
        written = write_result.write_returns
        self._check_stores(written)
        manifest = replace(
            self.wanted,
            schema=joined_schema(one.schema for one in written),
            parts=ordered(part for one in written for part in one.receipts),
        )
        self.conclude(manifest)

    def conclude(self, manifest: Manifest) -> None:
        """All parts are there: let the name stand for them."""
        if self._tenure is not None:
            self._tenure.settle()
        self.manifest = publish(self.handle, manifest, overwrite=self.overwrite)
        self._end(drop=False)

    def on_write_failed(self, error: Exception) -> None:
        """Something failed: drop what there is of the write."""
        self._end(drop=True)

    def _end(self, *, drop: bool) -> None:
        if self._tenure is not None:
            self._tenure.end(drop=drop)
            self._tenure = None

    def _check_stores(self, written: Iterable[Written]) -> None:
        if self.handle.grid_name:
            return
        if any(one.store != self.handle.store for one in written):
            message = (
                "Ray Data's workers run on several machines that have no store in "
                "common: make a grid of them (grid up, or gridcache.connect())"
            )
            raise NoAvailableNodesError(message)

    # -- in tasks ------------------------------------------------------------

    def write(self, blocks: Iterable[Block], ctx: Any) -> Written:
        """Store the Ray blocks of one task."""
        to = self._destination()
        receipts: list[Receipt] = []
        schemas: list[bytes] = []
        for kept in map(as_stored, blocks):
            schemas.append(schema_of(kept))
            if len(kept):
                receipts.append(put_block(kept, to, ctx.task_idx, len(receipts)))
        self._check_stands(to, receipts)
        return Written(tuple(receipts), joined_schema(schemas), to.handle.store)

    def _destination(self) -> Destination:
        keeping = Keeping(self.tenure_s, self.wanted.replicas, pin=True)
        return Destination(
            self.handle,
            self.wanted.name,
            self.wanted.write,
            keeping,
            self.compression,
        )

    def _check_stands(self, to: Destination, receipts: Iterable[Receipt]) -> None:
        if stands(to.handle, to.name, to.write):
            return
        to.handle.cache.delete_many([one.text for one in receipts])
        message = f"the write of dataset {to.name!r} has ended, or its driver has"
        raise ClosedError(message, name=to.name)


def _check_replicas(handle: Handle, replicas: int) -> None:
    """Here, and not in Ray Data, which takes our errors for its own."""
    if replicas > 1 and not handle.renewed().grid_name:
        message = "replicas=2 needs a grid; start one: grid up"
        raise ConfigError(message, replicas=replicas)
