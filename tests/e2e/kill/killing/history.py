"""Whether what clients were told could have come from one log that does one thing after the other. Pure.

A history is linearizable (Herlihy and Wing, 1990) if every call can be thought of as happening at one moment between
its beginning and its end. Positions say in which order the calls happened, so there is nothing to search: the order of
positions must not contradict the order in time. Times are of one clock, whatever its unit. Every function returns what
it found wrong; nothing is good.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

__all__ = ["Call", "Look", "Repeat", "in_real_time", "repeated", "unique", "watched"]


class Call(NamedTuple):
    """A command: when its first sending began, when its first answer was there, and at which position it is."""

    id: str
    invoked: int
    responded: int
    position: int


class Look(NamedTuple):
    """A question for the end of the log, and the position that was told."""

    invoked: int
    responded: int
    position: int


class Repeat(NamedTuple):
    """The same command once more, after it was answered; whether the answer was `same` as the first one."""

    id: str
    position: int
    same: bool


def unique(calls: Iterable[Call]) -> Iterator[str]:
    """No two commands have one position."""
    holders: dict[int, set[str]] = defaultdict(set)
    for call in calls:
        holders[call.position].add(call.id)
    for position, ids in holders.items():
        if len(ids) > 1:
            yield f"position {position} was told of the commands {', '.join(sorted(ids))}"


def in_real_time(calls: Iterable[Call], looks: Iterable[Look] = ()) -> Iterator[str]:
    """What begins after something else has ended comes after it: a command further on, a look no further back."""
    ended: list[tuple[int, int]] = []
    floor = 0
    history: list[Call | Look] = [*calls, *looks]
    for each in sorted(history, key=lambda each: each.invoked):
        while ended and ended[0][0] < each.invoked:
            floor = max(floor, heappop(ended)[1])
        if isinstance(each, Call) and each.position <= floor:
            yield f"command {each.id} is at {each.position}, and began when {floor} had been told"
        if isinstance(each, Look) and each.position < floor:
            yield f"a look told {each.position}, and began when {floor} had been told"
        heappush(ended, (each.responded, each.position))


def repeated(calls: Iterable[Call], repeats: Iterable[Repeat]) -> Iterator[str]:
    """A command that is sent again gives the original answer."""
    where = {call.id: call.position for call in calls}
    for repeat in repeats:
        if repeat.position != where.get(repeat.id):
            yield f"command {repeat.id} is at {where.get(repeat.id)}, and sent again it was told {repeat.position}"
        elif not repeat.same:
            yield f"command {repeat.id} gave another answer when it was sent again"


def watched(name: str, seen: Sequence[bytes], commits: Sequence[bytes]) -> Iterator[str]:
    """A watcher that began at the first position saw the log: every commit, once, in order, byte by byte."""
    for position, (told, real) in enumerate(zip(seen, commits, strict=False), 1):
        if told != real:
            yield f"{name} saw another commit as its number {position} than the log has"
            return
    if len(seen) != len(commits):
        yield f"{name} saw {len(seen)} commits, the log has {len(commits)}"
