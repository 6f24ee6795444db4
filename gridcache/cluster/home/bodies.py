"""Bodies: a large body that was described, from its node's arena into this one's.

The description came before, with the header; the body goes alone and may be another by
then. It may be gone, or compressed, which leaves its generation and changes its length
and its header. So what comes is taken if it has the length that was told, and only then.
"""

from collections.abc import Callable, Mapping
from typing import Any

import xxhash

from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.table.view import Member

__all__ = ["OtherBodyError", "pouring"]

Write = Callable[[int, memoryview], None]


class OtherBodyError(Exception):
    """Private: what came is not the body that was described."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        super().__init__()
        self.told = told
        """What its node says of it."""


def pouring(
    peers: Peers, member: Member, request: Mapping[str, Any], nbytes: int
) -> Callable[[Write, int], int]:
    """What pours a body, as `Poured` wants it.

    Parameters
    ----------
    request
        Names the body to the member that has it.
    nbytes
        Of the body as it was described; one of another length raises
        `OtherBodyError` before a byte of it is written.
    """

    def pour(write: Write, start: int) -> int:
        checksum, at = xxhash.xxh3_64(), start

        def take(chunk: memoryview) -> None:
            nonlocal at
            write(at, chunk)
            checksum.update(chunk)
            at += chunk.nbytes

        def sink(told: Mapping[str, Any], lengths: tuple[int, ...]) -> list[Any]:
            if lengths != (nbytes,):
                raise OtherBodyError(told)
            return [take]

        peers.call(member.address, "body", dict(request), into=sink)
        return checksum.intdigest()

    return pour
