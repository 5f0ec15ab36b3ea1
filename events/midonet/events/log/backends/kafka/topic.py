"""The topic that holds a log: the settings that it needs so that no commit is lost, and how to repair them.

Settings are verified whenever a log is opened: clients are not notified when they change.
"""

from collections.abc import Mapping
from time import monotonic, sleep
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import NoError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code
from msgspec import Struct

from midonet.events.commit import MAX_COMMIT_BYTES
from midonet.events.errors import Misconfigured, NoLog

RECORD_BYTES = MAX_COMMIT_BYTES + 64 * 1024
"""The largest commit with the overhead of Kafka."""

_SAFE_REPLICAS = 3
_METADATA_SECONDS = 10.0
"""Time after which every live broker has the metadata of a new topic."""
_POLL_SECONDS = 0.05


class _Rule(Struct, frozen=True):
    """One setting, the value that it must have, and the value to set."""

    name: str
    value: str
    at_least: bool = False

    def holds(self, found: str) -> bool:
        return int(found) >= int(self.value) if self.at_least else found == self.value

    def __str__(self) -> str:
        return f"at least {self.value}" if self.at_least else self.value


_RULES = (
    _Rule("cleanup.policy", "delete"),
    _Rule("retention.ms", "-1"),
    _Rule("retention.bytes", "-1"),
    _Rule("max.message.bytes", str(RECORD_BYTES), at_least=True),
)
_REPLICATED_RULES = (
    _Rule("min.insync.replicas", "2", at_least=True),
    _Rule("unclean.leader.election.enable", "false"),
)


def prepare_topic(admin: KafkaAdminClient, servers: str, topic: str, *, create: bool) -> None:
    """Create the topic if it is absent, and verify its settings as the brokers have them.

    Raises `NoLog` if it is absent and `create` is false; `Misconfigured` with each wrong setting, its value, the
    required one and the command that repairs it.
    """
    partitions = _partitions(admin, topic)
    if partitions is None:
        if not create:
            raise NoLog(f"there is no topic {topic} at {servers}", topic=topic)
        _create(admin, topic)
        partitions = _partitions_soon(admin, topic)
    _verify(servers, topic, partitions, _settings(admin, topic))


def _partitions(admin: KafkaAdminClient, topic: str) -> list[Mapping[str, Any]] | None:
    described = admin.describe_topics([topic])[0]
    error = for_code(described["error_code"])
    if error is UnknownTopicOrPartitionError:
        return None
    if error is not NoError:
        raise error(topic)
    return list(described["partitions"])


def _partitions_soon(admin: KafkaAdminClient, topic: str) -> list[Mapping[str, Any]]:
    """Return the partitions of a new topic; not all brokers get its metadata at the same moment."""
    deadline = monotonic() + _METADATA_SECONDS
    while not (found := _partitions(admin, topic)) and monotonic() < deadline:
        sleep(_POLL_SECONDS)
    return found or []


def _create(admin: KafkaAdminClient, topic: str) -> None:
    brokers = len(admin.describe_cluster()["brokers"])
    replicated = brokers >= _SAFE_REPLICAS
    rules = _RULES + (_REPLICATED_RULES if replicated else ())
    configs = {rule.name: rule.value for rule in rules}
    configs["message.timestamp.type"] = "LogAppendTime"  # clients with a wrong clock may write as well
    description = {
        "num_partitions": 1,
        "replication_factor": _SAFE_REPLICAS if replicated else 1,
        "configs": configs,
    }
    try:
        admin.create_topics({topic: description}, wait_for_metadata=True)
    except TopicAlreadyExistsError:  # another process created it
        admin.wait_for_topics([topic])


def _settings(admin: KafkaAdminClient, topic: str) -> dict[str, str]:
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    found = admin.describe_configs([resource], config_filter="all")["topic"][topic]
    return {name: data["value"] for name, data in found.items()}


def _verify(servers: str, topic: str, partitions: list[Mapping[str, Any]], settings: dict[str, str]) -> None:
    if len(partitions) != 1:
        raise Misconfigured(
            f"topic {topic} has {len(partitions)} partitions, wanted is 1: use another topic, made by "
            f"kafka-topics.sh --bootstrap-server {servers} --create --topic NAME --partitions 1",
            topic=topic,
            partitions=len(partitions),
        )
    replicated = len(partitions[0]["replica_nodes"]) > 1
    rules = _RULES + (_REPLICATED_RULES if replicated else ())
    wrong = [rule for rule in rules if not rule.holds(settings[rule.name])]
    if wrong:
        raise _misconfigured(servers, topic, wrong, settings)


def _misconfigured(servers: str, topic: str, wrong: list[_Rule], settings: dict[str, str]) -> Misconfigured:
    found = ", ".join(f"{rule.name} is {settings[rule.name]}, wanted is {rule}" for rule in wrong)
    repair = (
        f"kafka-configs.sh --bootstrap-server {servers} --alter --entity-type topics --entity-name {topic} "
        f"--add-config {','.join(f'{rule.name}={rule.value}' for rule in wrong)}"
    )
    return Misconfigured(
        f"topic {topic} could lose commits: {found}; repair it by {repair}",
        topic=topic,
        wrong={rule.name: {"value": settings[rule.name], "wanted": str(rule)} for rule in wrong},
        repair=repair,
    )
