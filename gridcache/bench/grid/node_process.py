"""A process that serves one node of a bare grid, until its stdin ends.

`python -m gridcache.bench.grid.node_process NODE CAPACITY` makes the node's store
where the stores of the run are and says `PORT STORE`. Who started it plays the
membership, see `bare_site`.
"""

import sys
from contextlib import ExitStack

from gridcache.cluster.actors.desk import Desk
from gridcache.cluster.actors.posts import Post
from gridcache.cluster.actors.tenancy import enter
from gridcache.cluster.blocks.service import BlockService
from gridcache.cluster.home.service import Service
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.streams.server import Server

__all__ = ["GRID", "KEY", "serve"]

GRID = "bare"
KEY = bytes(range(32))
"""No secret: the stores are private, the ports this machine's, for a minute."""


def serve(node: str, capacity_nbytes: int) -> None:
    """Serve until stdin ends."""
    post = Post(
        grid=GRID,
        node=node,
        incarnation="1",
        key=KEY,
        ray_node_id="",
        first=False,
        capacity_nbytes=capacity_nbytes,
    )
    with ExitStack() as undo:
        tenancy = enter(post)
        undo.callback(tenancy.leave)
        standing = Standing.create(tenancy.store)
        undo.callback(standing.close)
        peers = undo.enter_context(Peers(KEY, name=node))
        service = Service(tenancy.store, standing, peers)
        undo.callback(service.close)
        blocks = BlockService(tenancy.store.blocks, node)
        undo.callback(blocks.close)
        desk = Desk(blocks, service)
        server = Server(KEY, desk.handle, streams=desk.streams)
        server.start()
        undo.callback(server.close)
        sys.stdout.write(f"{server.address[1]} {tenancy.path}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
