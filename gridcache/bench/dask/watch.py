"""Watch: what becomes of the workers' memory while they work, seen from outside.

A worker that Dask finds too big warns, pauses or is killed; all of it is in the logs,
and a sampler sees what lasts longer than its period.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distributed import Client

__all__ = ["Watch", "troubles", "watched"]

_PERIOD_S = 0.05
_SIGNS = ("Unmanaged memory", "Pausing worker", "memory budget", "Restarting worker")
"""Of Dask's log: taken for a leak, paused, killed, started again."""


class Watch:
    """What was seen."""

    def __init__(self, client: Client) -> None:
        cluster: Any = client.cluster
        self._scheduler = cluster.scheduler
        self._processes = list(client.run(os.getpid).values())
        self._began = self._workers()
        self.most_nbytes = 0
        """Resident memory of the largest worker."""
        self.troubled = False
        """True if a worker was paused or replaced."""

    def _workers(self) -> dict[str, str]:
        return {
            address: state.status.name
            for address, state in self._scheduler.workers.items()
        }

    def look(self) -> None:
        """Take one sample."""
        self.troubled |= self._workers() != self._began
        for process in self._processes:
            try:
                self.most_nbytes = max(self.most_nbytes, _resident_nbytes(process))
            except FileNotFoundError:
                self.troubled = True


@contextmanager
def watched(client: Client) -> Iterator[Watch]:
    """Watch the workers of a local cluster while the block lasts."""
    watch, stop = Watch(client), threading.Event()
    thread = threading.Thread(target=_sample, args=(watch.look, stop), daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join()


def _sample(look: Callable[[], None], stop: threading.Event) -> None:
    while not stop.wait(_PERIOD_S):
        look()


def troubles(client: Client) -> int:
    """Lines about memory in the logs of workers and of what watches over them."""
    logs = [client.get_worker_logs(), client.get_worker_logs(nanny=True)]
    lines = [line for log in logs for entries in log.values() for _, line in entries]
    return len([line for line in lines if any(sign in line for sign in _SIGNS)])


def _resident_nbytes(process: int) -> int:
    pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
