"""Moments: positions and times, and which commits belong to them."""

import pytest

from midonet.events.commit import CommandRef, Commit, Event, Record
from midonet.events.errors import NotFound
from midonet.events.queries.moment import END, Moment, parse


def record(position: int) -> Record:
    commit = Commit(
        position=position,
        prev="0" * 64,
        id=str(position),
        command=CommandRef("test", "0" * 64),
        time=f"2026-01-31T12:00:{position:02}.000000Z",
        actor="a",
        channel="cli",
        events=[Event("bridge.deleted", 1, "bridge/1", {})],
    )
    return Record(commit, b"", "0" * 64)


LOG = [record(position) for position in (1, 2, 3)]


def positions(moment: Moment) -> list[int]:
    return [found.commit.position for found in moment.upto(LOG)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", []),
        ("2", [1, 2]),
        ("3", [1, 2, 3]),
        ("2026-01-31T12:00:02Z", [1, 2]),
        ("2026-01-31T13:00:02.5+01:00", [1, 2]),
        ("2026-01-31T12:00:01.999999Z", [1]),
        ("1999-12-31T23:59:59Z", []),
        ("9999-12-31T23:59:59Z", [1, 2, 3]),
    ],
)
def test_a_moment_is_the_log_up_to_there(text: str, expected: list[int]) -> None:
    assert positions(parse(text)) == expected


def test_since_counts_the_moment_itself() -> None:
    assert [r.commit.position for r in LOG if parse("2").starts(r.commit)] == [2, 3]
    assert [r.commit.position for r in LOG if parse("2026-01-31T12:00:02Z").starts(r.commit)] == [2, 3]
    assert all(END.starts(r.commit) and END.includes(r.commit) for r in LOG)


def test_a_position_beyond_the_end_is_not_found() -> None:
    with pytest.raises(NotFound, match="the log ends at 3"):
        positions(parse("4"))


@pytest.mark.parametrize(
    "text", ["", "-1", "now", "9" * 5000, "2026-01-31T12:00:00", "٣", "0001-01-01T00:00:00+23:59", "\0"]
)
def test_invalid_moment_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        parse(text)
