"""Bulk: many small mutable values to their homes, one request for each home."""

from collections.abc import Iterator, Mapping
from typing import Any

from gridcache.cluster.client.local import Local, was_sent
from gridcache.cluster.home.items import buffers_of, order_meta, space_meta
from gridcache.cluster.home.moved import SENT
from gridcache.cluster.home.owner import new_token
from gridcache.cluster.streams.peers import Request
from gridcache.cluster.streams.travel import rebuild
from gridcache.cluster.streams.wire import Answer
from gridcache.cluster.table.placement import partition_of
from gridcache.cluster.table.view import View
from gridcache.codec.frames import Frames
from gridcache.errors import GridCacheError, PeerLostError
from gridcache.store.writer import Order

__all__ = ["BULK_NBYTES", "in_bulks", "put_bulk"]

BULK_NBYTES = 8 << 20
"""Of values in one round; a larger value goes alone."""
_BULK_ORDERS = 500
Left = tuple[Order, tuple[int, int]]
"""An order that is not known to be stored: its token, and the epoch of the view by
which it was sent without an answer, 0 if it was certainly not stored."""


def in_bulks(orders: Iterator[Order]) -> Iterator[list[Order]]:
    """Cut a stream of orders into rounds of bounded size.

    If the stream fails, what came before is a last round.
    """
    bulk: list[Order] = []
    nbytes = 0
    try:
        for order in orders:
            bulk.append(order)
            nbytes += order.frames.body_nbytes
            if nbytes >= BULK_NBYTES or len(bulk) == _BULK_ORDERS:
                yield bulk
                bulk, nbytes = [], 0
    except GridCacheError:
        if bulk:
            yield bulk
        raise
    if bulk:
        yield bulk


def put_bulk(
    local: Local, groups: Mapping[int, list[Order]], replicas: int
) -> list[Left]:
    """Store orders at members; returns what is left to do.

    Raises
    ------
    GridCacheError
        One was refused; others may be stored.
    """
    view, left = local.standing.view(), list[Left]()
    asked: list[tuple[list[Order], Request]] = []
    for number, orders in groups.items():
        if view.member(number) is None:
            left += [(order, (new_token(), 0)) for order in orders]
        else:
            asked.append((orders, _request(view, number, orders, replicas)))
    answers = local.peers.call_many([request for _, request in asked])
    for (orders, request), answer in zip(asked, answers, strict=True):
        left += _left(view, orders, request, answer)
    return left


def _request(view: View, number: int, orders: list[Order], replicas: int) -> Request:
    member, space = view.member(number), space_meta(orders[0].space)
    assert member is not None  # noqa: S101 - looked up by the caller
    items, buffers = [], list[bytes | memoryview]()
    for order in orders:
        assert isinstance(order.frames, Frames)  # noqa: S101 - a client has them
        pieces = buffers_of(order.frames)
        items.append(_about(view, order, len(pieces)))
        buffers += pieces
    meta = {"space": space, "to": number, "replicas": replicas, "items": items}
    return Request(member.address, "puts", meta, buffers)


def _about(view: View, order: Order, buffers: int) -> dict[str, Any]:
    about = order_meta(order)
    del about["space"]
    term = int(view.terms[partition_of(order.space.name, order.key)])
    return {**about, "token": new_token(), "term": term, "buffers": buffers}


def _left(
    view: View,
    orders: list[Order],
    request: Request,
    answer: Answer | GridCacheError,
) -> list[Left]:
    unknown = isinstance(answer, PeerLostError) and was_sent(answer)
    if isinstance(answer, GridCacheError) and not isinstance(answer, PeerLostError):
        raise answer
    meta = answer.meta if isinstance(answer, Answer) else {}
    done = meta.get("done") or [None] * len(orders)
    for told in done:
        if isinstance(told, dict):
            raise rebuild(told)
    tokens = [item["token"] for item in request.meta["items"]]
    return [
        (order, (token, view.epoch if unknown or told == SENT else 0))
        for order, token, told in zip(orders, tokens, done, strict=True)
        if told is None or told == SENT
    ]
