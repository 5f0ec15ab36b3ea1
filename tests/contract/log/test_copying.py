"""A log is copied between all backends, through a backup or not: the chain arrives unchanged, or not at all."""

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import permutations
from pathlib import Path

import pytest
from commits import chain, commit, head_of

from midonet.events.commit import GENESIS, Head
from midonet.events.errors import Conflict, HeadMoved, NotFound, UsageError, VerificationFailed
from midonet.events.log import Log, open_log
from midonet.events.log.backup import Backup, write_backup
from midonet.events.log.copying import Beginning, copy
from midonet.testbed import Kafka, Postgres

COUNT = 1203
"""More than two batches."""

Make = Callable[[str], Log]


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Make an empty log on a backend."""
    logs: list[Log] = []

    def new(backend: str) -> Log:
        match backend:
            case "kafka":
                kafka: Kafka = request.getfixturevalue("kafka")
                url = f"kafka://{kafka.bootstrap}/{request.getfixturevalue('kafka_topic')}-{len(logs)}"
            case "postgres":
                postgres: Postgres = request.getfixturevalue("postgres")
                url = postgres.create_database()
            case _:
                url = f"sqlite:///{tmp_path}/{len(logs)}.db"
        logs.append(open_log(url))
        return logs[-1]

    yield new
    for log in logs:
        log.close()


def filled(log: Log, count: int = COUNT, after: Head = GENESIS) -> Log:
    log.append(after, chain(after, count))
    return log


def backed_up(log: Log, path: Path) -> Path:
    with path.open("wb") as file:
        write_backup(log, file)
    return path


@pytest.mark.parametrize(("source", "target"), list(permutations(["sqlite", "postgres", "kafka"], 2)))
def test_a_copy_has_the_same_chain(make: Make, source: str, target: str) -> None:
    one, other = filled(make(source)), make(target)
    steps: list[int] = []
    assert copy(one, other, steps.append) == sum(steps) == COUNT
    assert other.head() == one.head()
    assert [record.raw for record in other.read()] == [record.raw for record in one.read()]
    assert copy(one, other) == 0


@pytest.mark.parametrize("backend", ["sqlite", "postgres", "kafka"])
def test_a_backup_is_restored_anywhere(make: Make, tmp_path: Path, backend: str) -> None:
    one = filled(make(backend))
    path = backed_up(one, tmp_path / "backup")
    with closing(Backup(path)) as backup:
        for target in ("sqlite", "postgres", "kafka"):
            other = make(target)
            assert copy(backup, other) == COUNT
            assert other.head().hash == one.head().hash


@pytest.mark.parametrize("backend", ["sqlite", "postgres", "kafka"])
def test_a_beginning_of_a_log_is_copied(make: Make, backend: str) -> None:
    one, other = filled(make(backend)), make("sqlite")
    early = Beginning(one, one.head_at(7))
    assert copy(early, other) == 7
    assert other.head().hash == one.head_at(7).hash
    assert copy(Beginning(one, one.head_at(9)), other) == 2
    with pytest.raises(Conflict):
        copy(early, other)
    with pytest.raises(NotFound):
        early.head_at(8)
    assert list(early.read(one.head_at(8))) == []


def test_an_interrupted_copy_goes_on(make: Make) -> None:
    one, other = filled(make("sqlite")), make("sqlite")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(one, other, interrupt)
    assert 0 < other.head().position < COUNT
    copy(one, other)
    assert other.head() == one.head()


def test_target_with_another_history_is_not_changed(make: Make) -> None:
    one, other = filled(make("sqlite"), 8), make("sqlite")
    other.append(GENESIS, [record.raw for record in one.read()][:5])
    filled(other, 7, other.head())
    for source, target in ((one, other), (other, one)):
        before = target.head()
        with pytest.raises(Conflict, match="the same up to position 5") as caught:
            copy(source, target)
        assert caught.value.details == {
            "source": source.head().position,
            "target": target.head().position,
            "common": 5,
        }
        assert target.head() == before


def test_another_writer_of_the_target_is_detected(make: Make) -> None:
    one, other = filled(make("sqlite")), make("sqlite")

    def meddle(_: int) -> None:
        other.append(other.head(), [commit(other.head())])

    with pytest.raises(HeadMoved):
        copy(one, other, meddle)


def test_an_empty_log_is_copied(make: Make, tmp_path: Path) -> None:
    with closing(Backup(backed_up(make("sqlite"), tmp_path / "backup"))) as backup:
        assert copy(backup, make("sqlite")) == 0


def test_a_backup_knows_its_heads(make: Make, tmp_path: Path) -> None:
    raws = chain(GENESIS, 3)
    log = make("sqlite")
    log.append(GENESIS, raws)
    with closing(Backup(backed_up(log, tmp_path / "backup"))) as backup:
        head = GENESIS
        for position, raw in enumerate(raws, 1):
            head = head_of(head, raw)
            assert backup.head_at(position).hash == head.hash
        assert [record.raw for record in backup.read(backup.head_at(1))] == raws[1:]


def test_bytes_with_line_breaks_are_backed_up_as_they_are(make: Make, tmp_path: Path) -> None:
    log = make("sqlite")
    log.append(GENESIS, [commit(GENESIS).replace(b",", b",\n") + b"\n"])
    with closing(Backup(backed_up(log, tmp_path / "backup"))) as backup:
        assert backup.head().hash == log.head().hash


def test_corruption_is_detected_before_any_write(make: Make, tmp_path: Path) -> None:
    path = backed_up(filled(make("sqlite"), 3), tmp_path / "backup")
    good = path.read_bytes()
    altered = [good[:cut] for cut in range(0, len(good) - 1, 7)] + [good + b"x", good + good, b"", b"\xff" * 100]
    altered += [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in range(0, len(good) - 1, 5)]
    time = range(good.index(b'"time"'), good.index(b"\n"))  # of the first line: it is only for people
    for raw in altered:
        path.write_bytes(raw)
        if len(raw) == len(good) and next(i for i in range(len(good)) if raw[i] != good[i]) in time:
            continue
        with pytest.raises(VerificationFailed):
            Backup(path)


def test_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Backup(tmp_path / "none")
