"""Digests of plans: equal as long as a dataset would compute the same rows.

A digest is made of the operators with their attributes, the user's functions by
`gridcache.fingerprint`, what the driver gave by content (`gridcache.digest`), and files
by their versions. It is the same in another process or job, and after a notebook was
restarted, for the same code. Where any of that has no lasting identity there is none.

Does not count: where and with how many workers something runs, the settings of the
`DataContext`, and the order in which Ray finishes blocks. Not covered: user functions
that give another result each time, and what they read by themselves.
"""

from dataclasses import dataclass
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from gridcache.digest.engine import SCALARS, Digester
from gridcache.digest.errors import Unkeyable
from gridcache.fingerprint.places import (
    found_by_name,
    is_local_code,
    top_package,
    version_of,
)
from gridcache.fingerprint.survey import MISSING, Survey, contents
from gridcache.ray_data.plan_looks import Look, looks
from gridcache.ray_data.plan_sources import Undigestible
from gridcache.ray_data.plan_walk import walked

__all__ = ["PlanDigest", "digest_of", "plan_digest"]

FORMAT = 1
"""Raised when the same plan gets another digest than before."""


@dataclass(frozen=True, slots=True)
class PlanDigest:
    """What there is to say of a plan."""

    digest: str | None
    """32 hex digits; None if a part of it has no lasting identity."""
    doubt: str = ""
    """Why there is none, as a sentence."""


def plan_digest(dataset: Any) -> str | None:
    """The digest of a dataset's plan; None if a part of it has no lasting identity."""
    return digest_of(dataset).digest


def digest_of(dataset: Any) -> PlanDigest:
    """Do the same, and say why there is none. This never raises."""
    try:
        token = PlanDigester().token(("plan", FORMAT, walked(dataset)))
    except Unkeyable as refusal:
        what = f"{refusal.kind} {refusal.reason}"
        return PlanDigest(None, f"a part of the plan has no lasting identity: {what}")
    except Undigestible as refusal:
        return PlanDigest(None, str(refusal))
    except Exception as error:  # noqa: BLE001 - of user's objects, or of another Ray
        return PlanDigest(None, f"the plan cannot be looked at ({error!r:.200})")
    return PlanDigest(token.hex())


class PlanDigester(Digester):
    """A digester that knows what of Ray's stands for something else.

    Functions that Ray makes of the user's count with all they hold: their closures are
    the parameters of a plan, while `gridcache.fingerprint` takes what an installed
    decorator keeps for its own affair.
    """

    __slots__ = ("_codes", "_looked")

    def __init__(self, survey: Any = None, outer: Digester | None = None) -> None:
        super().__init__(survey, outer)
        # What stands for a value is made once: else a cycle would have no end.
        self._looked: dict[int, tuple[object, Any]] = {}
        self._codes: dict[int, tuple[object, bytes]] = {}

    def token(self, value: object) -> bytes:
        """Give the token of any value."""
        kind: Any = type(value)
        if kind in SCALARS:
            return super().token(value)
        if kind is FunctionType and self._is_closure(value):
            return self._instead(value, _closure)
        if self.survey is None and isinstance(value, FunctionType | type | ModuleType):
            return self._code(value)
        look = _look_at(kind)
        return super().token(value) if look is None else self._instead(value, look)

    def apart(self, value: object, where: str) -> bytes:
        """Give the token a part has alone, whatever was met before it."""
        return type(self)(self.survey, self).part(value, where)

    def _instead(self, value: Any, look: Look) -> bytes:
        known = self._looked.get(id(value))
        if known is None:
            known = self._looked[id(value)] = (value, look(value))
        return super().token(known[1])

    def _is_closure(self, value: Any) -> bool:
        """Tell whether a function of an installed package has parameters of a plan."""
        module = str(value.__globals__.get("__name__", ""))
        if is_local_code(value.__code__, module, None):
            return False
        if self.survey is not None and top_package(module) != "ray":
            return False
        return not found_by_name(value, module, value.__code__.co_qualname)

    def _code(self, value: Any) -> bytes:
        """A fingerprint, with this digester's eye for what code reaches."""
        known = self._codes.get(id(value))
        if known is None:
            known = self._codes[id(value)] = (value, _surveyed(value))
        return known[1]


def _surveyed(value: Any) -> bytes:
    survey = Survey(None, frozenset())
    d = PlanDigester(survey)
    tokens = [d.token(value)]
    # The list grows while it is walked.
    for placed in survey.placed:
        survey.current = placed
        tokens.append(d.node("content", placed.content(d, survey, placed.value)))
    return d.node("fingerprint", tokens)


def _closure(value: FunctionType) -> tuple[Any, ...]:
    module = str(value.__globals__.get("__name__", ""))
    cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
    found = [(name, contents(cell)) for name, cell in cells]
    bound = [(name, content) for name, content in found if content is not MISSING]
    return (
        ("closure", module, version_of(module)),
        value.__code__,
        value.__defaults__,
        value.__kwdefaults__,
        bound,
        vars(value),
    )


def _alone(value: Any) -> bytes:
    return PlanDigester().token(value)


@cache
def _look_at(kind: Any) -> Look | None:
    table = looks(_alone)
    return next((table[base] for base in kind.__mro__ if base in table), None)
