"""The group: quick, lazy, helpful, and its exit codes."""

import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from gridcache import errors
from gridcache.cli import main
from gridcache.cli.commands import COMMANDS
from gridcache.cli.failures import ExitCode, Failure, exit_code_of, raised_as_exit_codes

HELP_S = 0.15
HEAVY = ("dask", "lmdb", "numpy", "pandas", "pyarrow", "ray", "rich", "yaml")


def run_python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from gridcache.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print('loaded:', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    assert run_python(code).endswith("loaded: []\n")


def test_help_is_quick() -> None:
    """Processor time, best of five: other work on the machine must not fail it."""
    command = [sys.executable, "-c", "from gridcache.cli import main; main(['--help'])"]
    times = []
    for _ in range(5):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, process.returncode, usage = os.wait4(process.pid, 0)
        times.append(usage.ru_utime + usage.ru_stime)
    assert min(times) < HELP_S


@pytest.mark.parametrize("name", COMMANDS)
def test_the_listing_says_what_the_command_says(name: str) -> None:
    command = COMMANDS[name].load()
    assert command.name == name
    assert command.help is not None
    assert command.help.startswith(COMMANDS[name].help.removesuffix("."))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_common_options(name: str) -> None:
    command = COMMANDS[name].load()
    leaves = (
        command.commands.values() if isinstance(command, click.Group) else [command]
    )
    for leaf in leaves:
        options = {option for param in leaf.params for option in param.opts}
        wanted = {"--namespace", "--path", "--format", "--json", "--color", "--config"}
        assert wanted | {"--no-progress"} <= options


def test_a_misspelt_command_is_suggested() -> None:
    result = CliRunner().invoke(main, ["stat"])
    assert result.exit_code == ExitCode.USAGE
    assert "Did you mean" in result.stderr
    assert "stats" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.KeyNotFoundError("x"), 4),
        (errors.OutOfSpaceError("x"), 5),
        (errors.ValueTooLargeError("x"), 5),
        (errors.StoreStalledError("x"), 3),
        (errors.StoreAccessError("x"), 3),
        (errors.StoreFormatError("x"), 3),
        (errors.ConfigError("x"), 2),
        (errors.BlockNotFoundError("x"), 4),
        (errors.AllocationError("x"), 5),
        (errors.NoAvailableNodesError("x"), 3),
        (errors.NodeLostError("x"), 3),
        (errors.NotEncodableError("x"), 1),
        (errors.ClosedError("x"), 1),
    ],
)
def test_every_error_has_its_exit_code(error: errors.GridCacheError, code: int) -> None:
    assert exit_code_of(error) == code


def failure_of(error: BaseException) -> Failure:
    with pytest.raises(Failure) as caught, raised_as_exit_codes():
        raise error
    return caught.value


def test_a_failure_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    failure_of(errors.ConfigError("first\nsecond")).show()
    assert capsys.readouterr().err == "Error: first second\n"


def test_a_missing_library_is_named_with_its_extra() -> None:
    failure = failure_of(ModuleNotFoundError("No module named 'ray'", name="ray"))
    assert 'pip install "gridcache[ray]"' in failure.message


def test_a_missing_library_without_an_extra_is_named_itself() -> None:
    failure = failure_of(ModuleNotFoundError("No module named 'x'", name="x.y"))
    assert failure.message.endswith("pip install x")


def test_a_missing_module_of_our_own_is_a_bug() -> None:
    with pytest.raises(ModuleNotFoundError), raised_as_exit_codes():
        raise ModuleNotFoundError(name="gridcache.nonsense")


def test_ctrl_c_has_its_own_code() -> None:
    assert failure_of(KeyboardInterrupt()).exit_code == ExitCode.INTERRUPTED


def test_a_closed_pipe_is_left_to_click() -> None:
    with pytest.raises(BrokenPipeError), raised_as_exit_codes():
        raise BrokenPipeError


def test_completion_of_a_command_loads_no_command() -> None:
    ctx = click.Context(main, info_name="grid")
    items = main.shell_complete(ctx, "st")
    assert [item.value for item in items] == ["stats", "stores"]


def test_bench_hands_over_names_and_options(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Its own parser answers, and its exit code is ours."""
    with pytest.raises(SystemExit) as caught:
        main(["bench", "--no-such-option", "nonsense"], prog_name="grid")
    assert caught.value.code == ExitCode.USAGE
    assert "nonsense" in capfd.readouterr().err
