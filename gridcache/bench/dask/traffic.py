"""Traffic: bytes that a client has received, as the kernel counts them."""

import socket
import struct
from collections.abc import Iterator
from typing import Any

from distributed import Client

__all__ = ["received_nbytes"]

_RECEIVED_AT = 128
"""Of tcpi_bytes_received in Linux's struct tcp_info, since 4.1."""
_INFO_NBYTES = 256


def received_nbytes(client: Client) -> int:
    """On all connections that the client has; it keeps those it once made."""
    return sum(_of(comm) for comm in _comms(client))


def _comms(client: Client) -> Iterator[Any]:
    if client.scheduler_comm is not None:
        yield client.scheduler_comm.comm
    for pool in (client.rpc.available, client.rpc.occupied):
        for comms in list(pool.values()):
            yield from list(comms)


def _of(comm: Any) -> int:
    connection = comm.stream.socket
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_NBYTES)
    (received,) = struct.unpack_from("Q", info, _RECEIVED_AT)
    return int(received)
