"""Queries on a long log, as whole processes: history of an object, topology at a moment, one object of many.

The log has a million events of 10,000 ports. The peers are the tools that people have for it today: `ovsdb-tool
show-log` with `grep` for the history of a database, and `ovn-nbctl`, started anew, for one port among as many.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

from figures import Goal, Row, Work, alternate, duration, latency
from load import directory, sqlite_url
from long_log import PORTS_PER_BRIDGE, port_name, write_long_log

from midonet.projections.ovsdb import Client
from midonet.testbed import OvsdbServer

__all__ = ["as_of", "history", "show"]

Midoctl = Callable[..., None]

_MIDOCTL = Path(sys.executable).with_name("midoctl")
_PORTS = 10_000
_RECORDS = 10_000
_AIM = 0.075
"""Seconds that one object's history may take on an idle machine of the common kind."""


def history(*, quick: bool) -> Iterator[Row]:
    """`midoctl history PORT`, its index at hand, against what people do with the file of an OVSDB server."""
    events, rng = _events(quick=quick), _random()
    with _long_log(quick=quick) as midoctl, _ovsdb_file() as file:
        midoctl("history", port_name(0))
        found = alternate(
            5 if quick else 15,
            _once(lambda: midoctl("history", port_name(rng.randrange(_PORTS)))),
            _once(lambda: _show_log(file)),
        )
    name = f"history of one object in {events:,} events"
    yield Row(
        name=f"{name}, vs what a person does not notice",
        ours=latency(found.ours),
        peer=duration(_AIM),
        ratios=[sample.wall / _AIM for sample in found.ours],
        cpu_ratios=[sample.cpu / _AIM for sample in found.ours],
        goal=Goal("≤", 1),
        note="the whole process, from its start to its end",
    )
    yield Row(
        name=f"{name}, vs ovsdb-tool show-log | grep over {_RECORDS:,} records",
        ours=latency(found.ours),
        peer=latency(found.peer),
        ratios=found.slower(),
        cpu_ratios=found.slower_cpu(),
    )


def as_of(*, quick: bool) -> Iterator[Row]:
    """`midoctl bridge list --at POSITION`, anywhere in the log, against the same of now."""
    events, rng = _events(quick=quick), _random()
    with _long_log(quick=quick) as midoctl:
        midoctl("bridge", "list")
        found = alternate(
            7 if quick else 25,
            _once(lambda: midoctl("bridge", "list", "--at", str(rng.randrange(_PORTS, events)))),
            _once(lambda: midoctl("bridge", "list")),
        )
    yield Row(
        name=f"topology of {_PORTS:,} ports as of anywhere in {events:,} events, vs as of now",
        ours=latency(found.ours),
        peer=latency(found.peer),
        ratios=found.slower(),
        cpu_ratios=found.slower_cpu(),
        goal=Goal("≤", 2),
    )


def show(*, quick: bool) -> Iterator[Row]:
    """`midoctl port show PORT`, against `ovn-nbctl list Logical_Switch_Port PORT`, each started anew."""
    rng = _random()
    with _long_log(quick=quick) as midoctl, _northbound() as server:
        midoctl("port", "show", port_name(0))
        found = alternate(
            5 if quick else 15,
            _once(lambda: midoctl("port", "show", port_name(rng.randrange(_PORTS)))),
            _once(lambda: _nbctl(server, "list", "Logical_Switch_Port", f"port-{rng.randrange(_PORTS)}")),
        )
    yield Row(
        name=f"one of {_PORTS:,} ports shown, vs ovn-nbctl",
        ours=latency(found.ours),
        peer=latency(found.peer),
        ratios=found.slower(),
        cpu_ratios=found.slower_cpu(),
        goal=Goal("≤", 1.2),
        note="whole processes; ovn-nbctl asks an ovsdb-server, midoctl reads a file",
    )


def _random() -> Random:
    return Random(1)  # noqa: S311 - a seed, not a secret


def _events(*, quick: bool) -> int:
    return 100_000 if quick else 1_000_000


def _once(work: Callable[[], object]) -> Work:
    def once() -> int:
        work()
        return 1

    return once


@contextmanager
def _long_log(*, quick: bool) -> Iterator[Midoctl]:
    """Make the log; yield what runs midoctl on it, with a cache of its own."""
    with directory() as place:
        write_long_log(place / "log.db", ports=_PORTS, commits=_events(quick=quick))
        environ = {**os.environ, "XDG_CACHE_HOME": str(place / "cache"), "MIDOCTL_SERVER": sqlite_url(place / "log.db")}

        def midoctl(*words: str) -> None:
            subprocess.run([_MIDOCTL, *words], check=True, env=environ, stdout=subprocess.DEVNULL)

        yield midoctl


@contextmanager
def _ovsdb_file() -> Iterator[Path]:
    """Make a northbound database that has its ports by one transaction each, as `ovn-nbctl lsp-add` does it."""
    with OvsdbServer("OVN_Northbound") as server, closing(Client(server.tcp)) as client:
        for first in range(0, _RECORDS, PORTS_PER_BRIDGE):
            *ports, switch = _switch(first)
            client.transact(server.schema, [{**switch, "row": {"name": f"bridge-{first}"}}])
            for port in ports:
                member = [["ports", "insert", ["set", [["named-uuid", port["uuid-name"]]]]]]
                where = [["name", "==", f"bridge-{first}"]]
                added = {"op": "mutate", "table": "Logical_Switch", "where": where, "mutations": member}
                client.transact(server.schema, [port, added])
        yield server.database


def _show_log(file: Path) -> None:
    with subprocess.Popen(["ovsdb-tool", "-mm", "show-log", file], stdout=subprocess.PIPE) as shown:
        subprocess.run(["grep", "port-333"], stdin=shown.stdout, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def _northbound() -> Iterator[OvsdbServer]:
    """Run a northbound database with as many ports as our log."""
    with OvsdbServer("OVN_Northbound") as server, closing(Client(server.tcp)) as client:
        for first in range(0, _PORTS, PORTS_PER_BRIDGE):
            client.transact(server.schema, list(_switch(first)))
        yield server


def _switch(first: int) -> Iterator[dict[str, Any]]:
    ports = range(first, first + PORTS_PER_BRIDGE)
    for port in ports:
        row = {"name": f"port-{port}", "addresses": f"02:00:00:00:{port >> 8:02x}:{port & 255:02x}"}
        yield {"op": "insert", "table": "Logical_Switch_Port", "row": row, "uuid-name": f"p{port}"}
    members: list[Any] = ["set", [["named-uuid", f"p{port}"] for port in ports]]
    switch = {"name": f"bridge-{first // PORTS_PER_BRIDGE}", "ports": members}
    yield {"op": "insert", "table": "Logical_Switch", "row": switch}


def _nbctl(server: OvsdbServer, *words: str) -> None:
    command = ["ovn-nbctl", f"--db=unix:{server.sock}", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
