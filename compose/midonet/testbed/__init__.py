"""Real servers on loopback, for the demo, the tests and the benches.

    with ZooKeeper() as zookeeper:
        client = KazooClient(zookeeper.hosts)
        ...
        zookeeper.kill()       # SIGKILL
        zookeeper.restart()    # same data, same port

The product never imports this package.
"""

from midonet.testbed.kafka import Kafka, KafkaCluster
from midonet.testbed.ovsdb import OvsdbServer, Schema
from midonet.testbed.ovsdb_cluster import OvsdbCluster
from midonet.testbed.postgres import Postgres
from midonet.testbed.server import Server
from midonet.testbed.zookeeper import ZooKeeper, ZooKeeperEnsemble

__all__ = [
    "Kafka",
    "KafkaCluster",
    "OvsdbCluster",
    "OvsdbServer",
    "Postgres",
    "Schema",
    "Server",
    "ZooKeeper",
    "ZooKeeperEnsemble",
]
