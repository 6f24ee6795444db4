"""On a terminal: it asks, draws and colours; Ctrl-C has its code."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gridcache.cache import GridCache
from gridcache.cli.failures import ExitCode

GRID = "from gridcache.cli import main; main(prog_name='grid')"
TIMEOUT_S = 30


def on_terminal(*words: object, answer: str = "") -> tuple[int, str]:
    """Run `grid` on a terminal of its own; returns its code and what it showed."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", GRID, *map(str, words)]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        os.write(ours, answer.encode())
        shown = read_all(ours)
        code = process.wait(TIMEOUT_S)
    os.close(ours)
    return code, shown


def read_all(terminal: int) -> str:
    parts = []
    try:
        while part := os.read(terminal, 4096):
            parts.append(part)
    except OSError:  # Linux ends a terminal whose other side is closed so
        pass
    return b"".join(parts).decode()


@pytest.mark.parametrize(("answer", "left"), [("n\n", 5), ("y\n", 0)])
def test_clear_asks_with_the_number_of_entries(
    answer: str, left: int, filled: GridCache, path: Path
) -> None:
    code, shown = on_terminal("clear", "--path", path, answer=answer)
    assert "all 5 entries of namespace 'default'" in shown
    assert code == (ExitCode.FAILED if left else ExitCode.OK)
    assert len(filled) == left


def test_rm_does_not_ask(filled: GridCache, path: Path) -> None:
    code, _ = on_terminal("rm", "greeting", "--path", path)
    assert code == ExitCode.OK
    assert "greeting" not in filled


@pytest.mark.usefixtures("filled")
def test_a_table_is_drawn_and_coloured(path: Path) -> None:
    _, shown = on_terminal("keys", "--long", "--path", path)
    assert "─" in shown
    assert "\x1b[" in shown


@pytest.mark.usefixtures("filled")
def test_no_color_draws_without_colour(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    _, shown = on_terminal("keys", "--long", "--path", path)
    assert "─" in shown
    assert "\x1b[3" not in shown


@pytest.mark.usefixtures("filled")
def test_a_closed_pipe_is_quiet(path: Path) -> None:
    command = [sys.executable, "-c", GRID, "keys", "--path", str(path)]
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert result.stderr == b""


def test_ctrl_c_ends_with_130(path: Path, tmp_path: Path) -> None:
    """Sent while it reads: opening a pipe waits until the other side has opened it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-c", GRID, "put", "k", str(pipe), "--path", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        with pipe.open("wb"):
            process.send_signal(signal.SIGINT)
            assert process.wait(TIMEOUT_S) == ExitCode.INTERRUPTED
        assert process.stderr is not None
        assert "interrupted" in process.stderr.read()
    assert not path.exists()
