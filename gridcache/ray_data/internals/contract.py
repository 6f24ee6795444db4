"""Contract: what Ray Data's plans call while a dataset streams through.

No private name of Ray Data is part of it, nor anything of caches.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from ray.data import Dataset

__all__ = ["Epoch", "Tap"]


class Epoch(Protocol):
    """One execution of a dataset that streams; goes to its tasks as a pickle."""

    def stream(
        self,
        task: int,
        inputs: list[Any] | None,
        make: Callable[[], Iterable[Any]],
    ) -> Iterator[Any]:
        """The Ray blocks of a task, within the task.

        Parameters
        ----------
        task
            Its number; one that runs again has the same.
        inputs
            What it is made of: Ray blocks or `ray.data.ReadTask`; None if something
            else made them in the same task.
        make
            Runs the task. Need not be called if the Ray blocks are known.
        """
        ...

    def whole(self, tasks: int) -> None:
        """On the driver, once: all tasks have ended well. Must not raise."""
        ...

    def close(self, tasks: int) -> None:
        """On the driver, after all else, also when it was cut short. Must not raise."""
        ...


class Tap(Protocol):
    """What a dataset streams to; part of its plan, and pickled with it."""

    @property
    def name(self) -> str:
        """Shown in plans and progress bars."""
        ...

    def standing(self) -> Dataset | None:
        """On the driver, before an execution: the dataset to read instead, if any."""
        ...

    def begin(self) -> Epoch:
        """On the driver, before an execution that streams."""
        ...
