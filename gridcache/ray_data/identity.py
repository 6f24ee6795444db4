"""Identity: the digest of a dataset's plan, or a word that there is none, once."""

from ray.data import Dataset

from gridcache.advice import advise
from gridcache.ray_data.plans import digest_of

__all__ = ["plan_or_say", "say_once"]

_said: set[str] = set()


def plan_or_say(dataset: Dataset, name: str, version: str | None) -> str | None:
    """The plan's digest; None if it has none, which is said once for a name."""
    found = digest_of(dataset)
    # A version is the user's word for it.
    if found.digest is None and version is None:
        say_once(
            f"{found.doubt}; the name {name!r} and its version decide whether what is "
            f"published is this dataset: give another version= when it changes",
            name,
        )
    return found.digest


def say_once(message: str, about: str = "") -> None:
    """Advise, unless that was said already in this process.

    Parameters
    ----------
    about
        What the message is about: said once of that, however it is worded.
    """
    said = about or message
    if said not in _said:
        _said.add(said)
        advise(message)
