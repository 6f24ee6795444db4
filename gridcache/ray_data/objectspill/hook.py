"""Hook: called by every worker process of Ray when it starts; IO workers use the store.

It must not fail, which would end the worker. It is light, for most workers are no IO
workers; and quick: an IO worker is at work already, and what it spills before it has
come this far goes to files. So the store is loaded aside.
"""

import logging
import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from gridcache.ray_data.objectspill import internals
from gridcache.ray_data.objectspill.storage import GridStorage

if TYPE_CHECKING:
    from gridcache.ray_data.objectspill.memory import SpilledMemory

__all__ = ["HOOK", "install"]

HOOK = f"{__name__}.install"
_logger = logging.getLogger("gridcache")


def install() -> None:
    """Have this process spill to the store, if it is one that spills."""
    try:
        reason = _install() if internals.io_worker() else ""
    except Exception:
        _logger.warning("Ray spills objects to files, as ever", exc_info=True)
    else:
        if reason:
            _logger.warning("Ray spills objects as it is set to: %s", reason)


def _install() -> str:
    """Put ours in the place of Ray's storage; returns why not, if not."""
    reason = internals.unfit()
    if reason:
        return reason
    module = internals.storage_module()
    files = module._external_storage
    if type(files) is not module.FileSystemStorage:
        return f"it spills with {type(files).__name__}, not to files"
    links = Path(files._directory_paths[0])

    def open_memory() -> "SpilledMemory":
        opening = import_module("gridcache.ray_data.objectspill.opening")
        memory: SpilledMemory = opening.open_memory(os.environ, links)
        return memory

    storage = module._external_storage = GridStorage(files, open_memory)
    storage.open_aside()
    return ""
