"""Publishing: how a name comes to stand for a dataset.

A manifest is written when every part is there, in one step: readers find all of a
dataset or nothing of it. Of several that publish one name the last wins, whole.
"""

from gridcache.cache import GridCache
from gridcache.errors import KeyNotFoundError
from gridcache.published.handle import Handle
from gridcache.published.keeping import FOR_EVER_S, all_present
from gridcache.published.names import alone
from gridcache.published.records import in_use
from gridcache.published.texts import parts_of
from gridcache.ray_data.manifest import KIND, Manifest, Part, find, save
from gridcache.ray_data.tenure import ended

__all__ = ["check_free", "publish"]

_GRACE_S = 60.0
"""That parts outlive their manifest: who has just found it reads them."""
_REST = 16
"""Digits of a part's identity behind those of its write."""


def publish(handle: Handle, manifest: Manifest, *, overwrite: bool = True) -> Manifest:
    """Let a name stand for a manifest if all of its parts are there.

    What belonged to the name before is dropped, and what of writes is left that have
    ended; writes that go on are left alone.

    Parameters
    ----------
    overwrite
        False: the same that somebody has published meanwhile stays, whole as it is,
        since it is being read; the manifest's parts are dropped.

    Returns
    -------
    Manifest
        What the name stands for.

    Raises
    ------
    NameInUseError
        It stands for another dataset, and still does.
    KeyNotFoundError
        A part is gone; nothing was changed.
    """

    def work() -> Manifest:
        first = None if overwrite else _same(handle, manifest)
        if first is not None:
            kept = set(first.texts)
            handle.cache.delete_many([one for one in manifest.texts if one not in kept])
            return first
        _keep(handle, manifest)
        save(handle, manifest)
        _drop_others(handle.cache, manifest)
        return manifest

    return alone(handle.cache, manifest.name, work)


def _same(handle: Handle, manifest: Manifest) -> Manifest | None:
    """The same as somebody has published it, if it is whole.

    Raises
    ------
    NameInUseError
        It is something else.
    """
    before = find(handle.cache, manifest.name)
    check_free(before, manifest)
    if before is None or not all_present(handle, before.texts):
        return None
    return before


def check_free(before: Manifest | None, wanted: Manifest) -> None:
    """Check that a name may come to stand for something.

    Raises
    ------
    NameInUseError
        It stands for something else.
    """
    if before is None:
        return
    if before.version != wanted.version:
        what = f"with version={before.version!r}, not {wanted.version!r}"
    elif before.plan and wanted.plan and before.plan != wanted.plan:
        what = f"for another plan ({before.rows} rows)"
    else:
        return
    raise in_use(before.name, before.version, what, KIND)


def _keep(handle: Handle, manifest: Manifest) -> None:
    """Let the parts live as long as their manifest.

    The nodes that have them are asked: of a node that was lost a moment ago the grid
    may still believe that it has its share.

    Raises
    ------
    KeyNotFoundError
        One is gone.
    """
    ttl_s = FOR_EVER_S if manifest.ttl_s is None else manifest.ttl_s + _GRACE_S
    for index, part in enumerate(manifest.parts):
        try:
            handle.cache.touch(part.text, ttl_s)
        except KeyNotFoundError as error:
            raise _lost(handle, manifest, part, index) from error


def _lost(
    handle: Handle, manifest: Manifest, part: Part, index: int
) -> KeyNotFoundError:
    from gridcache.ray_data.parts import lost_part  # noqa: PLC0415 - loads Ray

    return lost_part(handle, part.text, manifest.name, node=part.node, index=index)


def _drop_others(cache: GridCache, manifest: Manifest) -> None:
    """Drop all parts of the name but the manifest's, and of writes that go on."""
    kept = set(manifest.texts)
    others = [text for text in parts_of(cache, manifest.name) if text not in kept]
    writes = {_write_of(text) for text in others} - {manifest.write}
    # Looked at after the parts were listed: a write begins before it stores.
    over = ended(cache, manifest.name, writes) | {manifest.write}
    cache.delete_many([text for text in others if _write_of(text) in over])


def _write_of(text: str) -> str:
    return text[-2 * _REST : -_REST]
