"""Read the positions of views from their targets, and wait for them.

A view has a position when the checkpoint in its target says so (contract §3 and §4), whatever daemons report.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from midonet.cli.options.options import Settings
from midonet.cli.output.progress import progress
from midonet.cli.session.facts_source import facts_of, servers
from midonet.cli.session.session import Session
from midonet.events.errors import Misconfigured, TimedOut, Unavailable, UsageError
from midonet.events.redaction import redact
from midonet.events.suggestions import suggest
from midonet.events.topology.topology import Topology

if TYPE_CHECKING:
    from midonet.projections.base import Checkpoint


_SECONDS = 30.0
_MAX_SECONDS = 86_400.0
_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.2
_SWITCH_SECONDS = 2.0
"""Seconds that a switch may take to answer one read."""

_AT_ONCE = 32


class TargetPosition(NamedTuple):
    """The position of a target's checkpoint (0: none), or why it cannot be read."""

    position: int | None
    trouble: str | None = None
    hash: str | None = None
    """Hash of that commit, if the target has it."""


Reader = Callable[[], Mapping[str, TargetPosition]]
"""Returns the positions of a view's targets by their names."""


class View(Struct, frozen=True):
    """A view that one can wait for."""

    help: str
    open_reader: Callable[[Session, Topology], AbstractContextManager[Reader]]


@contextmanager
def _nsdb(session: Session, topology: Topology) -> Iterator[Reader]:
    del topology
    from midonet.projections.zookeeper.reader import ViewReader

    root = session.settings.get("root")
    with ViewReader(servers(session.settings), root) as reader:
        yield lambda: {f"{root}/nsdb": _ask(reader.checkpoint)}


@contextmanager
def _agents(session: Session, topology: Topology) -> Iterator[Reader]:
    from midonet.projections.facts import HostState

    with facts_of(session) as facts:

        def read() -> Mapping[str, TargetPosition]:
            try:
                alive = facts.all(HostState)
            except Unavailable as error:
                return {"agents": TargetPosition(None, error.message)}
            return {_host(topology, host): TargetPosition(state.position) for host, state in alive.items()}

        yield read


def _host(topology: Topology, host_id: str) -> str:
    host = topology.get("host", host_id)
    return f"host {host.name}" if host is not None and host.name else f"host {host_id}"


@contextmanager
def _vteps(session: Session, topology: Topology) -> Iterator[Reader]:
    del session
    from midonet.projections.vtep.target import read_checkpoint

    def ask(address: tuple[str, int]) -> TargetPosition:
        return _ask(lambda: read_checkpoint(*address, timeout=_SWITCH_SECONDS))

    vteps = topology.all("vtep").values()
    named = Counter(vtep.name for vtep in vteps)
    switches = {
        f"vtep {vtep.name if vtep.name and named[vtep.name] == 1 else vtep.id}": (
            vtep.management_ip,
            vtep.management_port,
        )
        for vtep in vteps
    }
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # a switch that does not answer delays no other
        yield lambda: dict(zip(switches, pool.map(ask, switches.values()), strict=True))


@contextmanager
def _index(session: Session, topology: Topology) -> Iterator[Reader]:
    del topology
    from midonet.projections.history_index.backend import Unusable
    from midonet.projections.history_index.factory import open_database
    from midonet.projections.history_index.index import Index

    url = session.settings.get("history")
    if not url:
        raise UsageError("no history index: give --history URL or MIDOCTL_HISTORY", option="history")

    def ask() -> TargetPosition:
        try:
            with closing(open_database(url, write=False)) as database:
                checkpoint = Index(database).checkpoint()
        except Unusable as error:
            return TargetPosition(None, str(error))
        return TargetPosition(checkpoint.head.position if checkpoint is not None else 0)

    yield lambda: {redact(url): ask()}


def _ask(checkpoint: Callable[[], "Checkpoint"]) -> TargetPosition:
    try:
        found = checkpoint()
        return TargetPosition(found.position, hash=found.hash)
    except (Unavailable, Misconfigured) as error:
        return TargetPosition(None, error.message)


VIEWS: Mapping[str, View] = {
    "nsdb": View("documents in ZooKeeper that agents read", _nsdb),
    "vtep": View("databases of the hardware VTEP switches", _vteps),
    "history": View("SQL index of the log for queries on its history", _index),
    "agents": View("topology that the agents of the hosts have read", _agents),
}


def configured_views(settings: Settings) -> list[str]:
    """Return the views that have an address: the history index only with `--history`."""
    return [name for name in VIEWS if name != "history" or settings.get("history")]


def view(name: str) -> View:
    """Return a view by name; `UsageError` lists the views."""
    if name not in VIEWS:
        raise UsageError(f"there is no view {name!r}{suggest(name, VIEWS) or '; views are ' + ', '.join(VIEWS)}")
    return VIEWS[name]


def seconds(text: str) -> float:
    """Return a time-out in seconds; `UsageError` if it is invalid."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= _MAX_SECONDS:
        raise UsageError(f"{text!r} is not a number of seconds from 0 to {_MAX_SECONDS:g}")
    return value


def waiter(session: Session) -> Callable[[int, Topology], None]:
    """Return a function that waits for the views of `--wait`; `UsageError` at once if the option is invalid."""
    wanted = {}
    for word in session.settings.get("wait"):
        name, equals, text = word.partition("=")
        view(name)
        wanted[name] = seconds(text) if equals else _SECONDS
    if session.cluster is None and set(wanted) & {"nsdb", "agents"}:
        servers(session.settings)

    def wait(position: int, topology: Topology) -> None:
        try:
            await_views(session, topology, position, wanted)
        except TimedOut as error:
            message = f"{error.message}; the change itself is committed, at position {position}"
            raise TimedOut(message, **error.details) from None

    return wait


def _reported_by_api(session: Session) -> set[str]:
    """Return the views whose positions a cluster's API reports; those of agents are facts."""
    if session.cluster is None:
        return set()
    return set(VIEWS) - {"agents", *(["history"] if session.settings.get("history") else [])}


def await_views(session: Session, topology: Topology, position: int, wanted: Mapping[str, float]) -> dict[str, int]:
    """Wait until each view reaches a position; return their positions. `TimedOut` names a target that is behind.

    `wanted` has the seconds to wait for each, from now on.
    """
    begun, by_api = time.monotonic(), _reported_by_api(session)
    with progress(f"waiting for {', '.join(wanted)}"), ExitStack() as stack:
        readers = {
            name: stack.enter_context(view(name).open_reader(session, topology))
            for name in wanted
            if name not in by_api
        }
        reached = {name: _await(name, read, position, begun + wanted[name]) for name, read in readers.items()}
        if session.cluster is not None:
            from midonet.cli.session.remote_topology import wait_for

            reached |= wait_for(session.cluster, position, {name: wanted[name] for name in wanted if name in by_api})
    return reached


def _await(name: str, read: Reader, position: int, deadline: float) -> int:
    pause = _FIRST_PAUSE
    while True:
        found = read()
        behind = {target: at for target, at in found.items() if at.position is None or at.position < position}
        if not behind:
            return min((at.position for at in found.values() if at.position is not None), default=position)
        if time.monotonic() >= deadline:
            raise _late(name, position, behind)
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(2 * pause, _LONGEST_PAUSE)


def _late(name: str, position: int, behind: Mapping[str, TargetPosition]) -> TimedOut:
    targets = [f"{target}: {at.trouble or f'at {at.position}'}" for target, at in behind.items()]
    more = f" and {len(targets) - 1} more" if len(targets) > 1 else ""
    return TimedOut(
        f"{name} did not reach position {position} in time: {targets[0]}{more}",
        projection=name,
        position=position,
        behind={target: at.position for target, at in behind.items()},
    )
