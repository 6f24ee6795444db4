"""Views: what is packed is what is read; broken bytes are refused."""

import pytest

from gridcache.cluster.table.roster import MemberInfo, Roster
from gridcache.cluster.table.view import Member, View
from gridcache.errors import StoreFormatError

ARRAYS = (
    "owners",
    "terms",
    "backups",
    "backup_terms",
    "ready",
    "lost_at",
    "lost_epochs",
    "empty_epochs",
)


@pytest.fixture
def view() -> View:
    roster = Roster("g")
    for name in ("a", "b"):
        info = MemberInfo(name, "host", 1, f"ray-{name}", "/store", 1 << 30, {"x": "1"})
        roster.join(info, 0.0)
    return roster.view


def test_a_packed_view_is_read_back(view: View) -> None:
    read = View.unpack(view.pack())
    assert (read.grid, read.epoch) == ("g", view.epoch)
    assert read.members == view.members
    assert read.moves == view.moves
    assert len(view.moves) == 64
    for name in ARRAYS:
        assert (getattr(read, name) == getattr(view, name)).all()


def test_the_arrays_of_a_view_are_read_only(view: View) -> None:
    for one in (view, View.unpack(view.pack()), View.empty("g")):
        for name in ARRAYS:
            with pytest.raises(ValueError, match="read-only"):
                getattr(one, name)[0] = 1


def test_an_unpacked_view_does_not_hold_the_callers_buffer(view: View) -> None:
    buffer = bytearray(view.pack())
    read = View.unpack(memoryview(buffer))
    buffer[:] = bytes(len(buffer))
    assert (read.terms == view.terms).all()


@pytest.mark.parametrize("cut", [0, 8, 15, 100, -1])
def test_a_part_of_a_view_is_refused(view: View, cut: int) -> None:
    with pytest.raises(StoreFormatError):
        View.unpack(view.pack()[:cut])


def test_other_bytes_are_refused(view: View) -> None:
    with pytest.raises(StoreFormatError):
        View.unpack(b"x" + view.pack()[1:])
    with pytest.raises(StoreFormatError):
        View.unpack(view.pack() + b"\0")


def test_members_are_found_by_number_name_and_partition(view: View) -> None:
    member = view.by_name("b")
    assert isinstance(member, Member)
    assert view.member(member.number) is member
    assert view.owner(0) is view.member(int(view.owners[0]))
    assert member.address == ("host", 1)
    assert view.by_name("c") is None
    assert view.member(9) is None


def test_moves_are_found_by_both_ends(view: View) -> None:
    assert view.moves_from(1) == view.moves == view.moves_to(2)
    assert view.moves_from(2) == () == view.moves_to(1)


def test_an_empty_view_has_no_owner() -> None:
    view = View.empty("g")
    assert view.owner(5) is None
    assert not view.replicated
