"""What a trace takes from elsewhere than the topology: learned tables and what is up, from agents or from a file.

A file is YAML: `macs: [{bridge, vlan, mac, port}]`, `neighbours: [{device, ip, mac}]` and `down: [PORT]`, each
optional; objects by id or name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from midonet.cli.session.facts_source import facts_of
from midonet.cli.session.reported_state import routes_of
from midonet.cli.session.session import Session
from midonet.events.errors import InvalidValue, NotFound, UsageError
from midonet.events.model.fields import canonical_mac
from midonet.events.topology import references
from midonet.events.topology.topology import Topology
from midonet.simulation.facts import AllAlive, LearnedTables, NoTables
from midonet.simulation.packet.addresses import ip_to_int, mac_to_int
from midonet.simulation.trace import Given

_PARTS: Mapping[str, frozenset[str]] = {
    "macs": frozenset(("bridge", "mac", "port")),
    "neighbours": frozenset(("device", "ip", "mac")),
}
"""Parts of a file → keys that each entry needs."""


class Reported:
    """What agents report as up."""

    def __init__(self, ports: set[str], inactive_members: set[str]) -> None:
        self._ports = ports
        self._inactive = inactive_members

    def port(self, port: str) -> bool:
        """Return whether an agent reports the port as active."""
        return port in self._ports

    def member(self, member: str) -> bool:
        """Return whether no agent reports the member as inactive."""
        return member not in self._inactive


class NotDown(AllAlive):
    """Everything is up but some ports."""

    def __init__(self, down: set[str]) -> None:
        self._down = down

    def port(self, port: str) -> bool:
        """Return whether the port is not listed as down."""
        return port not in self._down


def given_facts(session: Session, topology: Topology, source: str, *, strict: bool) -> Given:
    """Return what a trace is given from `none`, `live` (needs ZooKeeper) or a file."""
    if source == "none":
        return Given(NoTables(), AllAlive(), strict)
    return _live(session, topology, strict=strict) if source == "live" else _file(topology, Path(source), strict=strict)


def _live(session: Session, topology: Topology, *, strict: bool) -> Given:
    if session.settings.get("at") is not None:
        raise UsageError("--tables live is of this moment; leave out --at, or give a file", option="tables")
    from midonet.projections.facts import ActivePort, LearnedRoutes, MemberStatus

    tables = LearnedTables()
    with facts_of(session) as facts:
        active, members, learned = facts.all(ActivePort), facts.all(MemberStatus), facts.all(LearnedRoutes)
    for port_id, fact in learned.items():
        port = topology.get("port", port_id)
        if port is not None and port.router:
            tables.learned_routes.setdefault(port.router, []).extend(routes_of(port_id, port.router, fact))
    down = {member for member, fact in members.items() if fact.status == "inactive"}
    return Given(tables, Reported(set(active), down), strict)


def _file(topology: Topology, path: Path, *, strict: bool) -> Given:
    from midonet.events.strict_yaml import parse

    try:
        documents = parse(str(path), path.read_bytes())
    except OSError as error:
        raise UsageError(f"--tables: {path}: {error.strerror}; give none, live or a file", option="tables") from None
    content = documents[0] if documents else {}
    if not isinstance(content, Mapping) or not content.keys() <= {*_PARTS, "down"}:
        raise InvalidValue(f"{path}: expected macs, neighbours and down", file=str(path), reason="bad-tables")
    tables = LearnedTables()
    try:
        _fill(topology, path, content, tables)
    except ValueError as error:
        raise InvalidValue(f"{path}: {error}", file=str(path), reason="bad-tables") from None
    down = {references.find_id(topology, "port", port) for port in content.get("down", ())}
    return Given(tables, NotDown(down), strict)


def _fill(topology: Topology, path: Path, content: Mapping[str, Any], tables: LearnedTables) -> None:
    """Add the entries of a file; `ValueError` for what is no address."""
    for entry in _entries(path, content, "macs"):
        bridge = references.find_id(topology, "bridge", entry["bridge"])
        mac = mac_to_int(canonical_mac(entry["mac"]))
        tables.macs[bridge, entry.get("vlan", 0), mac] = references.find_id(topology, "port", entry["port"])
    for entry in _entries(path, content, "neighbours"):
        device = _device(topology, entry["device"])
        tables.neighbours[device, ip_to_int(entry["ip"])] = mac_to_int(canonical_mac(entry["mac"]))


def _entries(path: Path, content: Mapping[str, Any], part: str) -> list[Mapping[str, Any]]:
    entries = content.get(part, [])
    if not isinstance(entries, list) or not all(
        isinstance(entry, Mapping) and entry.keys() >= _PARTS[part] for entry in entries
    ):
        needed = ", ".join(sorted(_PARTS[part]))
        raise InvalidValue(f"{path}: {part}: expected a list of entries with {needed}", part=part, reason="bad-tables")
    return entries


def _device(topology: Topology, ref: str) -> str:
    try:
        return references.find_id(topology, "bridge", ref)
    except NotFound:
        return references.find_id(topology, "router", ref)
