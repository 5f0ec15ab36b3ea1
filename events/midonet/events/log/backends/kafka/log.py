"""The log as a Kafka topic of one partition: a record that extends the chain is a commit, any other is skipped.

Many clients may write at once, without a leader: the broker orders the records, and every reader accepts the same ones.
A commit is acknowledged only when it is known to be accepted; without an answer, the topic is read again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from time import monotonic, sleep

from kafka import TopicPartition

from midonet.events.commit import GENESIS, Head, Record, sha256
from midonet.events.errors import (
    Conflict,
    HeadMoved,
    MidonetError,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    Tampered,
    Unavailable,
    VerificationFailed,
)
from midonet.events.log.backends.kafka.address import kafka_address
from midonet.events.log.backends.kafka.chain_index import ChainIndex
from midonet.events.log.backends.kafka.client import CHUNK_BYTES, SMALL_FETCH, Broker, Reader, Writer
from midonet.events.log.backends.kafka.topic import prepare_topic
from midonet.events.log.base import Bookmark, Progress
from midonet.events.log.hash_chain import extend, parse
from midonet.events.log.integrity import check_batch, diverged, head_moved, lost_commits, same, tampered

_READ_SECONDS = 5.0
_ELECTION_SECONDS = 3.0
_RECORD_OVERHEAD = 100


def open_kafka(url: str, *, create: bool) -> "KafkaLog":
    """Open the log in a Kafka topic; `create` makes the topic if absent."""
    servers, topic = kafka_address(url)
    return KafkaLog(Broker(servers), topic, create=create)


class KafkaLog:
    """A `Log` in the only partition of a Kafka topic."""

    def __init__(self, broker: Broker, topic: str, *, create: bool) -> None:
        self._broker = broker
        self._topic = topic
        partition = TopicPartition(topic, 0)
        self._reader = Reader(broker, partition)
        self._single_reader = Reader(broker, partition, SMALL_FETCH)
        self._buffered: dict[int, bytes] = {}
        self._writer = Writer(broker, partition)
        self._index = ChainIndex()
        self._recent: list[Record] = []
        with broker.failures(), closing(broker.admin()) as admin:
            prepare_topic(admin, broker.servers, topic, create=create)

    @property
    def url(self) -> str:
        """The address of the log."""
        return f"kafka://{self._broker.servers}/{self._topic}"

    @property
    def skipped(self) -> int:
        """How many foreign, corrupt, duplicate or conflicting records were skipped so far."""
        return self._index.skipped

    # Reading

    def head(self) -> Head:
        """Return the end of the log as of now."""
        self._catch_up()
        return self._index.head

    def head_at(self, position: int) -> Head:
        """Return the head as it was at `position`; `NotFound` beyond the end."""
        if position in (0, self._index.base.position):
            return self._index.base if position else GENESIS
        self._restart_before(position)
        end = self.head().position
        if not 0 < position <= end:
            raise NotFound(f"there is no position {position}: the log ends at {end}", position=position, end=end)
        return self._record_at(position).head

    def find(self, command_id: str) -> Record | None:
        """Return the commit of a command id, or None if the log up to its present end has none."""
        self._restart_before(0)
        self._catch_up()
        position = self._index.position_of(command_id)
        return self._record_at(position) if position else None

    def offset_hint(self, position: int) -> int | None:
        """Return the offset of a commit; None if it was not read through this instance."""
        known = max(self._index.base.position, 1) <= position <= self._index.head.position
        return self._index.offset_at(position) if known else None

    def read_at(self, bookmark: Bookmark) -> Record | None:
        """Return the commit of a bookmark if those very bytes are still there; None if not."""
        if bookmark.offset_hint is None:
            return None
        raw = self._record_bytes(bookmark.offset_hint)
        commit = parse(raw) if sha256(raw) == bookmark.hash else None
        return Record(commit, raw, bookmark.hash) if commit and commit.position == bookmark.position else None

    def _record_bytes(self, offset: int) -> bytes:
        """Return the record at an offset; the records after it are buffered for the next call."""
        if offset not in self._buffered:
            self._buffered = {}
            with suppress(VerificationFailed):  # a corrupt record is not the one of the bookmark
                found = self._single_reader.fetch(offset, _READ_SECONDS) if offset < self._reader.end() else []
                self._buffered = {message.offset: message.value or b"" for message in found}
        return self._buffered.get(offset, b"")

    def seek(self, bookmark: Bookmark) -> bool:
        """Start the index after a commit, if it is where it was."""
        if self._index.base.position <= bookmark.position <= self._index.head.position:
            return self._index.hash_at(bookmark.position) == bookmark.hash
        record = self.read_at(bookmark)
        if record is None or bookmark.offset_hint is None:
            return False
        self._index, self._recent = ChainIndex(record.head, bookmark.offset_hint), []
        return True

    def _restart_before(self, position: int) -> None:
        """Index the topic from its beginning if the index starts after a position."""
        if position < self._index.base.position:
            self._index, self._recent = ChainIndex(), []

    def read(self, after: Head = GENESIS) -> Iterator[Record]:
        """Yield the accepted commits after `after`, up to the end as of now."""
        yield from self._read(after, self._end())

    def follow(self, after: Head, *, stopped: Callable[[], bool], idle: float = 1.0) -> Iterator[Record | Progress]:
        """Yield as `read` does, and continue with what is appended later, until `stopped()`."""
        head, end = after, self._end()
        while not stopped():
            for record in self._read(head, end):
                head = record.head
                yield record
                if stopped():
                    return
            end = self._end()
            if end <= self._index.next_offset and same(head, self._index.head):
                yield Progress(head)
                self._advance(idle)
                end = self._index.next_offset

    def _read(self, after: Head, end: int) -> Iterator[Record]:
        """Yield the commits after `after` up to the offset `end`; other calls on this log may be interleaved."""
        self._restart_before(after.position)
        while self._index.head.position < after.position and self._index.next_offset < end:
            self._must_advance()
        self._check(after)
        head = after
        while True:
            while head.position < self._index.head.position:
                for record in self._known(head):
                    head = record.head
                    yield record
            if self._index.next_offset >= end:
                return
            self._must_advance()

    def _check(self, reader: Head) -> None:
        """Check that the log holds what the reader has seen."""
        if reader.position > self._index.head.position:
            raise lost_commits(reader, self._index.head.position)
        found = self._index.hash_at(reader.position)
        if found != reader.hash:
            raise diverged(reader, found)

    def _end(self) -> int:
        """Return the offset after the last record; it never decreases, unless records were lost."""
        deadline = monotonic() + _ELECTION_SECONDS
        while (end := self._reader.end()) < self._index.next_offset:
            if monotonic() > deadline:  # a new leader may not have its end yet
                raise lost_commits(self._index.head, self._index.positions_before(end))
            sleep(0.1)
        return end

    def _catch_up(self) -> None:
        end = self._end()
        while self._index.next_offset < end:
            self._must_advance()

    def _must_advance(self) -> None:
        if not self._advance(_READ_SECONDS):
            raise Unavailable(f"{self.url} does not deliver its records", url=self.url)

    def _advance(self, seconds: float) -> bool:
        """Index the next records, if any arrive within `seconds`."""
        try:
            messages = self._reader.fetch(self._index.next_offset, seconds)
        except VerificationFailed as error:
            raise tampered(self._index.head.position + 1, error.message) from error
        self._recent = []
        try:
            for message in messages:
                if record := self._index.add(message.offset, message.value or b""):
                    self._recent.append(record)
        except Tampered:
            if not self._recent:  # records before it are returned first
                raise
        return bool(messages)

    def _known(self, head: Head) -> list[Record]:
        """Return the next commits after `head`, of those that are indexed."""
        if self._recent:
            skip = head.position + 1 - self._recent[0].commit.position
            if 0 <= skip < len(self._recent):
                return self._recent[skip:]
        return self._fetch_again(head)

    def _fetch_again(self, head: Head) -> list[Record]:
        position = head.position + 1
        known: list[Record] = []
        for message in self._reader.fetch(self._index.offset_at(position), _READ_SECONDS):
            if message.offset >= self._index.next_offset:
                break
            outcome = extend(head, message.value or b"")
            if isinstance(outcome, Record):
                known.append(outcome)
                head = outcome.head
            elif not known:
                raise diverged(Head(position, self._index.hash_at(position)), outcome.hash)
        if not known:
            raise Unavailable(f"{self.url} does not deliver its records", url=self.url)
        return known

    def _record_at(self, position: int) -> Record:
        return self._known(Head(position - 1, self._index.hash_at(position - 1)))[0]

    # Writing

    def append(self, head: Head, batch: Sequence[bytes | Record]) -> int:
        """Append commits that extend `head` in order; a prefix of them if another writer appends in between."""
        records = check_batch(head, batch)
        if not same(self._index.head, head):
            self._catch_up()
        if not same(self._index.head, head):
            raise self._moved(head)
        self._refuse_known(records)
        accepted = 0
        for chunk in _chunks(records):
            try:
                accepted += self._write(chunk)
            except Misconfigured:
                if not accepted:
                    raise
            if self._index.head.hash != chunk[-1].hash:
                break
        if not accepted:
            raise self._moved(head)
        return accepted

    def _moved(self, head: Head) -> HeadMoved:
        return head_moved(head, self._read(head, self._index.next_offset))

    def _refuse_known(self, records: Sequence[Record]) -> None:
        for record in records:
            position = self._index.position_of(record.commit.id)
            if position:
                raise Conflict(
                    f"command {record.commit.id} is in the log already, at position {position}",
                    id=record.commit.id,
                    position=position,
                )

    def _write(self, chunk: Sequence[Record]) -> int:
        """Write records as one Kafka batch; return how many of them were accepted: all or none."""
        try:
            offset = self._writer.send([record.raw for record in chunk])
        except (Misconfigured, OutcomeUnknown) as error:
            return self._resolve_outcome(chunk, error)
        if offset == self._index.next_offset:  # no record in between: no need to read it back
            self._index.accept(offset, chunk)
            return len(chunk)
        if offset < self._index.next_offset:
            raise lost_commits(self._index.head, self._index.positions_before(offset))
        return self._read_back(chunk, offset + len(chunk))

    def _read_back(self, chunk: Sequence[Record], end: int) -> int:
        try:
            while self._index.next_offset < end:
                self._must_advance()
        except Unavailable as error:
            raise _unknown(error) from error
        return self._accepted(chunk)

    def _resolve_outcome(self, chunk: Sequence[Record], failure: MidonetError) -> int:
        """Find out from the topic whether records whose write failed were accepted."""
        try:
            self._catch_up()
        except Unavailable as error:
            raise _unknown(error) from error
        if self._index.head.position < chunk[0].commit.position:  # they may still arrive
            raise failure
        return self._accepted(chunk)

    def _accepted(self, chunk: Sequence[Record]) -> int:
        end = self._index.head.position
        return sum(
            record.commit.position <= end and self._index.hash_at(record.commit.position) == record.hash
            for record in chunk
        )

    def close(self) -> None:
        """Disconnect."""
        self._reader.close()
        self._single_reader.close()
        self._writer.close()


def _unknown(error: Unavailable) -> OutcomeUnknown:
    return OutcomeUnknown(f"it is not known whether the commit was written: {error.message}", **error.details)


def _chunks(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Split records into Kafka batches."""
    start, size = 0, 0
    for index, record in enumerate(records):
        size += len(record.raw) + _RECORD_OVERHEAD
        if size > CHUNK_BYTES and index > start:
            yield records[start:index]
            start, size = index, len(record.raw) + _RECORD_OVERHEAD
    yield records[start:]
