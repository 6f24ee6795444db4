"""Interleavings that broke earlier drafts of the grid, each made to happen.

Gates stand where one side is to wait for the other; nothing waits for a time.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gridcache.cluster.home import owner as owner_module
from gridcache.cluster.home.moved import MovedError
from gridcache.cluster.home.owner import new_token
from gridcache.cluster.table.placement import partition_of
from gridcache.codec import encode
from gridcache.errors import NodeLostError
from gridcache.store.records import Entry, Stamp, entry_key
from gridcache.store.writer import Order
from tests.cluster.kit.small_grid import Node, SmallGrid

PATIENCE_S = 30.0


@pytest.fixture
def grid(store_dir: Path) -> Iterator[SmallGrid]:
    with SmallGrid(store_dir, "a", "b", "c") as grid:
        yield grid


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


class Gate:
    """Stands in for a method; its first call waits, before or after its work."""

    def __init__(self, owner: Any, name: str, *, before: bool = False) -> None:
        self._owner, self._name = owner, name
        self._call: Callable[..., Any] = getattr(owner, name)
        self._before = before
        self._arrived, self._open = threading.Event(), threading.Event()
        setattr(owner, name, self)

    def __call__(self, *args: Any, **options: Any) -> Any:
        setattr(self._owner, self._name, self._call)
        if self._before:
            self._wait()
            return self._call(*args, **options)
        result = self._call(*args, **options)
        self._wait()
        return result

    def _wait(self) -> None:
        self._arrived.set()
        assert self._open.wait(PATIENCE_S)

    def wait(self) -> None:
        """Until somebody stands before it."""
        assert self._arrived.wait(PATIENCE_S)

    def open(self) -> None:
        """Let it through."""
        self._open.set()


def entry_of(node: Node, key: str) -> Entry | None:
    space = node.cache()._values.space
    name, _ = entry_key(space.id, key)
    return node.store.snapshot(lambda txn: node.store.entry_in(txn, name))


def order_for(node: Node, key: str, value: Any, stamp: Stamp | None = None) -> Order:
    order = Order(node.cache()._values.space, key, encode(value))
    return order if stamp is None else order._replace(stamp=stamp)


def copy_of(grid: SmallGrid, key: str) -> Node:
    """The node that keeps the copy of a key."""
    ((number, _),) = grid.roster.view.copies(partition_of("c", key))
    return next(one for one in grid.nodes.values() if one.member.number == number)  # type: ignore[union-attr]


def third(grid: SmallGrid, *others: Node) -> Node:
    return next(one for one in grid.nodes.values() if one not in others)


class TestCutOff:
    def test_clients_of_a_home_that_is_cut_off_wait_for_what_counts(
        self, grid: SmallGrid, pool: ThreadPoolExecutor
    ) -> None:
        key = grid.key_at("b")
        there = grid.nodes["b"].cache()
        there[key] = "old"
        assert there[key] == "old"
        node = grid.cut_off("b")
        grid.nodes["a"].cache()[key] = "new"
        reading = pool.submit(there.get, key)
        grid.join(node)
        assert reading.result(PATIENCE_S) == "new"
        grid.settle()
        assert [one.cache()[key] for one in grid.nodes.values()] == ["new"] * 3

    def test_a_reader_paused_at_a_home_that_is_lost_and_back_shows_nothing_old(
        self, grid: SmallGrid, pool: ThreadPoolExecutor
    ) -> None:
        key = grid.key_at("b")
        node, there = grid.nodes["b"], grid.nodes["b"].cache()
        there[key] = "old"
        gate = Gate(there._values.store, "get")
        reading = pool.submit(there.get, key)
        gate.wait()
        grid.cut_off("b")
        grid.nodes["a"].cache()[key] = "new"
        grid.join(node)
        gate.open()
        assert reading.result(PATIENCE_S) == "new"

    def test_what_a_home_has_when_it_is_back_does_not_count(
        self, grid: SmallGrid
    ) -> None:
        here, there = grid.nodes["a"].cache(), grid.nodes["b"].cache()
        keys = [grid.key_at("b", stem=f"s{number}-") for number in range(30)]
        there.put_many(dict.fromkeys(keys, "old"))
        node = grid.cut_off("b")
        old = node.member
        here.put_many(dict.fromkeys(keys[:10], "new"))
        here.delete_many(keys[10:20])
        grid.join(node)
        assert old is not None
        assert node.member is not None
        assert node.member.number != old.number
        grid.settle()
        assert any(grid.home_of(key).name == "b" for key in keys)
        for one in grid.nodes.values():
            assert one.cache().get_many(keys) == dict.fromkeys(keys[:10], "new")

    def test_a_home_that_is_back_before_it_is_missed_has_everything(
        self, grid: SmallGrid
    ) -> None:
        key = grid.key_at("b")
        there = grid.nodes["b"].cache()
        there[key] = "value"
        node = grid.nodes.pop("b")
        node.lease(0.0)
        grid.join(node)
        assert there[key] == "value"
        assert grid.nodes["a"].cache()[key] == "value"


class TestCommitted:
    """A write whose lease ends between its commit and the look at the lease."""

    @pytest.fixture
    def key(self, grid: SmallGrid) -> str:
        return grid.key_at("b")

    @pytest.fixture
    def gate(self, grid: SmallGrid) -> Gate:
        return Gate(grid.nodes["b"].cache()._values.store, "put")

    def test_it_counts_if_the_lease_comes_back(
        self, grid: SmallGrid, pool: ThreadPoolExecutor, key: str, gate: Gate
    ) -> None:
        node = grid.nodes["b"]
        writing = pool.submit(node.cache().put, key, "value")
        gate.wait()
        node.lease(0.0)
        gate.open()
        assert not writing.done()
        node.lease()
        writing.result(PATIENCE_S)
        assert grid.nodes["a"].cache()[key] == "value"

    def test_it_is_lost_with_the_membership(
        self, grid: SmallGrid, pool: ThreadPoolExecutor, key: str, gate: Gate
    ) -> None:
        node = grid.nodes["b"]
        writing = pool.submit(node.cache().put, key, "value")
        gate.wait()
        grid.cut_off("b")
        gate.open()
        grid.nodes["a"].cache()[key] = "newer"
        grid.join(node)
        writing.result(PATIENCE_S)
        grid.settle()
        assert [one.cache()[key] for one in grid.nodes.values()] == ["newer"] * 3

    def test_nobody_knows_if_no_lease_comes(
        self,
        grid: SmallGrid,
        pool: ThreadPoolExecutor,
        key: str,
        gate: Gate,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(owner_module, "_LEASE_WAIT_S", 0.0)
        node = grid.nodes["b"]
        writing = pool.submit(node.cache().put, key, "value")
        gate.wait()
        node.lease(0.0)
        gate.open()
        with pytest.raises(NodeLostError, match="may be stored or not"):
            writing.result(PATIENCE_S)


class TestLateMessages:
    def test_a_write_of_an_earlier_ownership_is_refused(self, grid: SmallGrid) -> None:
        key = grid.key_at("b")
        far = grid.nodes["a"].cache()._values._far  # type: ignore[attr-defined]
        order = order_for(grid.nodes["a"], key, "late")
        term = int(grid.roster.view.terms[partition_of("c", key)])
        grid.move(key, "c")
        grid.nodes["c"].cache()[key] = "newer"
        grid.move(key, "b")
        owner = grid.nodes["b"].member
        with pytest.raises(MovedError):
            far.put(owner, order, (new_token(), term, 1, False))
        assert grid.nodes["a"].cache()[key] == "newer"

    def test_a_repeated_write_is_carried_out_once(
        self, grid: SmallGrid, pool: ThreadPoolExecutor
    ) -> None:
        """Its answer is lost, and before it is repeated somebody writes over it."""
        key, home = grid.key_at("b"), grid.nodes["b"]
        gate = Gate(home.service.owner, "put")
        writing = pool.submit(grid.nodes["a"].cache().put, key, "first")
        gate.wait()
        home.server.cut("a")
        grid.nodes["c"].cache()[key] = "second"
        gate.open()
        home.server.mend("a")
        writing.result(PATIENCE_S)
        assert [one.cache()[key] for one in grid.nodes.values()] == ["second"] * 3

    def test_writes_of_a_bulk_are_repeated_under_their_own_names(
        self, grid: SmallGrid, pool: ThreadPoolExecutor
    ) -> None:
        """The answer is lost, then the home cannot be reached, then it is lost."""
        home = grid.nodes["b"]
        keys = [grid.key_at("b", stem=f"s{number}-") for number in range(5)]
        gate = Gate(home.service.owner, "put")
        writing = pool.submit(
            grid.nodes["a"].cache().put_many, dict.fromkeys(keys, "first")
        )
        gate.wait()
        home.server.cut("a")
        gate.open()
        assert grid.nodes["c"].cache()[keys[0]] == "first"
        grid.cut_off("b")
        grid.nodes["c"].cache()[keys[0]] = "second"
        writing.result(PATIENCE_S)
        assert grid.nodes["c"].cache()[keys[0]] == "second"
        assert grid.nodes["a"].cache()[keys[0]] == "second"

    def test_who_deletes_a_key_keeps_no_copy_that_its_home_has_not_heard_of(
        self, grid: SmallGrid
    ) -> None:
        key = grid.key_at("b")
        grid.nodes["a"].cache().put(key, "value", immutable=True)
        reader = grid.nodes["c"].cache()
        arrivals = reader._values._far._arrivals  # type: ignore[attr-defined]
        gate = Gate(arrivals, "_tell", before=True)
        assert reader[key] == "value"
        gate.wait()
        del reader[key]
        assert key not in reader
        gate.open()

    def test_a_deleted_key_is_not_registered_again(self, grid: SmallGrid) -> None:
        key = grid.key_at("b")
        holder, home = grid.nodes["c"], grid.nodes["b"]
        holder.cache().put(key, "value", immutable=True)
        holder.server.cut("b")
        del grid.nodes["a"].cache()[key]
        assert holder.cache()[key] == "value"  # it has not heard of it
        assert home.cache().get(key) is None
        holder.server.mend("b")
        assert holder.chores.reregister(grid.roster.view)
        assert [one.cache().get(key) for one in grid.nodes.values()] == [None] * 3

    def test_nor_at_the_next_home(self, grid: SmallGrid) -> None:
        key = grid.key_at("b")
        holder = third(grid, grid.nodes["b"], copy_of(grid, key))
        holder.cache().put(key, "value", immutable=True)
        holder.server.cut("b")
        del grid.nodes["b"].cache()[key]
        grid.lose("b")
        assert holder.chores.reregister(grid.roster.view)
        assert [one.cache().get(key) for one in grid.nodes.values()] == [None] * 2


class TestHandedOver:
    def test_a_write_meanwhile_waits_for_the_next_home(
        self, grid: SmallGrid, pool: ThreadPoolExecutor
    ) -> None:
        key, source, target = grid.key_at("b"), grid.nodes["b"], grid.nodes["a"]
        source.cache()[key] = "old"
        gate = Gate(target.chores._intake, "_take_legacy", before=True)
        moving = pool.submit(grid.move, key, "a")
        gate.wait()
        writing = pool.submit(source.cache().put, key, "new")
        reading = pool.submit(grid.nodes["c"].cache().get, key)
        gate.open()
        moving.result(PATIENCE_S)
        writing.result(PATIENCE_S)
        assert reading.result(PATIENCE_S) in {"old", "new"}
        assert [one.cache()[key] for one in grid.nodes.values()] == ["new"] * 3

    def test_a_write_whose_transaction_comes_after_the_freeze_is_made_at_the_next(
        self, grid: SmallGrid, pool: ThreadPoolExecutor
    ) -> None:
        """It looked at the home's term before, and looks again inside."""
        key, source = grid.key_at("b"), grid.nodes["b"]
        source.cache()[key] = "old"
        gate = Gate(source.cache()._values.local.owner, "_put_alone", before=True)  # type: ignore[attr-defined]
        writing = pool.submit(source.cache().put, key, "new")
        gate.wait()
        grid.move(key, "a")
        gate.open()
        writing.result(PATIENCE_S)
        assert [one.cache()[key] for one in grid.nodes.values()] == ["new"] * 3


class TestCopies:
    def test_a_write_that_only_its_copy_has_is_carried_out_once(
        self, grid: SmallGrid, pool: ThreadPoolExecutor
    ) -> None:
        key = grid.key_at("b")
        home, copy = grid.nodes["b"], copy_of(grid, key)
        client = third(grid, home, copy).cache()
        client.put(key, "first", replicas=2)
        gate = Gate(home.service.owner, "_commit_copied", before=True)
        writing = pool.submit(client.put, key, "second", replicas=2)
        gate.wait()
        grid.cut_off("b")
        stored = entry_of(copy, key)
        assert copy.cache()[key] == "second"
        gate.open()
        writing.result(PATIENCE_S)
        assert entry_of(copy, key) == stored
        assert client[key] == "second"

    @pytest.mark.parametrize("replicas", [1, 2])
    def test_a_write_that_never_reached_a_lost_home_is_not_taken_as_done(
        self, grid: SmallGrid, pool: ThreadPoolExecutor, replicas: int
    ) -> None:
        """What the copy shows is older: the write must not seem to be before it."""
        key = grid.key_at("b")
        home, copy = grid.nodes["b"], copy_of(grid, key)
        client = third(grid, home, copy).cache()
        client.put(key, "first", replicas=2)
        gate = Gate(home.service.owner, "put", before=True)
        writing = pool.submit(client.put, key, "second", replicas=replicas)
        gate.wait()
        home.server.cut(third(grid, home, copy).name)
        grid.cut_off("b")
        if replicas == 1:
            with pytest.raises(NodeLostError, match="may be stored or not"):
                writing.result(PATIENCE_S)
            assert client[key] == "first"
        else:
            writing.result(PATIENCE_S)
            assert client[key] == "second"
        gate.open()

    def test_a_delete_that_never_reached_a_lost_home_is_carried_out(
        self, grid: SmallGrid, pool: ThreadPoolExecutor
    ) -> None:
        key = grid.key_at("b")
        home, copy = grid.nodes["b"], copy_of(grid, key)
        client = third(grid, home, copy)
        client.cache().put(key, "value", replicas=2)
        gate = Gate(home.service.owner, "delete", before=True)
        deleting = pool.submit(client.cache().delete_many, [key])
        gate.wait()
        home.server.cut(client.name)
        grid.cut_off("b")
        assert deleting.result(PATIENCE_S) == 1
        gate.open()
        assert key not in client.cache()
        assert key not in copy.cache()

    def test_a_late_write_is_not_carried_out_over_a_newer_one(
        self, grid: SmallGrid, pool: ThreadPoolExecutor
    ) -> None:
        """It was read before its home was lost, so it cannot come after that."""
        key = grid.key_at("b")
        home, copy = grid.nodes["b"], copy_of(grid, key)
        client = third(grid, home, copy)
        gate = Gate(home.service.owner, "put")
        writing = pool.submit(client.cache().put, key, "first")
        gate.wait()
        assert copy.cache()[key] == "first"
        home.server.cut(client.name)
        gate.open()
        grid.cut_off("b")
        copy.cache()[key] = "second"
        writing.result(PATIENCE_S)
        assert client.cache()[key] == "second"

    def test_an_older_write_at_a_copy_is_told_its_place(self, grid: SmallGrid) -> None:
        key = grid.key_at("b")
        copy, view = copy_of(grid, key), grid.roster.view
        partition = partition_of("c", key)
        grid.nodes["b"].cache().put(key, "newer", replicas=2)
        stored = entry_of(copy, key)
        assert stored is not None
        terms = int(view.terms[partition]), view.copies(partition)[0][1]
        late = order_for(copy, key, "older", Stamp(0, 5, 0))
        assert copy.service.backup.keep_copy(late, terms, new_token()) == (
            stored.stamp.origin
        )
        assert entry_of(copy, key) == stored

    def test_a_home_whose_clock_is_behind_writes_over_what_is_there(
        self, grid: SmallGrid, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first write is left at the copy alone, by a home with a faster clock."""
        key = grid.key_at("b")
        home, copy, partition = (
            grid.nodes["b"],
            copy_of(grid, key),
            partition_of("c", key),
        )
        terms = int(grid.roster.view.terms[partition])
        ((_, copy_term),) = grid.roster.view.copies(partition)
        ahead = order_for(copy, key, "left there", Stamp(0, 1 << 62, 0))
        assert copy.service.backup.keep_copy(ahead, (terms, copy_term), 1) == 0
        home.cache().put(key, "acknowledged", replicas=2)
        grid.lose("b")
        assert copy.cache()[key] == "acknowledged"
        monkeypatch.setattr(owner_module, "boot_ns", lambda: 1)
        grid.settle()
        copy.cache().put(key, "newest", replicas=2)
        grid.lose(copy.name)
        (last,) = grid.nodes.values()
        assert last.cache()[key] == "newest"

    def test_a_late_put_does_not_pass_a_tombstone(self, grid: SmallGrid) -> None:
        key = grid.key_at("b")
        copy, view = copy_of(grid, key), grid.roster.view
        partition = partition_of("c", key)
        cache = grid.nodes["b"].cache()
        cache.put(key, "value", replicas=2)
        before = entry_of(copy, key)
        assert before is not None
        del cache[key]
        terms = int(view.terms[partition]), view.copies(partition)[0][1]
        late = order_for(copy, key, "value", before.stamp)
        assert copy.service.backup.keep_copy(late, terms, new_token()) > 0
        grid.lose("b")
        assert key not in copy.cache()

    @pytest.mark.parametrize("write", ["put", "delete"])
    def test_a_key_evicted_at_home_alone_does_not_come_back_from_its_copy(
        self, grid: SmallGrid, write: str
    ) -> None:
        key = grid.key_at("b")
        home, copy = grid.nodes["b"], copy_of(grid, key)
        home.cache().put(key, "old", replicas=2)
        assert home.store.delete(home.cache()._values.space, [key]) == 1
        if write == "put":
            home.cache()[key] = "new"
        else:
            home.cache().delete_many([key])
        grid.lose("b")
        assert copy.cache().get(key) == ("new" if write == "put" else None)

    def test_a_write_asked_for_twice_at_once_leaves_one_order(
        self, grid: SmallGrid, pool: ThreadPoolExecutor
    ) -> None:
        """Else a copy could store it once more, after others."""
        key = grid.key_at("b")
        home, copy = grid.nodes["b"], copy_of(grid, key)
        owner, token = home.service.owner, new_token()
        gate = Gate(owner, "_commit_copied", before=True)
        first = pool.submit(
            owner.put, order_for(home, key, "value"), token=token, replicas=2
        )
        gate.wait()
        again = pool.submit(
            owner.put, order_for(home, key, "value"), token=token, replicas=2
        )
        gate.open()
        assert first.result(PATIENCE_S) is not None
        assert again.result(PATIENCE_S) is None
        at_home, at_copy = entry_of(home, key), entry_of(copy, key)
        assert at_home is not None
        assert at_copy is not None
        assert at_home.stamp.origin == at_copy.stamp.origin


class TestFences:
    def test_a_flight_does_not_outlive_that_its_key_was_elsewhere(
        self, grid: SmallGrid
    ) -> None:
        """Deleted at another home meanwhile: what was computed is older than that."""
        key, there = grid.key_at("b"), grid.nodes["c"].cache()

        def compute() -> str:
            grid.move(key, "a")
            there[key] = "put"
            del there[key]
            grid.move(key, "b")
            return "computed"

        assert grid.nodes["b"].cache().get_or_compute(key, compute) == "computed"
        assert key not in there

    def test_nor_one_that_is_led_from_afar(self, grid: SmallGrid) -> None:
        key, there = grid.key_at("b"), grid.nodes["c"].cache()

        def compute() -> str:
            grid.move(key, "a")
            there[key] = "put"
            del there[key]
            grid.move(key, "b")
            return "computed"

        assert there.get_or_compute(key, compute) == "computed"
        assert key not in grid.nodes["a"].cache()

    def test_a_number_of_one_home_is_no_fence_at_another(self, grid: SmallGrid) -> None:
        flights = grid.nodes["b"].service.flights
        number = flights._named(7)
        assert flights._own(number) == 7
        other = grid.nodes["a"].service.flights
        assert other._own(number) == 0
        fence = other.fence(number)
        assert fence is not None
        assert not grid.nodes["a"].store.transact(fence)
