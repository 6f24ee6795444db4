"""Homing: a mutable value on its way to the home of its key.

Tried until the home has it, by newer views if the home has moved or is lost. A try
whose outcome is unknown is repeated under the same token, which the home carries
out once. If the home was lost meanwhile with everything of the key, the value counts
as written and lost with it, since somebody may have read it there. If a copy took
over, the write is late: the new home tells what became of it.
"""

from typing import NamedTuple

from gridcache.cluster.client.bulk import BULK_NBYTES, put_bulk
from gridcache.cluster.client.far import Far, Terms
from gridcache.cluster.client.far_flights import is_near_fence
from gridcache.cluster.client.local import Local, Patience
from gridcache.cluster.home.moved import MovedError
from gridcache.cluster.home.owner import PATIENCE_S, new_token
from gridcache.cluster.table.view import Member
from gridcache.errors import NodeLostError, PeerLostError
from gridcache.store.writer import Order

__all__ = ["put_home", "put_home_many", "unreachable"]


class Tried(NamedTuple):
    """What was done about an order before."""

    token: int
    epoch: int
    """Of the view by which it was sent without an answer; 0 if it was not."""


def put_home(
    far: Far,
    local: Local,
    order: Order,
    replicas: int = 1,
    tried: Tried | None = None,
) -> int | None:
    """Store an order at its home; returns its generation there, None if dropped.

    Raises
    ------
    NodeLostError
        The home does not answer and was not replaced in time, or was lost and
        nobody knows whether it had stored the value.
    """
    token, epoch = tried or (new_token(), 0)
    patience = Patience(PATIENCE_S)
    while True:
        partition, view, owner = local.owner_of(order.space.name, order.key)
        if epoch and int(view.empty_epochs[partition]) > epoch:
            return None  # written, and lost with its home
        late = bool(epoch) and int(view.lost_epochs[partition]) > epoch
        try:
            if owner is not None:
                terms = token, int(view.terms[partition]), replicas, late
                return _put_at(far, local, owner, (order, terms))
        except (MovedError, PeerLostError) as error:
            epoch = epoch or (view.epoch if error.sent else 0)
        if not patience.wait():
            raise unreachable(order.key)


def put_home_many(far: Far, local: Local, orders: list[Order], replicas: int) -> None:
    """Store several small orders, a round of requests for all of them.

    What a round leaves over (moved, or its home did not answer) goes one by one.

    Raises
    ------
    NodeLostError, OutOfSpaceError, ...
        As `put_home`; the others are stored.
    """
    groups: dict[int, list[Order]] = {}
    rest: list[Order] = []
    for order in orders:
        _, _, owner = local.owner_of(order.space.name, order.key)
        large = order.frames.body_nbytes > BULK_NBYTES
        if large or owner is None or local.is_here(owner):
            rest.append(order)
        else:
            groups.setdefault(owner.number, []).append(order)
    left = [
        (order, Tried(*tried)) for order, tried in put_bulk(local, groups, replicas)
    ]
    for order, tried in [*left, *((order, None) for order in rest)]:
        put_home(far, local, order, replicas, tried)


def _put_at(
    far: Far, local: Local, owner: Member, what: tuple[Order, Terms]
) -> int | None:
    order, terms = what
    if local.is_here(owner):
        token, _, replicas, late = terms
        return local.owner.put(order, token=token, replicas=replicas, late=late)
    if is_near_fence(order.fence):
        return None  # the flight was lost when its home moved
    return far.put(owner, order, terms)


def unreachable(text: str) -> NodeLostError:
    """What to raise when a key's home does not answer."""
    message = (
        f"the home of {text!r} does not answer and was not replaced in time; "
        f"see `grid nodes`"
    )
    return NodeLostError(message, key=text)
