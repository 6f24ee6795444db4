"""What the pages say is true: their code runs, their links and commands exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gridcache.cli import main
from tests.docs.markdown import ON_A_GRID, ROOT, blocks, links, pages

_COMMAND = re.compile(r"^(?:\$ )?(?:grid|gridcache) ([a-z][a-z-]*)", re.MULTILINE)
_INLINE = re.compile(r"`grid ([a-z][a-z-]*)")
PAGES = {page.relative_to(ROOT).as_posix(): page for page in pages()}
WITH_CODE = {
    name: page
    for name, page in PAGES.items()
    if any(block.language in {"python", "pycon"} for block in blocks(page))
    and page not in ON_A_GRID
}


_DASKS_END = """Future exception was never retrieved
future: <Future finished exception=TimeoutError('Timeout')>
TimeoutError: Timeout
"""
"""What distributed may leave when its loop ends while a `BatchedSend` waits."""


def run(
    command: list[str], home: Path, cwd: Path, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a program with stores of its own, and with Ray's files in their place."""
    environment = os.environ | {
        "GRIDCACHE_DIRECTORY": str(home / "stores"),
        "PYTHONPATH": str(ROOT),
        "RAY_TMPDIR": str(home),
        "RAY_ADDRESS": "127.0.0.1:1",  # nobody: else any Ray of the machine is found
        "RAY_AUTH_MODE": "disabled",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        **settings,
    }
    done = subprocess.run(
        command,
        env=environment,
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    done.stderr = done.stderr.replace(_DASKS_END, "")
    return done


@pytest.mark.parametrize("name", WITH_CODE)
def test_the_code_of_a_page_runs(name: str, store_dir: Path, tmp_path: Path) -> None:
    program = str(ROOT / "tests" / "docs" / "markdown.py")
    done = run([sys.executable, program, str(PAGES[name])], store_dir, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Error" not in done.stderr


def test_a_page_that_lies_is_found_out(store_dir: Path, tmp_path: Path) -> None:
    page, program = tmp_path / "page.md", str(ROOT / "tests" / "docs" / "markdown.py")
    for code in ("```python\n1 / 0\n```\n", "```pycon\n>>> 1 + 1\n3\n```\n"):
        page.write_text(f"# Title\n\n{code}")
        done = run([sys.executable, program, str(page)], store_dir, tmp_path)
        assert done.returncode == 1
        assert "line 4" in done.stdout + done.stderr


@pytest.mark.parametrize("name", PAGES)
def test_the_links_of_a_page_lead_somewhere(name: str) -> None:
    page = PAGES[name]
    local = [link for link in links(page) if "://" not in link]
    missing = [
        link for link in local if not (page.parent / link.partition("#")[0]).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_a_page_exist(name: str) -> None:
    text = PAGES[name].read_text()
    code = "\n".join(block.text for block in blocks(PAGES[name]))
    named = {*_INLINE.findall(text), *_COMMAND.findall(code)}
    assert named <= set(main.list_commands(None))  # type: ignore[arg-type]


def test_the_readme_never_passes_a_capacity() -> None:
    code = [b.text for b in blocks(ROOT / "README.md") if b.language == "python"]
    assert code
    assert "capacity" not in "".join(code)


def test_the_first_code_of_the_readme_is_short_and_early() -> None:
    first = next(b for b in blocks(ROOT / "README.md") if b.language == "python")
    assert len(first.text.strip().splitlines()) <= 8
    assert first.line < 15
