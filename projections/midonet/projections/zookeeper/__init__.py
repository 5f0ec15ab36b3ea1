"""ZooKeeper: where the view for agents lives, and how to write and read it there."""

from midonet.projections.zookeeper.client import Client
from midonet.projections.zookeeper.reader import ViewReader
from midonet.projections.zookeeper.target import ZooKeeperTarget

__all__ = ["Client", "ViewReader", "ZooKeeperTarget"]
