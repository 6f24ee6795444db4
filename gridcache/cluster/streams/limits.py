"""Time limits of a blocking socket, kept by the kernel.

`settimeout` would cost a `poll` per call and make `sendfile` fail at once; the
options SO_RCVTIMEO and SO_SNDTIMEO cost nothing while nothing waits.
"""

import socket
import struct
import time

__all__ = ["FOREVER", "Limit", "deadline_of"]

FOREVER = float("inf")

_SLOWEST_BYTES_S = 8 << 20
"""A body may take as long as over a tenth of a gigabit link, and no longer."""
_NEAR = (0.75, 1.25)
"""A limit that fits this well stays: no system call per message to set it."""
_SHORTEST_S = 0.001
"""Zero would mean forever."""


def deadline_of(deadline: float, nbytes: int) -> float:
    """When a body of `nbytes` must be over, if a small message is at `deadline`."""
    return deadline + nbytes / _SLOWEST_BYTES_S


class Limit:
    """One direction's limit.

    Parameters
    ----------
    sock
        A blocking socket.
    option
        SO_RCVTIMEO or SO_SNDTIMEO.
    """

    __slots__ = ("_armed_s", "_option", "_sock")

    def __init__(self, sock: socket.socket, option: int) -> None:
        self._sock = sock
        self._option = option
        self._armed_s = FOREVER

    def arm(self, deadline: float) -> None:
        """Let the next call give up about then; raises `TimeoutError` if it is past.

        A call that gave up fails with BlockingIOError. It may be early or late
        by a quarter of the time that was left: arm again and repeat.
        """
        left_s = deadline - time.monotonic()
        armed_s = self._armed_s
        if armed_s * _NEAR[0] <= left_s <= armed_s * _NEAR[1]:
            return
        if left_s <= 0:
            text = "the time limit has passed"
            raise TimeoutError(text)
        self._armed_s = left_s
        wait_s = 0.0 if left_s == FOREVER else max(left_s, _SHORTEST_S)
        seconds, rest_s = divmod(wait_s, 1)
        value = struct.pack("@ll", int(seconds), int(rest_s * 1e6))
        self._sock.setsockopt(socket.SOL_SOCKET, self._option, value)
