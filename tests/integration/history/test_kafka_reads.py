"""Reading a topic at a cost that does not depend on its length: what a one-shot midoctl takes from the broker."""

from collections.abc import Callable

import pytest
from remembering import Midoctl, grow

from midonet.events.log import snapshots
from midonet.events.log.backends.kafka.chain_index import ChainIndex
from midonet.testbed import Kafka

Make = Callable[[str], Midoctl]


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The offsets of the records that were scanned."""
    offsets: list[int] = []
    add = ChainIndex.add

    def spy(self: ChainIndex, offset: int, raw: bytes) -> object:
        offsets.append(offset)
        return add(self, offset, raw)

    monkeypatch.setattr(ChainIndex, "add", spy)
    return offsets


def test_only_the_end_of_the_topic_is_scanned(
    kafka: Kafka, kafka_topic: str, midoctl: Make, scanned: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "EVERY", 20)
    url = f"kafka://{kafka.bootstrap}/{kafka_topic}"
    run = midoctl(url)
    store = grow(url, 90)
    bridge = next(iter(store.topology.all("bridge")))
    run("log", "-n", "1")
    run("bridge", "list")
    grow(url, 5, seed=9)
    reads = (
        ["head"],
        ["log", "-n", "3"],
        ["history", bridge],
        ["blame", bridge],
        ["bridge", "show", bridge],
        ["bridge", "list"],
        ["bridge", "list", "--at", "55"],
        ["head", "--at", "12"],
        ["diff", "88"],
        ["host", "create", "one-more"],
    )
    for line in reads:
        scanned.clear()
        status, out, err = run(*line)
        assert (status, bool(out)) == (0, True), err
        assert min(scanned, default=99) >= (40 if "55" in line else 80), line
