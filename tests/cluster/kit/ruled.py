"""Nodes that a real roster rules, and clients that write and read all the while."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gridcache.cluster.home.home import Moved
from gridcache.cluster.home.moved import MovedError
from gridcache.cluster.home.owner import new_token
from gridcache.cluster.table.placement import partition_of
from gridcache.cluster.table.roster import MemberInfo, Roster
from gridcache.cluster.table.view import Member, View
from gridcache.store.outcome import Hit
from tests.cluster.kit.nodes import CAPACITY, Node

__all__ = ["Client", "RuledGrid", "ruled"]

_LATER_S = 100.0
"""No lease holds so long."""
_PATIENCE_S = 30.0


class RuledGrid:
    """A membership without its actor: this thread does the nodes' chores."""

    def __init__(self, directory: Path) -> None:
        self.roster = Roster("test")
        self.nodes: dict[int, Node] = {}
        self._directory = directory
        self._now_s = _LATER_S

    @property
    def view(self) -> View:
        return self.roster.view

    def join(self, name: str) -> Node:
        """Add a member; what is to move to it has not yet begun to."""
        node = Node(self._directory / name, 0)
        self._take_in(node)
        return node

    def _take_in(self, node: Node) -> None:
        host, port = node.address
        name = node.name
        path = str(node.store.directory)
        info = MemberInfo(name, host, port, f"ray-{name}", path, CAPACITY)
        member = self.roster.join(info, 0.0)
        assert isinstance(member, Member)
        node.number = member.number
        self.nodes[member.number] = node
        self.publish()

    def publish(self) -> None:
        for number, node in self.nodes.items():
            if self.view.member(number) is not None:
                node.install(self.view)

    def settle(self) -> None:
        """Do everybody's chores until there are none."""
        until = time.monotonic() + _PATIENCE_S
        while self._round():
            assert time.monotonic() < until, "moves and fills do not end"

    def _round(self) -> bool:
        """As every node's mover does; True if there is more to do."""
        more = False
        for number, node in list(self.nodes.items()):
            if self.view.member(number) is None:
                continue
            self.roster.moved(number, node.handover.pull_moves(self.view))
            self.publish()
            filled = node.handover.fill_backups(self.view)
            self.roster.backed_up(number, filled)
            self.publish()
            more |= not node.handover.reregister(self.view)
        copies = any(len(self.view.unfilled(number)) for number in self.nodes)
        return more or bool(self.view.moves) or copies

    def drain(self, node: Node) -> None:
        """Have a node give everything away and go."""
        node.handover.hand_over_copies(_PATIENCE_S)
        self.roster.drain(node.name)
        self.publish()
        self.settle()
        assert self.view.member(node.number) is None
        self.nodes.pop(node.number).close()
        self.publish()

    def lose(self, node: Node) -> None:
        """Lose a node with everything on it."""
        del self.nodes[node.number]
        node.close()
        self._give_up(node)

    def cut_off(self, node: Node) -> None:
        """Let a node's lease run out, and go on without it; it does not know why."""
        node.standing.renew(0)
        del self.nodes[node.number]
        self._give_up(node)

    def rejoin(self, node: Node) -> None:
        """Take a node in again that was cut off: as another member."""
        self._take_in(node)

    def _give_up(self, node: Node) -> None:
        for number in self.nodes:
            self.roster.renew(number, self._now_s)
        lost = self.roster.lost({f"ray-{node.name}"}, self._now_s, time.time())
        assert [member.number for member in lost] == [node.number]
        self._now_s += _LATER_S
        self.publish()

    def owner(self, key: str) -> tuple[Node | None, int]:
        """The home of a key, and its term, as clients see them."""
        view, partition = self.view, partition_of("default", key)
        node = self.nodes.get(int(view.owners[partition]))
        return node, int(view.terms[partition])

    def close(self) -> None:
        for node in self.nodes.values():
            node.close()
        self.nodes.clear()


class Client:
    """Writes and reads keys of its own; what it reads is what it wrote last."""

    def __init__(self, grid: RuledGrid, name: str, keys: int, replicas: int) -> None:
        self.grid = grid
        self.last: dict[str, bytes | None] = {f"{name}-{n}": None for n in range(keys)}
        self.done = 0
        self._replicas = replicas
        self._random = random.Random(name)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.failure: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._step()
                self.done += 1
        except BaseException as error:  # noqa: BLE001 - raised by `stop`
            self.failure = error

    def _step(self) -> None:
        key = self._random.choice(list(self.last))
        what = self._random.random()
        if what < 0.4:
            self.check(key)
        elif what < 0.9:
            value = b"%d " % self.done * self._random.choice((1, 30, 5000))
            self.put(key, value)
        else:
            self.delete(key)

    def put(self, key: str, value: bytes) -> None:
        token = new_token()

        def attempt(node: Node, _term: int) -> bool:
            node.put(key, value, replicas=self._replicas, token=token)
            return True

        self._at_home(key, attempt)
        self.last[key] = value

    def delete(self, key: str) -> None:
        token = new_token()

        def attempt(node: Node, term: int) -> bool:
            node.service.owner.delete(node.space, key, token=token, term=term)
            return True

        self._at_home(key, attempt)
        self.last[key] = None

    def check(self, key: str) -> None:
        """Read a key: it must be what was written last."""
        found = self.read(key)
        assert found == self.last[key], self._explain(key, found)

    def _explain(self, key: str, found: bytes | None) -> str:
        """Where something is stored under a key, under which terms."""
        partition = partition_of("default", key)
        lines = [
            f"{key}, partition {partition}: {found!r:.50}, not {self.last[key]!r:.50}"
        ]
        view = self.grid.view
        lines.append(
            f"owner {view.owners[partition]}, term {view.terms[partition]}, copies {view.copies(partition)} move {[m for m in view.moves if m.partition == partition]}"
        )
        for number, node in self.grid.nodes.items():
            entry = node.entry(key)
            what = f"{entry.stamp} {node.value(key)!r:.50}" if entry else "nothing"
            lines.append(
                f"node {number}: term {node.standing.term(partition)} copy {node.standing.copy_term(partition)} marked {node.standing.is_replicated(partition)} {what}"
            )
        return "\n".join(lines)

    def read(self, key: str) -> bytes | None:
        found: list[bytes | None] = []

        def attempt(node: Node, _term: int) -> bool:
            hit = node.service.home.look(node.space, key)
            if isinstance(hit, Moved):
                return False
            found.append(bytes(hit.body) if isinstance(hit, Hit) else None)
            return True

        self._at_home(key, attempt)
        return found[0]

    def _at_home(self, key: str, attempt: Callable[[Node, int], bool]) -> None:
        until = time.monotonic() + _PATIENCE_S
        while True:
            node, term = self.grid.owner(key)
            try:
                if node is not None and attempt(node, term):
                    return
            except MovedError:
                pass
            assert time.monotonic() < until, f"the home of {key!r} is not found"
            time.sleep(0.002)


@contextmanager
def ruled(directory: Path) -> Iterator[RuledGrid]:
    """A grid without members; its stores are checked at the end."""
    grid = RuledGrid(directory)
    try:
        yield grid
    finally:
        grid.close()
