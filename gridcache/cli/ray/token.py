"""Ray's token: whoever has it may run code in the cluster.

Ray takes it from the environment or from `~/.ray/auth_token`. A head that is started
while there is one asks for it, one that is not lets everybody in who reaches its port.
Ray itself writes the file readable for all users of the machine where the umask allows
that, so it is made here.
"""

import os
import uuid
from pathlib import Path

__all__ = ["asks_for_token", "ensure_token", "token_path", "wants_token"]

_MODE = "RAY_AUTH_MODE"
_TOKEN = "RAY_AUTH_TOKEN"  # noqa: S105 - the name of a variable
_PATH = "RAY_AUTH_TOKEN_PATH"


def token_path() -> Path | None:
    """Where the token lies or would lie; None if the environment has it itself."""
    if os.environ.get(_TOKEN):
        return None
    return Path(os.environ.get(_PATH) or "~/.ray/auth_token").expanduser()


def asks_for_token() -> bool:
    """Whether a head that is started now asks for a token."""
    if mode := os.environ.get(_MODE):
        return mode.lower() == "token"
    path = token_path()
    return path is None or path.is_file()


def wants_token() -> bool:
    """Whether a Ray that we start is to ask for a token: unless somebody says no."""
    return (os.environ.get(_MODE) or "token").lower() == "token"


def ensure_token() -> None:
    """Make a token, for this user alone, unless there is one or none is wanted."""
    path = token_path()
    if path is None or path.exists() or not wants_token():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(uuid.uuid4().hex)
