"""A server on a unix socket, started for a benchmark and stopped after it."""

import socket
import subprocess
import time
from pathlib import Path

__all__ = ["Server"]

_START_S = 10.0
_STOP_S = 5.0
_POLL_S = 0.01


class Server:
    """One process; stopped by `close`, killed if it does not listen.

    Parameters
    ----------
    command
        Program and arguments; it must stay in the foreground.
    address
        The socket that it will listen on.

    Raises
    ------
    RuntimeError, TimeoutError
        It ended, or did not listen in time. Nothing is left running.
    """

    def __init__(self, command: list[str], address: Path) -> None:
        # A session of its own: Ctrl-C is ours, and we stop it in order.
        self._process = subprocess.Popen(  # noqa: S603 - from our own table
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._wait(address)
        except BaseException:
            self.close()
            raise

    def _wait(self, address: Path) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                message = f"it ended with code {self._process.returncode}"
                raise RuntimeError(message)
            if _listens(address):
                return
            time.sleep(_POLL_S)
        message = f"it did not listen within {_START_S:.0f} s"
        raise TimeoutError(message)

    def close(self) -> None:
        """Stop it."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _listens(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(address))
        except OSError:
            return False
        return True
