"""Publishing: how a name comes to stand for a dataset.

A manifest is written when every part is there, in one step: readers find all of a
dataset or nothing of it. Of several that publish one name the last wins, whole.
"""

from gridcache.cache import GridCache
from gridcache.published.handle import Handle
from gridcache.published.keeping import Keeping, present, renew
from gridcache.published.names import alone
from gridcache.published.records import in_use
from gridcache.published.texts import parts_of
from gridcache.ray_data.manifest import KIND, Manifest, find, save
from gridcache.ray_data.tenure import ended

__all__ = ["check_free", "publish"]

_GRACE_S = 60.0
"""That parts outlive their manifest: who has just found it reads them."""
_REST = 16
"""Digits of a part's identity behind those of its write."""


def publish(handle: Handle, manifest: Manifest, *, overwrite: bool = True) -> None:
    """Let a name stand for a manifest if all of its parts are there.

    What belonged to the name before is dropped, and what of writes is left that have
    ended; writes that go on are left alone.

    Raises
    ------
    NameInUseError
        It stands for another dataset, and still does.
    KeyNotFoundError
        A part is gone; nothing was changed.
    """

    def work() -> None:
        if not overwrite:
            check_free(find(handle.cache, manifest.name), manifest)
        _keep(handle, manifest)
        save(handle, manifest)
        _drop_others(handle.cache, manifest)

    alone(handle.cache, manifest.name, work)


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

    Raises
    ------
    KeyNotFoundError
        One is gone.
    """
    ttl_s = None if manifest.ttl_s is None else manifest.ttl_s + _GRACE_S
    renew(handle, manifest.texts, Keeping(ttl_s))
    there = present(handle, manifest.texts)
    for index, part in enumerate(manifest.parts):
        if part.text not in there:
            from gridcache.ray_data.parts import (  # noqa: PLC0415 - loads Ray
                lost_part,
            )

            raise lost_part(
                handle, part.text, manifest.name, node=part.node, index=index
            )


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
