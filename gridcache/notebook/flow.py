"""What a cell takes from the notebook and what it leaves there.

Words. *reads*: names that may be read before the cell has bound them; those are its
inputs. *bound*: names that every run to the end has bound. *site*: a statement that
binds names on some paths alone (in a branch or a loop); `marks` notes at run time
which sites ran.

A name too many among the reads costs a run, a name too few would be a wrong hit. So
what is unclear counts as read. One exception brings its proof along: a `for` loop at
the top level is taken to run at least once, and `relied` lists the sites of which
one must have run for that to be true of this run (and of every run with the same
inputs).
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gridcache.notebook.names import Names, names_of

__all__ = ["Flow", "Site", "flow_of"]

SILENT = (ast.Break, ast.Continue, ast.Pass, ast.Global)
"""Neither read nor bind."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place where names are bound on some paths alone."""

    number: int
    names: tuple[str, ...]


@dataclass(slots=True)
class Flow:
    """Result of the analysis; words as in the module's docstring."""

    reads: dict[str, None] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    loose: set[str] = field(default_factory=set)
    """Bound at a moment that nobody knows; among the reads too."""
    sites: dict[ast.AST, Site] = field(default_factory=dict)
    """By statement, bound after it; or by the owner of a body, bound on entry."""
    relied: set[frozenset[int]] = field(default_factory=set)
    definitions: dict[str, int] = field(default_factory=dict)
    """Functions and classes of the cell, with their lines."""

    @property
    def assigned(self) -> tuple[str, ...]:
        """Every name that some run binds, sorted."""
        names = (name for site in self.sites.values() for name in site.names)
        return tuple(sorted({*self.bound, *self.loose, *names}))


def flow_of(tree: ast.Module) -> Flow:
    """Analyse a cell.

    The caller guarantees that the cell has no top-level `await` and no star import.
    """
    walker = _Walker()
    walker.block(tree.body)
    walker.call_pending()
    return walker.flow


class _Walker:
    """Follows the statements in their order."""

    def __init__(self) -> None:
        self.flow = Flow()
        self._depth = 0
        self._pending: dict[str, None] = {}
        self._assumed: dict[str, frozenset[int]] = {}

    def block(self, statements: Iterable[ast.stmt]) -> None:
        for statement in statements:
            if not _is_passive(statement):
                self.call_pending()
            if not isinstance(statement, SILENT):
                kind = type(statement).__name__.lower()
                getattr(self, f"_{kind}", self._simple)(statement)

    def call_pending(self) -> None:
        """Functions defined so far may be called from here on."""
        self._read(self._pending)
        self._pending.clear()

    def _read(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self.flow.bound:
                continue
            if name in self._assumed:
                self.flow.relied.add(self._assumed[name])
            else:
                self.flow.reads[name] = None

    def _take_in(self, names: Names) -> None:
        self._read(names.reads)
        self._pending.update(dict.fromkeys(names.later))
        self._bind_loosely(names.global_binds)
        self._read(names.unbinds)
        for name in names.unbinds:
            self.flow.bound.discard(name)
            self._assumed.pop(name, None)

    def _bind_loosely(self, names: Iterable[str]) -> None:
        self._read(names)
        self.flow.loose.update(names)

    def _bind(self, node: ast.AST, names: tuple[str, ...]) -> None:
        self.flow.bound.update(names)
        if names and self._depth:
            self.flow.sites[node] = Site(len(self.flow.sites), names)

    def _simple(self, node: ast.stmt) -> None:
        names = names_of(node)
        self._take_in(names)
        self._bind(node, names.binds)

    def _expression(self, node: ast.expr) -> None:
        """Head of a compound statement; a walrus there has no place for a mark."""
        names = names_of(node)
        self._take_in(names)
        self._bind_loosely(names.binds)

    def _target(self, node: ast.expr) -> tuple[str, ...]:
        names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
        self._read(n.id for n in names if isinstance(n.ctx, ast.Load))
        return tuple(n.id for n in names if isinstance(n.ctx, ast.Store))

    def _definition(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    ) -> None:
        self.flow.definitions[node.name] = node.lineno
        self._simple(node)
        if not _is_passive(node):
            self.call_pending()

    _functiondef = _asyncfunctiondef = _classdef = _definition

    def _branch(
        self,
        body: Iterable[ast.stmt],
        owner: ast.AST | None = None,
        names: tuple[str, ...] = (),
    ) -> set[str]:
        """Walk a branch that binds `names` on entry; returns what it has bound."""
        before, assumed = set(self.flow.bound), dict(self._assumed)
        self._depth += 1
        if owner is not None:
            self._bind(owner, names)
        self.block(body)
        self.call_pending()
        self._depth -= 1
        after, self.flow.bound = self.flow.bound, before
        self._assumed = assumed
        return after

    def _if(self, node: ast.If) -> None:
        self._expression(node.test)
        bodies = (node.body, node.orelse)
        self.flow.bound = _meet([self._branch(body) for body in bodies], bodies)

    def _while(self, node: ast.While) -> None:
        self._expression(node.test)
        self._branch(node.body)
        self._branch(node.orelse)

    def _for(self, node: ast.For) -> None:
        self._expression(node.iter)
        first = len(self.flow.sites)
        after = self._branch(node.body, node, self._target(node.target))
        if not self._depth:
            self._assume(after - self.flow.bound, first)
        self._branch(node.orelse)

    def _assume(self, names: set[str], first: int) -> None:
        sites = [s for s in self.flow.sites.values() if s.number >= first]
        for name in names:
            numbers = frozenset(s.number for s in sites if name in s.names)
            if numbers:
                self._assumed[name] = numbers

    def _with(self, node: ast.With) -> None:
        names: list[str] = []
        for item in node.items:
            self._expression(item.context_expr)
            if item.optional_vars is not None:
                names += self._target(item.optional_vars)
        self._bind(node, tuple(names))
        self.block(node.body)

    def _try(self, node: ast.Try) -> None:
        bodies = [[*node.body, *node.orelse]]
        ends = [self._branch(bodies[0])]
        for handler in node.handlers:
            if handler.type is not None:
                self._expression(handler.type)
            bodies.append(handler.body)
            ends.append(self._handler(handler))
        self.flow.bound = _meet(ends, bodies)
        self.block(node.finalbody)

    _trystar = _try

    def _handler(self, node: ast.ExceptHandler) -> set[str]:
        """Walk a handler; Python unbinds the exception's name at its end."""
        own = {node.name} - self.flow.bound if node.name else set()
        self.flow.bound |= own
        after = self._branch(node.body)
        self.flow.bound -= own
        return after - own

    def _match(self, node: ast.Match) -> None:
        self._expression(node.subject)
        for case in node.cases:
            for value in _pattern_values(case.pattern):
                self._expression(value)
            names = tuple(dict.fromkeys(_captures(case.pattern)))
            guard = (
                [ast.copy_location(ast.Expr(case.guard), case.guard)]
                if case.guard
                else []
            )
            self._branch([*guard, *case.body], case, names)


def _meet(ends: list[set[str]], bodies: Iterable[list[ast.stmt]]) -> set[str]:
    """Bound whichever branch ran; one that never reaches its end does not count."""
    going_on = [
        end
        for end, body in zip(ends, bodies, strict=True)
        if not (body and isinstance(body[-1], ast.Raise | ast.Break | ast.Continue))
    ]
    return set.intersection(*(going_on or ends))


def _captures(pattern: ast.pattern) -> Iterator[str]:
    for node in ast.walk(pattern):
        name = getattr(node, "name", None) or getattr(node, "rest", None)
        if isinstance(name, str):
            yield name


def _pattern_values(pattern: ast.pattern) -> Iterator[ast.expr]:
    for node in ast.walk(pattern):
        if isinstance(node, ast.MatchValue):
            yield node.value
        elif isinstance(node, ast.MatchClass):
            yield node.cls


def _is_passive(node: ast.stmt) -> bool:
    """Tell whether a statement cannot call a function of the cell."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        plain = all(isinstance(one, ast.Constant) for one in defaults)
        return plain and not node.decorator_list
    if isinstance(node, ast.Assign):
        names = all(isinstance(target, ast.Name) for target in node.targets)
        return names and isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Import | ast.ImportFrom | ast.Pass)
