"""An emulated VTEP switch for tests: a real OVSDB server with a physical switch, and what its operator sees there."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from waiting import eventually

from midonet.projections.base import Checkpoint
from midonet.projections.ovsdb import Client
from midonet.projections.vtep import Key, Value, VtepTarget
from midonet.testbed import OvsdbServer

__all__ = ["VtepSwitch", "keep", "mac", "reconcile"]


class VtepSwitch(OvsdbServer):
    """A switch `tor` with the ports swp1 to swp3."""

    def prepare(self) -> None:
        """Create the database, and keep a copy of it as it is when it is new."""
        super().prepare()
        self._empty = (self.directory / "db").read_bytes()

    def start(self) -> None:
        """Start and describe the hardware, as the switch's own software does."""
        super().start()
        if "tor" not in self.vtep_ctl("list-ps").split():
            self.add_switch("tor", ["swp1", "swp2", "swp3"], tunnel_ip="172.31.9.1")

    def reset(self) -> None:
        """Come back as a switch does that forgot everything."""
        self.kill()
        (self.directory / "db").write_bytes(self._empty)
        self.start()

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Connect a client of the test's own."""
        with closing(Client(self.tcp)) as client:
            yield client

    def transact(self, *operations: Mapping[str, Any]) -> list[Any]:
        """Run a transaction as another client."""
        with self.client() as client:
            return client.transact("hardware_vtep", operations)

    def table(self, table: str) -> dict[str, dict[str, Any]]:
        """Return all rows of a table by UUID, with the `_version` that changes whenever a row is touched."""
        (result,) = self.transact({"op": "select", "table": table, "where": []})
        return {row["_uuid"][1]: row for row in result["rows"]}

    def bindings(self, port: str = "swp1") -> str:
        """Return what vtep-ctl says of the bindings of a port."""
        return self.vtep_ctl("list-bindings", "tor", port).strip()

    def macs(self, switch: str) -> list[str]:
        """Return what vtep-ctl says of the remote MACs of a logical switch, line by line."""
        return [line.strip() for line in self.vtep_ctl("list-remote-macs", switch).splitlines() if line.strip()]

    def config(self) -> dict[str, str]:
        """Return `Global.other_config`."""
        (row,) = self.table("Global").values()
        return dict(row["other_config"][1])


def mac(number: int) -> str:
    """Return the MAC address with this number."""
    return f"02:00:00:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"


def reconcile(target: VtepTarget, desired: Mapping[Key, Value], position: int) -> dict[Key, Value | None]:
    """Bring a target to a desired state as a runner does: load, compare, write; return what was wrong."""
    _, rows = target.load()
    delta: dict[Key, Value | None] = {key: value for key, value in desired.items() if rows.get(key) != value}
    delta.update(dict.fromkeys(rows.keys() - desired.keys()))
    target.write(delta, Checkpoint(position, f"{position:064x}"))
    return delta


def keep(target: VtepTarget, desired: Mapping[Key, Value], position: int) -> dict[Key, Value | None]:
    """Wait until a target has drifted, and repair it; return what was wrong."""
    eventually(target.drifted)
    return reconcile(target, desired, position)
