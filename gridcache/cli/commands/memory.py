"""`grid memory`: blocks that live until they are deallocated."""

import click

from gridcache.cli.examples import examples
from gridcache.cli.grid_session import open_pool
from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.cli.sizes import BINARY_SIZE
from gridcache.cli.spinner import waiting
from gridcache.cli.tables.blocks import (
    allocated_report,
    blocks_report,
    deallocated_report,
)
from gridcache.cli.tables.sharing import pool_report

__all__ = ["command"]


@click.group("memory")
def command() -> None:
    """Allocate and free memory blocks on the nodes of the grid."""


@command.command(
    "allocate",
    epilog=examples(
        "grid memory allocate --size 10.0 --node gpu2",
        "grid memory allocate --size 512MiB",
        "BLOCK=$(grid memory allocate --size 1 --json | jq -r .allocated.block_id)",
    ),
)
@click.option(
    "--size",
    "size_nbytes",
    type=BINARY_SIZE,
    required=True,
    metavar="GIB",
    help="In GiB, such as 10.0; or with a unit, such as 512MiB.",
)
@click.option("--node", metavar="NODE", help="On this node [the one with most room].")
@command_options
def allocate(options: Options, size_nbytes: int, node: str | None) -> None:
    """Allocate a block and print its id.

    It lives until it is deallocated, and reads as zeros until it is written. Exit 3
    without such a node, exit 5 if it has no room.
    """
    with open_pool(options) as (_, pool), waiting(options, "a node makes room"):
        block_id = pool.allocate(size_nbytes, node, detached=True)
        (block,) = [one for one in pool.list_blocks() if one.block_id == block_id]
    emit(allocated_report(block), options)


@command.command(
    "deallocate",
    epilog=examples(
        "grid memory deallocate block_0_gpu2",
        "grid memory list-blocks --format csv | tail -n +2 | cut -d, -f1 \\",
        "  | xargs grid memory deallocate",
    ),
)
@click.argument("blocks", nargs=-1, required=True, metavar="BLOCK...")
@command_options
def deallocate(options: Options, blocks: tuple[str, ...]) -> None:
    """Free blocks. Does not ask.

    All or none: an id that does not exist ends with exit 4 before any is freed.
    """
    with open_pool(options) as (_, pool), waiting(options, "the nodes free them"):
        pool.deallocate_many(list(blocks))
    emit(deallocated_report(blocks), options)


@command.command(
    "stats", epilog=examples("grid memory stats", "grid memory stats --json | jq .pool")
)
@command_options
def stats(options: Options) -> None:
    """Show what the blocks take on each node."""
    with open_pool(options) as (_, pool), waiting(options, "the nodes answer"):
        found = pool.get_stats()
    emit(pool_report(found), options)


@command.command(
    "list-blocks",
    epilog=examples(
        "grid memory list-blocks",
        "grid memory list-blocks --json | jq -r '.blocks[].block_id'",
    ),
)
@command_options
def list_blocks(options: Options) -> None:
    """List the blocks of all nodes."""
    with open_pool(options) as (_, pool), waiting(options, "the nodes answer"):
        blocks = pool.list_blocks()
    emit(blocks_report(blocks), options)
