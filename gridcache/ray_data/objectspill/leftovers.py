"""Leftovers: blocks of spilled objects that nobody will ask for any more.

Those of a raylet that is dead, and those of a living one whose link is gone: an IO
worker that does not know gridcache yet deletes what looks like a file. Looked for by
every IO worker when it starts, and when its raylet ends.
"""

import logging
import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from gridcache.errors import BlockNotFoundError, GridCacheError
from gridcache.ray_data.objectspill.labels import LABEL_NBYTES, Raylet, read_label
from gridcache.ray_data.objectspill.links import link_of
from gridcache.store.blocks import Blocks

__all__ = ["at_the_end_of", "free_leftovers"]

_logger = logging.getLogger("gridcache")


def free_leftovers(
    blocks: Blocks, mine: Raylet | None = None, links: Path | None = None
) -> int:
    """Free what raylets left; returns how many blocks.

    Parameters
    ----------
    mine, links
        A living raylet and the directory of its links, whose blocks without a link
        go as well.
    """

    def is_left(number: int, raylet: Raylet) -> bool:
        if raylet == mine and links is not None:
            return not os.path.lexists(link_of(links, number))
        return raylet.is_dead()

    found = [number for number, one in _spilled(blocks) if is_left(number, one)]
    return len(blocks.free_many(found))


def _spilled(blocks: Blocks) -> Iterator[tuple[int, Raylet]]:
    for one in blocks.list():
        if not (one.detached and one.fixed and one.nbytes > LABEL_NBYTES):
            continue
        with suppress(BlockNotFoundError):  # freed meanwhile
            raylet = read_label(blocks.read(one.number, LABEL_NBYTES))
            if raylet is not None:
                yield one.number, raylet


def at_the_end_of(raylet: Raylet, work: Callable[[], object]) -> threading.Thread:
    """Do something as soon as a raylet has ended, in a thread of this process.

    An IO worker lives about a second longer, which is enough. If it is killed with
    its raylet, the next one that opens the store does it.
    """
    fd = os.pidfd_open(raylet.pid)
    thread = threading.Thread(
        target=_wait, args=(fd, work), name="gridcache-raylet", daemon=True
    )
    thread.start()
    return thread


def _wait(fd: int, work: Callable[[], object]) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.poll()
    os.close(fd)
    try:
        work()
    except (GridCacheError, OSError) as error:
        _logger.warning("what this raylet spilled stays for now: %s", error)
