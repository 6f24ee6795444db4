"""One line of the doctor."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Status", "fail", "ok", "warn"]


class Status(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """Works, but will hurt in a case that the text names."""
    FAIL = "fail"
    """Does not work, or is not safe."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one subject, and the cure where it is not well."""

    status: Status
    subject: str
    text: str
    cure: str = ""


def ok(subject: str, text: str, cure: str = "") -> Finding:
    """Nothing wrong; the cure is then a mere possibility."""
    return Finding(Status.OK, subject, text, cure)


def warn(subject: str, text: str, cure: str) -> Finding:
    """Something that will hurt in some case."""
    return Finding(Status.WARN, subject, text, cure)


def fail(subject: str, text: str, cure: str) -> Finding:
    """Something that does not work."""
    return Finding(Status.FAIL, subject, text, cure)
