"""Calls between two nodes: what arrives, who asks, and what is kept."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcache.cluster.streams.peers import Peers, Request
from gridcache.cluster.streams.server import Server
from gridcache.cluster.streams.session import Session
from gridcache.cluster.streams.wire import Address, Answer, Buffer, Meta
from gridcache.errors import (
    ClosedError,
    GridCacheError,
    KeyNotFoundError,
    PeerError,
    PeerLostError,
)
from tests.cluster.kit.streams import KEY, PATIENCE_S, echo, nothing_left

__all__ = ["nothing_left"]

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(KEY, echo) as server:
        yield server


@pytest.fixture
def peers() -> Iterator[Peers]:
    with Peers(KEY, name="tester") as peers:
        yield peers


def _port(peers: Peers, address: Address) -> int:
    """The client's port that a call came from: which connection it was."""
    port = peers.call(address, "who", {}).meta["port"]
    assert isinstance(port, int)
    return port


def _metas(answers: list[Answer | GridCacheError]) -> list[Meta | None]:
    return [one.meta if isinstance(one, Answer) else None for one in answers]


def test_meta_and_buffers_arrive_and_come_back(server: Server, peers: Peers) -> None:
    meta = {"key": "grün \ud800", "none": None, "list": [1, 2.5, {"a": True}]}
    buffers: list[Buffer] = [b"", b"1", bytearray(b"two"), memoryview(b"x" * 1000)]
    answer = peers.call(server.address, "echo", meta, buffers)
    assert answer.meta == meta
    assert [bytes(one) for one in answer.buffers] == [b"", b"1", b"two", b"x" * 1000]
    assert all(one.readonly for one in answer.buffers)


def test_buffers_of_any_lengths_keep_their_borders(
    server: Server, peers: Peers
) -> None:
    @given(st.lists(st.integers(0, 300) | st.integers(60_000, 140_000), max_size=6))
    def check(lengths: list[int]) -> None:
        buffers = [bytes([number]) * n for number, n in enumerate(lengths)]
        answer = peers.call(server.address, "echo", {}, buffers)
        assert [bytes(one) for one in answer.buffers] == buffers

    check()


def test_more_buffers_than_one_system_call_takes(server: Server, peers: Peers) -> None:
    buffers = [number.to_bytes(4, "big") for number in range(5_000)]
    answer = peers.call(server.address, "echo", {}, buffers)
    assert [bytes(one) for one in answer.buffers] == buffers


def test_meta_larger_than_the_read_ahead(server: Server, peers: Peers) -> None:
    meta = {"keys": [f"key-{number}" for number in range(50_000)]}
    assert peers.call(server.address, "echo", meta, [b"x"]).meta == meta


def test_an_error_of_gridcache_is_raised_again_as_itself(
    server: Server, peers: Peers
) -> None:
    with pytest.raises(KeyNotFoundError) as caught:
        peers.call(server.address, "miss", {})
    assert str(caught.value) == "no value for 'k'"
    assert caught.value.context == {"reason": "evicted", "path": "p"}
    assert _port(peers, server.address) == _port(peers, server.address)


def test_any_other_error_is_a_peer_error_there_and_a_traceback_here(
    server: Server, peers: Peers, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(PeerError, match="unknown op odd") as caught:
        peers.call(server.address, "odd", {})
    assert caught.value.context == {"error": "LookupError"}
    assert any(one.exc_info for one in caplog.records)


def test_a_peer_that_the_other_node_lost_is_not_taken_for_that_node(
    server: Server, peers: Peers
) -> None:
    with pytest.raises(PeerError, match="lost another one"):
        peers.call(server.address, "lose", {})


def test_an_answer_that_cannot_be_sent_is_an_error_and_is_still_done(
    peers: Peers,
) -> None:
    done = threading.Event()

    def handle(*_: object) -> Answer:
        return Answer({"set": {1}}, done=done.set)

    with Server(KEY, handle) as server:
        with pytest.raises(PeerError, match="not JSON serializable"):
            peers.call(server.address, "echo", {})
        with pytest.raises(PeerError, match="not JSON serializable"):
            peers.call(server.address, "echo", {})
    assert done.is_set()


def test_a_request_that_cannot_be_sent_is_the_callers_error(
    server: Server, peers: Peers
) -> None:
    with pytest.raises(TypeError):
        peers.call(server.address, "echo", {"set": {1}})
    with pytest.raises(ValueError, match="split it"):
        peers.call(server.address, "o" * 65, {})
    assert peers.call(server.address, "echo", {}).meta == {}


def test_an_answer_is_done_once_it_is_out(peers: Peers) -> None:
    done: list[int] = []

    def handle(session: Session, op: str, meta: Meta, _: object) -> Answer:
        return Answer({"before": len(done)}, done=lambda: done.append(1))

    with Server(KEY, handle) as server:
        assert peers.call(server.address, "a", {}).meta == {"before": 0}
        assert peers.call(server.address, "a", {}).meta == {"before": 1}
    assert done == [1, 1]


def test_calls_one_after_the_other_share_a_connection(
    server: Server, peers: Peers
) -> None:
    assert _port(peers, server.address) == _port(peers, server.address)


def test_a_call_does_not_wait_for_another_one(peers: Peers) -> None:
    inside, go = threading.Event(), threading.Event()

    def handle(session: Session, op: str, *_: object) -> Answer:
        if op == "wait":
            inside.set()
            assert go.wait(PATIENCE_S)
        return Answer({"op": op})

    with Server(KEY, handle) as server, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(peers.call, server.address, "wait", {})
        assert inside.wait(PATIENCE_S)
        assert peers.call(server.address, "now", {}).meta == {"op": "now"}
        go.set()
        assert waiting.result(PATIENCE_S).meta == {"op": "wait"}


def test_many_threads_each_get_their_own_answers(server: Server, peers: Peers) -> None:
    def ask(thread: int) -> None:
        for number in range(60):
            mine = bytes([thread]) * (number * 977 % 100_000)
            answer = peers.call(server.address, "echo", {"n": number}, [mine])
            assert answer.meta == {"n": number}
            assert answer.buffers[0] == mine

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))


def test_call_many_has_all_requests_out_before_an_answer_is_read(peers: Peers) -> None:
    together = threading.Barrier(3)

    def handle(session: Session, op: str, meta: Meta, _: object) -> Answer:
        together.wait(PATIENCE_S)
        return Answer(meta)

    with Server(KEY, handle) as a, Server(KEY, handle) as b, Server(KEY, handle) as c:
        requests = [
            Request(server.address, "op", {"n": number})
            for number, server in enumerate((a, b, c))
        ]
        assert _metas(peers.call_many(requests)) == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_call_many_to_three_servers_of_which_one_is_dead(
    server: Server, peers: Peers
) -> None:
    with Server(KEY, echo) as other, Server(KEY, echo) as dead:
        peers.call(dead.address, "echo", {})
        dead.close()
        answers = peers.call_many(
            [
                Request(server.address, "echo", {"n": 0}),
                Request(dead.address, "echo", {"n": 1}),
                Request(other.address, "echo", {"n": 2}, [b"x"]),
            ]
        )
    assert _metas(answers) == [{"n": 0}, None, {"n": 2}]
    assert isinstance(answers[1], PeerLostError)
    assert not answers[1].sent


def test_call_many_gives_each_request_its_own_error(
    server: Server, peers: Peers
) -> None:
    ops = ("echo", "miss", "odd", "echo")
    answers = peers.call_many([Request(server.address, op, {}) for op in ops])
    kinds = [type(one) for one in answers]
    assert kinds == [Answer, KeyNotFoundError, PeerError, Answer]
    assert peers.call_many([]) == []


def test_a_sink_that_raises_in_call_many_leaves_the_peers_usable(
    server: Server, peers: Peers
) -> None:
    def refuse(meta: Meta, lengths: tuple[int, ...]) -> list[memoryview]:
        raise ZeroDivisionError

    requests = [
        Request(server.address, "echo", {"n": 0}),
        Request(server.address, "echo", {"n": 1}, into=refuse),
        Request(server.address, "echo", {"n": 2}),
    ]
    with pytest.raises(ZeroDivisionError):
        peers.call_many(requests)
    assert peers.call(server.address, "echo", {"n": 3}).meta == {"n": 3}


def test_a_server_that_came_back_at_its_port_is_reached_without_an_error(
    peers: Peers,
) -> None:
    with Server(KEY, echo) as server:
        host, port = server.address
        before = _port(peers, server.address)
    with Server(KEY, echo, host=host, port=port) as server:
        assert _port(peers, server.address) != before


def test_a_line_is_one_connection_and_the_server_sees_its_end(peers: Peers) -> None:
    over = threading.Event()

    def handle(session: Session, op: str, *rest: object) -> Answer:
        if op == "watch":
            session.on_close(over.set)
        return Answer({"port": session.address[1]})

    with Server(KEY, handle) as server:
        with peers.line(server.address) as line:
            port = line.call("watch", {}).meta["port"]
            assert line.call("again", {}).meta["port"] == port
            assert _other_port(peers, server) != port
            assert not over.is_set()
        assert over.wait(PATIENCE_S)


def _other_port(peers: Peers, server: Server) -> object:
    return peers.call(server.address, "other", {}).meta["port"]


def test_a_callback_can_be_taken_back_and_one_that_fails_harms_no_other(
    peers: Peers, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []
    over = threading.Event()

    def fail() -> None:
        raise RuntimeError

    def handle(session: Session, *_: object) -> Answer:
        session.on_close(lambda: called.append("taken back"))()
        session.on_close(fail)
        session.on_close(lambda: called.append("kept"))
        session.on_close(over.set)
        return Answer()

    with Server(KEY, handle) as server:
        with peers.line(server.address) as line:
            line.call("op", {})
        assert over.wait(PATIENCE_S)
    assert called == ["kept"]
    assert [one.levelno for one in caplog.records] == [logging.ERROR]


def test_a_handler_that_waits_can_see_that_nobody_waits_for_it() -> None:
    inside, seen = threading.Event(), threading.Event()

    def handle(session: Session, *_: object) -> Answer:
        assert not session.lost()
        assert not session.lost(0.001)
        inside.set()
        assert session.lost(PATIENCE_S)
        seen.set()
        return Answer()

    with Server(KEY, handle) as server, ThreadPoolExecutor(1) as pool:
        peers = Peers(KEY)
        waiting = pool.submit(peers.call, server.address, "op", {})
        assert inside.wait(PATIENCE_S)
        peers.close()
        assert seen.wait(PATIENCE_S)
        with pytest.raises(PeerLostError):
            waiting.result(PATIENCE_S)


def test_a_cut_at_the_client_ends_calls_and_refuses_further_ones(peers: Peers) -> None:
    inside, go = threading.Event(), threading.Event()

    def handle(session: Session, op: str, *_: object) -> Answer:
        if op == "wait":
            inside.set()
            go.wait(PATIENCE_S)
        return Answer()

    with Server(KEY, handle) as server, ThreadPoolExecutor(1) as pool:
        peers.call(server.address, "op", {})
        waiting = pool.submit(peers.call, server.address, "wait", {})
        assert inside.wait(PATIENCE_S)
        peers.cut(server.address)
        with pytest.raises(PeerLostError) as caught:
            waiting.result(PATIENCE_S)
        assert caught.value.sent
        with pytest.raises(PeerLostError, match="cut") as caught:
            peers.call(server.address, "op", {})
        assert not caught.value.sent
        peers.mend(server.address)
        peers.call(server.address, "op", {})
        go.set()


def test_a_cut_at_the_server_keeps_that_peer_out_and_no_other(
    server: Server, peers: Peers
) -> None:
    with Peers(KEY, name="other") as other:
        peers.call(server.address, "echo", {})
        other.call(server.address, "echo", {})
        server.cut("tester")
        for _ in range(2):
            with pytest.raises(PeerLostError):
                peers.call(server.address, "echo", {})
        other.call(server.address, "echo", {})
        server.mend("tester")
        peers.call(server.address, "echo", {})


def test_closed_peers_refuse_calls(server: Server, peers: Peers) -> None:
    peers.call(server.address, "echo", {})
    peers.close()
    peers.close()
    with pytest.raises(ClosedError):
        peers.call(server.address, "echo", {})
    with pytest.raises(ClosedError):
        peers.line(server.address)


def test_a_server_closes_though_peers_hold_connections(peers: Peers) -> None:
    with Server(KEY, echo) as server:
        peers.call(server.address, "echo", {})
        server.close()
        server.close()
    Server(KEY, echo).close()


def test_a_server_of_the_other_internet_protocol(peers: Peers) -> None:
    try:
        server = Server(KEY, echo, host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    with server:
        assert peers.call(server.address, "echo", {"a": 1}).meta == {"a": 1}
