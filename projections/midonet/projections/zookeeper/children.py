"""Reads all children of one or several ZooKeeper nodes. Never writes."""

from collections.abc import Iterator, Sequence

from kazoo.exceptions import NoNodeError

from midonet.projections.zookeeper.client import Client


def read_below(client: Client, path: str) -> dict[str, bytes]:
    """Return the data of a node's children by name; empty if it does not exist; `Unavailable` without ZooKeeper.

    The client is connected.
    """
    (found,) = read_each_below(client, [path])
    return found


def read_each_below(client: Client, paths: Sequence[str]) -> list[dict[str, bytes]]:
    """As `read_below`, for several nodes, in the time of one."""
    with client.failures():
        nodes = [[f"{path}/{name}" for name in names] for path, names in _children(client, paths)]
        found = client.read_many([node for each in nodes for node in each])
    return [{node.rpartition("/")[2]: found[node] for node in each if node in found} for each in nodes]


def _children(client: Client, paths: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for path, asked in [(path, client.get_children_async(path)) for path in paths]:
        try:
            yield path, asked.get()
        except NoNodeError:
            yield path, []
