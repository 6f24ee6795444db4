"""Job: what one call of `persist` has to compute, store and publish."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import cloudpickle

from gridcache.advice import advise
from gridcache.cache import GridCache
from gridcache.dask.describe import kind_of, shape_of
from gridcache.dask.graph import Graph, Key, Plan, culled, materialize, shell, task
from gridcache.dask.handle import Handle
from gridcache.dask.identity import Identities, identities
from gridcache.dask.manifest import Manifest, Part, find, in_use, publish
from gridcache.dask.partitions import Keeping, Receipt, present, store_partition
from gridcache.dask.texts import checked_name, part_text, parts_of
from gridcache.digest import digest
from gridcache.errors import ConfigError, NameInUseError, OutOfSpaceError
from gridcache.units import format_bytes
from gridcache.values import ttl_seconds

__all__ = ["Job", "Wish", "prepared"]

_ROUNDS = 3
"""A partition that was stored and is gone is computed again so often: a node may be
lost at any time, but a store that is too small stays so."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller of `persist` asked for, as given."""

    name: str | None = None
    ttl: float | str | timedelta | None = None
    replicas: int = 1
    version: str | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.name is not None:
            checked_name(self.name)
        if self.replicas not in {1, 2}:
            message = f"replicas is 1 or 2, not {self.replicas!r}"
            raise ConfigError(message)

    @property
    def keeping(self) -> Keeping:
        """How partitions are kept: until the name goes."""
        return Keeping(ttl_seconds(self.ttl), self.replicas, pin=True)


@dataclass(frozen=True, slots=True)
class Job:
    """A collection on its way into the grid."""

    plan: Plan
    handle: Handle
    wish: Wish
    manifest: Manifest
    """What will be published; sizes and nodes of its parts as far as known."""
    missing: Mapping[str, Key]
    """Partitions to compute: the key of the task that gives it, by text."""
    rounds: int = 0

    @property
    def title(self) -> str:
        """For people who wait."""
        return f"persist {self.manifest.name!r}"

    def tasks(self) -> tuple[Graph, list[Key]]:
        """What computes and stores the missing, and the keys that give receipts."""
        graph = culled(self.plan.graph, self.missing.values())
        wanted: list[Key] = []
        for text, key in self.missing.items():
            put = f"grid-put-{text}"
            how = (self.handle, text, self.wish.keeping)
            graph[put] = task(put, store_partition, *how, of=key)
            wanted.append(put)
        return graph, wanted

    def after(self, receipts: Iterable[Receipt]) -> "Job":
        """The job once these were stored.

        Raises
        ------
        OutOfSpaceError
            Partitions do not stay, however often they are stored.
        """
        manifest = self.manifest.with_receipts(receipts)
        missing = _missing(self.handle, manifest, self.plan)
        if missing and self.rounds + 1 == _ROUNDS:
            raise _does_not_fit(manifest, len(missing))
        return replace(self, manifest=manifest, missing=missing, rounds=self.rounds + 1)

    def publish(self) -> Manifest:
        """Let the name stand for it, and drop what belonged to the name before.

        Raises
        ------
        NameInUseError
            Somebody else has published the name since; what was stored is dropped.
        """
        cache = self.handle.cache
        try:
            done = publish(cache, self.manifest, overwrite=self.wish.overwrite)
        except NameInUseError:
            _sweep(cache, self.manifest.name)
            raise
        _sweep(cache, self.manifest.name)
        return done


def prepared(collection: Any, handle: Handle, wish: Wish) -> Job:
    """Find out what is to be done; computes nothing.

    Raises
    ------
    ConfigError
        It is no collection, or cannot be named so.
    NameInUseError
        The name stands for another computation.
    """
    plan = materialize(collection)
    ids = identities(plan.graph, plan.keys, salt=wish.version or "")
    manifest = _draft(plan, ids, wish)
    before = find(handle.cache, manifest.name)
    if before is not None and not before.same_as(manifest) and not wish.overwrite:
        raise in_use(before, manifest)
    if before is not None:
        manifest = manifest.with_parts_of(before)
    if wish.version is None:
        _warn(ids, manifest.name)
    return Job(plan, handle, wish, manifest, _missing(handle, manifest, plan))


def _draft(plan: Plan, ids: Identities, wish: Wish) -> Manifest:
    digests = [ids.digests[key] for key in plan.keys]
    kind = kind_of(plan.collection)
    identity = digest((kind, digests, wish.version))
    name = wish.name or f"{kind.lower()}-{identity[:12]}"
    empty, keys = shell(plan, f"grid-{identity[:16]}")
    texts = [part_text(name, one) for one in digests]
    return Manifest(
        name=name,
        identity=identity,
        version=wish.version,
        kind=kind,
        shape=shape_of(plan.collection),
        shell=cloudpickle.dumps(empty),
        parts=tuple(map(Part, keys, texts)),
        ttl_s=ttl_seconds(wish.ttl),
        replicas=wish.replicas,
    )


def _missing(handle: Handle, manifest: Manifest, plan: Plan) -> dict[str, Key]:
    keys = {part.text: key for part, key in zip(manifest.parts, plan.keys, strict=True)}
    there = present(handle, keys)
    return {text: key for text, key in keys.items() if text not in there}


def _warn(ids: Identities, name: str) -> None:
    if ids.unsafe:
        more = f" (and {len(ids.unsafe) - 1} more)" if len(ids.unsafe) > 1 else ""
        advise(
            f"{name!r} may be taken for what it is not: {ids.unsafe[0]}{more}. Say "
            f"what the data are with version="
        )


def _does_not_fit(manifest: Manifest, missing: int) -> OutOfSpaceError:
    count = len(manifest.texts)
    message = (
        f"{missing} of {count} partitions of {manifest.name!r} did not stay in the "
        f"grid ({format_bytes(manifest.nbytes)} in all, as far as known): give the "
        f"store more memory (resize), or release other names"
    )
    return OutOfSpaceError(message, name=manifest.name, missing=missing)


def _sweep(cache: GridCache, name: str) -> None:
    """Drop partitions of a name that do not belong to what it stands for."""
    stands = find(cache, name)
    kept = set(stands.texts) if stands is not None else set()
    cache.delete_many([text for text in parts_of(cache, name) if text not in kept])
