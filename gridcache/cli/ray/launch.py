"""Other machines, started and ended by Ray's own cluster launcher.

gridcache has no SSH code: it derives the launcher's file from the cluster file and
runs `ray up` and `ray down` on it.
"""

import getpass
import subprocess
import sys
import tempfile
from pathlib import Path

from gridcache.cli.failures import Failure
from gridcache.cli.ray.token import ensure_token, token_path, wants_token
from gridcache.cluster_config import ClusterConfig, launcher_config

__all__ = ["launch", "launcher_text", "tear_down"]

_STDERR = 2
"""The descriptor itself: a program cannot write to what stands for it in Python."""


def launcher_text(config: ClusterConfig) -> str:
    """Write the launcher's file as YAML."""
    import yaml  # noqa: PLC0415 - loaded by few commands

    path = token_path()
    token = str(path) if path and wants_token() else None
    derived = launcher_config(config, user=getpass.getuser(), token=token)
    return str(yaml.safe_dump(derived, sort_keys=False, width=1_000))


def launch(config: ClusterConfig) -> None:
    """Start Ray on the machines of a cluster file; what `ray up` says goes to stderr.

    Raises
    ------
    Failure
        The launcher failed.
    """
    ensure_token()
    _run("up", config, "--yes", "--no-config-cache")


def tear_down(config: ClusterConfig) -> None:
    """End Ray on the machines of a cluster file; fails as `launch` does."""
    _run("down", config, "--yes")


def _run(verb: str, config: ClusterConfig, *flags: str) -> None:
    with tempfile.TemporaryDirectory(prefix="gridcache-") as directory:
        path = Path(directory, "launcher.yaml")
        path.write_text(launcher_text(config))
        command = [sys.executable, "-m", "ray.scripts.scripts", verb, str(path), *flags]
        done = subprocess.run(command, stdout=_STDERR, check=False)  # noqa: S603 - our own interpreter
    if done.returncode:
        message = (
            f"`ray {verb}` failed with code {done.returncode}; see what it said above, "
            "and its file with `grid up --print`"
        )
        raise Failure(message)
