"""Real OVN: its two databases, `ovn-northd` and `ovn-controller-vtep`, as the peer that the benches measure against.

There are no hypervisors: chassis are rows, and ports are bound by writing so as soon as they appear, which is all that
the VTEP controller looks at.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Literal

from midonet.projections.ovsdb import Client, encode_set, named_ref, ref
from midonet.testbed.ovsdb import OvsdbServer
from midonet.testbed.server import Scoped, Server, run

_NB: Literal["OVN_Northbound"] = "OVN_Northbound"
_SB: Literal["OVN_Southbound"] = "OVN_Southbound"
_SWITCH = "net"
_STATION = "vm-"


class _Daemon(Server):
    """One of OVN's programs; it serves as soon as its control socket answers."""

    name = "ovn"

    def __init__(self, program: str, *options: str) -> None:
        super().__init__()
        self._program = program
        self._options = options

    def command(self) -> Sequence[str | Path]:
        """Run in the foreground, with its control socket in our directory."""
        places = [f"{variable}={self.directory}" for variable in ("OVN_RUNDIR", "OVS_RUNDIR")]
        return ["env", *places, self._program, *self._options, "-vsyslog:off", "-vconsole:warn"]

    def serves(self) -> bool:
        """Whether it can be controlled."""
        return any(self.directory.glob("*.ctl"))


class Northd(Scoped):
    """The northbound and the southbound database, and `ovn-northd` that makes the one of the other."""

    def __init__(self) -> None:
        self.north = OvsdbServer(_NB)
        self._stack = ExitStack()

    def start(self) -> None:
        """Start all three."""
        self._stack.enter_context(self.north)
        self.start_south()

    def start_south(self) -> None:
        """Start an empty southbound database, and `ovn-northd`, which fills it."""
        self._inner = self._stack.enter_context(ExitStack())
        self.south = self._inner.enter_context(OvsdbServer(_SB))
        databases = f"--ovnnb-db=unix:{self.north.sock}", f"--ovnsb-db=unix:{self.south.sock}"
        self._inner.enter_context(_Daemon("ovn-northd", *databases))

    def lose_south(self) -> None:
        """Stop `ovn-northd` and delete the southbound database; `start_south` starts both again."""
        self._inner.close()

    def nbctl(self, *words: str, wait: bool = True) -> str:
        """Run ovn-nbctl; by default until the southbound database has it."""
        return run("ovn-nbctl", f"--db=unix:{self.north.sock}", *_options(wait=wait), *words)

    @contextmanager
    def resident(self) -> Iterator[Callable[..., str]]:
        """Keep an `ovn-nbctl` that has read the database; yield what runs commands in it, as `nbctl` does."""
        socket = self.north.directory / "nbctl.ctl"
        database = f"--db=unix:{self.north.sock}"
        run("ovn-nbctl", database, "--detach", f"--unixctl={socket}", f"--pidfile={socket}.pid")
        try:
            yield lambda *words, wait=True: run("ovn-nbctl", "-u", socket, *_options(wait=wait), *words)
        finally:
            run("ovs-appctl", "-t", socket, "exit")

    def close(self) -> None:
        """Kill all of it."""
        self._stack.close()


def _options(*, wait: bool) -> list[str]:
    return ["--timeout=120", *(["--wait=sb"] if wait else [])]


class Ovn(Scoped):
    """A logical switch `net` with stations on VXLAN chassis; a VTEP database is a part of it.

    That database must hold the physical switch `tor` with the port `eth1`; it gets a logical switch `net`. A station is
    a port with a MAC and an IP address, as `ovn-nb(5)` has them in one text, `MAC IP`.
    """

    def __init__(self, vtep: OvsdbServer, chassis: int = 10) -> None:
        self._vtep = vtep
        self._chassis = chassis
        self._stack = ExitStack()
        self._ports: dict[str, list[str]] = {}

    def start(self) -> None:
        """Start all, and return when stations can be added."""
        databases = self._stack.enter_context(Northd())
        north, south = databases.north, databases.south
        self._north = self._stack.enter_context(closing(Client(str(north.sock), timeout=60)))
        for number in range(self._chassis):
            chassis = "chassis-add", f"hv{number}", "vxlan", f"172.16.0.{number + 1}"
            run("ovn-sbctl", f"--db=unix:{south.sock}", *chassis)
        options = "vtep-physical-switch=tor", f"vtep-logical-switch={_SWITCH}"
        part = "lsp-add", _SWITCH, "tor", "--", "lsp-set-type", "tor", "vtep", "--", "lsp-set-options", "tor", *options
        databases.nbctl("ls-add", _SWITCH, "--", *part)
        self._stack.enter_context(_Binder(str(south.sock)))
        self._vtep.vtep_ctl("add-ls", _SWITCH, "--", "bind-ls", "tor", "eth1", "0", _SWITCH)
        vtep_and_south = f"--vtep-db=tcp:{self._vtep.host}:{self._vtep.port}", f"--ovnsb-db=unix:{south.sock}"
        self._stack.enter_context(_Daemon("ovn-controller-vtep", *vtep_and_south))

    def close(self) -> None:
        """Kill all of it."""
        self._stack.close()

    def add(self, stations: Sequence[str]) -> None:
        """Add a port for each of these addresses, in one transaction on the northbound database."""
        inserts = [
            {
                "op": "insert",
                "table": "Logical_Switch_Port",
                "row": {"name": f"{_STATION}{addresses.partition(' ')[0]}", "addresses": addresses},
                "uuid-name": f"p{number}",
            }
            for number, addresses in enumerate(stations)
        ]
        results = self._change_ports("insert", [named_ref(f"p{number}") for number in range(len(inserts))], inserts)
        self._ports |= {addresses: result["uuid"] for addresses, result in zip(stations, results, strict=False)}

    def remove(self, stations: Sequence[str]) -> None:
        """Remove the ports of these addresses, in one transaction."""
        self._change_ports("delete", [self._ports.pop(addresses) for addresses in stations], [])

    def change_addresses(self, mutator: Literal["insert", "delete"], places: Mapping[str, str]) -> None:
        """Give further addresses to ports, or take them, in one transaction: addresses → those the port came with."""
        self._north.transact(
            _NB,
            [
                {
                    "op": "mutate",
                    "table": "Logical_Switch_Port",
                    "where": [["_uuid", "==", self._ports[station]]],
                    "mutations": [["addresses", mutator, encode_set([addresses])]],
                }
                for addresses, station in places.items()
            ],
        )

    def _change_ports(self, mutator: str, ports: list[list[str]], operations: list[dict[str, Any]]) -> list[Any]:
        change = [["ports", mutator, encode_set(ports)]]
        where = [["name", "==", _SWITCH]]
        mutate = {"op": "mutate", "table": "Logical_Switch", "where": where, "mutations": change}
        return self._north.transact(_NB, [*operations, mutate])


class _Binder(Scoped):
    """Binds every port of a station to a chassis as soon as it is in the southbound database, as the chassis would."""

    def __init__(self, sock: str) -> None:
        self._sock = sock
        self._ports: SimpleQueue[str | None] = SimpleQueue()
        self._thread = Thread(target=self._bind, daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._client = Client(self._sock, timeout=60)
        select = {"op": "select", "table": "Chassis", "where": [], "columns": ["_uuid"]}
        (found,) = self._client.transact(_SB, [select])
        self._chassis = [row["_uuid"] for row in found["rows"]]
        self._thread.start()
        self._client.monitor(_SB, {"Port_Binding": ["logical_port"]}, self._see)

    def close(self) -> None:
        """End."""
        self._ports.put(None)
        self._thread.join()
        self._client.close()

    def _see(self, updates: Mapping[str, Mapping[str, Any]]) -> None:
        for uuid, update in updates.get("Port_Binding", {}).items():
            if "old" not in update and update["new"]["logical_port"].startswith(_STATION):
                self._ports.put(uuid)

    def _bind(self) -> None:
        count = 0
        while (port := self._ports.get()) is not None:
            ports: list[str | None] = [port]
            while not self._ports.empty() and ports[-1] is not None:
                ports.append(self._ports.get())
            places = [self._chassis[(count + number) % len(self._chassis)] for number in range(len(ports))]
            count += len(ports)
            self._client.transact(
                _SB, [_placed(uuid, place) for uuid, place in zip(ports, places, strict=True) if uuid]
            )
            if ports[-1] is None:
                return


def _placed(port: str, chassis: list[str]) -> dict[str, Any]:
    where = [["_uuid", "==", ref(port)]]
    return {"op": "update", "table": "Port_Binding", "where": where, "row": {"chassis": chassis}}
