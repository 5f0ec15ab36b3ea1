"""`midoctl vtep status`: the state of the switches as a cluster reports it, by HTTP or in ZooKeeper."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import click

from midonet.cli.framework.command import command
from midonet.cli.framework.completion import complete_refs
from midonet.cli.output import output
from midonet.cli.session.facts_source import facts_are_known, facts_of
from midonet.cli.session.session import Session
from midonet.events.errors import MidonetError, UsageError
from midonet.events.model.vtep import Vtep
from midonet.events.queries.moment import END
from midonet.events.topology import references
from midonet.events.topology.topology import Topology

_HEADERS = ("vtep", "connection", "since", "switch", "tunnel ips", "local macs", "faults", "bfd", "last error")
_UNKNOWN: Mapping[str, Any] = {"connection": "unknown"}
_WAITS = "waits for the port"

State = Mapping[str, Any]


@command(
    "status",
    click.Argument(["ref"], metavar="[VTEP]", required=False, shell_complete=complete_refs("vtep")),
    examples="""  midoctl vtep status
  midoctl vtep status tor -o json
  midoctl vtep status --cluster http://127.0.0.1:8181""",
)
def status(session: Session, ref: str | None) -> None:
    """Show the state of switches: connection, hardware, faults, BFD sessions, local MACs.

    Read from the cluster (--server http://… or --cluster), or with --zookeeper from where it publishes it.
    """
    topology = session.state.topology()
    vteps = [references.find(topology, "vtep", ref)] if ref else sorted(topology.all("vtep").values(), key=_label)
    known = _states(session)
    rows = [_row(topology, vtep, known.get(vtep.id, _UNKNOWN)) for vtep in vteps]
    if ref:
        session.output.print(rows[0], names=lambda: [_label(vteps[0])], text=lambda: _card(rows[0]))
        return
    session.output.print(
        rows, names=lambda: map(_label, vteps), text=lambda: output.table(_HEADERS, list(map(_line, rows)))
    )
    if not rows:
        session.output.note("no vteps")


def _label(vtep: Vtep) -> str:
    return vtep.name or vtep.id


def _row(topology: Topology, vtep: Vtep, state: State) -> State:
    missing = missing_ports(topology, vtep.id, state)
    told = {name: value for name, value in state.items() if name != "id"}
    return {"id": vtep.id, "name": vtep.name, **told, **({"missing_ports": missing} if missing else {})}


def missing_ports(topology: Topology, vtep: str, state: State) -> list[str]:
    """Return the ports that bindings of a VTEP name and its connected switch does not have."""
    if state["connection"] != "connected":
        return []
    bindings = topology.referrers(vtep, "vtep-binding", "vtep")
    return sorted({binding.physical_port for binding in bindings} - {port["name"] for port in state["ports"]})


def note_missing_port(session: Session, ref: str, port: str) -> None:
    """Note, after a binding was made, that it waits for its port; nothing if the state of the switch is unknown."""
    if session.output.form != "table" or not facts_are_known(session):
        return
    with suppress(MidonetError):
        topology = session.state.topology(END)
        vtep = references.find(topology, "vtep", ref)
        if port in missing_ports(topology, vtep.id, _published(session).get(vtep.id, _UNKNOWN)):
            session.output.note(f"the switch of VTEP {_label(vtep)} has no port {port}: the binding {_WAITS}")


def _states(session: Session) -> Mapping[str, State]:
    """Return the state of every switch by the id of its VTEP."""
    if url := session.settings.get("cluster"):
        return {state["id"]: state for state in _reported(url)}
    if facts_are_known(session):
        return _published(session)
    raise UsageError(
        "no cluster: give --server http://HOST:PORT, --cluster URL or --zookeeper HOST:PORT",
        option="zookeeper",
    )


def _reported(url: str) -> Iterable[State]:
    from midonet.cli.session.remote_topology import status_part

    details = status_part(url, "/status", "details", dict[str, Mapping[str, Any]])
    states: Iterable[State] = details.get("vtep", {}).get("vteps", ())
    return states


def _published(session: Session) -> Mapping[str, State]:
    import msgspec

    from midonet.projections.facts.vtep_state import VtepState

    with facts_of(session) as facts:
        return msgspec.to_builtins(facts.all(VtepState))  # type: ignore[no-any-return]


def _line(row: State) -> list[str]:
    cells = [row["name"] or row["id"], row["connection"], row.get("since"), row.get("physical_switch")]
    cells += [", ".join(row.get("tunnel_ips", ())), row.get("local_macs"), ", ".join(_faults(row)), _bfd(row)]
    return ["" if cell is None else str(cell) for cell in (*cells, row.get("last_error"))]


def _faults(row: State) -> list[str]:
    ports = [f"{port['name']}: {fault}" for port in row.get("ports", ()) for fault in port["faults"] or ()]
    return [*(row.get("faults") or ()), *ports, *(f"{name}: {_WAITS}" for name in row.get("missing_ports", ()))]


def _bfd(row: State) -> str:
    watched = [session for session in row.get("bfd", ()) if session["enabled"]]
    return f"{sum(session['state'] == 'up' for session in watched)} of {len(watched)} up" if watched else ""


def _card(row: State) -> str:
    lines = [(header, cell) for header, cell in zip(_HEADERS, _line(row), strict=True) if cell]
    lines += [("port", port["name"]) for port in row.get("ports", ())]
    lines += [("tunnel", _tunnel(session)) for session in row.get("bfd", ())]
    return output.table([], lines)


def _tunnel(session: State) -> str:
    found = session["state"] or "unknown" if session["enabled"] else "not watched"
    return f"{session['local']} → {session['remote']}: " + (
        f"{found}, {why}" if (why := session["diagnostic"]) else found
    )
