"""The thread that keeps a node in its grid, round by round, with a real roster."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from gridcache.cluster.actors.lease_keeper import LeaseKeeper
from gridcache.cluster.actors.mover import Mover
from gridcache.cluster.actors.posts import Joined, NodeReport, Renewal, pack_view
from gridcache.cluster.home.standing import Standing, boot_ns
from gridcache.cluster.table.leases import GRACE_S, LEASE_S, RENEW_S
from gridcache.cluster.table.roster import MemberInfo, NotMember, NotYet, Roster
from gridcache.cluster.table.view import View
from gridcache.errors import NoAvailableNodesError
from gridcache.store.opening import close_store, open_store


class Office:
    """The membership without Ray, at a time that the test sets."""

    def __init__(self) -> None:
        self.roster = Roster("default")
        self.now_s = 100.0
        self.away = False
        self.drained = False

    def join(self, report: NodeReport) -> Joined:
        self._answer()
        found = self.roster.join(report.info, self.now_s)
        if isinstance(found, NotYet):
            return Joined(number=None, retry_s=found.retry_at_s - self.now_s)
        return Joined(number=found.number, view=pack_view(self.roster.view))

    def renew(self, number: int, report: NodeReport) -> Renewal:
        self._answer()
        grant = self.roster.renew(number, self.now_s)
        if isinstance(grant, NotMember):
            return Renewal(drained=self.drained, view=pack_view(self.roster.view))
        news = report.epoch != grant.epoch
        view = pack_view(self.roster.view) if news else b""
        return Renewal(lease_s=grant.lease_s, view=view)

    def moved(self, number: int, moves: Iterable[tuple[int, int]]) -> None:
        self._answer()
        self.roster.moved(number, moves)

    def backed_up(self, number: int, filled: Iterable[tuple[int, int]]) -> None:
        self._answer()
        self.roster.backed_up(number, filled)

    def drain(self, name: str) -> bool:
        return self.roster.drain(name) is not None

    def remove(self) -> None:
        """Let everybody be silent for so long that all are removed."""
        self.now_s += GRACE_S + LEASE_S
        self.roster.lost((), self.now_s)

    def _answer(self) -> None:
        if self.away:
            message = "the membership is away"
            raise ConnectionError(message)


class Place:
    """A node's store and standing, and a keeper of its lease."""

    def __init__(self, directory: Path, office: Office) -> None:
        self.store = open_store(directory, capacity_nbytes=8 << 20)
        self.inner = Standing.create(self.store)
        self.number: int | None = None
        self.views: list[int] = []
        self.dismissals = 0
        self.writes: list[tuple[str, int]] = []
        self.keeper = LeaseKeeper(
            office,
            self,
            self.describe,
            installed=self.installed,
            dismissed=self.dismissed,
        )

    def install(self, view: View, member: int) -> None:
        self.writes.append(("install", member))
        self.inner.install(self.store, view, member)

    def renew(self, deadline_ns: int) -> None:
        self.writes.append(("renew", self.inner.member))
        self.inner.renew(deadline_ns)

    def describe(self, number: int | None, epoch: int) -> NodeReport:
        info = MemberInfo(
            name="a",
            host="127.0.0.1",
            port=1,
            ray_node_id="ray-a",
            store=str(self.store.directory),
            capacity_nbytes=8 << 20,
            number=self.number if number is None else number,
        )
        return NodeReport(
            info=info,
            epoch=epoch,
            free_nbytes=1,
            entries=0,
            blocks=0,
            next_block=0,
            pid=1,
        )

    def installed(self, view: View, number: int) -> None:
        self.number = number
        self.views.append(view.epoch)

    def dismissed(self) -> None:
        self.dismissals += 1

    def close(self) -> None:
        self.keeper.stop()
        self.inner.close()
        close_store(self.store)


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def place(store_dir: Path, office: Office) -> Iterator[Place]:
    made = Place(store_dir / "a", office)
    yield made
    made.close()


def test_a_node_joins_and_has_a_lease_after_the_terms(place: Place) -> None:
    assert place.keeper.round() == RENEW_S
    assert place.writes == [("install", 1), ("renew", 1)]
    assert place.inner.has_lease()
    assert place.inner.deadline_ns - boot_ns() < LEASE_S * 1e9
    assert place.inner.term(0) > 0


def test_an_unchanged_view_is_not_installed_again(place: Place) -> None:
    for _ in range(3):
        place.keeper.round()
    assert [what for what, _ in place.writes] == ["install", *["renew"] * 3]


def test_a_membership_that_is_away_leaves_the_lease_to_run_out(
    place: Place, office: Office
) -> None:
    place.keeper.round()
    before = place.inner.deadline_ns
    office.away = True
    with pytest.raises(ConnectionError):
        place.keeper.round()
    assert place.inner.deadline_ns == before
    office.away = False
    place.keeper.round()
    assert place.inner.deadline_ns > before
    assert place.keeper.number == 1


def test_a_removed_node_joins_anew_with_no_lease_between(
    place: Place, office: Office
) -> None:
    place.keeper.round()
    office.roster.join(other_node(), office.now_s)
    office.remove()
    before = len(place.writes)
    assert place.keeper.round() == 0.0
    assert place.keeper.number is None
    place.keeper.round()
    assert place.writes[before:] == [("install", 3), ("renew", 3)]
    assert place.inner.member == 3


def other_node() -> MemberInfo:
    return MemberInfo(
        name="b", host="h", port=2, ray_node_id="r", store="s", capacity_nbytes=1 << 20
    )


def test_a_drained_node_joins_no_more(place: Place, office: Office) -> None:
    place.keeper.round()
    office.remove()
    office.drained = True
    place.keeper.start()
    place.keeper._thread.join(timeout=10)
    assert place.dismissals == 1
    assert place.keeper.number is None


def test_clients_of_a_drained_node_know_who_has_what_it_had(
    place: Place, office: Office
) -> None:
    place.keeper.round()
    office.roster.join(other_node(), office.now_s)
    office.remove()
    office.drained = True
    place.keeper.round()
    assert place.inner.view().epoch == office.roster.view.epoch
    assert not any(place.inner.term(partition) for partition in range(64))


def test_clients_of_a_node_without_a_grid_are_told_so(place: Place) -> None:
    place.keeper.round()
    (place.store.directory / "view").unlink()
    client = Standing(place.store.directory)
    with pytest.raises(NoAvailableNodesError, match="open the cache again"):
        client.view()
    client.close()


def test_a_node_waits_while_one_of_its_name_may_still_serve(
    place: Place, office: Office
) -> None:
    before = place.describe(None, -1).info
    office.roster.join(before, office.now_s)
    office.roster.renew(1, office.now_s)
    assert 0 < place.keeper.round() <= RENEW_S
    assert place.keeper.number is None
    office.now_s += LEASE_S * 2
    place.keeper.round()
    assert place.keeper.number == 2


def test_news_are_fetched_at_once(place: Place, office: Office) -> None:
    fetched = threading.Event()
    office_renew = office.renew

    def renew(number: int, report: NodeReport) -> Renewal:
        answer = office_renew(number, report)
        if answer.view and report.epoch > 0:
            fetched.set()
        return answer

    office.renew = renew  # type: ignore[method-assign]
    place.keeper.start()
    while not place.views:
        threading.Event().wait(0.01)
    office.roster.join(other_node(), office.now_s)
    place.keeper.wake()
    assert fetched.wait(RENEW_S / 2)


# -- chores --------------------------------------------------------------------------


class Chores:
    """Does what the views ask at once, or fails."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.fails = False
        self.told: list[int] = []

    def pull_moves(self, view: View) -> list[tuple[int, int]]:
        if self.fails:
            message = "the other node is away"
            raise ConnectionError(message)
        return [(move.partition, move.term) for move in view.moves_to(self.number)]

    def fill_backups(self, view: View) -> list[tuple[int, int]]:
        mine = [int(one) for one in view.unfilled(self.number)]
        return [(one, view.copies(one)[-1][1]) for one in mine]

    def reregister(self, view: View) -> bool:
        self.told.append(view.epoch)
        return True


def test_chores_are_done_until_the_view_asks_for_no_more(office: Office) -> None:
    for name in "ab":
        info = MemberInfo(
            name=name,
            host=name,
            port=1,
            ray_node_id=name,
            store=name,
            capacity_nbytes=1 << 20,
        )
        office.roster.join(info, office.now_s)
    movers = {number: Mover(office, Chores(number)) for number in (1, 2)}
    for _ in range(200):
        view = office.roster.view
        again = False
        for number, mover in movers.items():
            mover.go_by(view, number)
            again |= mover.round()
        if not again:
            break
    view = office.roster.view
    assert not view.moves
    assert view.replicated
    assert abs(int((view.owners == 1).sum()) - 2048) <= 1


def test_chores_that_fail_are_tried_again_by_the_thread(office: Office) -> None:
    chores = Chores(1)
    chores.fails = True
    mover = Mover(office, chores)
    mover.start()
    mover.go_by(office.roster.view, 1)
    threading.Event().wait(0.1)
    assert not chores.told
    chores.fails = False
    for _ in range(500):
        if chores.told:
            break
        threading.Event().wait(0.01)
    mover.stop()
    assert chores.told == [office.roster.view.epoch]
