"""Writing: run a command on the log, print its result, wait for the views that `--wait` names.

Command groups that also read import this module, so it loads the decision logic only when a command is run.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from midonet.cli.options.options import Settings
from midonet.cli.output import output
from midonet.cli.output.progress import progress
from midonet.cli.output.sanitize import clean
from midonet.cli.session.log_reader import log_exists
from midonet.cli.session.session import Session, handle
from midonet.events.commands.command import Command, CreateTenants, Op
from midonet.events.errors import NoLog, UsageError
from midonet.events.log import Log, open_log
from midonet.events.queries.names import Names
from midonet.events.system.objects import is_system_key
from midonet.events.topology.topology import Topology

if TYPE_CHECKING:
    from midonet.cli.session.remote_topology import RemoteStore
    from midonet.events.log.pending_command import Context, Result
    from midonet.events.log.store import Check, Store


LISTED = 40
"""Changes that a write lists; further ones are counted."""


def write(
    session: Session,
    name: str,
    ops: Sequence[Op],
    *,
    listed: int | None = LISTED,
    before: Callable[[Any], None] = lambda _: None,
    **defaults: str | None,
) -> None:
    """Run a command of `ops` with actor, reason, expected head and dry run from the options.

    `before` may check the store and raise; `defaults` are fields of `Context` that options precede.
    """
    from midonet.events.log.store import value_of

    wait = _waiter(session)
    dry_run: bool = session.settings.get("dry_run")
    tenants = [CreateTenants()] if session.settings.get("create_tenant") else []
    result, topology = attempt(session, Command(name, [*tenants, *ops]), before, dry_run=dry_run, **defaults)
    session.output.print(
        value_of(result),
        names=lambda: _affected(result, topology),
        text=lambda: "\n".join(as_text(result, topology, listed)),
    )
    if dry_run:
        session.output.note(f"dry run: nothing was written; the log is at position {result.position}")
    elif wait is not None:
        output.flush()
        wait(result.position, topology)


def attempt(
    session: Session,
    command: Command,
    before: Callable[[Any], None] = lambda _: None,
    *,
    dry_run: bool,
    **defaults: str | None,
) -> "tuple[Result, Topology]":
    """Run a command with the options; return its result, and the topology after it (before it in a dry run)."""
    with ExitStack() as stack:
        store = _store(session, stack, dry_run=dry_run)
        before(store)
        return store.execute(command, _context(session.settings, defaults), dry_run=dry_run), store.topology


def _store(session: Session, stack: ExitStack, *, dry_run: bool) -> "Store | RemoteStore":
    """Return the store that decides the command: a cluster's, which makes its own checks, or that of a log."""
    if session.cluster is not None:
        from midonet.cli.session.remote_topology import RemoteStore

        for name in ("accept_clock", "max_clock_skew"):
            if not session.settings.is_default(name):
                raise UsageError(f"{name}: a cluster dates its commits itself; set it on its daemons", option=name)
        return RemoteStore(session.url, session.cluster)
    store = _log_store(session, stack, dry_run=dry_run)
    store.check = _facts_check(session)
    return store


def _facts_check(session: Session) -> "Check | None":
    """Return the check that a daemon makes, if ZooKeeper is given."""
    if not session.settings.get("zookeeper"):
        return None
    from midonet.cli.session.facts_source import live_hosts
    from midonet.projections.facts.preconditions import FactsCheck

    return FactsCheck(
        lambda: live_hosts(session),
        lambda error: session.output.note(f"the state of hosts was not checked: {error.message}"),
    )


def _log_store(session: Session, stack: ExitStack, *, dry_run: bool) -> "Store":
    from midonet.events.log.commit_clock import CommitClock
    from midonet.events.log.store import Store

    try:
        if not dry_run:
            _check_file(session)
        store = session.state.shell_store(write=not dry_run, create=_may_create(session.settings))
        if store is None:
            log = stack.enter_context(closing(_open(session, stack, dry_run=dry_run)))
            with progress("reading the log"):
                store = Store.open(log, session.state.snapshots)
    except NoLog as error:
        hint = "" if dry_run else "; --create creates it"
        raise NoLog(f"{error.message}{hint}", **error.details) from None
    store.clock = CommitClock(session.settings.get("max_clock_skew"), session.settings.get("accept_clock"))
    return store


def _check_file(session: Session) -> None:
    if not log_exists(session.url) and not _may_create(session.settings):
        raise NoLog(f"there is no log at {session.url}", url=session.url)


def _may_create(settings: Settings) -> bool:
    """Return whether a missing log is created: one that was named only with `--create`, the name may be wrong."""
    return settings.is_default("server") or bool(settings.get("create"))


def _open(session: Session, stack: ExitStack, *, dry_run: bool) -> Log:
    """Open the log; for a dry run without a log, an empty temporary one."""
    if dry_run and not log_exists(session.url):
        folder = stack.enter_context(TemporaryDirectory(prefix="midoctl-"))
        return open_log(f"sqlite:///{folder}/empty.db")
    return open_log(session.url, create=_may_create(session.settings), read_only=dry_run)


def _context(settings: Settings, defaults: Mapping[str, str | None]) -> "Context":
    from midonet.events.log.pending_command import Context

    given = {name: settings.get(name) for name in ("actor", "reason", "command_id", "if_head")}
    chosen = {name: value for name, value in given.items() if value is not None}
    return Context(channel="cli", **{**defaults, **chosen})


def _waiter(session: Session) -> Callable[[int, Topology], None] | None:
    if not session.settings.get("wait"):
        return None
    from midonet.cli.session.wait import waiter

    return waiter(session)


def _affected(result: "Result", topology: Topology) -> Iterator[str]:
    """Yield a REF of the object of a command; the keys of all objects that an `apply` changed."""
    if result.object is not None:
        yield handle(topology, result.object["kind"], result.object["id"], result.object["name"])
    else:
        yield from dict.fromkeys(event.key for event in result.events)


def as_text(result: "Result", topology: Topology, listed: int | None) -> Iterator[str]:
    """Yield the changes of a command as text, one line each."""
    from midonet.events.queries.describe import describe

    names = Names(topology.find)
    for event in result.events:
        names.add(event)
    for event in result.events[:listed]:
        has_id = event.type.endswith(".created") and not is_system_key(event.key)
        created = f" (id {event.key.partition('/')[2]})" if has_id else ""
        yield clean(describe(event, names)) + created
    if listed is not None and len(result.events) > listed:
        yield f"and {len(result.events) - listed:,} more changes (-o json shows all)"
    if not result.events:
        yield "nothing to change"
