"""ZooKeeper as the target of the view for agents, and reading of the view."""

from midonet.projections.zookeeper.client import Client
from midonet.projections.zookeeper.target import ZooKeeperTarget

__all__ = ["Client", "ZooKeeperTarget"]
