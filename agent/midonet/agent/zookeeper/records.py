"""The data of the ephemeral nodes by which the agent reports its host and its active ports.

The fields are declared in `midonet.projections.facts`. The position of a host is the position of the agent's snapshot,
0 before the first. It follows the checkpoint even without changes for this host, so it can be compared with any
position of the log.
"""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from midonet.agent.host.interfaces import outward
from midonet.agent.status.status import Process
from midonet.events.commit import canonical
from midonet.events.model.port import Port
from midonet.projections.facts import ActivePort, HostState, Interface

_MAX_BYTES = 500_000
"""A server closes the connection on a request of more than 1 MiB (`jute.maxbuffer`)."""


def host_record(process: Process, position: int, interfaces: Sequence[Interface]) -> bytes:
    """Return the data of a host's node; if it were too large, only interfaces with addresses, else none."""
    state = HostState(
        hostname=process.hostname,
        pid=process.pid,
        version=process.version,
        started=process.started,
        position=position,
        interfaces=tuple(interfaces),
        addresses=outward(interfaces),
    )
    record = canonical(state)
    if len(record) <= _MAX_BYTES:
        return record
    addressed = tuple(interface for interface in interfaces if interface.addresses)
    record = canonical(replace(state, interfaces=addressed))
    return record if len(record) <= _MAX_BYTES else canonical(replace(state, interfaces=(), addresses=()))


def port_record(port: Port) -> bytes:
    """Return the data of an active port's node."""
    return canonical(ActivePort(host=port.host, interface=port.interface))


class _Owner(msgspec.Struct):
    hostname: str
    pid: int
    started: str


def describe_owner(record: bytes | None) -> str | None:
    """Return in words which process wrote a host's node; None if there is no node."""
    if record is None:
        return None
    try:
        owner = msgspec.json.decode(record, type=_Owner)
    except msgspec.DecodeError:
        return "an unknown process"
    return f"process {owner.pid} on {owner.hostname}, started {owner.started}"
