"""Single flight: N callers ask for the same missing key, one computes it.

Over all threads, asyncio tasks and processes of the machine. The records and
their transactions are `gridcache.store.flights`; here is who waits, how, and for
how long.

How callers wait. Rule 11 of the design asks for a lock that completion and death
both free. A kernel lock has no timeout (a stopped leader would hold it for ever),
costs a file per flight and an executor thread per async waiter. So waiters of
other processes poll with a read transaction and the row's lock, from 0.5 ms to
10 ms apart: completion and death are both seen within one step. Waiters of the
leader's own process are woken by it. Nobody holds a lock while waiting, and
Ctrl-C works.

Computing without waiting happens where waiting could not end or not begin:

- the same key in the same call chain, and a cycle of waiting flights. The flight's
  own leader stores its value; such a result is returned and not stored.
- the store's writer is stalled or its index full. Such a result is put unfenced.
- a call inside a flight of *another* store waits 30 s at most, since cycles through
  two stores are not in either's table.

What is not seen: a call chain goes where `contextvars` go. A pool's thread or
process that the computing function starts and waits for is not part of it; if it
asks for the very key being computed, both wait. A forked child is part of the
chain, and leads nothing.
"""

from gridcache.flight.attempt import STALE_S, Fence
from gridcache.flight.single import ABSENT, Absent, SingleFlight

__all__ = ["ABSENT", "STALE_S", "Absent", "Fence", "SingleFlight"]
