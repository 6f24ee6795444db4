"""Job: what one call of `persist` has to compute, store and publish."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import cloudpickle

from gridcache.advice import advise
from gridcache.dask.describe import kind_of, shape_of
from gridcache.dask.graph import Key, Plan, culled, materialize, shell, task
from gridcache.dask.identity import Identities, identities
from gridcache.dask.manifest import Manifest, Part, find
from gridcache.dask.oneplace import check_receipts
from gridcache.dask.opportunistic.annotated import annotated
from gridcache.dask.partitions import Receipt, copy_partition, store_partition
from gridcache.dask.publishing import check_free, publish
from gridcache.dask.sameness import partition_digests, structure_digest
from gridcache.digest import digest
from gridcache.errors import ConfigError, OutOfSpaceError
from gridcache.published.handle import Handle
from gridcache.published.keeping import Keeping, present, renew
from gridcache.published.texts import checked_name, checked_version, part_text
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
        checked_version(self.version)
        if self.replicas not in {1, 2}:
            message = f"replicas is 1 or 2, not {self.replicas!r}"
            raise ConfigError(message)

    @property
    def vouches(self) -> bool:
        """True if name and version say what has no identity of its own."""
        return self.name is not None and self.version is not None

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
    thin: frozenset[str] = frozenset()
    """Partitions that are there with fewer copies than wanted."""
    rounds: int = 0
    stands: object = None
    """Which manifest the name stood for when it was looked at last."""
    done: bool = False

    @property
    def title(self) -> str:
        """For people who wait."""
        return f"persist {self.manifest.name!r}"

    def tasks(self) -> tuple[Any, list[Key]]:
        """What computes and stores the missing, and the keys that give receipts."""
        graph = culled(self.plan.graph, self.missing.values()) if self.missing else {}
        keeping, wanted = self.wish.keeping, list[Key]()
        for text, key in self.missing.items():
            put = f"grid-put-{digest(text)}"
            how = (self.handle, text, keeping)
            graph[put] = task(put, store_partition, *how, of=key)
            wanted.append(put)
        of = repr(self.manifest.name)
        for text in self.thin:
            put = f"grid-copy-{digest(text)}"
            graph[put] = task(put, copy_partition, self.handle, text, of, keeping)
            wanted.append(put)
        return annotated(graph, self.plan.source), wanted

    def after(self, receipts: list[Receipt]) -> "Job":
        """The job once these were stored.

        Raises
        ------
        NoAvailableNodesError
            They were stored where this process does not find them.
        """
        check_receipts(receipts, self.handle)
        manifest = self.manifest.with_receipts(receipts)
        return replace(self, manifest=manifest, missing={}, thin=frozenset())

    def published(self) -> "Job":
        """The job, done; or with what is missing still, or again.

        Raises
        ------
        NameInUseError
            Somebody else has published the name since; what was stored is dropped.
        OutOfSpaceError
            Partitions do not stay, however often they are stored.
        """
        found = publish(self.handle, self.manifest, overwrite=self.wish.overwrite)
        # What another run has dropped, which has published the name since, counts for
        # no round: each time one of the runs gets done.
        rounds = self.rounds + (found.stands == self.stands)
        if found.missing and rounds == _ROUNDS:
            why = f"{len(found.missing)} did not stay"
            raise self.does_not_fit(why)
        pairs = self._keys().items()
        return replace(
            self,
            missing={text: key for text, key in pairs if text in found.missing},
            rounds=rounds,
            stands=found.stands,
            done=not found.missing,
        )

    def does_not_fit(self, why: object) -> OutOfSpaceError:
        """The error for partitions that find no place."""
        texts, name = self.manifest.texts, self.manifest.name
        there = len(present(self.handle, texts))
        message = (
            f"{there} of {len(texts)} partitions of {name!r} are in the grid, and no "
            f"more found a place ({why}): release names that nobody needs "
            f"(gridcache.dask.names()), or give the store more memory (resize); the "
            f"same call goes on from there. To give up: "
            f"gridcache.dask.release({name!r})"
        )
        return OutOfSpaceError(message, name=name, present=there)

    def _keys(self) -> dict[str, Key]:
        pairs = zip(self.manifest.parts, self.plan.keys, strict=True)
        return {part.text: key for part, key in pairs}


def prepared(collection: Any, handle: Handle, wish: Wish) -> Job:
    """Find out what is to be done; computes nothing.

    Raises
    ------
    ConfigError
        It is no collection, or cannot be named or kept so.
    NameInUseError
        The name stands for another computation.
    """
    _check_keeping(handle, wish)
    plan = materialize(collection)
    ids = identities(
        plan.graph, plan.keys, salt=wish.version or "", vouched=wish.vouches
    )
    manifest = _draft(plan, ids, wish)
    before = None if wish.overwrite else find(handle.cache, manifest.name)
    check_free(before, manifest)
    if before is not None:
        manifest = manifest.with_parts_of(before)
    if wish.version is None:
        _warn(ids, manifest.name)
    return _looked_up(Job(plan, handle, wish, manifest, {}), before)


def _check_keeping(handle: Handle, wish: Wish) -> None:
    if wish.replicas > 1 and not handle.grid_name:
        message = "replicas=2 needs a grid; start one: grid up"
        raise ConfigError(message, replicas=wish.replicas)
    if not handle.allow_pickle:
        message = (
            f"cache {handle.name!r} was opened with allow_pickle=False, and what a "
            f"collection is can only be kept as a pickle; use another cache"
        )
        raise ConfigError(message, cache=handle.name)


def _draft(plan: Plan, ids: Identities, wish: Wish) -> Manifest:
    digests = partition_digests(plan, ids)
    kind = kind_of(plan.collection)
    identity = digest((kind, structure_digest(plan), digests, wish.version))
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


def _looked_up(job: Job, before: Manifest | None) -> Job:
    """The job with what it has to do."""
    wish, keys = job.wish, job._keys()
    there = present(job.handle, keys)
    missing = {text: key for text, key in keys.items() if text not in there}
    thick = before is not None and before.replicas >= wish.replicas
    thin = there if wish.replicas > 1 and not thick else ()
    renew(job.handle, there, wish.keeping)
    # With a time to live it is published anew, since it is to live from now on.
    done = before is not None and not (missing or thin or wish.ttl or before.ttl_s)
    return replace(job, missing=missing, thin=frozenset(thin), done=done)


def _warn(ids: Identities, name: str) -> None:
    if ids.unsafe:
        more = f" (and {len(ids.unsafe) - 1} more)" if len(ids.unsafe) > 1 else ""
        advise(
            f"{name!r} may be taken for what it is not: {ids.unsafe[0]}{more}. Say "
            f"what the data are with version="
        )
