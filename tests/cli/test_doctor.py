"""What the doctor finds, each on a machine that is arranged for it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gridcache.cli.doctor import limits, memory, remove_ipc
from gridcache.cli.doctor.extras import check_extras
from gridcache.cli.doctor.finding import Finding, Status
from gridcache.cli.doctor.permissions import check_permissions
from gridcache.cli.doctor.remove_ipc import check_remove_ipc, configured_remove_ipc
from gridcache.cli.doctor.stores import check_stores
from gridcache.cli.doctor.versions import check_versions
from gridcache.config import Config
from gridcache.store.opening import close_store, open_store

CAPACITY = 4 * 2**20
HOLD_OPEN = (
    "import sys, time; from pathlib import Path\n"
    "from gridcache.store.opening import open_store\n"
    "store = open_store(Path(sys.argv[1]))\n"
    "print('open', flush=True); sys.stdin.read()"
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    directory = tmp_path / "stores"
    directory.mkdir(mode=0o700)
    return Config(directory=directory)


@pytest.fixture
def store(config: Config) -> Path:
    path = config.directory / "one"
    close_store(open_store(path, capacity_nbytes=CAPACITY))
    return path


def statuses(findings: Iterator[Finding]) -> list[Status]:
    return [finding.status for finding in findings]


def test_versions_are_all_there(config: Config) -> None:
    assert set(statuses(check_versions(config))) == {Status.OK}


def test_an_extra_that_is_missing_is_no_fault_and_has_its_command(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridcache.cli.extras.find_spec", lambda _: None)
    findings = list(check_extras(config))
    assert {finding.status for finding in findings} == {Status.OK}
    assert 'pip install "gridcache[ray]"' in {finding.cure for finding in findings}


def test_little_shared_memory_is_a_warning_with_cures(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_nbytes", lambda _: 2**26)
    warned = [f for f in memory.check_memory(config) if f.status is Status.WARN]
    assert "64.00 MiB free" in warned[0].text
    assert "--shm-size" in warned[0].cure


def test_private_directories_are_fine(config: Config, store: Path) -> None:
    assert store.is_dir()
    assert statuses(check_permissions(config)) == [Status.OK]


def test_a_directory_to_come_is_fine(tmp_path: Path) -> None:
    config = Config(directory=tmp_path / "later")
    assert statuses(check_permissions(config)) == [Status.OK]


@pytest.mark.parametrize(("name", "mode"), [("", "0700"), ("superblock", "0600")])
def test_rights_of_others_fail_with_the_command_that_takes_them(
    config: Config, store: Path, name: str, mode: str
) -> None:
    path = store / name
    path.chmod(0o755)
    (finding,) = check_permissions(config)
    assert finding.status is Status.FAIL
    assert finding.cure == f"chmod {mode} '{path}'"


def test_few_open_files_are_a_warning(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 4096))
    files, size = limits.check_limits(config)
    assert (files.status, files.cure) == (Status.WARN, "ulimit -n 4096")
    assert size.status is Status.WARN


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_remove_ipc_is_on_where_nobody_says(tmp_path: Path) -> None:
    assert configured_remove_ipc(tmp_path)


def test_remove_ipc_comments_do_not_count(tmp_path: Path) -> None:
    write(tmp_path / "etc/systemd/logind.conf", "[Login]\n#RemoveIPC=no\n")
    assert configured_remove_ipc(tmp_path)


def test_remove_ipc_last_drop_in_wins(tmp_path: Path) -> None:
    write(tmp_path / "etc/systemd/logind.conf", "[Login]\nRemoveIPC=yes\n")
    write(tmp_path / "usr/lib/systemd/logind.conf.d/90.conf", "RemoveIPC=no")
    write(tmp_path / "etc/systemd/logind.conf.d/10.conf", "RemoveIPC=yes")
    assert not configured_remove_ipc(tmp_path)


def test_remove_ipc_an_administrators_file_replaces_the_vendors(tmp_path: Path) -> None:
    write(tmp_path / "usr/lib/systemd/logind.conf.d/50.conf", "RemoveIPC=no")
    write(tmp_path / "etc/systemd/logind.conf.d/50.conf", "RemoveIPC=yes")
    assert configured_remove_ipc(tmp_path)


def test_remove_ipc_warns_an_ordinary_user_with_logind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(remove_ipc, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(remove_ipc, "SEATS", tmp_path)
    monkeypatch.setattr(remove_ipc, "configured_remove_ipc", lambda: True)
    monkeypatch.setattr("os.getuid", lambda: 10**6)
    (finding,) = check_remove_ipc(Config(directory=tmp_path / "stores"))
    assert finding.status is Status.WARN
    assert "enable-linger" in finding.cure


def test_remove_ipc_does_not_reach_a_directory_elsewhere(config: Config) -> None:
    assert statuses(check_remove_ipc(config)) == [Status.OK]


def test_a_store_that_opens_is_fine(config: Config, store: Path) -> None:
    (finding,) = check_stores(config)
    assert finding.status is Status.OK
    assert finding.subject == f"store {store.name}"


def test_a_store_of_a_newer_format_fails_with_the_reason(
    config: Config, store: Path
) -> None:
    block = json.loads((store / "superblock").read_text())
    (store / "superblock").write_text(json.dumps({**block, "format": 999}))
    (finding,) = check_stores(config)
    assert finding.status is Status.FAIL
    assert str(store) in finding.cure


def test_a_stopped_process_is_named_with_the_way_on(
    config: Config, store: Path
) -> None:
    command = [sys.executable, "-c", HOLD_OPEN, str(store)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:  # type: ignore[call-overload]
        process.stdout.readline()
        os.kill(process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        try:
            warned = [f for f in check_stores(config) if f.status is Status.WARN]
        finally:
            os.kill(process.pid, signal.SIGCONT)
            process.stdin.close()
    assert f"kill -CONT {process.pid}" in warned[0].cure
