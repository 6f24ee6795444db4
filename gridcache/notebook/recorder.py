"""Records what a cell prints and displays while it appears, and shows it again.

Recorded: stdout, stderr, displayed data. Not recorded: widgets and displays that are
updated later (progress bars), which mean nothing without their kernel; output beyond
`LIMIT_NBYTES`.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

__all__ = ["LIMIT_NBYTES", "Output", "Recording", "recorded", "replay"]

LIMIT_NBYTES = 2**20
"""A cell that prints more is kept without its further output."""

WIDGET = "application/vnd.jupyter.widget-view+json"

Output = tuple[str, Any]
"""`("stdout", text)`, `("stderr", text)` or `("display", (data, metadata))`."""


@dataclass(slots=True)
class Recording:
    """What has been shown so far."""

    outputs: list[Output] = field(default_factory=list)
    nbytes: int = 0
    complete: bool = True

    def add(self, kind: str, content: Any) -> None:
        """Add an output, joined to the last one if both are text of one stream."""
        self.nbytes += len(content) if isinstance(content, str) else len(repr(content))
        if self.nbytes > LIMIT_NBYTES:
            self.complete = False
        elif self.outputs and kind != "display" and self.outputs[-1][0] == kind:
            self.outputs[-1] = (kind, self.outputs[-1][1] + content)
        else:
            self.outputs.append((kind, content))

    def add_display(self, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Add displayed data by MIME type."""
        if WIDGET in data:
            self.complete = False
        else:
            self.add("display", (data, metadata))


class _Tee:
    """A text stream that also records; all else is the stream's own."""

    def __init__(self, stream: TextIO, record: Callable[[str], None]) -> None:
        self._stream = stream
        self._record = record

    def write(self, text: str) -> int:
        self._record(text)
        return self._stream.write(text)

    def writelines(self, lines: Iterator[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def recorded(publisher: Any) -> Iterator[Recording]:
    """Record the streams and a display publisher (`ip.display_pub`)."""
    recording = Recording()
    stdout, stderr, publish = sys.stdout, sys.stderr, publisher.publish

    def publish_recorded(data: Any, metadata: Any = None, **more: Any) -> Any:
        if more.get("update") or more.get("transient"):
            recording.complete = False
        else:
            recording.add_display(dict(data), dict(metadata or {}))
        return publish(data, metadata, **more)

    sys.stdout = _Tee(stdout, lambda text: recording.add("stdout", text))
    sys.stderr = _Tee(stderr, lambda text: recording.add("stderr", text))
    publisher.publish = publish_recorded
    try:
        yield recording
        _show_figures()
    finally:
        sys.stdout, sys.stderr = stdout, stderr
        del publisher.publish


def replay(outputs: list[Output], publisher: Any) -> None:
    """Show recorded outputs in their order."""
    for kind, content in outputs:
        if kind == "display":
            data, metadata = content
            publisher.publish(data, metadata)
        else:
            (sys.stdout if kind == "stdout" else sys.stderr).write(content)


def _show_figures() -> None:
    """Show matplotlib's open figures now: it would do so after the recording."""
    inline = sys.modules.get("matplotlib_inline.backend_inline")
    if inline and "matplotlib.pyplot" in sys.modules:
        inline.flush_figures()
