"""Pages of an index file: each is one thing, met once, and not free as well.

LMDB checks little: a damaged list of free pages is believed, and a live page is
overwritten long after. So the walk of a store that was not closed looks at the
file itself, in the format of LMDB 0.9 on a 64-bit machine: every page that is
reachable is reached once, is what its place says, and none of them is free.
Reads only; the caller keeps writers out. Keys and their order are not looked at.
"""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["problem_of_pages"]

_PAGE = Struct("<QHHHH")
_META = Struct("<IIQQ48s48sQQ")
_TREE = Struct("<IHHQQQQQ")
_NODE = Struct("<HHHH")
_WORD = Struct("<Q")
_OVERFLOW_COUNT = Struct("<I")
_COUNT_AT = 12
_MAGIC = 0xBEEFC0DE
_VERSION = 1
_NO_PAGE = (1 << 64) - 1
_BRANCH, _LEAF, _OVERFLOW = 1, 2, 4
_BIG_DATA, _SUB_TREE, _DUPLICATES = 1, 2, 4
_META_PAGES = 2
_PAGE_MIN, _PAGE_MAX = 512, 1 << 16


Places = NDArray[np.uint16]


class _DamagedError(Exception):
    """Private: what is wrong."""


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _DamagedError(otherwise)


class _Tree(NamedTuple):
    page_nbytes: int
    """Of the whole file, in the first tree only."""
    flags: int
    depth: int
    branches: int
    leaves: int
    overflows: int
    entries: int
    root: int


class _Meta(NamedTuple):
    magic: int
    version: int
    address: int
    map_nbytes: int
    free: bytes
    main: bytes
    last_page: int
    transaction: int


class _Node(NamedTuple):
    flags: int
    key: memoryview
    data_at: int
    data_nbytes: int


def problem_of_pages(path: Path) -> str | None:
    """What is wrong with the pages of an index; None if nothing is."""
    with path.open("rb") as file:
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        _Pages(memoryview(mapping)).look()
    except _DamagedError as error:
        return str(error)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        return f"a page points out of itself: {error}"
    return None


class _Pages:
    def __init__(self, data: memoryview) -> None:
        self._data = data
        first = _Tree(*_TREE.unpack(self._meta(_PAGE.size).free))
        self._nbytes = first.page_nbytes
        _require(
            _PAGE_MIN <= self._nbytes <= _PAGE_MAX, f"pages of {self._nbytes} bytes"
        )
        metas = [self._meta(at + _PAGE.size) for at in (0, self._nbytes)]
        newest = max(metas, key=lambda meta: meta.transaction)
        self._free = _Tree(*_TREE.unpack(newest.free))
        self._main = _Tree(*_TREE.unpack(newest.main))
        self._transaction, last = newest.transaction, newest.last_page
        _require(
            (last + 1) * self._nbytes <= len(data),
            f"page {last} is beyond the file's end",
        )
        self._seen = bytearray(last + 1)
        self._seen[:_META_PAGES] = b"\1\1"

    def _meta(self, at: int) -> _Meta:
        meta = _Meta(*_META.unpack_from(self._data, at))
        _require(meta[:2] == (_MAGIC, _VERSION), "a first page is not one of LMDB's")
        return meta

    def look(self) -> None:
        """Look at everything."""
        for _ in self._tree(self._main):
            pass
        free: list[int] = []
        before = 0
        for node in self._tree(self._free):
            (transaction,) = _WORD.unpack(node.key)
            _require(
                before < transaction <= self._transaction,
                f"transaction {transaction} is out of turn",
            )
            before = transaction
            free += self._free_list(node)
        for number in free:  # now that all other pages are known
            self._claim(number, 1)

    def _claim(self, number: int, count: int) -> int:
        """Mark pages as met; returns where the first begins."""
        end = number + count
        _require(
            _META_PAGES <= number < end <= len(self._seen),
            f"page {number} does not exist",
        )
        _require(not any(self._seen[number:end]), f"page {number} is used twice")
        self._seen[number:end] = b"\1" * count
        return number * self._nbytes

    # -- trees -------------------------------------------------------------

    def _tree(self, tree: _Tree) -> Iterator[_Node]:
        """Nodes of a tree's leaves; the trees below it are looked at, too."""
        found = [0, 0, 0]
        todo = [] if tree.root == _NO_PAGE else [(tree.root, 1)]
        while todo:
            number, depth = todo.pop()
            kind = _LEAF if depth == tree.depth else _BRANCH
            at = self._claim(number, 1)
            nodes = self._nodes(at, number, kind)
            found[kind - 1] += 1
            if kind == _BRANCH:
                todo += [(child, depth + 1) for child in self._children(at, nodes)]
                continue
            for node in self._odd_nodes(at, nodes, every=tree is self._free):
                self._look_below(node, found)
                yield node
        said = [tree.branches, tree.leaves, tree.overflows]
        _require(found == said, f"a tree has {found} pages and says {said}")

    def _nodes(self, at: int, number: int, kind: int) -> Places:
        """Where the nodes of a page begin, relative to it."""
        pgno, _, flags, lower, upper = _PAGE.unpack_from(self._data, at)
        _require(
            (pgno, flags) == (number, kind),
            f"page {number} is of kind {flags}, not {kind}",
        )
        _require(
            _PAGE.size <= lower <= upper <= self._nbytes,
            f"page {number} ends inside itself",
        )
        count = (lower - _PAGE.size) // 2
        nodes = np.frombuffer(self._data, "<u2", count, at + _PAGE.size)
        inside = (nodes >= upper) & (nodes <= self._nbytes - _NODE.size)
        _require(bool(inside.all()), f"page {number} has nodes outside of it")
        return nodes

    def _children(self, at: int, nodes: Places) -> list[int]:
        children = []
        for place in nodes.tolist():
            low, high, top, _ = _NODE.unpack_from(self._data, at + place)
            children.append(low | high << 16 | top << 32)
        return children

    def _odd_nodes(self, at: int, nodes: Places, *, every: bool) -> Iterator[_Node]:
        """The nodes of a leaf that have more than inline data, or all."""
        words = np.frombuffer(self._data, "<u2", self._nbytes // 2, at)
        for place in nodes[(words[nodes // 2 + 2] != 0) | every].tolist():
            low, high, flags, key_nbytes = _NODE.unpack_from(self._data, at + place)
            start = at + place + _NODE.size
            key = self._data[start : start + key_nbytes]
            yield _Node(flags, key, start + key_nbytes, low | high << 16)

    def _look_below(self, node: _Node, found: list[int]) -> None:
        """Follow a leaf's node; a list of duplicates counts in the tree above."""
        if node.flags & _BIG_DATA:
            found[2] += self._overflow(node)[1]
        if node.flags & _SUB_TREE:
            below = _Tree(*_TREE.unpack_from(self._data, node.data_at))
            for _ in self._tree(below):
                pass
            if node.flags & _DUPLICATES:
                for kind, count in enumerate(below[3:6]):
                    found[kind] += count

    def _overflow(self, node: _Node, *, claim: bool = True) -> tuple[int, int]:
        """Where data too large for a leaf begins, and in how many pages it is."""
        (number,) = _WORD.unpack_from(self._data, node.data_at)
        at = number * self._nbytes
        pgno, _, flags, _, _ = _PAGE.unpack_from(self._data, at)
        (count,) = _OVERFLOW_COUNT.unpack_from(self._data, at + _COUNT_AT)
        _require(
            (pgno, flags) == (number, _OVERFLOW),
            f"page {number} is of kind {flags}, not overflow",
        )
        _require(
            node.data_nbytes + _PAGE.size <= count * self._nbytes,
            f"page {number} is too short for its data",
        )
        if claim:
            self._claim(number, count)
        return at + _PAGE.size, count

    def _free_list(self, node: _Node) -> list[int]:
        """The pages that one transaction freed."""
        at = node.data_at
        if node.flags & _BIG_DATA:
            at, _ = self._overflow(node, claim=False)
        count: int = _WORD.unpack_from(self._data, at)[0]
        _require(
            (count + 1) * _WORD.size <= node.data_nbytes,
            "a list of free pages is cut off",
        )
        pages = np.frombuffer(self._data, "<u8", count, at + _WORD.size)
        _require(
            bool(np.all(pages[:-1] > pages[1:])), "a list of free pages is not in order"
        )
        numbers: list[int] = pages.tolist()
        return numbers
