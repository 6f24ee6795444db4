"""Whether a Ray runs on this machine that a program here would join.

Ray notes the last cluster of the machine in a file; the note outlives the cluster.
"""

import os
import socket
from pathlib import Path

__all__ = ["answers", "running_ray"]

PROBE_S = 1.0


def running_ray() -> str | None:
    """Address of that Ray, if it answers."""
    address = os.environ.get("RAY_ADDRESS") or _noted()
    return address if address and answers(address) else None


def answers(address: str) -> bool:
    """Whether something listens at `HOST:PORT`."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        return False
    try:
        with socket.create_connection((host, int(port)), timeout=PROBE_S):
            return True
    except OSError:
        return False


def _noted() -> str:
    place = Path(os.environ.get("RAY_TMPDIR") or "/tmp", "ray")  # noqa: S108 - Ray's
    try:
        return (place / "ray_current_cluster").read_text().strip()
    except OSError:
        return ""
