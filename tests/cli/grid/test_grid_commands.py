"""The grid's commands, run as users run them, on a grid of two nodes."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gridcache.cli.failures import ExitCode
from tests.cli.grid.simulated import Simulated

pytestmark = pytest.mark.ray
GOLDEN = Path(__file__).parent / "golden"
SETTLED_S = 30.0
"""Till a grid that has just come up reports nothing but what stays."""

VARYING = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z", "<TIME>"),
    (r"\d+(\.\d+)? (B|[KMG]iB)\b *", "<SIZE> "),
    (r'("\w*nbytes": )\d+', r"\1<SIZE>"),
    (r'("(pid|port|epoch|number|partitions|cpus)": )[0-9.]+', r"\1<N>"),
    (r'("(ray_node_id|ray.io/node-id|store|host)": )"[^"]*"', r'\1"<TEXT>"'),
    (r"\d+\.\d+\.\d+\.\d+(:\d+)?", "<ADDRESS>"),
    (r"block_\d+_", "block_<N>_"),
    (r" +", " "),
    (r"^epoch \d+", "epoch <N>"),
    (r"^(\w+) \d+ (.*) serving \d+ \d+$", r"\1 <N> \2 serving <N> <N>"),
    (r" +$", ""),
)

LOOKING = {
    "nodes": ("nodes",),
    "distribute-status": ("distribute", "status"),
    "resource-sharing-status": ("resource-sharing", "status"),
    "memory-stats": ("memory", "stats"),
    "memory-list-blocks": ("memory", "list-blocks"),
}


@pytest.fixture(scope="module")
def blocks(running: Simulated) -> Iterator[list[str]]:
    """Two blocks, one on each node."""
    ids = [running.allocate("0.001", "--node", name) for name in ("head", "gpu2")]
    yield ids
    running("memory", "deallocate", *ids)


def normalised(text: str) -> str:
    for pattern, kind in VARYING:
        text = re.sub(pattern, kind, text, flags=re.MULTILINE)
    return text


def look(running: Simulated, name: str, form: str) -> str:
    done = running(*LOOKING[name], "--config", running.config, "--format", form)
    assert done.returncode == 0, done.stderr
    return normalised(done.stdout)


def recorded() -> list[Any]:
    """JSON, which programs read, of all; of the tables one, made as the others are."""
    soak = pytest.mark.soak
    tables = [
        pytest.param(name, "table", marks=[] if name == "nodes" else soak)
        for name in LOOKING
    ]
    return [*tables, *((name, "json") for name in LOOKING)]


@pytest.mark.parametrize(("name", "form"), recorded())
def test_output_is_as_recorded(
    name: str, form: str, running: Simulated, blocks: list[str]
) -> None:
    """`UPDATE_GOLDEN=1 pytest tests/cli/grid` writes the files anew."""
    assert len(blocks) == 2
    path = GOLDEN / f"{name}.{form}.txt"
    found, until = look(running, name, form), time.monotonic() + SETTLED_S
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(found)
    while found != path.read_text() and time.monotonic() < until:
        found = look(running, name, form)
    assert found == path.read_text()


def test_a_block_lives_from_one_command_to_the_next_and_all_go_or_none(
    running: Simulated,
) -> None:
    block = running.allocate("0.01", "--node", "gpu2")
    assert re.fullmatch(r"block_\d+_gpu2", block)
    done = running("memory", "deallocate", block, "block_999999_gpu2")
    assert done.returncode == ExitCode.NO_KEY
    assert "block_999999_gpu2" in done.stderr
    row = running.blocks()[block]
    assert row["node"] == "gpu2"
    assert row["size_nbytes"] == round(0.01 * 2**30)
    done = running("memory", "deallocate", block)
    assert done.returncode == 0, done.stderr
    assert running("memory", "deallocate", block).returncode == ExitCode.NO_KEY


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("memory", "allocate", "--size", "10.0"), ExitCode.NO_ROOM, "Failed to"),
        (
            ("memory", "allocate", "--size", "1MiB", "--node", "gpu9"),
            ExitCode.NO_STORE,
            "gpu9",
        ),
        (("drain", "gpu9"), ExitCode.USAGE, "gpu9"),
        (("memory", "allocate", "--size", "much"), ExitCode.USAGE, "no size"),
    ],
    ids=str,
)
def test_a_failure_has_its_code_and_one_line(
    words: tuple[str, ...], code: ExitCode, said: str, running: Simulated
) -> None:
    done = running(*words)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert done.stdout == ""
    if "Usage:" not in done.stderr:
        assert len(done.stderr.splitlines()) == 1


def test_up_can_be_repeated(running: Simulated) -> None:
    nodes = running.read("up", "--config", running.config)["nodes"]
    states = {row["name"]: row["state"] for row in nodes}
    assert states == {"head": "serving", "gpu2": "serving"}


IN_TURN = """
import sys
from gridcache.cli import main
for words in sys.argv[1:]:
    try:
        main(words.split(), prog_name="grid")
    except SystemExit as end:
        print(end.code)
"""


def test_without_a_grid_looking_starts_none(
    simulated: Simulated, tmp_path: Path
) -> None:
    # A port where nothing listens: else Ray looks for any cluster of the machine.
    settings = {"HOME": str(tmp_path), "RAY_ADDRESS": "127.0.0.1:1"}
    settings["GRIDCACHE_DIRECTORY"] = str(tmp_path / "stores")
    alone = Simulated(simulated.settings | settings, simulated.config)
    words = [*map(" ".join, LOOKING.values()), "drain x"]
    done = alone.python(IN_TURN, *words)
    assert done.stdout.split() == [str(int(ExitCode.NO_STORE))] * len(words)
    assert done.stderr.count("grid up") == len(words)
    assert not (tmp_path / "stores").exists()
