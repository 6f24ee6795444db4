"""Asked: contenders that are asked of drivers, and what they have answered."""

import math
from collections.abc import Callable

from gridcache.bench.result import Series

__all__ = ["Asked", "check_same"]

Answer = dict[str, float]


class Asked:
    """A contender for `interleave`; its answers of the rounds that count.

    Parameters
    ----------
    field
        What is measured, by its name in an answer.
    """

    def __init__(self, ask: Callable[[], Answer], field: str = "seconds") -> None:
        self._ask, self._field = ask, field
        self.answers: list[Answer] = []

    def __call__(self, number: int) -> float:
        """Ask once."""
        answer = self._ask()
        if number:
            self.answers.append(answer)
        return answer[self._field]

    def series(self, field: str) -> Series:
        """One number of each answer."""
        return Series(tuple(answer[field] for answer in self.answers))


def check_same(contenders: list[Asked]) -> None:
    """Make sure that all have read the same.

    Raises
    ------
    ValueError
        They have not.
    """
    answers = [answer for one in contenders for answer in one.answers]
    for answer in answers:
        same = math.isclose(answer["sum"], answers[0]["sum"])
        if answer["rows"] != answers[0]["rows"] or not same:
            message = f"contenders read different data: {answers[0]} and {answer}"
            raise ValueError(message)
