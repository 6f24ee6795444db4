"""Opens a store on disk that lost its index, and dies at a place of the rebuild."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from gridcache.store.opening import open_store
from gridcache.store.rebuild import _Rebuild

_METHODS = {"namespaces": "_fill", "entries": "_insert", "install": "install"}


def main(path: str, place: str) -> None:
    real = getattr(_Rebuild, _METHODS[place])
    calls = 0

    def die(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if place != "entries" or calls > 20:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)

    setattr(_Rebuild, _METHODS[place], die)
    open_store(Path(path))


if __name__ == "__main__":
    main(*sys.argv[1:])
