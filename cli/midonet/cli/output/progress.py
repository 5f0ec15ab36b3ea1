"""Progress bars on standard error for work that takes longer than half a second, on a terminal only.

The work counts its steps; a thread draws. Of nested work the innermost is shown.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, TypeVar

from midonet.cli.output.sanitize import clean

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

T = TypeVar("T")

Total = int | Callable[[], int] | None
"""Number of steps; a function is called in the drawing thread. None: unknown."""

_DELAY = 0.5
"""Seconds before a bar is shown."""
_PAUSE = 0.1


class _Work:
    """One piece of work: its name, and how many of its steps are done."""

    def __init__(self, what: str, total: Total) -> None:
        self.what = clean(what)
        self.total = total
        self.done = 0

    def step(self, steps: int = 1) -> None:
        """Count steps that were done."""
        self.done += steps

    def known_total(self) -> int | None:
        """Return the number of steps; None if it is unknown or cannot be read."""
        if callable(self.total):
            try:
                self.total = self.total()
            except Exception:  # noqa: BLE001 - the work itself reports the error
                self.total = None
        return self.total


_works: list[_Work] = []
"""Work in progress, the innermost last."""


@contextmanager
def progress(what: str, total: Total = None) -> Iterator[Callable[[int], None]]:
    """Show the progress of work; the caller calls the yielded function with the number of steps just done."""
    work = _Work(what, total)
    _works.append(work)
    try:
        if len(_works) > 1 or sys.stderr is None or not sys.stderr.isatty():
            yield work.step
        else:
            with _drawing():
                yield work.step
    finally:
        _works.remove(work)


def tracked(items: Iterable[T], what: str, total: Total = None) -> Iterator[T]:
    """Yield the items and show how many were yielded; the caller must not print in between."""
    with progress(what, total) as step:
        for item in items:
            yield item
            step(1)


@contextmanager
def _drawing() -> Iterator[None]:
    over = Event()
    drawer = Thread(target=_draw, args=(over,), name="progress", daemon=True)
    drawer.start()
    try:
        yield
    finally:
        over.set()
        drawer.join()


def _draw(over: Event) -> None:
    if over.wait(_DELAY):
        return
    with _bar() as bar:
        shown: dict[_Work, TaskID] = {}
        while not over.wait(_PAUSE):
            for work in _works[-1:]:
                _show(bar, shown, work)


def _show(bar: "Progress", shown: "dict[_Work, TaskID]", work: _Work) -> None:
    """Update the bar for one piece of work."""
    total = work.known_total()
    for other in [other for other in shown if other is not work]:
        bar.remove_task(shown.pop(other))
    if work not in shown:
        shown[work] = bar.add_task(work.what, total=total, count="")
    count = f"{work.done:,}" + (f" of {total:,}" if total is not None else "") if work.done else ""
    bar.update(shown[work], completed=work.done, total=total, count=count)


def _bar() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    count, rest = TextColumn("{task.fields[count]}"), TimeRemainingColumn(compact=True)
    return Progress(
        TextColumn("{task.description}"), BarColumn(), count, rest, console=Console(stderr=True), transient=True
    )
