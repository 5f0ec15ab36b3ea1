"""The check of the daemon's writer: commits that contradict what hosts report are refused, for every channel."""

import logging
from collections.abc import Mapping

from midonet.events.errors import Unavailable
from midonet.projections.facts import HostState, decode, node_of
from midonet.projections.facts.preconditions import FactsCheck
from midonet.projections.runtime import logfmt
from midonet.projections.zookeeper.children import read_below
from midonet.services.cluster.coordination import Coordination


def facts_check(coordination: Coordination) -> FactsCheck:
    """Return the check on the live hosts, read through the session of `coordination`."""
    return FactsCheck(lambda: _live_hosts(coordination), _log_unread)


def _live_hosts(coordination: Coordination) -> Mapping[str, HostState]:
    """Return the live hosts by id; `Unavailable` at once without a session, so that no command waits."""
    if coordination.session is None:
        raise Unavailable("there is no session with ZooKeeper")
    found = read_below(coordination.client, node_of(coordination.root, HostState))
    return {host: decode(HostState, data) for host, data in found.items()}


def _log_unread(error: Unavailable) -> None:
    logfmt.log(logging.WARNING, "state of hosts was not checked", error=error.message)
