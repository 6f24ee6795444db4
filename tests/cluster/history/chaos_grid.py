"""ChaosGrid: a grid of processes without Ray, whose parts can be killed and cut."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gridcache.cluster.home.standing import is_installed
from gridcache.cluster.table.view import Member
from gridcache.store.opening import close_store, open_store
from tests.cluster.history.membership import Membership
from tests.cluster.history.ops import Op
from tests.cluster.history.recorder import read_history, slowest
from tests.cluster.history.workload import KEYS

__all__ = ["CAPACITY", "ChaosGrid", "Client", "Host"]

CAPACITY = 128 << 20
"""Enough for everything: nothing is evicted."""
_ROOT = Path(__file__).parents[3]
_PATIENCE_S = 60.0


@dataclass(slots=True)
class Host:
    """One node with its clients."""

    name: str
    node_id: str
    store: Path
    process: subprocess.Popen[str]
    clients: "list[Client]" = field(default_factory=list)


@dataclass(slots=True)
class Client:
    """A process that works."""

    who: str
    process: subprocess.Popen[str]


class ChaosGrid:
    """Nodes, clients and their membership.

    Parameters
    ----------
    directory
        For stores, logs and notes; in shared memory.
    seed
        Of the clients' operations.
    clients
        Per node.
    capacity_nbytes
        Of each store.
    """

    def __init__(
        self,
        directory: Path,
        seed: int,
        *,
        clients: int = 2,
        capacity_nbytes: int = CAPACITY,
    ) -> None:
        self.directory = directory
        self.hosts: dict[str, Host] = {}
        self.log: list[str] = []
        """What was done to the grid, and when."""
        self._seed = seed
        self._clients = clients
        self._capacity_nbytes = capacity_nbytes
        self._numbers = count(1)
        self.membership = Membership(directory / "membership", self._wake)

    # -- nodes -------------------------------------------------------------

    def add(self, name: str) -> Host:
        """Start a node without a store; its clients begin when it has joined."""
        node_id = f"{name}-{next(self._numbers)}"
        store = self.directory / f"default@{name}"
        host = Host(name, node_id, store, self._node(name, node_id))
        self.hosts[name] = host
        self.until(lambda: self.member(name) is not None, f"{name} to join")
        self.until(lambda: is_installed(store), f"{name} to install a view")
        self.note(f"{name} has joined")
        for _ in range(self._clients):
            self.start_client(host)
        return host

    def restart(self, host: Host) -> None:
        """Kill a node's process and start it again on its store."""
        kill(host.process)
        host.process = self._node(host.name, host.node_id)

    def lose(self, host: Host) -> None:
        """A machine is gone, with its store and all clients; noticed when it is."""
        for process in (host.process, *(one.process for one in host.clients)):
            kill(process)
        del self.hosts[host.name]
        shutil.rmtree(host.store)
        self.membership.dead.add(host.node_id)

    def drain(self, host: Host) -> None:
        """Empty a node and end it."""
        self.membership.drain(host.name)
        self.until(lambda: self.member(host.name) is None, f"{host.name} to be empty")
        tell(host.process, "stop")
        host.process.wait(_PATIENCE_S)
        for client in list(host.clients):
            self.stop_client(host, client)
        del self.hosts[host.name]
        shutil.rmtree(host.store)

    @contextmanager
    def cut(self, one: Host, other: Host) -> Iterator[None]:
        """No bytes between two nodes and their clients."""
        members = self.member(one.name), self.member(other.name)
        pairs = [(one, members[1]), (other, members[0])]
        self._between("cut", pairs)
        yield
        self._between("mend", pairs)

    def _between(self, word: str, pairs: list[tuple[Host, Member | None]]) -> None:
        for host, member in pairs:
            if member is not None:
                tell(host.process, word, member.name, *member.address)

    def member(self, name: str) -> Member | None:
        """A node as the membership knows it."""
        return self.membership.view.by_name(name)

    def _node(self, name: str, node_id: str) -> subprocess.Popen[str]:
        facts = {
            "name": name,
            "node_id": node_id,
            "directory": str(self.directory),
            "membership": self.membership.address,
            "capacity_nbytes": self._capacity_nbytes,
            "log": str(self.directory / f"{name}.log"),
        }
        return self._start("node_process", facts, f"{name}.err")

    def _start(self, module: str, facts: Any, errors: str) -> subprocess.Popen[str]:
        with (self.directory / errors).open("a") as file:
            return subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    f"tests.cluster.history.{module}",
                    json.dumps(facts),
                ],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stderr=file,
                text=True,
                bufsize=1,
            )

    def _wake(self) -> None:
        for host in list(self.hosts.values()):
            tell(host.process, "wake")

    # -- clients -----------------------------------------------------------

    def start_client(self, host: Host) -> Client:
        """Start one more client on a node."""
        number = next(self._numbers)
        who = f"{host.name}{number}"
        facts = {
            "who": who,
            "seed": self._seed * 1000 + number,
            "store": str(host.store),
            "notes": str(self.directory / f"{who}.notes"),
        }
        client = Client(who, self._start("client_process", facts, f"{who}.err"))
        host.clients.append(client)
        return client

    def kill_client(self, host: Host, client: Client) -> None:
        """Kill a client, wherever it is, and start another."""
        kill(client.process)
        host.clients.remove(client)
        self.start_client(host)

    def stop_client(self, host: Host, client: Client) -> None:
        """Have a client end its work."""
        host.clients.remove(client)
        with suppress(OSError):
            client.process.stdin.close()  # type: ignore[union-attr]
        client.process.wait(_PATIENCE_S)

    # -- the whole ---------------------------------------------------------

    def note(self, text: str) -> None:
        """Remember what is being done."""
        self.log.append(f"{time.monotonic_ns() / 1e9:.6f} {text}")

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait for something that comes by itself."""
        until = time.monotonic() + _PATIENCE_S
        while not done():
            if time.monotonic() > until:
                message = f"waited too long for {what}\n" + "\n".join(self.log)
                raise TimeoutError(message)
            time.sleep(0.02)

    def settle(self) -> None:
        """Wait until nothing moves and every partition has its copies."""
        self.until(self._is_settled, "the grid to settle")
        self.note("settled")

    def _is_settled(self) -> bool:
        view = self.membership.view
        names = {member.name for member in view.members}
        return names == set(self.hosts) and not view.moves and view.replicated

    def finish(self) -> None:
        """End all work in order; stores stay."""
        for host in self.hosts.values():
            for client in host.clients:
                client.process.stdin.close()  # type: ignore[union-attr]
        for host in self.hosts.values():
            for client in host.clients:
                client.process.wait(_PATIENCE_S)
            host.clients.clear()

    def history(self) -> tuple[list[Op], list[str]]:
        """Everything that clients noted, and what is wrong by itself."""
        ops: list[Op] = []
        wrong: list[str] = []
        for path in sorted(self.directory.glob("*.notes")):
            found, bad = read_history(path)
            ops += found
            wrong += bad
        for one in self.membership.losses:
            ops += one.ops(KEYS)
        for path in sorted(self.directory.glob("*.err")):
            wrong += [f"{path.name}: {path.read_text()}"] if path.read_text() else []
        return ops, wrong

    def slowest_s(self) -> float:
        """Seconds of the longest operation."""
        return max(slowest(path) for path in self.directory.glob("*.notes"))

    def check_stores(self) -> list[str]:
        """Stop the nodes and verify their stores."""
        wrong = []
        for host in self.hosts.values():
            tell(host.process, "stop")
            host.process.wait(_PATIENCE_S)
            store = open_store(host.store)
            report = store.check()
            close_store(store)
            wrong += [] if report.ok else [f"{host.name}: {report}"]
        return wrong

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for host in self.hosts.values():
            for process in (host.process, *(one.process for one in host.clients)):
                kill(process)
        self.membership.close()


def tell(process: subprocess.Popen[str], *words: object) -> None:
    """Give a node process an order."""
    assert process.stdin is not None
    with suppress(OSError, ValueError):
        process.stdin.write(json.dumps(words) + "\n")


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process with -9, paused or not."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stderr, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
