"""The history checks find every injected violation and accept every valid history."""

from random import Random

import pytest
from killing.history import Call, HeadRead, Repeat, in_real_time, repeated, unique, watched

CALLS = [Call("a", 0, 10, 1), Call("b", 5, 30, 3), Call("c", 12, 20, 2), Call("d", 31, 40, 4)]


def test_valid_history_is_accepted() -> None:
    reads = [HeadRead(0, 1, 0), HeadRead(6, 21, 1), HeadRead(21, 22, 3), HeadRead(41, 42, 4)]
    assert list(unique(CALLS)) == []
    assert list(in_real_time(CALLS, reads)) == []
    assert list(repeated(CALLS, [Repeat("b", 3, same=True)])) == []
    assert list(watched("w", [b"1", b"2"], [b"1", b"2"])) == []


def test_concurrent_calls_may_be_in_either_order() -> None:
    assert list(in_real_time([Call("a", 0, 10, 2), Call("b", 10, 20, 1)])) == []


def test_duplicate_position_is_found() -> None:
    assert list(unique([*CALLS, Call("e", 50, 60, 4)])) == ["position 4 was told of the commands d, e"]


@pytest.mark.parametrize("position", [1, 2, 3])
def test_command_before_an_earlier_one_is_found(position: int) -> None:
    late = Call("late", 32, 50, position)
    assert list(in_real_time([*CALLS, late])) == [f"command late is at {position}, and began when 3 had been told"]


def test_stale_read_is_found() -> None:
    assert list(in_real_time(CALLS, [HeadRead(31, 33, 2)])) == ["a look told 2, and began when 3 had been told"]


def test_read_behind_an_earlier_read_is_found() -> None:
    reads = [HeadRead(11, 12, 2), HeadRead(13, 14, 1)]
    assert list(in_real_time(CALLS, reads)) == ["a look told 1, and began when 2 had been told"]


def test_read_of_a_future_position_is_found() -> None:
    assert list(in_real_time(CALLS, [HeadRead(0, 4, 3)])) == [
        "command b is at 3, and began when 3 had been told",
        "command c is at 2, and began when 3 had been told",
    ]


def test_repeated_command_with_another_answer_is_found() -> None:
    assert list(repeated(CALLS, [Repeat("a", 9, same=False)])) == ["command a is at 1, and sent again it was told 9"]
    assert list(repeated(CALLS, [Repeat("x", 9, same=True)])) == ["command x is at None, and sent again it was told 9"]
    assert list(repeated(CALLS, [Repeat("a", 1, same=False)])) == [
        "command a gave another answer when it was sent again"
    ]


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        ([b"1", b"3"], "saw another commit as its number 2"),
        ([b"1", b"2", b"2", b"3"], "saw another commit as its number 3"),
        ([b"2", b"1", b"3"], "saw another commit as its number 1"),
        ([b"1", b"2", b"3 "], "saw another commit as its number 3"),
        ([b"1", b"2"], "saw 2 commits, the log has 3"),
        ([b"1", b"2", b"3", b"3"], "saw 4 commits, the log has 3"),
    ],
    ids=["left out", "twice", "out of order", "altered", "not to the end", "beyond the end"],
)
def test_wrong_commits_of_a_watcher_are_found(seen: list[bytes], fault: str) -> None:
    (found,) = watched("w", seen, [b"1", b"2", b"3"])
    assert found.startswith(f"w {fault}")


@pytest.mark.parametrize("seed", range(50))
def test_random_histories_are_accepted_and_swapped_positions_found(seed: int) -> None:
    rng = Random(seed)  # noqa: S311 - a repeatable history
    moments = sorted(rng.sample(range(10_000), 40))
    calls = [Call(str(at), at - rng.randrange(300), at + rng.randrange(300), n) for n, at in enumerate(moments, 1)]
    reads = [
        HeadRead(at - rng.randrange(300), at + rng.randrange(300), sum(moment <= at for moment in moments))
        for at in (rng.randrange(10_000) for _ in range(40))
    ]
    assert list(in_real_time(calls, reads)) == []
    first, last = calls[0], calls[-1]
    swapped = [first._replace(position=last.position), *calls[1:-1], last._replace(position=first.position)]
    assert list(in_real_time(swapped))
