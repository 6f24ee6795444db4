"""Which flight waits for which: finding a cycle before it closes.

A flight depends on every flight begun inside it, and on the flight of every key
that a call inside it waits for. A call inside flight `f` must not wait for a
flight that depends on `f`. The same key again in one call chain is the shortest
such cycle. Pure; the table's reader fills it.
"""

__all__ = ["FlightGraph"]


class FlightGraph:
    """The flights of one moment."""

    def __init__(self) -> None:
        self._fences: dict[bytes, int] = {}
        self._parents: dict[int, int] = {}
        self._waits: list[tuple[int, bytes]] = []

    def add_flight(self, key: bytes, fence: int, parent: int) -> None:
        """A flight, and the one it was begun in (0 for none)."""
        self._fences[key] = fence
        self._parents[fence] = parent

    def add_wait(self, inside: int, key: bytes) -> None:
        """A call inside a flight waits for a key's."""
        self._waits.append((inside, key))

    def depends(self, flight: int, *, on: int) -> bool:
        """True if `flight` cannot end before `on` does."""
        # Backwards, from `on` to all that wait for it: a parent is one step away,
        # children would be a search each.
        waiters: dict[int, list[int]] = {}
        for inside, key in self._waits:
            waiters.setdefault(self._fences.get(key, 0), []).append(inside)
        seen, queue = {0}, [on]
        while queue:
            fence = queue.pop()
            if fence == flight:
                return True
            if fence not in seen:
                seen.add(fence)
                queue += [self._parents.get(fence, 0), *waiters.get(fence, ())]
        return False
