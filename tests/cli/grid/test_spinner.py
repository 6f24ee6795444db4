"""The spinner: on a terminal alone, on stderr, and not if nobody wants it."""

import os
import pty
import subprocess
import sys

import pytest

CODE = (
    "import sys, time; from gridcache.cli.options import Options\n"
    "from gridcache.cli.spinner import waiting\n"
    "with waiting(Options(progress=sys.argv[1] == 'yes'), 'Ray answers') as told:\n"
    "    time.sleep(0.3); told('a [node] joins'); time.sleep(0.3)\n"
    "print('done')"
)


def shown_on_terminal(progress: str) -> str:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", CODE, progress]
    done = subprocess.run(
        command, stderr=theirs, stdout=subprocess.PIPE, check=True, text=True
    )
    os.close(theirs)
    assert done.stdout == "done\n"
    os.set_blocking(ours, False)
    try:
        return os.read(ours, 65536).decode()
    except (BlockingIOError, OSError):
        return ""
    finally:
        os.close(ours)


def test_a_terminal_shows_what_is_waited_for() -> None:
    shown = shown_on_terminal("yes")
    assert "Ray answers ..." in shown
    assert "a [node] joins ..." in shown


def test_no_progress_shows_nothing() -> None:
    assert shown_on_terminal("no") == ""


@pytest.mark.parametrize("progress", ["yes", "no"])
def test_a_pipe_gets_nothing(progress: str) -> None:
    command = [sys.executable, "-c", CODE, progress]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert (done.stdout, done.stderr) == ("done\n", "")
