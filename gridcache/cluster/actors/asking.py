"""Asking an actor, with our errors: the only place where results of Ray are awaited.

What one of our methods raised is raised as it was. An actor that is being restarted
is asked again, one that is gone is said to be, with the cure.
"""

import time
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import (
    ActorUnavailableError,
    GetTimeoutError,
    RayError,
    RayTaskError,
)

from gridcache.errors import GridCacheError, NoAvailableNodesError, PeerError

__all__ = ["ask"]

_AGAIN_S = 0.2


def ask(call: Callable[[], Any], grid: str, *, timeout_s: float = 15.0) -> Any:
    """Call an actor's method and return its answer.

    Parameters
    ----------
    call
        Sends the request; called again while the actor is being restarted, so the
        request must bear to be carried out twice.

    Raises
    ------
    NoAvailableNodesError
        The grid is down, or does not answer in time.
    """
    until = time.monotonic() + timeout_s
    while True:
        try:
            return ray.get(call(), timeout=max(until - time.monotonic(), 0.01))
        except ActorUnavailableError as error:
            if time.monotonic() > until:
                raise _silent(grid, timeout_s) from error
            time.sleep(_AGAIN_S)
        except GetTimeoutError as error:
            raise _silent(grid, timeout_s) from error
        except RayTaskError as error:
            raise _of_ours(error, grid) from None
        except RayError as error:
            raise _down(error, grid) from error


def _down(error: RayError, grid: str) -> NoAvailableNodesError:
    message = f"the grid {grid!r} is down; bring it up again (grid up)"
    text = str(error).strip()
    if "creation task" in text:  # it never came up: the last line is the cause
        message = f"the grid {grid!r} could not be brought up: {text.splitlines()[-1]}"
    return NoAvailableNodesError(message, grid=grid)


def _silent(grid: str, timeout_s: float) -> NoAvailableNodesError:
    message = (
        f"the membership of the grid {grid!r} does not answer within {timeout_s:g} s; "
        f"look whether Ray's head node lives (ray status), then try again"
    )
    return NoAvailableNodesError(message, grid=grid)


def _of_ours(error: RayTaskError, grid: str) -> GridCacheError:
    cause = error.cause
    if isinstance(cause, GridCacheError):
        return cause
    message = f"the membership of the grid {grid!r} failed: {cause!r}; see its log"
    return PeerError(message, grid=grid)
