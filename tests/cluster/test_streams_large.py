"""Large bodies: content, memory on both sides, and bytes that are only lent."""

import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from gridcache.cluster.streams.bodies import Budget, Target, file_target
from gridcache.cluster.streams.incoming import Incoming
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.streams.server import Server
from gridcache.cluster.streams.session import Session, StreamHandle
from gridcache.cluster.streams.wire import Answer, Buffer, Meta, Range
from gridcache.errors import (
    OutOfSpaceError,
    PeerError,
    PeerLostError,
    ValueTooLargeError,
)
from tests.cluster.kit.streams import (
    KEY,
    PATIENCE_S,
    ServerProcess,
    echo,
    empty_file,
    memory_file,
    needs_proc,
    nothing_left,
    peak_nbytes,
    reset_peak,
)

__all__ = ["nothing_left"]

pytestmark = pytest.mark.usefixtures("nothing_left")

MIB = 1 << 20
LARGE = 64 * MIB
SLACK = 12 * MIB
"""What a process may grow by for other reasons: far less than a large body."""


@pytest.fixture
def peers() -> Iterator[Peers]:
    with Peers(KEY) as peers:
        yield peers


@pytest.fixture(scope="module")
def process() -> Iterator[ServerProcess]:
    with ServerProcess() as process:
        yield process


@pytest.fixture
def target() -> Iterator[int]:
    fd = empty_file()
    yield fd
    os.close(fd)


@pytest.fixture
def full_file() -> Iterator[tuple[int, bytes]]:
    fd, content = memory_file(LARGE)
    yield fd, content
    os.close(fd)


def _serve_file(fd: int, done: threading.Event | None = None) -> Server:
    """Answer with what `meta` says of a file."""

    def handle(session: Session, op: str, meta: Meta, _: object) -> Answer:
        ranges = [Range(fd, offset, nbytes) for offset, nbytes in meta["ranges"]]
        return Answer({}, ranges, done.set if done else None)

    return Server(KEY, handle)


def _same(fd: int, content: bytes) -> bool:
    return os.pread(fd, len(content) + 1, 0) == content


def test_64_mib_go_from_file_to_file(
    peers: Peers, full_file: tuple[int, bytes], target: int
) -> None:
    fd, content = full_file
    with _serve_file(fd) as server:
        answer = peers.call(
            server.address,
            "get",
            {"ranges": [(0, LARGE)]},
            into=lambda meta, lengths: [file_target(target, 0)],
        )
    assert not answer.buffers
    assert _same(target, content)


@needs_proc
def test_a_file_is_sent_and_received_without_becoming_resident(
    process: ServerProcess,
    peers: Peers,
    full_file: tuple[int, bytes],
    target: int,
) -> None:
    fd, content = full_file
    peers.call(process.address, "put", {}, [b"warm"])
    before = peers.call(process.address, "peak", {}).meta["nbytes"]
    reset_peak()
    mine = peak_nbytes()
    peers.call(process.address, "put", {}, [Range(fd, 0, LARGE)])
    peers.call(
        process.address,
        "get",
        {"nbytes": LARGE},
        into=lambda meta, lengths: [file_target(target, 0)],
    )
    assert peak_nbytes() - mine < SLACK
    assert peers.call(process.address, "peak", {}).meta["nbytes"] - before < SLACK
    assert _same(target, content)


@needs_proc
def test_an_answer_that_is_not_read_is_not_buffered_by_either_side(
    process: ServerProcess, peers: Peers, full_file: tuple[int, bytes]
) -> None:
    fd, _ = full_file
    begun, go = threading.Event(), threading.Event()

    def slowly(chunk: memoryview) -> None:
        begun.set()
        assert go.wait(PATIENCE_S)

    peers.call(process.address, "put", {}, [Range(fd, 0, LARGE)])
    before = peers.call(process.address, "peak", {}).meta["nbytes"]
    reset_peak()
    mine = peak_nbytes()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(
            peers.call,
            process.address,
            "get",
            {"nbytes": LARGE},
            into=lambda meta, lengths: [slowly],
        )
        assert begun.wait(PATIENCE_S)
        grown = peers.call(process.address, "peak", {}).meta["nbytes"] - before
        assert grown < SLACK
        assert peak_nbytes() - mine < SLACK
        go.set()
        slow.result(PATIENCE_S)


def test_lent_bytes_may_change_once_the_answer_is_done_and_not_before(
    peers: Peers, target: int
) -> None:
    fd, content = memory_file(MIB)
    done = threading.Event()

    def overwrite() -> None:
        os.pwrite(fd, bytes(MIB), 0)
        done.set()

    def handle(*_: object) -> Answer:
        return Answer({}, [Range(fd, 0, MIB)], overwrite)

    write = file_target(target, 0)
    assert not isinstance(write, memoryview)
    early: list[bool] = []

    def slowly(chunk: memoryview) -> None:
        early.append(done.is_set())
        write(chunk)

    with Server(KEY, handle) as server:
        peers.call(server.address, "get", {}, into=lambda meta, lengths: [slowly])
        assert done.wait(PATIENCE_S)
    assert not any(early)
    assert _same(target, content)
    os.close(fd)


class _Hold:
    """Stands for a lease."""


def test_what_a_range_keeps_lives_until_the_peer_has_the_bytes_and_no_longer(
    peers: Peers,
) -> None:
    fd, _ = memory_file(MIB)
    gone = threading.Event()

    def handle(*_: object) -> Answer:
        hold = _Hold()
        weakref.finalize(hold, gone.set)
        return Answer({}, [Range(fd, 0, MIB, hold)])

    early: list[bool] = []
    with Server(KEY, handle) as server:
        peers.call(
            server.address,
            "get",
            {},
            into=lambda meta, lengths: [lambda chunk: early.append(gone.is_set())],
        )
        assert gone.wait(PATIENCE_S)
    assert early
    assert not any(early)
    os.close(fd)


def test_lent_bytes_whose_sender_went_before_it_was_asked_do_not_count(
    peers: Peers,
) -> None:
    fd, _ = memory_file(MIB)
    with _serve_file(fd) as server:

        def last_chunk_meets_no_server(chunk: memoryview) -> None:
            server.cut("")

        with pytest.raises(PeerLostError) as caught:
            peers.call(
                server.address,
                "get",
                {"ranges": [(0, MIB)]},
                into=lambda meta, lengths: [last_chunk_meets_no_server],
            )
    assert caught.value.sent
    os.close(fd)


def test_small_and_large_ranges_mix_with_each_other(
    peers: Peers, full_file: tuple[int, bytes]
) -> None:
    fd, content = full_file
    ranges = [(5, 0), (7, 3), (64, 300_001), (0, 262_144), (1, 262_143), (9, 100)]
    with _serve_file(fd) as server:
        answer = peers.call(server.address, "get", {"ranges": ranges})
        parts = [bytearray(nbytes) for _, nbytes in ranges]
        peers.call(
            server.address,
            "get",
            {"ranges": ranges},
            into=lambda meta, lengths: [memoryview(part) for part in parts],
        )
    expected = [content[offset : offset + nbytes] for offset, nbytes in ranges]
    assert [bytes(one) for one in answer.buffers] == expected
    assert parts == expected


@pytest.mark.parametrize("nbytes", [100, MIB])
def test_a_range_past_the_end_of_its_file_is_an_error_and_the_server_lives(
    peers: Peers, nbytes: int, caplog: pytest.LogCaptureFixture
) -> None:
    fd, content = memory_file(50)
    done = threading.Event()
    with _serve_file(fd, done) as server:
        with pytest.raises(PeerError if nbytes == 100 else PeerLostError):
            peers.call(server.address, "get", {"ranges": [(0, nbytes)]})
        assert done.wait(PATIENCE_S)
        answer = peers.call(server.address, "get", {"ranges": [(0, 50)]})
    assert answer.buffers == [content]
    os.close(fd)


def _keep(session: Session, meta: Meta, incoming: Incoming) -> Answer:
    parts = [bytearray(nbytes) for nbytes in incoming.lengths]
    incoming.into([memoryview(part) for part in parts])
    return Answer({}, parts)


def test_a_streamed_request_from_memory_and_files(peers: Peers) -> None:
    fd, content = memory_file(MIB)
    with Server(KEY, echo, streams={"keep": _keep}) as server:
        body: list[Buffer] = [b"", b"x" * 5, Range(fd, 0, MIB), Range(fd, 3, 10)]
        answer = peers.call(server.address, "keep", {}, body)
    expected = [b"", b"x" * 5, content, content[3:13]]
    assert [bytes(one) for one in answer.buffers] == expected
    os.close(fd)


def _no_room(chunk: memoryview) -> None:
    text = "no room"
    raise OutOfSpaceError(text, nbytes=1)


def _fail_first(session: Session, meta: Meta, incoming: Incoming) -> Answer:
    _no_room(memoryview(b""))
    return Answer()


def _fail_inside(session: Session, meta: Meta, incoming: Incoming) -> Answer:
    incoming.into([_no_room])
    return Answer()


def _leave_it(session: Session, meta: Meta, incoming: Incoming) -> Answer:
    return Answer({"left": incoming.lengths})


@pytest.mark.parametrize("handle", [_fail_first, _fail_inside])
def test_an_error_about_a_streamed_body_reaches_the_caller_on_the_same_connection(
    peers: Peers, handle: StreamHandle, full_file: tuple[int, bytes]
) -> None:
    with Server(KEY, echo, streams={"put": handle}) as server:
        port = peers.call(server.address, "who", {}).meta
        for body in (b"x" * LARGE, Range(full_file[0], 0, LARGE)):
            with pytest.raises(OutOfSpaceError, match="no room"):
                peers.call(server.address, "put", {}, [body])
        assert peers.call(server.address, "who", {}).meta == port


def test_a_streamed_body_that_nobody_takes_is_read_and_dropped(peers: Peers) -> None:
    with Server(KEY, echo, streams={"put": _leave_it}) as server:
        answer = peers.call(server.address, "put", {}, [b"x" * MIB, b"y"])
        assert answer.meta == {"left": [MIB, 1]}
        assert peers.call(server.address, "echo", {"a": 1}).meta == {"a": 1}


def test_a_body_is_taken_once_into_targets_that_fit(peers: Peers) -> None:
    def take(session: Session, meta: Meta, incoming: Incoming) -> Answer:
        with pytest.raises(ValueError, match="a target of 3 bytes"):
            incoming.into([memoryview(bytearray(3))])
        with pytest.raises(ValueError, match="0 targets for 1 buffers"):
            incoming.into([])
        incoming.into([memoryview(bytearray(MIB))])
        with pytest.raises(RuntimeError, match="taken before"):
            incoming.into([memoryview(bytearray(MIB))])
        return Answer({"ok": True})

    with Server(KEY, echo, streams={"put": take}) as server:
        assert peers.call(server.address, "put", {}, [b"x" * MIB]).meta == {"ok": True}


@pytest.mark.parametrize("nbytes", [10, 4 * MIB])
def test_what_a_sink_raises_is_raised_and_the_next_call_works(
    peers: Peers, nbytes: int
) -> None:
    def refuse(meta: Meta, lengths: tuple[int, ...]) -> Sequence[Target]:
        assert lengths == (nbytes,)
        text = "no room for the answer"
        raise OutOfSpaceError(text)

    def disk_full(chunk: memoryview) -> None:
        raise OSError(28, "No space left on device")

    with Server(KEY, echo) as server:
        body = [b"x" * nbytes]
        with pytest.raises(OutOfSpaceError, match="for the answer"):
            peers.call(server.address, "echo", {}, body, into=refuse)
        with pytest.raises(OSError, match="No space left"):
            peers.call(server.address, "echo", {}, body, into=lambda *_: [disk_full])
        assert peers.call(server.address, "echo", {}, body).buffers == body


def test_a_body_too_large_for_memory_is_refused_and_the_connection_stays(
    peers: Peers,
) -> None:
    with Server(KEY, echo) as server:
        with pytest.raises(ValueTooLargeError, match="split it") as caught:
            peers.call(server.address, "echo", {}, [bytes(LARGE + 1)])
        assert caught.value.context["nbytes"] == LARGE + 1
        assert peers.call(server.address, "echo", {"a": 1}).meta == {"a": 1}


def test_a_budget_makes_the_next_one_wait_until_there_is_room() -> None:
    budget = Budget(10)
    took = threading.Event()

    def take() -> None:
        with budget.hold(6, PATIENCE_S):
            took.set()

    with ThreadPoolExecutor(1) as pool:
        with budget.hold(6, 0), budget.hold(4, 0):
            waiting = pool.submit(take)
            with pytest.raises(TimeoutError), budget.hold(1, 0):
                pass
            assert not took.is_set()
        waiting.result(PATIENCE_S)
    with budget.hold(10, 0):
        pass
