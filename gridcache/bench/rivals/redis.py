"""Redis over a unix socket, by redis-py with hiredis; nothing saved to disk."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from gridcache.bench.rivals.server import Server

__all__ = ["open_rival"]

_BATCH = 1000


class Redis:
    """A client and its server."""

    def __init__(self, directory: Path) -> None:
        address = directory / "socket"
        command = ["redis-server", "--port", "0", "--unixsocket", str(address)]
        command += ["--save", "", "--appendonly", "no", "--dir", str(directory)]
        self._server = Server(command, address)
        self._client = import_module("redis").Redis(unix_socket_path=str(address))
        self.get = self._client.get
        self.put = self._client.set

    def key(self, text: str) -> str:
        """Return the text: redis-py encodes it."""
        return text

    def fill(self, items: Mapping[str, bytes]) -> None:
        """In pipelines."""
        names = list(items)
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            self._client.mset({name: items[name] for name in batch})

    def close(self) -> None:
        """Stop the server."""
        self._client.close()
        self._server.close()


def open_rival(directory: Path) -> Redis:
    """Start it."""
    return Redis(directory)
