"""The log in a Kafka topic."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import pytest
from commits import chain, commit, head_of, heads
from kafka import KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, KafkaAdminClient
from log_contract import LogContract, Rows, acknowledged, found, start_racer

from midonet.events.commit import GENESIS, MAX_COMMIT_BYTES
from midonet.events.errors import (
    Diverged,
    HeadMoved,
    LostCommits,
    Misconfigured,
    OutcomeUnknown,
    Tampered,
    Unavailable,
    UsageError,
)
from midonet.events.log import Log, open_log
from midonet.events.log.backends.kafka.client import Writer
from midonet.testbed import Kafka, KafkaCluster

RIGHT = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "max.message.bytes": str(MAX_COMMIT_BYTES + 64 * 1024),
}


class TestKafkaLog(LogContract):
    """The contract, and what only a topic can do."""

    @pytest.fixture(autouse=True)
    def server(self, kafka: Kafka) -> None:
        """Remember where other programs find the topic."""
        self.bootstrap = kafka.bootstrap

    @pytest.fixture
    def url(self, kafka: Kafka, kafka_topic: str) -> str:
        """A topic of its own."""
        return f"kafka://{kafka.bootstrap}/{kafka_topic}"

    def rewrite(self, url: str, rows: Rows) -> None:
        """Replace the topic."""
        topic = topic_of(url)
        with self.admin() as admin:
            admin.delete_topics([topic])
        self.create(topic)
        self.produce(topic, [raw for _, raw in rows])

    def create(self, topic: str, settings: Mapping[str, str] | None = None, *, partitions: int = 1) -> None:
        """Create a topic, right but for some settings."""
        configs = {**RIGHT, **(settings or {})}
        description = {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
        with self.admin() as admin:
            admin.create_topics({topic: description}, wait_for_metadata=True)

    def admin(self) -> "closing[Any]":
        """Return an administrator's client."""
        return closing(KafkaAdminClient(bootstrap_servers=self.bootstrap))

    def produce(self, topic: str, values: Sequence[bytes | None]) -> None:
        """Write records, as any other program could."""
        with closing(KafkaProducer(bootstrap_servers=self.bootstrap)) as producer:
            for value in values:
                producer.send(topic, value=value, key=b"k", partition=0)
            producer.flush(10)

    # Records that are no commits

    def test_non_extending_record_is_skipped_and_counted(self, log: Log, rival: Log) -> None:
        """Foreign, corrupt, duplicate and losing records, and a lone one that continues nothing."""
        batch = chain(GENESIS, 3)
        head = heads(batch)[1]
        strays = [
            b"hello",
            b"\xff\xfe",
            b"[" * 100_000,
            batch[0],
            commit(GENESIS),
            chain(head, 4)[3],
            commit(head)[:-1],
        ]
        log.append(GENESIS, batch[:1])
        self.produce(topic_of(log), strays)
        log.append(head, batch[1:])
        self.produce(topic_of(log), [batch[2]])
        for reader in (log, rival):
            assert [record.raw for record in reader.read()] == batch
            assert reader.skipped == len(strays) + 1
            assert reader.head_at(2) == heads(batch)[2]

    def test_a_record_without_a_value_is_skipped(self, log: Log) -> None:
        """Another program may think that the topic is compacted."""
        self.produce(topic_of(log), [None])
        assert log.append(GENESIS, [commit(GENESIS)]) == 1
        assert log.skipped == 1

    def test_conflicting_batch_is_not_reported_as_corruption(self, log: Log, rival: Log) -> None:
        """Its commits continue each other, but the first continued a commit of the log."""
        winner = commit(GENESIS)
        self.produce(topic_of(log), [winner, *chain(GENESIS, 5)])
        head = head_of(GENESIS, winner)
        assert log.append(head, [commit(head)]) == 1
        assert rival.head().position == 2
        assert rival.skipped == 5

    def test_batch_is_retried_after_a_conflict(self, log: Log, rival: Log, monkeypatch: pytest.MonkeyPatch) -> None:
        """What came before the other writer's commit stays; how much that is, is the answer."""
        batch = chain(GENESIS, 60, reason="x" * 50_000)  # three Kafka batches
        send = Writer.send

        def send_with_a_rival(writer: Writer, values: Sequence[bytes]) -> int:
            offset = send(writer, values)
            monkeypatch.undo()
            head = rival.head()
            rival.append(head, [commit(head, id="rival")])
            return offset

        monkeypatch.setattr(Writer, "send", send_with_a_rival)
        accepted = log.append(GENESIS, batch)
        assert 0 < accepted < 60
        there = list(log.read())
        assert [record.raw for record in there[:accepted]] == batch[:accepted]
        assert [record.commit.id for record in there[accepted:]] == ["rival"]

    # Brokers that come and go

    def test_a_broker_killed_between_write_and_answer(self, log: Log, kafka: Kafka) -> None:
        """Every acknowledged commit is there once, whatever the answer to it was."""
        racers = [start_racer(log.url, name, 150) for name in "ab"]
        for _ in range(2):
            time.sleep(1.5)
            kafka.kill()
            kafka.restart()
        promised = acknowledged(racers[0]) | acknowledged(racers[1])
        assert len(promised) == 300
        assert found(log) == promised

    def test_an_answer_that_is_lost_is_found_in_the_topic(self, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
        """The commit was written: it is acknowledged. It was not: that is not known, and asking again is safe."""
        arrived = commit(GENESIS)
        monkeypatch.setattr(Writer, "send", lost_answer(Writer.send, written=True))
        assert log.append(GENESIS, [arrived]) == 1
        monkeypatch.undo()
        head = head_of(GENESIS, arrived)
        absent = commit(head)
        monkeypatch.setattr(Writer, "send", lost_answer(Writer.send, written=False))
        with pytest.raises(OutcomeUnknown):
            log.append(head, [absent])
        monkeypatch.undo()
        self.produce(topic_of(log), [absent])  # it comes late
        with pytest.raises(HeadMoved):
            log.append(head, [commit(head)])
        assert [record.raw for record in log.read()] == [arrived, absent]

    def test_unreachable_broker_is_unavailable(self, log: Log, kafka: Kafka) -> None:
        """And all goes on when it is back."""
        kafka.kill()
        try:
            with pytest.raises(Unavailable):
                log.head()
            with pytest.raises(Unavailable, match="no broker accepts"):
                open_log(log.url)
        finally:
            kafka.restart()
        assert log.append(log.head(), [commit(log.head())]) == 1

    # Topics that are not what they should be

    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("cleanup.policy", "compact"),
            ("cleanup.policy", "compact,delete"),
            ("retention.ms", "604800000"),
            ("retention.bytes", "1000000000"),
            ("max.message.bytes", "1048588"),
        ],
    )
    def test_a_topic_that_could_lose_commits_is_refused(self, url: str, setting: str, value: str) -> None:
        """With the setting, its value, the wanted one and the command that repairs it."""
        self.create(topic_of(url), {setting: value})
        with pytest.raises(Misconfigured, match=rf"{setting} is {value}.*--add-config {setting}={RIGHT[setting]}"):
            open_log(url)

    def test_a_topic_of_many_partitions_is_refused(self, url: str) -> None:
        """They have no common order."""
        self.create(topic_of(url), partitions=2)
        with pytest.raises(Misconfigured, match="2 partitions"):
            open_log(url)

    def test_a_log_that_was_made_again_is_refused(self, log: Log) -> None:
        """By a reader that is still open, though it is longer than before."""
        batch = chain(GENESIS, 10)
        log.append(GENESIS, batch)
        head = log.head()
        self.rewrite(log.url, list(enumerate(chain(GENESIS, 20), start=1)))
        with pytest.raises((Diverged, Tampered, LostCommits)):
            list(log.read(head))

    def test_a_topic_whose_beginning_was_deleted_is_refused(self, log: Log) -> None:
        """By an operator, or by a retention that was changed and changed back."""
        log.append(GENESIS, chain(GENESIS, 10))
        with self.admin() as admin:
            admin.delete_records({TopicPartition(topic_of(log), 0): 4})
        with closing(open_log(log.url)) as reader, pytest.raises(Tampered) as caught:
            list(reader.read())
        assert caught.value.details["position"] == 1

    @pytest.mark.parametrize(
        "url",
        [
            "kafka://",
            "kafka://host",
            "kafka://host:9092/a/b",
            "kafka://u:secret@host:9092",
            "kafka://host:65536/x",
            "kafka://host:1/ü",
        ],
    )
    def test_address_names_server_and_topic(self, url: str) -> None:
        """`kafka://HOST:PORT[,HOST:PORT…][/TOPIC]`."""
        with pytest.raises(UsageError) as caught:
            open_log(url)
        assert "secret" not in caught.value.message


def topic_of(log: Log | str) -> str:
    return (log if isinstance(log, str) else log.url).rpartition("/")[2]


def lost_answer(
    send: Callable[[Writer, Sequence[bytes]], int], *, written: bool
) -> Callable[[Writer, Sequence[bytes]], int]:
    """Return a `send` whose answer never comes."""

    def sent(writer: Writer, values: Sequence[bytes]) -> int:
        if written:
            send(writer, values)
        raise OutcomeUnknown("lost")

    return sent


@pytest.mark.slow
def test_three_brokers_survive_the_loss_of_one() -> None:
    with KafkaCluster() as cluster:
        url = f"kafka://{cluster.bootstrap}/replicated"
        with closing(open_log(url)) as log:
            racers = [start_racer(log.url, name, 150) for name in "ab"]
            time.sleep(2.0)
            cluster.members[0].kill()
            cluster.members[0].restart()
            promised = acknowledged(racers[0]) | acknowledged(racers[1])
            assert len(promised) == 300
            assert found(log) == promised
        with closing(KafkaAdminClient(bootstrap_servers=cluster.bootstrap)) as admin:
            admin.alter_configs([ConfigResource("TOPIC", "replicated", {"min.insync.replicas": "1"})])
        with pytest.raises(Misconfigured, match=r"min.insync.replicas is 1, wanted is at least 2"):
            open_log(url)
