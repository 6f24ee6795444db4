"""Copying: a write on its way to the copies of its partition, before its owner has it."""

from collections.abc import Sequence

from gridcache.cluster.home.items import buffers_of, order_meta
from gridcache.cluster.home.moved import is_moved
from gridcache.cluster.streams.peers import Peers, Request
from gridcache.cluster.streams.wire import Answer
from gridcache.cluster.table.placement import partition_of
from gridcache.cluster.table.view import View
from gridcache.codec.frames import Frames
from gridcache.errors import GridCacheError
from gridcache.store.writer import Order

__all__ = ["send_copies"]


def send_copies(peers: Peers, view: View, order: Order, token: int) -> int | None:
    """Store an order, stamped by its owner, at every copy.

    Returns
    -------
    int | None
        None: they have it. 0: try again. Else the number of a newer write there.
    """
    partition = partition_of(order.space.name, order.key)
    requests = [
        request
        for copy in view.copies(partition)
        if (request := _request(view, order, copy, token))
    ]
    return _worst(peers.call_many(requests)) if requests else None


def _request(
    view: View, order: Order, copy: tuple[int, int], token: int
) -> Request | None:
    member = view.member(copy[0])
    if member is None:
        return None
    frames = order.frames
    assert isinstance(frames, Frames)  # noqa: S101 - poured ones are staged before
    meta = {
        **order_meta(order),
        "to": member.number,
        "term": order.stamp.term,
        "copy_term": copy[1],
        "token": token,
        "header": frames.header.hex(),
    }
    return Request(member.address, "copy", meta, buffers_of(frames))


def _worst(answers: Sequence[Answer | GridCacheError]) -> int | None:
    """What the copies said together."""
    worst: int | None = None
    for answer in answers:
        if isinstance(answer, GridCacheError) or is_moved(answer):
            return 0
        worst = max(worst or 0, answer.meta["newer"]) or worst
    return worst
