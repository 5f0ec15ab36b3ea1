"""One writer on Kafka, against a bare acknowledged produce of the same bytes to a topic with the same settings."""

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any

from figures import Goal, Row, Work, alternate, latency
from kafka import KafkaProducer
from load import CONTEXT, create, created, last_commit, opened

from midonet.events.log import open_log
from midonet.events.log.store import Store
from midonet.testbed import Kafka

__all__ = ["single_on_kafka"]

_COUNT = 20
_BARE_TOPIC = "bare"


def single_on_kafka(*, quick: bool) -> Iterator[Row]:
    """One command at a time, acknowledged by the broker and known to be accepted."""
    with Kafka() as kafka, opened(f"kafka://{kafka.bootstrap}/bench") as store, closing(_bare_producer(kafka)) as bare:
        ours = _commands(store, created(store, "bridge", name="bridge"))
        ours()
        found = alternate(15 if quick else 61, ours, _produce(bare, last_commit(store)))
        yield Row(
            name="single commands on Kafka, vs a bare acknowledged produce",
            ours=latency(found.ours),
            peer=latency(found.peer),
            ratios=found.slower(),
            goal=Goal("≤", 1.3),
            note="time per command; kafka-python with acks=all, the same bytes, one at a time",
        )


def _commands(store: Store, bridge: str) -> Work:
    numbers = count()

    def work() -> int:
        for _ in range(_COUNT):
            store.execute(create("port", bridge=bridge, name=f"port-{next(numbers)}"), CONTEXT)
        return _COUNT

    return work


def _bare_producer(kafka: Kafka) -> Any:
    """Return a producer as the quickest way to an acknowledged record wants it; make a topic as a log has it."""
    open_log(f"kafka://{kafka.bootstrap}/{_BARE_TOPIC}").close()
    return KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", enable_idempotence=False, linger_ms=0)


def _produce(producer: Any, body: bytes) -> Work:
    def work() -> int:
        for _ in range(_COUNT):
            producer.send(_BARE_TOPIC, value=body, partition=0).get(timeout=10)
        return _COUNT

    return work
