"""Refusals: what to say when a value finds no room, with sizes and cures."""

from gridcache.errors import OutOfSpaceError
from gridcache.store.block_records import blocks_nbytes
from gridcache.store.namespaces import Account, Namespace, all_namespaces, load_account
from gridcache.store.parts import Parts
from gridcache.store.transaction import WriteTxn

__all__ = ["full_namespace", "out_of_space"]


def out_of_space(parts: Parts, nbytes: int) -> OutOfSpaceError:
    """When nothing helped: pins, views, blocks or other writers hold everything."""
    capacity, pinned, blocks = parts.index.snapshot(_sizes)
    leased = sum(len(row.pins) for row in parts.clients.read())
    message = (
        f"no room for {nbytes} bytes: of {capacity} bytes {pinned} are pinned, "
        f"{blocks} are memory blocks and {leased} extents are being viewed; unpin or "
        f"delete keys, free blocks, drop views, or resize the store"
    )
    return OutOfSpaceError(
        message,
        nbytes=nbytes,
        capacity=capacity,
        pinned=pinned,
        blocks=blocks,
        leased=leased,
    )


def _sizes(txn: WriteTxn) -> tuple[int, int, int]:
    accounts = [load_account(txn, space.id) for space in all_namespaces(txn)]
    pinned = sum(each.pinned_nbytes for each in accounts)
    return txn.state.capacity_nbytes, pinned, blocks_nbytes(txn)


def full_namespace(space: Namespace, account: Account, need: int) -> OutOfSpaceError:
    """When a quota is reached and the policy or pins hold all of it."""
    message = (
        f"namespace {space.name!r} is full: {account.stored_nbytes} of "
        f"{space.quota_nbytes} bytes, {account.pinned_nbytes} pinned, policy "
        f"{space.policy!r}; {need} more are wanted. Unpin or delete keys, or raise "
        f"the quota"
    )
    return OutOfSpaceError(
        message,
        namespace=space.name,
        stored=account.stored_nbytes,
        pinned=account.pinned_nbytes,
        quota=space.quota_nbytes,
    )
