"""Ray: whether it is here, runs, and lets nobody in who should not be."""

import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from stat import S_IMODE

from gridcache.cli.doctor.finding import Finding, fail, ok, warn
from gridcache.cli.extras import install_command
from gridcache.cli.people import printable
from gridcache.cli.ray.head import find_head
from gridcache.cli.ray.running import answers, running_ray
from gridcache.cli.ray.token import asks_for_token, token_path
from gridcache.cluster.home.naming import GridFacts, read_facts
from gridcache.cluster_config.launcher import RAY_PORT
from gridcache.config import Config

__all__ = ["check_ports", "check_ray"]

OTHERS = 0o077


def check_ray(config: Config) -> Iterator[Finding]:
    """Installed, running, and who may use it."""
    try:
        installed = version("ray")
    except PackageNotFoundError:
        yield ok("ray", "not installed; one machine needs none", install_command("ray"))
        return
    yield ok("ray", installed)
    address = _address(config)
    if address is None:
        yield ok("ray cluster", "none is known here", "grid up")
        return
    yield _reachable(address)
    yield _token()


def check_ports(config: Config) -> Iterator[Finding]:
    """Ports of this machine's nodes; without any, whether Ray's usual one is free."""
    nodes = [facts for path in _stores(config) if (facts := read_facts(path))]
    for facts in nodes:
        yield _node_port(facts)
    if nodes or find_head(config.directory) is not None:
        return
    if answers(f"127.0.0.1:{RAY_PORT}"):
        text = f"something listens on port {RAY_PORT}; `grid up` will take another"
        yield ok("ports", text)
    else:
        yield ok("ports", f"{RAY_PORT} is free for Ray")


def _stores(config: Config) -> list[Path]:
    return sorted(path for path in config.directory.glob("*") if path.is_dir())


def _node_port(facts: GridFacts) -> Finding:
    subject = f"port of node {printable(facts.node)}"
    where = f"{facts.host}:{facts.port}"
    if answers(where):
        return ok(subject, f"{where} answers, for the grid {printable(facts.grid)}")
    text = f"nothing listens at {where}: the other nodes cannot read from this one"
    return fail(subject, text, "grid nodes says why; grid up starts it again")


def _address(config: Config) -> str | None:
    """Address of the cluster that a program here would join, as far as is known."""
    if address := os.environ.get("RAY_ADDRESS"):
        return address
    head = find_head(config.directory)
    return head.address if head else running_ray()


def _reachable(address: str) -> Finding:
    if not address.rpartition(":")[2].isdigit():
        return ok("ray cluster", address)
    if answers(address):
        return ok("ray cluster", f"{address} answers")
    cure = "start it (`grid up`), open the port in the firewall, or unset RAY_ADDRESS"
    return fail("ray cluster", f"nothing listens at {address}", cure)


def _token() -> Finding:
    subject, path = "ray token", token_path()
    if not asks_for_token():
        text = "Ray asks for none: whoever reaches its ports can run code as you"
        return warn(subject, text, "ray get-auth-token --generate, and restart Ray")
    if path is None:
        return ok(subject, "in the environment")
    return _private(subject, path)


def _private(subject: str, path: Path) -> Finding:
    if not path.is_file():
        cure = "copy it from the head, or ray get-auth-token --generate"
        return fail(subject, f"{path} is missing, and Ray asks for it", cure)
    mode = S_IMODE(path.stat().st_mode)
    if mode & OTHERS:
        text = f"{path} has mode {mode:04o}: others can read it and run code as you"
        return fail(subject, text, f"chmod 0600 '{path}'")
    return ok(subject, f"{path} is yours alone")
