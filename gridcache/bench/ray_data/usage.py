"""Usage: what lies in the object stores of a Ray cluster, and what they have spilled.

From the numbers behind `ray memory`, which Ray's nodes keep. They have no public name,
so this module is the one that a new Ray may break.
"""

import gc
import time
from dataclasses import dataclass
from typing import Any

from ray._private.internal_api import get_memory_info_reply, get_state_from_address

__all__ = ["Usage", "settled", "usage"]

_ask: Any = get_memory_info_reply
_state: Any = get_state_from_address
_SETTLE_S = 20.0
_LOOK_S = 0.05
_EMPTY_NBYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Usage:
    """Of all nodes."""

    used_nbytes: int
    """In the object stores now."""
    spilled_nbytes: int
    """Written to disk since the cluster started."""


def usage(address: str) -> Usage:
    """Ask the cluster at an address."""
    stats = _ask(_state(address)).store_stats
    return Usage(stats.object_store_bytes_used, stats.spilled_bytes_total)


def settled(address: str) -> Usage:
    """The usage when Ray has dropped what nobody refers to any more."""
    gc.collect()  # datasets are in circles
    until = time.monotonic() + _SETTLE_S
    while (now := usage(address)).used_nbytes > _EMPTY_NBYTES:
        if time.monotonic() > until:
            break
        time.sleep(_LOOK_S)
    return now
