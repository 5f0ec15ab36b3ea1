"""Real Apache Kafka in KRaft mode: one node, or a cluster that survives the loss of one."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

from midonet.testbed.certificates import Tls
from midonet.testbed.group import Group
from midonet.testbed.jvm import java
from midonet.testbed.server import LOOPBACK, Server, accepts, run

# 16 MiB for a commit, and room for the record around it.
_RECORD_BYTES = 16 * 1024 * 1024 + 64 * 1024

_SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "message.max.bytes": str(_RECORD_BYTES),
    "replica.fetch.max.bytes": str(_RECORD_BYTES),
    "offsets.topic.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    # the broker's heap is small: the default of 128 MiB would take half of it
    "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
}

# A killed node can join again only after its old session has expired.
_ALONE: Mapping[str, str] = {
    "broker.session.timeout.ms": "1500",
    "broker.heartbeat.interval.ms": "300",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
}

# Three copies of everything, and a dead broker is noticed after 3 s instead of 9.
_REPLICATED: Mapping[str, str] = {
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}


class Kafka(Server):
    """One combined Kafka node (broker and controller), standing alone unless a cluster makes it a member.

    `settings` are added to server.properties: topic defaults, time-outs. `number` tells the nodes of a
    cluster apart; with `tls` clients speak TLS, show a certificate of the CA's and sign in as one of `users`, {name:
    password} (SASL PLAIN or SCRAM-SHA-512); a cluster also sets `voters` and `cluster_id`, alike on every node, before
    the first start.
    """

    name = "kafka"
    patience: ClassVar[float] = 60.0

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        number: int = 1,
        tls: Tls | None = None,
        users: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._tls = tls
        self._users = users
        self.number = number
        self.port = self.lease_port()
        self._file = self.directory / "server.properties"
        self._controller = f"{LOOPBACK}:{self.lease_port()}"
        self._settings = {**_ALONE, **(settings or {})}
        self.voter = f"{number}@{self._controller}"
        self.voters = self.voter
        self.cluster_id = base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")

    @property
    def bootstrap(self) -> str:
        """Address for clients, `HOST:PORT`."""
        return f"{LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        """Write server.properties and format the data directory."""
        properties = "".join(f"{key}={value}\n" for key, value in self._properties().items())
        self._file.write_text(properties)
        users = [f"SCRAM-SHA-512=[name={name},password={password}]" for name, password in (self._users or {}).items()]
        scram = [f"--add-scram={user}" for user in users]
        ours: list[str | Path] = [f"--cluster-id={self.cluster_id}", "-c", self._file]
        run(*java("kafka", "kafka.tools.StorageTool", "format", *ours, *scram))

    def command(self) -> Sequence[str | Path]:
        """Run in the foreground and log to standard output."""
        return java("kafka", "-Dlog4j2.level=INFO", "kafka.Kafka", self._file)

    def serves(self) -> bool:
        """Whether the node has joined its cluster and accepts clients."""
        return self.has_logged("Kafka Server started") and accepts(LOOPBACK, self.port)

    def _security(self) -> Mapping[str, str]:
        if self._tls is None:
            return {}
        users = " ".join(f'user_{name}="{password}"' for name, password in (self._users or {}).items())
        own = 'required username="broker" password="broker" user_broker="broker"'
        return {
            "listeners": f"SASL_SSL://{self.bootstrap},CONTROLLER://{self._controller}",
            "advertised.listeners": f"SASL_SSL://{self.bootstrap}",
            "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "SASL_SSL",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": (
                f"org.apache.kafka.common.security.plain.PlainLoginModule {own} {users};"
            ),
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._tls.server.both),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self._tls.ca),
            "ssl.client.auth": "required",
        }

    def _properties(self) -> Mapping[str, str]:
        return {
            "node.id": str(self.number),
            "controller.quorum.voters": self.voters,
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{self._controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "log.dirs": str(self.directory / "data"),
            **_SETTINGS,
            **self._security(),
            **self._settings,
        }


class KafkaCluster(Group[Kafka]):
    """`n` ≥ 3 combined nodes that keep three copies and go on while a majority of them lives."""

    def __init__(self, n: int = 3, settings: Mapping[str, str] | None = None) -> None:
        replicated = {**_REPLICATED, **(settings or {})}
        super().__init__([Kafka(replicated, number=number) for number in range(1, n + 1)])
        for member in self.members:
            member.voters = ",".join(each.voter for each in self.members)
            member.cluster_id = self.members[0].cluster_id

    @property
    def bootstrap(self) -> str:
        """Addresses for clients, `HOST:PORT,…`."""
        return ",".join(member.bootstrap for member in self.members)
