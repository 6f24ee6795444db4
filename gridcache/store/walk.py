"""Walk the index of a store that was not closed: `python -m gridcache.store.walk`.

Runs in a process of its own, since LMDB trusts its file and a damaged page can
crash it. Exit status 0: every table was read to its end, every record has its
CRC, and the tables agree with each other. Anything else, a signal included,
means that the index is not to be trusted. Changes nothing.
"""

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import lmdb

from gridcache.errors import GridCacheError
from gridcache.store.access import AccessTable
from gridcache.store.check import check_index
from gridcache.store.entries import Books
from gridcache.store.layout import Superblock, read_superblock
from gridcache.store.marks import load_namespaces
from gridcache.store.namespaces import all_namespaces
from gridcache.store.pages import problem_of_pages
from gridcache.store.state import State
from gridcache.store.transaction import Tables, WriteTxn

__all__ = ["main", "walk"]


def walk(directory: Path) -> list[str]:
    """What is wrong with the index; the caller keeps everybody else out."""
    problem = problem_of_pages(directory / "data.mdb")
    if problem is not None:
        return [problem]
    block = read_superblock(directory)
    nbytes = (directory / "data.mdb").stat().st_size
    access = AccessTable(directory / "access")
    env = lmdb.open(
        str(directory),
        map_size=nbytes,
        max_dbs=len(fields(Tables)),
        readonly=True,
        lock=False,
        lib_version=0,
    )
    try:
        tables = Tables(
            *(
                env.open_db(field.name.encode(), create=False)
                for field in fields(Tables)
            )
        )
        with env.begin() as txn:
            return _look(
                directory, block, WriteTxn(txn, tables), Books(access, sealed=True)
            )
    finally:
        env.close()
        access.close()


def _look(directory: Path, block: Superblock, txn: WriteTxn, books: Books) -> list[str]:
    problems = check_index(books, txn)
    problems += _look_at_state(directory, block, txn.state)
    if txn.state.next_slot > books.access.slots:
        problems.append("the access record is cut off")
    problems += [
        f"table {field.name} does not find what it lists"
        for field in fields(Tables)
        if not _finds_all(txn.txn, getattr(txn.tables, field.name))
    ]
    noted = {space.name: space for space in load_namespaces(directory)}
    if noted != {space.name: space for space in all_namespaces(txn)}:
        problems.append("the namespaces are not those that were noted")
    return problems


def _finds_all(txn: lmdb.Transaction, table: Any) -> bool:
    """True if the upper pages lead to every item of the lower ones."""
    several = txn.stat(table)["entries"] and table.flags(txn)["dupsort"]
    with txn.cursor(table) as items, txn.cursor(table) as seeker:
        if several:
            return all(seeker.set_key_dup(*item) for item in items)
        return all(seeker.set_key(item[0]) and seeker.item() == item for item in items)


def _look_at_state(directory: Path, block: Superblock, state: State) -> list[str]:
    index_nbytes = (directory / "data.mdb").stat().st_size
    arena_nbytes = (directory / "arena").stat().st_size
    facts = {
        "capacity": state.capacity_nbytes == block.capacity_nbytes,
        "arena's length": state.arena_nbytes <= arena_nbytes,
        "index's length": index_nbytes <= state.index_nbytes <= block.capacity_nbytes,
    }
    return [
        f"the state has a wrong {name}" for name, holds in facts.items() if not holds
    ]


def main(arguments: list[str]) -> int:
    """Walk the store in the directory named; 0 if the index can be trusted."""
    try:
        problems = walk(Path(arguments[0]))
    except (lmdb.Error, GridCacheError, OSError, ValueError, LookupError) as error:
        problems = [f"{type(error).__name__}: {error}"]
    for problem in problems[:20]:
        sys.stderr.write(problem + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
