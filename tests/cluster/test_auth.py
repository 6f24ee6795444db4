"""The proof of the key: who is let in, who is not, and that the server lives."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gridcache.cluster.streams import auth, door
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.streams.server import Server
from gridcache.errors import PeerLostError
from tests.cluster.kit.streams import (
    KEY,
    OTHER_KEY,
    PATIENCE_S,
    echo,
    fake_server,
    greet,
    nothing_left,
)

__all__ = ["nothing_left"]

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(KEY, echo) as server:
        yield server


def _ask(server: Server) -> None:
    """What a member does; the server must always be there for it."""
    with Peers(KEY) as peers:
        assert peers.call(server.address, "echo", {"a": 1}).meta == {"a": 1}


def _is_closed(sock: socket.socket) -> bool:
    sock.settimeout(PATIENCE_S)
    try:
        while sock.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return True


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno > logging.INFO]


def test_a_wrong_key_is_refused_by_both_sides_and_logged_once_by_each(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with Peers(OTHER_KEY) as stranger:
        for _ in range(3):
            with pytest.raises(PeerLostError, match="another key") as caught:
                stranger.call(server.address, "echo", {})
    assert not caught.value.sent
    assert caught.value.context["reason"] == "key"
    _ask(server)
    server.close()
    told = _warnings(caplog)
    assert len(told) == 2
    assert sum("refused a connection from 127.0.0.1" in line for line in told) == 1
    assert sum("lost 127.0.0.1" in line for line in told) == 1


def test_a_client_that_goes_on_after_a_proof_it_cannot_check_is_refused(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(server.address) as sock:
        sock.sendall(b"gridcach" + bytes(96))
        nonce_and_proof = sock.recv(64, socket.MSG_WAITALL)
        assert len(nonce_and_proof) == 64
        sock.sendall(bytes(32))
        assert _is_closed(sock)
    _ask(server)
    assert any("another key" in line for line in _warnings(caplog))


def test_the_servers_own_proof_does_not_serve_as_the_clients(server: Server) -> None:
    with socket.create_connection(server.address) as sock:
        sock.sendall(b"gridcach" + bytes(96))
        nonce_and_proof = sock.recv(64, socket.MSG_WAITALL)
        sock.sendall(nonce_and_proof[32:])
        assert _is_closed(sock)


def test_a_handshake_that_was_overheard_cannot_be_said_again(server: Server) -> None:
    heard: list[bytes] = []

    def relay(sock: socket.socket) -> None:
        with socket.create_connection(server.address) as onward:
            for towards, source, nbytes in (
                (onward, sock, 104),
                (sock, onward, 64),
                (onward, sock, 32),
                (sock, onward, 1),
            ):
                piece = source.recv(nbytes, socket.MSG_WAITALL)
                heard.append(piece)
                towards.sendall(piece)

    with fake_server(relay) as address:
        greet(address).close()
    with socket.create_connection(server.address) as sock:
        sock.sendall(heard[0])
        sock.recv(64, socket.MSG_WAITALL)
        sock.sendall(heard[2])
        assert _is_closed(sock)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\0",
        bytes(range(256)) * 4096,
        b"gridcach" + b"\xff" * 400,
    ],
    ids=["http", "a byte", "a megabyte", "magic, then garbage"],
)
def test_garbage_on_the_port_is_refused_and_the_server_lives(
    server: Server, garbage: bytes
) -> None:
    with socket.create_connection(server.address) as sock:
        try:
            sock.sendall(garbage)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it did not listen to the end
        assert _is_closed(sock)
    _ask(server)


def test_garbage_is_logged_once_per_host_and_a_mere_probe_not_at_all(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    socket.create_connection(server.address).close()
    for _ in range(3):
        with socket.create_connection(server.address) as sock:
            sock.sendall(b"GET / HT")
            assert _is_closed(sock)
    server.close()
    (told,) = _warnings(caplog)
    assert "does not speak the protocol" in told


def test_who_says_nothing_is_closed_after_the_time_limit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Server(KEY, echo, timeout_s=0.1) as server:
        with socket.create_connection(server.address) as sock:
            assert _is_closed(sock)
        _ask(server)
    assert any("took too long" in line for line in _warnings(caplog))


def test_strangers_are_few_and_the_next_is_closed_unheard(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(door, "_MOST_STRANGERS", 3)
    with ExitStack() as stack:
        first = stack.enter_context(greet(server.address))  # proven: not counted
        for _ in range(3):
            sock = stack.enter_context(socket.create_connection(server.address))
            sock.sendall(b"gridcach" + bytes(96))
            sock.recv(64, socket.MSG_WAITALL)  # it was heard
        with pytest.raises(PeerLostError) as caught, Peers(KEY) as peers:
            peers.call(server.address, "echo", {})
        assert not caught.value.sent
        assert first.fileno() >= 0
    assert any("too many" in line for line in _warnings(caplog))
    server.close()


def test_a_client_does_not_send_a_request_to_a_server_without_the_key() -> None:
    heard: list[bytes] = []

    def impostor(sock: socket.socket) -> None:
        sock.recv(104, socket.MSG_WAITALL)
        sock.sendall(bytes(64))
        heard.append(sock.recv(1))

    with fake_server(impostor) as address, Peers(KEY) as peers:
        with pytest.raises(PeerLostError, match="another key") as caught:
            peers.call(address, "echo", {"secret": 1})
        assert not caught.value.sent
    assert heard == [b""]


def test_a_server_that_takes_too_long_to_prove_the_key_is_given_up() -> None:
    over = threading.Event()

    def silent(sock: socket.socket) -> None:
        over.wait(PATIENCE_S)

    with fake_server(silent) as address, Peers(KEY) as peers:
        with pytest.raises(PeerLostError) as caught:
            peers.call(address, "echo", {}, timeout_s=0.1)
        over.set()
    assert not caught.value.sent
    assert caught.value.context["reason"] == "timeout"


@pytest.mark.parametrize("name", ["", "node-1", "knötchen", "n" * 64])
def test_the_server_knows_the_name_a_client_gives(server: Server, name: str) -> None:
    with Peers(KEY, name=name) as peers:
        assert peers.call(server.address, "who", {}).meta["peer"] == name


def test_keys_are_long_and_differ() -> None:
    assert len(auth.new_key()) == auth.KEY_NBYTES == 32
    assert auth.new_key() != auth.new_key()
