"""Forks: parent and child each have connections of their own."""

import os
import socket
from collections.abc import Callable

import pytest

from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.streams.server import Server
from gridcache.errors import PeerLostError
from tests.cluster.kit.streams import KEY, ServerProcess, echo, nothing_left

__all__ = ["nothing_left"]

pytestmark = pytest.mark.usefixtures("nothing_left")


def _in_child(check: Callable[[], object]) -> None:
    """Run `check` in a forked child; it must not raise."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            check()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_child_calls_over_connections_of_its_own_and_the_parents_live_on() -> None:
    with ServerProcess() as process, Peers(KEY) as peers:
        port = peers.call(process.address, "who", {}).meta["port"]

        def check() -> None:
            theirs = peers.call(process.address, "who", {}).meta["port"]
            assert theirs != port
            assert peers.call(process.address, "who", {}).meta["port"] == theirs
            peers.close()

        _in_child(check)
        assert peers.call(process.address, "who", {}).meta["port"] == port


def test_a_line_is_of_no_use_in_a_child_and_lives_on_in_the_parent() -> None:
    with (
        ServerProcess() as process,
        Peers(KEY) as peers,
        peers.line(process.address) as line,
    ):
        line.call("echo", {})

        def check() -> None:
            with pytest.raises(PeerLostError) as caught:
                line.call("echo", {})
            assert not caught.value.sent

        _in_child(check)
        assert line.call("echo", {"a": 1}).meta == {"a": 1}


def test_a_server_is_the_parents_alone() -> None:
    with Server(KEY, echo) as server, Peers(KEY) as peers:
        peers.call(server.address, "echo", {})
        read, write = os.pipe()
        ready_read, ready_write = os.pipe()
        pid = os.fork()
        if not pid:
            os.write(ready_write, b"!")
            os.close(write)
            os.read(read, 1)  # until the parent is done
            os._exit(0)
        os.read(ready_read, 1)
        assert peers.call(server.address, "echo", {"a": 1}).meta == {"a": 1}
        server.close()
        # Neither the port nor a connection is held open by the child.
        with socket.create_server(server.address), pytest.raises(PeerLostError):
            peers.call(server.address, "echo", {}, timeout_s=0.2)
        os.close(write)
        os.waitpid(pid, 0)
        for fd in (read, ready_read, ready_write):
            os.close(fd)


def test_a_server_that_a_child_inherited_can_be_closed_there() -> None:
    with Server(KEY, echo) as server, Peers(KEY) as peers:
        peers.call(server.address, "echo", {})
        _in_child(server.close)
        assert peers.call(server.address, "echo", {"a": 1}).meta == {"a": 1}
