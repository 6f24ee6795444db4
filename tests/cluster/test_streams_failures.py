"""Peers that die, stall, lie or talk nonsense in the middle of a message."""

import logging
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from gridcache.cluster.streams import limits, wire
from gridcache.cluster.streams.auth import admit, welcome
from gridcache.cluster.streams.bodies import discard
from gridcache.cluster.streams.incoming import Incoming
from gridcache.cluster.streams.peers import Peers, Request
from gridcache.cluster.streams.server import Server
from gridcache.cluster.streams.session import Session
from gridcache.cluster.streams.wire import Answer, Meta, Range
from gridcache.errors import PeerError, PeerLostError
from tests.cluster.kit.streams import (
    KEY,
    PATIENCE_S,
    ServerProcess,
    echo,
    fake_server,
    greet,
    memory_file,
    needs_proc,
    nothing_left,
    peak_nbytes,
    reset_peak,
)

__all__ = ["nothing_left"]

pytestmark = pytest.mark.usefixtures("nothing_left")

GIB = 1 << 30
SLACK = 12 << 20


@pytest.fixture
def peers() -> Iterator[Peers]:
    with Peers(KEY) as peers:
        yield peers


def _lose(peers: Peers, address: wire.Address, **options: object) -> PeerLostError:
    """Make a call that must fail."""
    with pytest.raises(PeerLostError) as caught:
        peers.call(address, "echo", {}, **options)  # type: ignore[arg-type]
    assert caught.value.context["address"] == list(address)
    return caught.value


def _proven(serve: Callable[[socket.socket], object]) -> Callable[..., object]:
    """For `fake_server`: first behave, and read a small request."""

    def run(sock: socket.socket) -> None:
        admit(sock, KEY, PATIENCE_S)
        welcome(sock)
        sock.settimeout(PATIENCE_S)
        assert sock.recv(1 << 16)
        serve(sock)

    return run


def test_a_refused_connection_means_that_nothing_was_sent(peers: Peers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    error = _lose(peers, address)
    assert not error.sent
    assert error.context["reason"] == "refused"


def test_a_host_that_does_not_exist_is_unreachable(peers: Peers) -> None:
    error = _lose(peers, ("no such host.invalid", 1))
    assert not error.sent
    assert error.context["reason"] == "unreachable"


def test_a_server_killed_in_the_middle_of_an_answer(peers: Peers) -> None:
    with ServerProcess() as process:
        peers.call(process.address, "put", {}, [bytes(64 << 20)])

        def kill(chunk: memoryview) -> None:
            process.kill()

        with pytest.raises(PeerLostError) as caught:
            peers.call(
                process.address,
                "get",
                {"nbytes": 64 << 20},
                into=lambda meta, lengths: [kill],
            )
    assert caught.value.sent
    assert caught.value.context["reason"] == "closed"
    error = _lose(peers, process.address)
    assert not error.sent


def test_a_server_killed_while_it_works_on_a_request(peers: Peers) -> None:
    with (
        ServerProcess() as process,
        ThreadPoolExecutor(1) as pool,
        peers.line(process.address) as line,
    ):
        waiting = pool.submit(line.call, "hang", {})
        while not peers.call(process.address, "hanging", {}).meta["count"]:
            pass
        process.kill()
        with pytest.raises(PeerLostError) as caught:
            waiting.result(PATIENCE_S)
    assert caught.value.sent


def test_a_server_killed_in_the_middle_of_a_request(peers: Peers) -> None:
    """It cannot have acted on half of it."""

    def hang_up(sock: socket.socket) -> None:
        sock.recv(1 << 20)

    with (
        fake_server(_proven(hang_up)) as address,
        pytest.raises(PeerLostError) as caught,
    ):
        peers.call(address, "put", {}, [bytes(64 << 20)])
    assert not caught.value.sent


def test_a_slow_handler_hits_the_time_limit_and_the_next_call_does_not(
    peers: Peers,
) -> None:
    go = threading.Event()

    def handle(session: Session, op: str, *_: object) -> Answer:
        if op == "echo":
            go.wait(PATIENCE_S)
        return Answer({"op": op})

    with Server(KEY, handle) as server:
        started = time.monotonic()
        error = _lose(peers, server.address, timeout_s=0.2)
        assert 0.15 < time.monotonic() - started < 5
        assert error.sent
        assert error.context["reason"] == "timeout"
        assert peers.call(server.address, "other", {}).meta == {"op": "other"}
        go.set()


def test_an_answer_that_trickles_hits_the_time_limit(peers: Peers) -> None:
    """Not a silence but the whole message is limited."""

    def trickle(sock: socket.socket) -> None:
        packed = wire.pack(wire.ANSWER, "", {"text": "x" * 100_000}, ())
        with suppress(OSError):
            for byte in packed:
                sock.sendall(bytes([byte]))
                if over.wait(0.01):
                    return

    over = threading.Event()
    with fake_server(_proven(trickle)) as address:
        error = _lose(peers, address, timeout_s=0.2)
        over.set()
    assert error.context["reason"] == "timeout"


def test_slow_peers_share_one_time_limit_in_call_many(peers: Peers) -> None:
    go = threading.Event()

    def handle(session: Session, op: str, meta: Meta, _: object) -> Answer:
        if op == "slow":
            go.wait(PATIENCE_S)
        return Answer(meta)

    with Server(KEY, handle) as server:
        requests = [
            Request(server.address, op, {"n": number})
            for number, op in enumerate(("slow", "fast"))
        ]
        slow, fast = peers.call_many(requests, timeout_s=0.2)
        go.set()
    assert isinstance(slow, PeerLostError)
    assert isinstance(fast, Answer)
    assert fast.meta == {"n": 1}


@needs_proc
def test_an_answer_that_declares_a_gibibyte_and_breaks_off_costs_no_memory(
    peers: Peers,
) -> None:
    def lie(sock: socket.socket) -> None:
        sock.sendall(wire.pack(wire.ANSWER, "", {}, (GIB,)) + bytes(1000))

    reset_peak()
    before = peak_nbytes()
    with fake_server(_proven(lie)) as address:
        error = _lose(peers, address)
    assert error.sent
    assert error.context["reason"] == "closed"
    assert peak_nbytes() - before < SLACK


@needs_proc
def test_a_request_that_declares_a_gibibyte_and_breaks_off_costs_no_memory(
    peers: Peers,
) -> None:
    over = threading.Event()

    def stream(session: Session, meta: Meta, incoming: Incoming) -> Answer:
        assert incoming.lengths == (GIB,)
        session.on_close(over.set)
        incoming.into([discard])
        raise AssertionError

    with Server(KEY, echo, streams={"put": stream}) as server:
        reset_peak()
        before = peak_nbytes()
        with greet(server.address) as sock:
            sock.sendall(wire.pack(wire.REQUEST, "put", {}, (GIB,)) + bytes(1000))
        assert over.wait(PATIENCE_S)
        with greet(server.address) as sock:
            sock.sendall(wire.pack(wire.REQUEST, "echo", {}, (32 << 20,)) + b"x")
        assert peers.call(server.address, "echo", {"a": 1}).meta == {"a": 1}
    assert peak_nbytes() - before < SLACK


def test_an_answer_too_large_for_memory_is_refused_before_it_is_read(
    peers: Peers,
) -> None:
    def declare(sock: socket.socket) -> None:
        sock.sendall(wire.pack(wire.ANSWER, "", {}, (GIB + 1,)))
        sock.recv(1)

    with (
        fake_server(_proven(declare)) as address,
        pytest.raises(PeerError, match="use a sink"),
    ):
        peers.call(address, "echo", {})


_GARBAGE = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GCS1" + b"\xff" * 400,
    b"GCS1\x01\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00",
    wire.pack(wire.ANSWER, "", {}, ()),
    wire.pack(wire.HELD, "", {}, ()),
    wire.pack(wire.REQUEST, "echo", {}, ()).replace(b"{}", b"[]"),
]


@pytest.mark.parametrize("garbage", _GARBAGE)
def test_nonsense_from_a_client_with_the_key_is_logged_and_ends_its_connection(
    peers: Peers, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with Server(KEY, echo) as server:
        with greet(server.address, name="talker") as sock:
            sock.sendall(garbage)
            assert sock.recv(1) == b""
        assert peers.call(server.address, "echo", {"a": 1}).meta == {"a": 1}
    told = [one.getMessage() for one in caplog.records]
    assert len(told) == 1
    assert "talker" in told[0]


@pytest.mark.parametrize(
    "garbage",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", wire.pack(wire.REQUEST, "echo", {}, ())],
)
def test_nonsense_from_a_server_with_the_key_is_a_lost_peer(
    peers: Peers, garbage: bytes
) -> None:
    with fake_server(_proven(lambda sock: sock.sendall(garbage))) as address:
        error = _lose(peers, address)
    assert error.context["reason"] == "garbage"


@pytest.mark.parametrize(
    "part", [b"GCS", wire.pack(wire.REQUEST, "echo", {}, (1000,)) + b"x"]
)
def test_a_client_that_stops_in_the_middle_of_a_request_is_closed(
    part: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with Server(KEY, echo, timeout_s=0.2) as server, greet(server.address) as sock:
        sock.sendall(part)
        assert sock.recv(1) == b""
    assert [one.levelno for one in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("is_file", [False, True])
def test_a_client_that_does_not_read_its_answer_is_closed(
    is_file: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbytes = 16 << 20
    fd, content = memory_file(nbytes)
    body = Range(fd, 0, nbytes) if is_file else content
    done = threading.Event()
    monkeypatch.setattr(limits, "_SLOWEST_BYTES_S", GIB)

    def handle(*_: object) -> Answer:
        return Answer({}, [body], done.set)

    with Server(KEY, handle, timeout_s=0.2) as server, greet(server.address) as sock:
        sock.sendall(wire.pack(wire.REQUEST, "op", {}, ()))
        assert done.wait(PATIENCE_S)
    os.close(fd)
    assert [one.levelno for one in caplog.records] == [logging.WARNING]


def test_a_connection_without_requests_is_not_closed_by_the_time_limit() -> None:
    with Server(KEY, echo, timeout_s=0.05) as server, greet(server.address) as sock:
        for _ in range(2):
            sock.sendall(wire.pack(wire.REQUEST, "echo", {}, ()))
            assert sock.recv(1 << 16)
            threading.Event().wait(0.15)  # longer than the limit


def test_an_interrupt_in_a_call_leaves_no_answer_for_the_next_one(
    peers: Peers,
) -> None:
    def interrupt(meta: Meta, lengths: tuple[int, ...]) -> list[memoryview]:
        raise KeyboardInterrupt

    with Server(KEY, echo) as server:
        with pytest.raises(KeyboardInterrupt):
            peers.call(server.address, "echo", {"n": 1}, [b"1"], into=interrupt)
        assert peers.call(server.address, "echo", {"n": 2}, [b"2"]).buffers == [b"2"]


@pytest.mark.parametrize("seed", [1, 2])
def test_under_cuts_each_call_gets_its_own_answer_or_none(
    peers: Peers, seed: int
) -> None:
    over = threading.Event()
    heard = [0, 0, 0]

    def ask(thread: int, address: wire.Address) -> None:
        number = 0
        while not over.is_set():
            number += 1
            body = bytes([thread]) * (number * 7919 % 300_000)
            with suppress(PeerLostError):
                answer = peers.call(address, "echo", {"n": number}, [body])
                assert answer.meta == {"n": number}
                assert answer.buffers == [body]
                heard[thread] += 1

    with Server(KEY, echo) as server, ThreadPoolExecutor(len(heard)) as pool:
        askers = [pool.submit(ask, one, server.address) for one in range(len(heard))]
        rng = random.Random(seed)
        try:
            for _ in range(40):
                seen = heard.copy()
                while seen == heard and not any(one.done() for one in askers):
                    threading.Event().wait(rng.random() * 0.003)
                side, name = rng.choice([(peers, server.address), (server, "")])
                side.cut(name)  # type: ignore[attr-defined]
                side.mend(name)  # type: ignore[attr-defined]
        finally:
            over.set()
        for one in askers:
            one.result(PATIENCE_S)
    assert min(heard) > 0
