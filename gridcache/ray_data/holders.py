"""Holders: on which of Ray's nodes a value of the grid lies."""

from gridcache.cluster.client.grid_values import GridValues
from gridcache.cluster.home.items import space_meta
from gridcache.keys import Key, text_key
from gridcache.published.handle import Handle

__all__ = ["far_holder"]


def far_holder(handle: Handle, key: Key) -> str:
    """Ray's id of the node that has a value, if this one has not; else empty.

    Asks all nodes at once, as `GridCache.info` does.
    """
    values, text = handle.cache._values, text_key(key)
    if not isinstance(values, GridValues):
        return ""
    local, space = values.local, values.space
    if local.home.info(space, text) is not None:
        return ""
    meta = {"space": space_meta(space), "key": text}
    answers = local.ask_all(local.others(), "info", meta)
    holders = (one for one, answer in answers if answer.meta["info"] is not None)
    member = next(holders, None)
    return member.ray_node_id if member is not None else ""
