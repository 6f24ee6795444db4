"""Notes at run time which of a cell's sites ran (`flow` says what a site is)."""

import ast
from typing import Any

from gridcache.notebook.flow import Flow, Site

__all__ = ["MARKS_NAME", "with_marks"]

MARKS_NAME = "__gridcache_marks__"
"""Global of the cell while it runs: a dict that has the number of each site passed."""

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
BODY_OWNERS = (ast.For, ast.With, ast.match_case)
"""Their names are bound when their body is entered; all others' when they are done."""


def with_marks(tree: ast.Module, flow: Flow) -> ast.Module:
    """Add a mark at every site. Changes the tree in place."""
    if flow.sites:
        _mark_block(tree.body, flow)
    return tree


def _mark_block(body: list[ast.stmt], flow: Flow) -> None:
    marked: list[ast.stmt] = []
    for statement in body:
        _mark_inside(statement, flow)
        marked.append(statement)
        site = flow.sites.get(statement)
        if site and not isinstance(statement, BODY_OWNERS):
            marked.append(_mark(site, statement))
    body[:] = marked


def _mark_inside(node: Any, flow: Flow) -> None:
    """Mark the blocks of a compound statement; a function's body is none of them."""
    if isinstance(node, DEFINITIONS):
        return
    for part in ("body", "orelse", "finalbody"):
        block = getattr(node, part, None)
        if isinstance(block, list) and block:
            _mark_block(block, flow)
    for inner in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        _mark_inside(inner, flow)
    site = flow.sites.get(node)
    if site and isinstance(node, BODY_OWNERS):
        node.body.insert(0, _mark(site, node.body[0]))


def _mark(site: Site, near: ast.stmt) -> ast.stmt:
    mark = ast.parse(f"{MARKS_NAME}[{site.number}] = True").body[0]
    for node in ast.walk(mark):
        ast.copy_location(node, near)
    return mark
