"""systemd-logind's RemoveIPC: deletes a user's shared memory at the last logout.

It does so under living processes too, and it is on by default for ordinary users.
System users and users who linger are spared.
"""

import os
import pwd
from collections.abc import Iterable, Iterator
from pathlib import Path

from gridcache.cli.doctor.finding import Finding, ok, warn
from gridcache.config import Config

__all__ = ["check_remove_ipc", "configured_remove_ipc"]

SUBJECT = "RemoveIPC"

FIRST_ORDINARY_UID = 1000
"""systemd's limit as distributions build it; below it are system users."""

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - what RemoveIPC empties

SEATS = Path("/run/systemd/seats")
"""There while systemd-logind runs."""

CURE = (
    "loginctl enable-linger, or RemoveIPC=no in /etc/systemd/logind.conf and restart "
    "systemd-logind, or keep stores on disk (path=)"
)

VENDOR_TO_ADMIN = ("usr/lib/systemd", "run/systemd", "etc/systemd")
"""Later ones win where two have a file of one name."""

ON = frozenset({"yes", "true", "on", "1", "y", "t"})


def check_remove_ipc(config: Config) -> Iterator[Finding]:
    """Say whether a logout will delete the stores."""
    uid = os.getuid()
    if not config.directory.is_relative_to(SHARED_MEMORY):
        yield ok(SUBJECT, f"does not reach {config.directory}")
    elif not SEATS.is_dir():
        yield ok(SUBJECT, "no systemd-logind here")
    elif uid < FIRST_ORDINARY_UID:
        yield ok(SUBJECT, f"uid {uid} is a system user, which it spares")
    elif _lingers(uid):
        yield ok(SUBJECT, "you linger, so logging out deletes nothing")
    elif configured_remove_ipc():
        text = (
            "is on: your last logout deletes every store, under running processes too"
        )
        yield warn(SUBJECT, text, CURE)
    else:
        yield ok(SUBJECT, "is off")


def configured_remove_ipc(root: Path = Path("/")) -> bool:
    """Read the setting as logind does; on where nobody says.

    Parameters
    ----------
    root
        Stands for `/`, in tests.
    """
    value = True
    for path in _files(root):
        for text in _values(path):
            value = text.lower() in ON
    return value


def _files(root: Path) -> Iterable[Path]:
    """Weakest first: the main file, then drop-ins by name wherever they lie."""
    homes = [root / home for home in VENDOR_TO_ADMIN]
    mains = [home / "logind.conf" for home in homes]
    drop_ins = {
        path.name: path
        for home in homes
        for path in (home / "logind.conf.d").glob("*.conf")
    }
    main = [path for path in mains if path.is_file()][-1:]
    return [*main, *(drop_ins[name] for name in sorted(drop_ins))]


def _values(path: Path) -> Iterator[str]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        name, equals, value = line.partition("=")
        if equals and name.strip() == "RemoveIPC":
            yield value.strip()


def _lingers(uid: int) -> bool:
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return False
    return Path("/var/lib/systemd/linger", name).exists()
