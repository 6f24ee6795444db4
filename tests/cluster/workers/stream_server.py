"""A server in a process of its own: `echo`, and bodies from and into a file."""

import sys
import threading

from gridcache.cluster.streams.bodies import file_target
from gridcache.cluster.streams.incoming import Incoming
from gridcache.cluster.streams.server import Server
from gridcache.cluster.streams.session import Session
from gridcache.cluster.streams.wire import Answer, Meta, Range
from tests.cluster.kit.streams import echo, empty_file, peak_nbytes, reset_peak

_FILE = empty_file()
_hanging: list[Session] = []


def handle(session: Session, op: str, meta: Meta, buffers: list[memoryview]) -> Answer:
    if op == "get":
        return Answer({}, [Range(_FILE, 0, meta["nbytes"])])
    if op == "peak":
        peak = peak_nbytes()
        reset_peak()
        return Answer({"nbytes": peak})
    if op == "hang":
        _hanging.append(session)
        threading.Event().wait()
    if op == "hanging":
        return Answer({"count": len(_hanging)})
    return echo(session, op, meta, buffers)


def put(session: Session, meta: Meta, incoming: Incoming) -> Answer:
    incoming.into([file_target(_FILE, 0)])
    return Answer({"nbytes": incoming.lengths[0]})


def main(key: str) -> None:
    with Server(bytes.fromhex(key), handle, streams={"put": put}) as server:
        sys.stdout.write(f"{server.address[1]}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
