"""Reading all that stands in one folder of ZooKeeper. Never writes."""

from kazoo.exceptions import NoNodeError

from midonet.projections.zookeeper.client import Client

__all__ = ["read_below"]


def read_below(client: Client, path: str) -> dict[str, bytes]:
    """Return the data of the children of a node by name, nothing if it is not there; `Unavailable` without ZooKeeper.

    The client is connected.
    """
    with client.failures():
        try:
            names = client.result(client.get_children_async(path))
        except NoNodeError:
            return {}
        found = client.read_many([f"{path}/{name}" for name in names])
    return {node.rpartition("/")[2]: data for node, data in found.items()}
