"""Writes numbers under a name, and stands inside of a task until the gate is open.

Arguments: the name, how many rows, the file that says that a task is inside, the gate's
file, how long parts outlive the driver, in seconds.
"""

from pathlib import Path

from gridcache.published.handle import Handle
from gridcache.ray_data.datasink import GridDatasink
from tests.ray_data.kit.joining import run, say
from tests.ray_data.kit.notes import Gate
from tests.ray_data.kit.written import Piece, in_pieces


def main(
    handle: Handle, name: str, rows: str, inside: str, gate: str, tenure_s: str
) -> None:
    count = int(rows)

    def stands(piece: Piece) -> None:
        if count - 1 in piece["id"]:
            Gate(Path(inside)).open()
            Gate(Path(gate)).wait()

    sink = GridDatasink(name, cache=handle)
    sink.tenure_s = float(tenure_s)
    in_pieces(stands, rows=count).write_datasink(sink)
    say("done")


if __name__ == "__main__":
    run(main)
