"""A reader of a topic tells what is no commit from what shows that the log is broken."""

import pytest
from commits import chain, commit, head_of, heads

from midonet.events.commit import GENESIS
from midonet.events.errors import Tampered
from midonet.events.log.backends.kafka.chain_index import ChainIndex


def scan(records: list[bytes]) -> ChainIndex:
    """Feed records as they are in a topic, one offset after the other."""
    scan = ChainIndex()
    for offset, raw in enumerate(records):
        scan.add(offset, raw)
    return scan


def test_accepted_commits_are_cached() -> None:
    batch = chain(GENESIS, 3)
    found = scan([batch[0], b"noise", batch[1], batch[1], batch[2]])
    assert found.head == heads(batch)[3]
    assert [found.hash_at(position) for position in range(4)] == [head.hash for head in heads(batch)]
    assert [found.offset_at(position) for position in (1, 2, 3)] == [0, 2, 4]
    assert [found.positions_before(offset) for offset in range(6)] == [0, 1, 1, 2, 2, 3]
    assert found.next_offset == 5
    assert found.skipped == 2


def test_written_values_are_cached_like_read_ones() -> None:
    raw = commit(GENESIS, id="known")
    read, written = ChainIndex(), ChainIndex()
    record = read.add(0, raw)
    assert record is not None
    written.accept(0, [record])
    assert written.head == read.head
    assert written.position_of("known") == read.position_of("known") == 1
    assert written.position_of("another") is None


def test_a_lost_batch_is_skipped_whole() -> None:
    winner = commit(GENESIS)
    lost = chain(GENESIS, 100)
    found = scan([winner, *lost, commit(head_of(GENESIS, winner))])
    assert found.head.position == 2
    assert found.skipped == 100


def test_a_lost_batch_onto_a_lost_batch_is_skipped_whole() -> None:
    """A writer may have sent more before it learned that the first was lost."""
    winner = commit(GENESIS)
    lost = chain(GENESIS, 5)
    more = chain(heads(lost)[5], 5)
    assert scan([winner, *lost, b"noise", *more]).skipped == 11


def test_two_consecutive_orphans_are_a_broken_log() -> None:
    batch = chain(GENESIS, 2)
    altered = batch[1].replace(b"north", b"south")
    orphans = chain(heads(batch)[2], 2)
    found = scan([batch[0], altered, orphans[0]])
    assert found.skipped == 1
    with pytest.raises(Tampered) as caught:
        found.add(3, orphans[1])
    assert caught.value.details["position"] == 2


def test_a_broken_log_stays_broken() -> None:
    batch = chain(GENESIS, 5)
    del batch[1]
    found = scan(batch[:2])
    for _ in range(2):
        with pytest.raises(Tampered, match="commit 2 is missing"):
            found.add(2, batch[2])
    assert found.next_offset == 2


def test_memory_is_bounded() -> None:
    """Losing records of years do not pile up."""
    winner = commit(GENESIS)
    found = scan([winner, *(commit(GENESIS) for _ in range(10_500))])
    assert found.skipped == 10_500
    assert len(vars(found)["_skipped_hashes"]) == 10_000
