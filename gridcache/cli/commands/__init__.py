"""The commands, one a file, and the table by which the group finds them."""

from gridcache.cli.lazy import LazyCommand

__all__ = ["COMMANDS"]


def _at(module: str, text: str) -> LazyCommand:
    return LazyCommand(f"{__name__}.{module}", text)


COMMANDS: dict[str, LazyCommand] = {
    "demo": _at("demo", "Show what gridcache does, on real input, in a minute."),
    "stats": _at("stats", "Show sizes, hits and evictions."),
    "keys": _at("keys", "List keys, all or those that match a glob."),
    "info": _at("info", "Show one entry: size, age, hits, cost."),
    "explain": _at("explain", "Say why a key is there or is not."),
    "get": _at("get", "Write a value to stdout or to a file."),
    "put": _at("put", "Store a file's content under a key."),
    "rm": _at("rm", "Delete keys."),
    "clear": _at("clear", "Delete every entry of the namespace."),
    "stores": _at("stores", "List the stores of this machine."),
    "rm-store": _at("rm_store", "Remove a store and give its memory back."),
    "up": _at("up", "Join the nodes to a grid, and start Ray where none runs."),
    "down": _at("down", "End the grid, and the Ray that `grid up` started."),
    "nodes": _at("nodes", "List the nodes of the grid."),
    "drain": _at("drain", "Move what a node has to the others."),
    "memory": _at("memory", "Allocate and free memory blocks on the nodes."),
    "distribute": _at("distribute", "Show what each node brings to the grid."),
    "resource-sharing": _at(
        "resource_sharing", "Show how the nodes share their memory."
    ),
    "ray-data": LazyCommand(
        "gridcache.cli.ray_data", "List and release datasets that Ray Data published."
    ),
    "check": _at("check", "Verify a store from end to end."),
    "doctor": _at("doctor", "Look for what is wrong or missing on this machine."),
    "config": _at("config", "Show the settings and where each comes from."),
    "bench": _at("bench", "Measure this machine; the proof of the figures."),
    "completion": _at("completion", "Print the completion script of a shell."),
}
"""Name to command, in the order of the listing."""
