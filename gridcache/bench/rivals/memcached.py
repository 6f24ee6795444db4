"""memcached over a unix socket, by pymemcache, waiting for every reply."""

import getpass
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from gridcache.bench.rivals.server import Server

__all__ = ["open_rival"]

_MIB = "2048"


class Memcached:
    """A client and its server."""

    def __init__(self, directory: Path) -> None:
        address = directory / "socket"
        command = ["memcached", "-s", str(address), "-m", _MIB]
        self._server = Server([*command, "-u", getpass.getuser()], address)
        client = import_module("pymemcache.client.base").Client
        self._client = client(f"unix:{address}", default_noreply=False)
        self.get = self._client.get
        self.put = self._client.set

    def key(self, text: str) -> str:
        """Return the text: pymemcache encodes it."""
        return text

    def fill(self, items: Mapping[str, bytes]) -> None:
        """Without waiting for replies."""
        self._client.set_many(items, noreply=True)

    def close(self) -> None:
        """Stop the server."""
        self._client.close()
        self._server.close()


def open_rival(directory: Path) -> Memcached:
    """Start it."""
    return Memcached(directory)
