"""Prefer: a client's side of locality, called by all that makes or runs reads.

A hint never fails, and costs one message to the scheduler in a minute.
"""

import asyncio
import logging
import sys
import time
from typing import Any
from weakref import WeakKeyDictionary

from gridcache.published.handle import Handle

__all__ = ["aprefer_near", "prefer_near"]

_log = logging.getLogger(__name__)

_AGAIN_S = 60.0
"""After which workers are asked again: their machine may have joined a grid since."""

_TELL_S = 10.0
"""A scheduler that does not answer is not waited for by who only loads a name."""

_told: WeakKeyDictionary[Any, dict[Handle, float]] = WeakKeyDictionary()


def prefer_near(handle: Handle, client: Any = None) -> None:
    """Have partitions of a cache read on the nodes that have them.

    Parameters
    ----------
    client
        Of distributed; None for the one in use. Without any there is nothing to do.
        An asynchronous one is told while the caller goes on.
    """
    client = client or _client_in_use()
    if client is None or not _is_due(client, handle):
        return
    if client.asynchronous:
        client.loop.add_callback(_tell, client, handle)
        return
    try:
        client.sync(_tell, client, handle)
    except Exception:  # noqa: BLE001 - the client may be closing
        _log.debug("reads have no preferred workers", exc_info=True)


async def aprefer_near(handle: Handle, client: Any) -> None:
    """Do as `prefer_near` does; the scheduler knows when this returns."""
    if _is_due(client, handle):
        await _tell(client, handle)


async def _tell(client: Any, handle: Handle) -> None:
    from gridcache.dask.locality.plugin import learn_nodes  # noqa: PLC0415 - distributed

    try:
        async with asyncio.timeout(_TELL_S):
            await client._run_on_scheduler(learn_nodes, handle)
    except Exception:  # noqa: BLE001 - without gridcache on the scheduler, say
        _log.debug("reads have no preferred workers", exc_info=True)


def _client_in_use() -> Any | None:
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.default_client()
    except ValueError:
        return None


def _is_due(client: Any, handle: Handle) -> bool:
    told, now = _told.setdefault(client, {}), time.monotonic()
    if now - told.get(handle, -_AGAIN_S) < _AGAIN_S:
        return False
    told[handle] = now
    return True
