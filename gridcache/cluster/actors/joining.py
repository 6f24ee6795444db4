"""Joining Ray: which one, and what to say where there is none.

A Ray that this process is connected to already is used as it is, and left so; one
that is joined or started here is left again by whoever came last.
"""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray

from gridcache.cluster.home.naming import find_standing, read_facts
from gridcache.config import load_config
from gridcache.errors import ConfigError, NoAvailableNodesError

__all__ = ["RayHold", "join_ray"]

_PROBE_S = 3.0
_NONE_RUNS = (
    "no Ray runs {where}; start one with `grid up` or `ray start --head`, or in this "
    'process with connect("local")'
)

_lock = threading.Lock()
_holds = 0


class RayHold:
    """A use of Ray; the last one given back leaves a Ray that was joined here."""

    def __init__(self, *, ours: bool) -> None:
        self._ours = ours

    def release(self) -> None:
        """Give it back; idempotent."""
        global _holds  # noqa: PLW0603 - one Ray per process
        with _lock:
            if not self._ours:
                return
            self._ours = False
            _holds -= 1
            if _holds == 0 and ray.is_initialized():
                ray.shutdown()


def join_ray(address: str | None, grid: str) -> RayHold:
    """Connect this process to Ray.

    Parameters
    ----------
    address
        `HOST:PORT`, `auto` for the one that runs here, `local` for a new one; None:
        the one that this process or this node's grid has, else `auto`.

    Raises
    ------
    ConfigError
        Another Ray is in use here, or it is one through Ray Client.
    NoAvailableNodesError
        There is no Ray at the address.
    """
    global _holds  # noqa: PLW0603 - one Ray per process
    with _lock:
        _refuse_client(address)
        if ray.is_initialized():
            _refuse_other(address)
            _holds += 1 if _holds else 0
            return RayHold(ours=_holds > 0)
        _init(address or _known(grid) or "auto")
        _holds += 1
        return RayHold(ours=True)


def _init(address: str) -> None:
    wanted = _running() if address == "auto" else address
    if not wanted:
        raise NoAvailableNodesError(_NONE_RUNS.format(where="here"))
    _probe(wanted)
    try:
        with _hushed():
            _send_token()
            ray.init(
                address=wanted,
                log_to_driver=False,
                configure_logging=False,
                include_dashboard=False if address == "local" else None,
            )
    except ConnectionError as error:
        message = _NONE_RUNS.format(where=f"at {wanted}")
        raise NoAvailableNodesError(message, address=wanted) from error


@contextmanager
def _hushed() -> Iterator[None]:
    """Without Ray's remarks: on tokens, and on threads that take no signals."""
    logger = logging.getLogger("ray")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _send_token() -> None:
    """Have Ray prove itself where this user has a token, which only `auto` does.

    Without one, and where the environment says otherwise, nothing is changed.
    """
    try:
        from ray._private.authentication.authentication_token_setup import (  # noqa: PLC0415 - not in every release
            maybe_enable_token_auth_if_token_available as enable,
        )
    except ImportError:
        return
    enable(warn_if_disabled=False)


def _running() -> str:
    """Return the Ray of the environment, or what the last one on this machine left.

    Ray's own `auto` would also search the processes of all users.
    """
    named = os.environ.get("RAY_ADDRESS", "").strip()
    if named not in ("", "auto"):
        return named
    path = Path(os.environ.get("RAY_TMPDIR") or "/tmp", "ray", "ray_current_cluster")  # noqa: S108
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _probe(address: str) -> None:
    """Raise if nobody listens there; Ray itself would try for a minute."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PROBE_S).close()
    except OSError as error:
        message = _NONE_RUNS.format(where=f"at {address} ({error.strerror or error})")
        raise NoAvailableNodesError(message, address=address) from error


def _known(grid: str) -> str | None:
    """Return the Ray of the grid that this machine's store is in."""
    store = find_standing(load_config(), grid)
    facts = read_facts(store) if store is not None else None
    return facts.ray_address if facts is not None and facts.ray_address else None


def _refuse_client(address: str | None) -> None:
    connected = bool(ray.util.client.ray.is_connected())  # type: ignore[no-untyped-call]
    if connected or (address or os.environ.get("RAY_ADDRESS", "")).startswith("ray://"):
        message = (
            "a grid cannot be used through Ray Client (ray://), since this machine has "
            "no store of it; run the program on a node of the cluster: as a Ray job "
            "(ray job submit), in a task, or there"
        )
        raise ConfigError(message, address=address)


def _refuse_other(address: str | None) -> None:
    if address in (None, "auto"):
        return
    here = str(ray.get_runtime_context().gcs_address)
    if address != here:
        message = (
            f"this process is connected to the Ray at {here}, not to {address}; leave "
            f"address out to use it, or call ray.shutdown() first"
        )
        raise ConfigError(message, address=address)
