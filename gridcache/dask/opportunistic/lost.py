"""Lost: hits that were evicted between the look-up and the read."""

from collections.abc import Collection, Iterator

from gridcache.errors import KeyNotFoundError

__all__ = ["lost_text"]


def lost_text(error: BaseException, texts: Collection[str]) -> str | None:
    """The text of a hit whose loss an error tells of; None if it tells of none.

    Parameters
    ----------
    texts
        Of the hits: a task of the user's may look for keys of its own.
    """
    for one in _behind(error):
        if isinstance(one, KeyNotFoundError):
            text = one.context.get("key")
            if text in texts:
                return text
    return None


def _behind(error: BaseException) -> Iterator[BaseException]:
    """An error and those that it carries: Dask's processes and Ray wrap them."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in seen:
            seen.append(one)
            yield one
            carried = (one.__dict__.get("exception"), one.__dict__.get("cause"))
            waiting += [*carried, one.__cause__]
