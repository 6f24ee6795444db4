"""Publishing: how a name comes to stand for a collection, and how it ends.

A manifest is written when every partition is there, in one step: readers find all of
a collection or nothing of it. Of several that publish one name at once the first wins.

What looks at a name and then changes what it stands for is done by one process at a
time; else who drops what nobody needs could drop what was published meanwhile.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from gridcache.cache import GridCache
from gridcache.dask.handle import Handle
from gridcache.dask.manifest import Manifest, find, save
from gridcache.dask.partitions import present
from gridcache.dask.texts import lock_text, manifest_text, parts_of
from gridcache.errors import NameInUseError

__all__ = ["Outcome", "check_free", "publish", "withdraw"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a try to publish."""

    missing: frozenset[str]
    """Partitions that are not there; if there are any, nothing was changed."""
    stands: object
    """Which manifest the name stood for; None for none."""


def publish(handle: Handle, manifest: Manifest, *, overwrite: bool) -> Outcome:
    """Let a name stand for a manifest if all of its partitions are there.

    What belonged to the name and is not of the manifest is dropped, also what other
    runs have stored that are not done: they find it missing, and the name changed.

    Raises
    ------
    NameInUseError
        It stands for another computation, and still does; partitions that are the
        manifest's alone are dropped.
    """
    cache, name = handle.cache, manifest.name

    def work() -> Outcome:
        if not overwrite:
            _keep_out(cache, find(cache, name), manifest)
        stands = cache.info(manifest_text(name))
        missing = frozenset(manifest.texts) - present(handle, manifest.texts)
        if not missing:
            save(handle, manifest)
            _drop_all_but(cache, name, manifest.texts)
        return Outcome(missing, stands and (stands.created, stands.generation))

    return _alone(cache, name, work)


def withdraw(handle: Handle, name: str) -> int:
    """Let a name stand for nothing, and drop all that belongs to it.

    Returns
    -------
    int
        How many entries that were: its partitions, and the manifest if there was one.
    """
    cache = handle.cache

    def work() -> int:
        # First the name: who reads it meanwhile finds nothing instead of a part.
        published = cache.delete_many([manifest_text(name)])
        return published + _drop_all_but(cache, name, ())

    return _alone(cache, name, work)


def check_free(before: Manifest | None, wanted: Manifest) -> None:
    """Check that a name may come to stand for something.

    Raises
    ------
    NameInUseError
        It stands for something else.
    """
    if before is None or before.same_as(wanted):
        return
    name = before.name
    if before.version != wanted.version:
        what = f"with version={before.version!r}, not {wanted.version!r}"
    else:
        told = f"{before.kind} {before.shape}".rstrip()
        what = f"for another computation ({told})"
    message = (
        f"the name {name!r} is published {what}. Load what is there: "
        f"gridcache.dask.load({name!r}); replace it: overwrite=True; drop it: "
        f"gridcache.dask.release({name!r}); or choose another name"
    )
    raise NameInUseError(message, name=name, version=before.version)


def _keep_out(cache: GridCache, before: Manifest | None, wanted: Manifest) -> None:
    try:
        check_free(before, wanted)
    except NameInUseError:
        kept = set(before.texts) if before is not None else set()
        cache.delete_many([text for text in wanted.texts if text not in kept])
        raise


def _drop_all_but(cache: GridCache, name: str, kept: Collection[str]) -> int:
    """Drop partitions of a name, those of unfinished runs, too."""
    staying = set(kept)
    return cache.delete_many(
        [text for text in parts_of(cache, name) if text not in staying]
    )


def _alone(cache: GridCache, name: str, work: Callable[[], T]) -> T:
    """Do something with a name while no other process of the grid does."""
    return cache.get_or_compute(lock_text(name), work, condition=_never)


def _never(_: object) -> bool:
    """The result is nobody else's."""
    return False
