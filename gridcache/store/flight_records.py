"""Records of the table of flights: how flights and wait edges lie in the index.

A flight lies under its entry key, a wait edge under a number of its own. Packing
and single steps inside a transaction; the rules are in `flights`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from struct import Struct

from gridcache.store.flight_graph import FlightGraph
from gridcache.store.transaction import WriteTxn

__all__ = [
    "Edge",
    "Flight",
    "drop_edge",
    "drop_flight",
    "flight_records",
    "load_flight",
    "put_edge",
    "put_flight",
    "read_graph",
    "unpack_record",
]

_FLIGHT = Struct("<QQQI")
_EDGE = Struct("<QQI")
_EDGE_PREFIX = b"\0\0"
"""Namespaces count from 1: no entry key begins so."""


@dataclass(frozen=True, slots=True)
class Flight:
    """A computation under way."""

    fence: int
    parent: int
    """Fence of the flight it was begun in, 0 for none."""
    started_ns: int
    """Of the leader's client row: tells its owners apart."""
    row: int


@dataclass(frozen=True, slots=True)
class Edge:
    """A call inside a flight waits for a key."""

    number: int
    inside: int
    """The flight's fence."""
    started_ns: int
    """Of the waiter's client row."""
    row: int
    key: bytes


def load_flight(txn: WriteTxn, key: bytes) -> Flight | None:
    """The flight of an entry key."""
    record = txn.get(key, db=txn.tables.flights)
    return Flight(*_FLIGHT.unpack(record)) if record is not None else None


def put_flight(txn: WriteTxn, key: bytes, flight: Flight) -> None:
    """Write a flight, over an older one."""
    record = _FLIGHT.pack(flight.fence, flight.parent, flight.started_ns, flight.row)
    txn.put(key, record, db=txn.tables.flights)


def put_edge(txn: WriteTxn, edge: Edge) -> None:
    """Write a wait edge."""
    record = _EDGE.pack(edge.inside, edge.started_ns, edge.row) + edge.key
    txn.put(_edge_key(edge.number), record, db=txn.tables.flights)


def drop_edge(txn: WriteTxn, number: int) -> None:
    """Remove a wait edge, if it is there."""
    txn.txn.delete(_edge_key(number), db=txn.tables.flights)


def flight_records(txn: WriteTxn) -> Iterator[tuple[bytes, bytes]]:
    """All records as they lie."""
    with txn.txn.cursor(txn.tables.flights) as cursor:
        yield from cursor


def unpack_record(key: bytes, record: bytes) -> Flight | Edge:
    """What a record of the table says."""
    if not key.startswith(_EDGE_PREFIX):
        return Flight(*_FLIGHT.unpack(record))
    number = int.from_bytes(key[len(_EDGE_PREFIX) :], "big")
    inside, started_ns, row = _EDGE.unpack_from(record)
    return Edge(number, inside, started_ns, row, record[_EDGE.size :])


def read_graph(txn: WriteTxn) -> FlightGraph:
    """Who waits for whom at this moment."""
    graph = FlightGraph()
    for key, record in flight_records(txn):
        found = unpack_record(key, record)
        if isinstance(found, Edge):
            graph.add_wait(found.inside, found.key)
        else:
            graph.add_flight(key, found.fence, found.parent)
    return graph


def drop_flight(txn: WriteTxn, key: bytes, flight: Flight) -> None:
    """Remove a flight that lost its fence; what was begun in it goes to its parent.

    Its call may go on for long, and who waits for the parent waits for it too.
    """
    txn.txn.delete(key, db=txn.tables.flights)
    for other, record in list(flight_records(txn)):
        found = unpack_record(other, record)
        if isinstance(found, Edge):
            if found.inside == flight.fence:
                put_edge(txn, replace(found, inside=flight.parent))
        elif found.parent == flight.fence:
            put_flight(txn, other, replace(found, parent=flight.parent))


def _edge_key(number: int) -> bytes:
    return _EDGE_PREFIX + number.to_bytes(8, "big")
