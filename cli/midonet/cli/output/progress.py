"""Show on a terminal how far long work is, and how long it will still take; work that is quickly done shows nothing.

The work itself only counts: a thread paints, once half a second has passed, on standard error. Not on a terminal
there is no thread and nothing to see. Work inside of work is shown instead of what it is a part of.
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
"""Steps of a piece of work; a function is asked in the thread that paints. None: nobody knows."""

_PATIENCE = 0.5
"""Seconds that somebody waits without wondering."""
_PAUSE = 0.1


class _Work:
    """One piece of work: what it is called, and how many of its steps are done."""

    def __init__(self, what: str, total: Total) -> None:
        self.what = clean(what)
        self.total = total
        self.done = 0

    def step(self, steps: int = 1) -> None:
        """Count steps that were done."""
        self.done += steps

    def known_total(self) -> int | None:
        """Return the number of steps; whatever goes wrong when it is looked up, only the bar suffers."""
        if callable(self.total):
            try:
                self.total = self.total()
            except Exception:  # noqa: BLE001 - the work itself will say what is wrong
                self.total = None
        return self.total


_works: list[_Work] = []
"""What is going on, the innermost last."""


@contextmanager
def progress(what: str, total: Total = None) -> Iterator[Callable[[int], None]]:
    """Show how far work is; the caller tells the function that it gets how many more steps are done."""
    work = _Work(what, total)
    _works.append(work)
    try:
        if len(_works) > 1 or sys.stderr is None or not sys.stderr.isatty():
            yield work.step
        else:
            with _painted():
                yield work.step
    finally:
        _works.remove(work)


def tracked(items: Iterable[T], what: str, total: Total = None) -> Iterator[T]:
    """Yield the items and show how many have passed; whoever takes them must not print meanwhile."""
    with progress(what, total) as step:
        for item in items:
            yield item
            step(1)


@contextmanager
def _painted() -> Iterator[None]:
    over = Event()
    painter = Thread(target=_paint, args=(over,), name="progress", daemon=True)
    painter.start()
    try:
        yield
    finally:
        over.set()
        painter.join()


def _paint(over: Event) -> None:
    if over.wait(_PATIENCE):
        return
    with _bar() as bar:
        shown: dict[_Work, TaskID] = {}
        while not over.wait(_PAUSE):
            for work in _works[-1:]:
                _show(bar, shown, work)


def _show(bar: "Progress", shown: "dict[_Work, TaskID]", work: _Work) -> None:
    """Let the bar show one piece of work."""
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
