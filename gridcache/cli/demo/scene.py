"""What an act hands back: rows to show, and claims that held or did not."""

from dataclasses import dataclass

from gridcache.cli.report import Section
from gridcache.store.outcome import CheckReport

__all__ = ["Claim", "Scene", "claim_of"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence about what was measured; the act itself has checked it."""

    text: str
    held: bool


def claim_of(report: CheckReport) -> Claim:
    """Claim that a store is whole; the first problem where it is not."""
    if report.ok:
        checked = f"{report.entries:,} entries and {report.extents:,} extents"
        return Claim(f"check() is clean: {checked}", held=True)
    return Claim(f"check() found: {report.problems[0]}", held=False)


@dataclass(frozen=True, slots=True)
class Scene:
    """One act as it went."""

    section: Section
    """Measured figures."""
    claims: tuple[Claim, ...]
    lesson: str
    """One line of the summary."""

    @property
    def held(self) -> bool:
        """True if every claim held."""
        return all(claim.held for claim in self.claims)
