"""Storage: what Ray's IO workers call, with the store before Ray's own files.

No call to Ray's processes leaves these methods: in an IO worker none is ever answered.
An object is stored as Ray would write it into a file, by Ray's code, and named by the
path, offset and size that it would have there. So whoever knows nothing of gridcache,
such as the part of Ray that sends spilled objects to other nodes, finds it.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcache.errors import GridCacheError, OutOfSpaceError, ValueTooLargeError
from gridcache.ray_data.objectspill.frames import Incoming, Outgoing
from gridcache.ray_data.objectspill.internals import storage_module
from gridcache.ray_data.objectspill.links import is_link, number_of

if TYPE_CHECKING:  # the store is loaded when it is needed, see `hook`
    from gridcache.ray_data.objectspill.memory import SpilledMemory

__all__ = ["GridStorage"]

_REST_S = 10.0
"""How long a store that fails is left alone; it may take seconds to do so."""
_FULL = (OutOfSpaceError, ValueTooLargeError)
_logger = logging.getLogger("gridcache")


class GridStorage:
    """Stands in for Ray's storage of files, in one IO worker.

    Parameters
    ----------
    files
        Ray's: takes what the store does not.
    open_memory
        Called by one thread at a time, and again if it failed.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        files: Any,
        open_memory: "Callable[[], SpilledMemory]",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = files
        self._open = open_memory
        self._clock = clock
        self._opened: SpilledMemory | None = None
        self._opening = threading.Lock()
        self._rests_until = float("-inf")
        self._ray = storage_module()

    @property
    def _memory(self) -> "SpilledMemory":
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def open_aside(self) -> threading.Thread:
        """Open the store before there is an object, and free what was left in it."""
        thread = threading.Thread(
            target=self._open_early, name="gridcache-spill-open", daemon=True
        )
        thread.start()
        return thread

    def _open_early(self) -> None:
        try:
            _ = self._memory
        except Exception as error:  # noqa: BLE001 - tried again with the first object
            _logger.debug("the store is not opened yet: %s", error)

    # -- out -----------------------------------------------------------------

    def spill_objects(self, object_refs: list[Any], owners: list[bytes]) -> list[bytes]:
        """Store objects; returns their URLs in the same order.

        From the first that the store does not take, all go to a file.
        """
        urls: list[bytes] = []
        if self._clock() >= self._rests_until:
            try:
                for pair in zip(object_refs, owners, strict=True):
                    urls.append(self._spill(*pair))  # noqa: PERF401 - kept if one fails
            except _FULL as error:
                _logger.debug("objects are spilled to a file: %s", error)
            except Exception as error:  # noqa: BLE001 - whatever it is, Ray must go on
                self._rests_until = self._clock() + _REST_S
                _logger.warning("objects are spilled to files: %s", error)
        done = len(urls)
        if done < len(object_refs):
            urls += self._files.spill_objects(object_refs[done:], owners[done:])
        return urls

    def _spill(self, ref: Any, owner: bytes) -> bytes:
        memory, out = self._memory, Outgoing()
        self._files._write_multiple_objects(out, [ref], [owner], "")
        path, offset = memory.put(out.pieces)
        url = self._ray.create_url_with_offset(
            url=str(path), offset=offset, size=out.nbytes
        )
        return bytes(url, "utf-8")

    # -- back ----------------------------------------------------------------

    def restore_spilled_objects(self, object_refs: list[Any], urls: list[bytes]) -> int:
        """Bring objects back into Ray's object store; returns their bytes."""
        return sum(
            self._restore(ref, url)
            if is_link(self._path(url))
            else self._files.restore_spilled_objects([ref], [url])
            for ref, url in zip(object_refs, urls, strict=True)
        )

    def _restore(self, ref: Any, url: bytes) -> int:
        size = self._ray.parse_url_with_offset(url.decode()).size
        coming = Incoming(self._memory, number_of(self._path(url)), size)
        lengths = coming.lengths()
        self._files._size_check(*lengths, size)
        owner, metadata = (coming.read(length) for length in lengths[:2])
        self._files._put_object_to_store(metadata, lengths[2], coming, ref, owner)
        return lengths[2]

    # -- the end -------------------------------------------------------------

    def delete_spilled_objects(self, urls: list[bytes]) -> None:
        """Free objects; those that are not there are no error."""
        links = [path for path in map(self._path, urls) if is_link(path)]
        others = [url for url in urls if not is_link(self._path(url))]
        if others:
            self._files.delete_spilled_objects(others)
        if links:
            self._free(links)

    def _free(self, links: Sequence[Path]) -> None:
        try:
            self._memory.free(links)
        except (GridCacheError, OSError) as error:
            # Their links are gone, or go when Ray asks again: then they are leftovers.
            _logger.warning("spilled objects stay for now: %s", error)

    def destroy_external_storage(self) -> None:
        """Nothing of the store: the raylet's end frees it."""
        self._files.destroy_external_storage()

    def _path(self, url: bytes) -> Path:
        return Path(self._ray.parse_url_with_offset(url.decode()).base_url)
