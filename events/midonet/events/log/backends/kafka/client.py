"""One reader and one writer of one partition, on kafka-python; both reconnect after a broker restart.

Idempotence is off on purpose: kafka-python's idempotent producer may hang after a broker restart, and the chain rule
removes duplicates anyway. Every wait is bounded; every error that is raised here is a `MidonetError`.
"""

import logging
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import Any, TypeVar

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    AuthorizationError,
    CorruptRecordError,
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    OffsetOutOfRangeError,
    PolicyViolationError,
    RecordListTooLargeError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from msgspec import Struct

from midonet.events.config.connection_security import current, kafka_login, kafka_tls
from midonet.events.errors import MidonetError, Misconfigured, OutcomeUnknown, Unavailable, VerificationFailed
from midonet.events.log.backends.kafka.topic import RECORD_BYTES

T = TypeVar("T")

CHUNK_BYTES = 1024 * 1024
"""Records up to this size together form one Kafka batch, which arrives as a whole or not at all."""

_CONNECT_SECONDS = 5.0
_LONGEST_PAUSE = 1.0
_REQUEST_MS = 3_000
_DELIVERY_MS = 8_000
_FETCH_BYTES = 4 * 1024 * 1024
SMALL_FETCH = 32 * 1024
"""Bytes that a reader of single records fetches at once; a larger record is fetched whole nevertheless."""
_FETCH_RECORDS = 2_000
_FAILURES = 2
_PROTOCOLS = {
    (False, False): "PLAINTEXT",
    (True, False): "SSL",
    (False, True): "SASL_PLAINTEXT",
    (True, True): "SASL_SSL",
}
"""By whether there is TLS, and whether there is a login."""
_AUTHENTICATION_ERRORS = (SaslAuthenticationFailedError, UnsupportedSaslMechanismError)
"""Errors of authentication: retrying does not help."""
_REFUSALS = (
    AuthorizationError,
    InvalidTimestampError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
)

# Failures are raised as errors; without a handler, Python would also print kafka-python's warnings.
logging.getLogger("kafka").addHandler(logging.NullHandler())


class Broker(Struct, frozen=True):
    """The brokers of a cluster: `HOST:PORT[,HOST:PORT…]`."""

    servers: str

    def admin(self) -> Any:
        """Return a new admin client."""
        return self._connect(KafkaAdminClient)

    def consumer(self, fetch_bytes: int = _FETCH_BYTES) -> Any:
        """Return a new consumer without a group or committed offsets."""
        return self._connect(
            KafkaConsumer,
            allow_auto_create_topics=False,
            auto_offset_reset="none",
            enable_auto_commit=False,
            fetch_max_wait_ms=500,
            max_partition_fetch_bytes=fetch_bytes,
            max_poll_records=_FETCH_RECORDS,
            metrics_enabled=False,
        )

    def producer(self) -> Any:
        """Return a new producer that sends only when it is flushed."""
        return self._connect(
            KafkaProducer,
            acks="all",
            allow_auto_create_topics=False,
            batch_size=CHUNK_BYTES,
            delivery_timeout_ms=_DELIVERY_MS,
            enable_idempotence=False,
            linger_ms=_DELIVERY_MS - _REQUEST_MS,
            max_block_ms=_REQUEST_MS,
            max_in_flight_requests_per_connection=1,
            max_request_size=RECORD_BYTES,
            metrics_enabled=False,  # unused, and a twelfth of the cost of a produce
        )

    def _connect(self, client: Callable[..., T], **settings: Any) -> T:
        """Create a client, with retries: a broker that restarts is back in seconds."""
        deadline, pause = monotonic() + _CONNECT_SECONDS, 0.05
        while True:
            try:
                self._probe()
                return client(
                    bootstrap_servers=self.servers.split(","),
                    bootstrap_timeout_ms=_REQUEST_MS,
                    reconnect_backoff_max_ms=1_000,
                    request_timeout_ms=_REQUEST_MS,
                    **security(),
                    **settings,
                )
            except (KafkaError, OSError) as error:
                if monotonic() + pause > deadline or isinstance(error, _AUTHENTICATION_ERRORS):
                    raise self.failure(error) from error
            sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _probe(self) -> None:
        """Raise `OSError` if no broker accepts connections: the clients need long to detect it."""
        for server in self.servers.split(","):
            host, _, port = server.rpartition(":")
            with suppress(OSError, UnicodeError), socket.create_connection((host.strip("[]"), int(port)), timeout=1):
                return
        raise ConnectionRefusedError("no broker accepts connections")

    def failure(self, error: Exception) -> Unavailable:
        """Return an error of kafka-python or of the network as `Unavailable`."""
        return Unavailable(f"Kafka at {self.servers} is unavailable: {error}", servers=self.servers)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Translate errors of kafka-python."""
        try:
            yield
        except KafkaError as error:
            raise self.failure(error) from error


def security() -> Mapping[str, Any]:
    """Return the settings for TLS and login of Kafka clients; `Misconfigured` names a bad file."""
    context, login = kafka_tls(), kafka_login()
    found: dict[str, Any] = {"security_protocol": _PROTOCOLS[context is not None, login is not None]}
    if context is not None:
        found |= {"ssl_context": context}
    if login is not None:
        found |= {
            "sasl_mechanism": current().kafka_mechanism,
            "sasl_plain_username": login.user,
            "sasl_plain_password": login.password,
        }
    return found


class Reader:
    """Reads one partition from any offset.

    A consumer keeps fetching between polls, and a broker answers the requests of one connection in order. So the end
    offset is requested on a second connection, where no fetch waits for records.
    """

    def __init__(self, broker: Broker, partition: TopicPartition, fetch_bytes: int = _FETCH_BYTES) -> None:
        self._broker = broker
        self._partition = partition
        self._fetch_bytes = fetch_bytes
        self._consumer: Any = None
        self._end_consumer: Any = None
        self._offset = -1
        self._failures = 0

    def end(self) -> int:
        """Return the offset after the last record."""
        with self._counting_failures():
            if self._end_consumer is None:
                self._end_consumer = self._broker.consumer()
            ends = self._end_consumer.end_offsets([self._partition], timeout_ms=_REQUEST_MS)
            return int(ends[self._partition])

    def fetch(self, offset: int, seconds: float) -> list[Any]:
        """Return the next records from `offset` on; none if none arrives within `seconds`."""
        with self._counting_failures():
            consumer = self._fetcher()
            if offset != self._offset:
                consumer.seek(self._partition, offset)
                self._offset = offset
            records = self._poll(consumer, seconds)
        if records:
            self._offset = records[-1].offset + 1
        return records

    def _poll(self, consumer: Any, seconds: float) -> list[Any]:
        try:
            return list(consumer.poll(timeout_ms=round(seconds * 1000)).get(self._partition, []))
        except OffsetOutOfRangeError:
            return self._poll_after_deletion(consumer, seconds)
        except CorruptRecordError as error:
            raise VerificationFailed(f"the record at offset {self._offset} of the topic is corrupt") from error

    def _poll_after_deletion(self, consumer: Any, seconds: float) -> list[Any]:
        """Continue after deleted records: the chain rule reports that they are missing. At the end there is nothing."""
        offset, self._offset = self._offset, -1
        start = consumer.beginning_offsets([self._partition], timeout_ms=_REQUEST_MS)[self._partition]
        if start <= offset:
            return []
        consumer.seek(self._partition, start)
        return list(consumer.poll(timeout_ms=round(seconds * 1000)).get(self._partition, []))

    def _fetcher(self) -> Any:
        if self._consumer is None:
            self._consumer = self._broker.consumer(self._fetch_bytes)
            self._consumer.assign([self._partition])
            self._offset = -1
        return self._consumer

    @contextmanager
    def _counting_failures(self) -> Iterator[None]:
        try:
            with self._broker.failures():
                yield
        except Unavailable:
            self._failures += 1
            if self._failures >= _FAILURES:
                self.close()
            raise
        self._failures = 0

    def close(self) -> None:
        """Disconnect; the next use reconnects."""
        for consumer in (self._consumer, self._end_consumer):
            if consumer is not None:
                with suppress(KafkaError):
                    consumer.close()
        self._consumer = self._end_consumer = None
        self._failures = 0


class Writer:
    """Writes to one partition, one Kafka batch at a time."""

    def __init__(self, broker: Broker, partition: TopicPartition) -> None:
        self._broker = broker
        self._partition = partition
        self._producer: Any = None
        self._failures = 0

    def send(self, values: Sequence[bytes]) -> int:
        """Write records together and return the offset of the first, once all in-sync replicas have them.

        Raises `Unavailable` if no broker can be written to, `Misconfigured` if the brokers refuse them, and
        `OutcomeUnknown` if it is not known whether they arrived; they may still arrive later.
        """
        if self._producer is None:
            self._producer = self._broker.producer()
        topic, partition = self._partition
        try:
            futures = [self._producer.send(topic, value=value, partition=partition) for value in values]
            self._producer.flush(timeout=(_DELIVERY_MS + _REQUEST_MS) / 1000)
            offset = int(futures[0].get(timeout=0).offset)
        except KafkaError as error:
            self._failed()
            raise _failure(error) from error
        self._failures = 0
        return offset

    def _failed(self) -> None:
        """Count failures: one is caused by the broker, two in a row possibly by the producer."""
        self._failures += 1
        if self._failures >= _FAILURES:
            self.close()

    def close(self) -> None:
        """Disconnect; the next use reconnects."""
        producer, self._producer, self._failures = self._producer, None, 0
        if producer is not None:
            with suppress(KafkaError):
                producer.close(timeout=1)


def _failure(error: KafkaError) -> MidonetError:
    if isinstance(error, _REFUSALS):  # a retry does not help
        return Misconfigured(f"Kafka refuses the commit: {error}")
    return OutcomeUnknown(f"no acknowledgement from Kafka for the commit: {error}")
