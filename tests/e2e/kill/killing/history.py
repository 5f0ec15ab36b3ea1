"""Checks that the answers to clients are a linearizable history of one log. Pure.

A history is linearizable (Herlihy and Wing, 1990) if every call takes effect at one moment between its start and its
end. Positions give the order of the calls, so no search is needed: the order of positions must not contradict the
order in time. All times are of one clock. Every function yields violations.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from typing import NamedTuple


class Call(NamedTuple):
    """A command: time of its first send, time of its first answer, and its position."""

    id: str
    invoked: int
    responded: int
    position: int


class HeadRead(NamedTuple):
    """A read of the head of the log, and the position that was returned."""

    invoked: int
    responded: int
    position: int


class Repeat(NamedTuple):
    """A command sent again after its answer; `same` says whether the answers are equal."""

    id: str
    position: int
    same: bool


def unique(calls: Iterable[Call]) -> Iterator[str]:
    """Check that no two commands have the same position."""
    holders: dict[int, set[str]] = defaultdict(set)
    for call in calls:
        holders[call.position].add(call.id)
    for position, ids in holders.items():
        if len(ids) > 1:
            yield f"position {position} was told of the commands {', '.join(sorted(ids))}"


def in_real_time(calls: Iterable[Call], reads: Iterable[HeadRead] = ()) -> Iterator[str]:
    """Check real-time order: a call that starts after another ended has a higher position, a read no lower one."""
    ended: list[tuple[int, int]] = []
    floor = 0
    history: list[Call | HeadRead] = [*calls, *reads]
    for each in sorted(history, key=lambda each: each.invoked):
        while ended and ended[0][0] < each.invoked:
            floor = max(floor, heappop(ended)[1])
        if isinstance(each, Call) and each.position <= floor:
            yield f"command {each.id} is at {each.position}, and began when {floor} had been told"
        if isinstance(each, HeadRead) and each.position < floor:
            yield f"a look told {each.position}, and began when {floor} had been told"
        heappush(ended, (each.responded, each.position))


def repeated(calls: Iterable[Call], repeats: Iterable[Repeat]) -> Iterator[str]:
    """Check that a command that is sent again gets the original answer."""
    where = {call.id: call.position for call in calls}
    for repeat in repeats:
        if repeat.position != where.get(repeat.id):
            yield f"command {repeat.id} is at {where.get(repeat.id)}, and sent again it was told {repeat.position}"
        elif not repeat.same:
            yield f"command {repeat.id} gave another answer when it was sent again"


def watched(name: str, seen: Sequence[bytes], commits: Sequence[bytes]) -> Iterator[str]:
    """Check that a watcher from the first position received every commit once, in order, byte by byte."""
    for position, (reported, real) in enumerate(zip(seen, commits, strict=False), 1):
        if reported != real:
            yield f"{name} saw another commit as its number {position} than the log has"
            return
    if len(seen) != len(commits):
        yield f"{name} saw {len(seen)} commits, the log has {len(commits)}"
