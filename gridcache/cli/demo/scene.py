"""What an act hands back: rows to show, and claims that held or did not."""

from dataclasses import dataclass

from gridcache.cli.report import Section

__all__ = ["Claim", "Scene"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence about what was measured; the act itself has checked it."""

    text: str
    held: bool


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
