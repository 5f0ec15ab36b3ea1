"""A result: seconds per operation of the product and of a peer, measured alternately in the same run.

A machine is noisy and its clock rate changes from one second to the next, so an absolute figure says little. A ratio
of neighbours says a lot; of several, the median counts. Processor time stands beside wall-clock time: where the two
ratios differ, the machine was busy.
"""

import gc
from collections.abc import Callable, Sequence
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Literal

from msgspec import Struct

__all__ = [
    "Goal",
    "Pairs",
    "Row",
    "Sample",
    "Work",
    "alternate",
    "duration",
    "latency",
    "percentiles",
    "rate",
    "spread",
    "timed",
]

_SMALL_RATIO = 0.1
"""Below it two digits behind the point say too little."""

Work = Callable[[], int]
"""Something to be timed; it returns how many operations it did."""


class Sample(Struct, frozen=True):
    """Seconds per operation, by the clock on the wall and by the processor's."""

    wall: float
    cpu: float


class Pairs(Struct, frozen=True):
    """What `alternate` measured."""

    ours: list[Sample]
    peer: list[Sample]

    def slower(self) -> list[float]:
        """Return how many times the peer's time we took, pair by pair."""
        return [ours.wall / peer.wall for ours, peer in zip(self.ours, self.peer, strict=True)]

    def faster(self) -> list[float]:
        """Return how many times the peer's rate we had, pair by pair."""
        return [1 / ratio for ratio in self.slower()]

    def slower_cpu(self) -> list[float]:
        """Return as `slower`, by processor time."""
        return [ours.cpu / peer.cpu for ours, peer in zip(self.ours, self.peer, strict=True)]

    def faster_cpu(self) -> list[float]:
        """Return as `faster`, by processor time."""
        return [peer.cpu / ours.cpu for ours, peer in zip(self.ours, self.peer, strict=True)]


class Goal(Struct, frozen=True):
    """What a ratio should be."""

    direction: Literal["≥", "≤"]
    ratio: float

    def __str__(self) -> str:
        """Return it as it stands in the table."""
        return f"{self.direction} {self.ratio:.2g}x"

    def met_by(self, ratio: float) -> bool:
        """Tell whether a ratio reaches the goal."""
        return ratio >= self.ratio if self.direction == "≥" else ratio <= self.ratio


class Row(Struct, frozen=True, kw_only=True):
    """One line of the table; without a goal it only informs."""

    name: str
    ours: str
    peer: str = ""
    ratios: list[float] = []
    cpu_ratios: list[float] = []
    goal: Goal | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the median ratio reaches the goal, if there is one."""
        return self.goal.met_by(median(self.ratios)) if self.goal else None


def timed(work: Work) -> Sample:
    """Return what one operation of `work` takes."""
    gc.collect()
    wall, cpu = perf_counter(), _cpu()
    count = work()
    return Sample((perf_counter() - wall) / count, (_cpu() - cpu) / count)


def _cpu() -> float:
    """Return the processor time of this process, and of those that it has waited for."""
    ended = getrusage(RUSAGE_CHILDREN)
    return process_time() + ended.ru_utime + ended.ru_stime


def alternate(pairs: int, ours: Work, peer: Work) -> Pairs:
    """Measure both in turn, each first in every other pair, after one round that does not count."""
    ours()
    peer()
    found = Pairs([], [])
    for number in range(pairs):
        for work, samples in [(peer, found.peer), (ours, found.ours)][:: 1 if number % 2 else -1]:
            samples.append(timed(work))
    return found


def rate(samples: Sequence[Sample]) -> str:
    """Return the median rate in words."""
    return f"{1 / median(sample.wall for sample in samples):,.0f}/s"


def latency(samples: Sequence[Sample]) -> str:
    """Return the median time of one operation in words."""
    return duration(median(sample.wall for sample in samples))


def duration(seconds: float) -> str:
    """Return a time in words."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.2f} ms"


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Return the 50th and the 99th percentile; with less than a hundred values the latter is the worst."""
    cuts = quantiles(seconds, n=100, method="inclusive")
    return median(seconds), cuts[-1] if len(seconds) >= 100 else max(seconds)


def spread(ratios: Sequence[float]) -> str:
    """Return median, least and greatest in words."""
    return f"{_times(median(ratios))}x ({_times(min(ratios))}-{_times(max(ratios))})" if ratios else ""


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= _SMALL_RATIO else f"{ratio:.2g}"
