"""SingleFlight: what a cache calls on a miss, in threads and in asyncio."""

from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Final, TypeVar, cast

from gridcache.flight.attempt import STALE_S, Attempt, Fence, Go, Pause
from gridcache.flight.waiting import TaskPauser, ThreadPauser
from gridcache.store.flights import Flights
from gridcache.store.namespaces import Namespace
from gridcache.store.records import entry_key

__all__ = ["ABSENT", "Absent", "SingleFlight"]

T = TypeVar("T")


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = auto()


ABSENT: Final = Absent.ABSENT
"""What `find` returns for a key without a value; None is a value."""


class SingleFlight:
    """One computation per key over all processes of the machine.

    Parameters
    ----------
    stale_s
        A leader whose process has not moved for so long is replaced.
    """

    def __init__(self, flights: Flights, *, stale_s: float = STALE_S) -> None:
        self._flights = flights
        self._stale_s = stale_s

    def run(
        self,
        space: Namespace,
        key: str,
        *,
        find: Callable[[], object],
        compute: Callable[[], T],
        keep: Callable[[T, Fence | None], T],
    ) -> T:
        """The value of a key that the caller has just missed.

        Parameters
        ----------
        find
            Looks the value up; `ABSENT` if there is none.
        compute
            Makes it; what it raises is raised here, and the next waiter tries.
        keep
            Stores the value, with the fence in its order, and returns what the
            caller gets. Must not raise because storing failed.
        """
        pauser = ThreadPauser()
        with self._attempt(space, key) as attempt:
            while True:
                step = attempt.step()
                if isinstance(step, Pause):
                    pauser.pause(step)
                elif isinstance(step, Go):
                    with attempt.computing(step):
                        return keep(compute(), step.fence)
                elif (found := find()) is not ABSENT:
                    return cast("T", found)
                else:
                    attempt.cannot_use(step)

    async def run_async(
        self,
        space: Namespace,
        key: str,
        *,
        find: Callable[[], object],
        compute: Callable[[], Awaitable[T]],
        keep: Callable[[T, Fence | None], T],
    ) -> T:
        """The same for asyncio; only `compute` and waiting are awaited."""
        pauser = TaskPauser()
        with self._attempt(space, key) as attempt:
            while True:
                step = attempt.step()
                if isinstance(step, Pause):
                    await pauser.pause(step)
                elif isinstance(step, Go):
                    with attempt.computing(step):
                        return keep(await compute(), step.fence)
                elif (found := find()) is not ABSENT:
                    return cast("T", found)
                else:
                    attempt.cannot_use(step)

    def _attempt(self, space: Namespace, key: str) -> Attempt:
        return Attempt(self._flights, entry_key(space.id, key), self._stale_s)
