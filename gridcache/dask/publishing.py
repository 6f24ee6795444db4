"""Publishing: how a name comes to stand for a collection, and how it ends.

A manifest is written when every partition is there, in one step: readers find all of
a collection or nothing of it. Of several that publish one name at once the first wins.
"""

from dataclasses import dataclass

from gridcache.cache import GridCache
from gridcache.dask.manifest import KIND, Manifest, find, save
from gridcache.errors import NameInUseError
from gridcache.published.handle import Handle
from gridcache.published.keeping import present
from gridcache.published.names import alone, drop_all_but
from gridcache.published.records import in_use
from gridcache.published.texts import manifest_text

__all__ = ["Outcome", "check_free", "publish"]


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
            drop_all_but(cache, name, manifest.texts)
        return Outcome(missing, stands and (stands.created, stands.generation))

    return alone(cache, name, work)


def check_free(before: Manifest | None, wanted: Manifest) -> None:
    """Check that a name may come to stand for something.

    Raises
    ------
    NameInUseError
        It stands for something else.
    """
    if before is None or before.same_as(wanted):
        return
    if before.version != wanted.version:
        what = f"with version={before.version!r}, not {wanted.version!r}"
    else:
        told = f"{before.kind} {before.shape}".rstrip()
        what = f"for another computation ({told})"
    raise in_use(before.name, before.version, what, KIND)


def _keep_out(cache: GridCache, before: Manifest | None, wanted: Manifest) -> None:
    try:
        check_free(before, wanted)
    except NameInUseError:
        kept = set(before.texts) if before is not None else set()
        cache.delete_many([text for text in wanted.texts if text not in kept])
        raise
