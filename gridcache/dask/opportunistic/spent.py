"""Spent: how long results took to compute, as far as this process has seen.

By identity, so that it is right in any graph and for any run. Bounded, and lost with
the process: a result whose inputs came from another process counts for less than it
took, and never for more.
"""

__all__ = ["Spent", "of_process"]

_MOST = 50_000


class Spent:
    """Seconds by identity. Threads share it: each step is one of a dict's own."""

    __slots__ = ("_seconds",)

    def __init__(self) -> None:
        self._seconds: dict[str, tuple[float, float]] = {}

    def __bool__(self) -> bool:
        return bool(self._seconds)

    def note(self, identity: str, whole: float, unkept: float) -> None:
        """Remember what a result took.

        Parameters
        ----------
        whole
            Its own seconds and those of the longest chain beneath.
        unkept
            The same, down to what is kept.
        """
        if len(self._seconds) >= _MOST:
            self._seconds = {}
        self._seconds[identity] = whole, unkept

    def beneath(self, inputs: tuple[str, ...]) -> tuple[float, float]:
        """Seconds of the longest chain to these: whole, and down to what is kept."""
        whole = unkept = 0.0
        for one in inputs:
            found = self._seconds.get(one)
            if found is not None:
                whole, unkept = max(whole, found[0]), max(unkept, found[1])
        return whole, unkept


of_process = Spent()
