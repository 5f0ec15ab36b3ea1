"""A log with a bridge on a host, and the runners that keep switches up to date: a fixture for tests of switches."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from commanding import Commanding
from vtep_switch import VtepSwitch
from waiting import eventually

from midonet.events.log import open_log
from midonet.events.log.store import Store
from midonet.projections.engine.feed import Feed
from midonet.projections.engine.runner import Runner
from midonet.projections.engine.takeover import GRACE
from midonet.projections.vtep import Key, Value, VtepProjection, VtepTarget, read_checkpoint, read_rows

__all__ = ["Site"]


class Site(Commanding):
    """A log with a bridge `net`, a host `hv1` in the zone `tors`, and the runners of its VTEPs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store = Store(open_log(url))
        self.running = ExitStack()
        self.runners: dict[str, Runner[Key, Value]] = {}
        self.create("host", "hv1")
        self.create("tunnel-zone", "tors", type="vtep", members=[{"host": "hv1", "address": "172.31.0.1"}])
        self.create("bridge", "net")
        self.create("port", "p1", bridge="net", host="hv1", interface="tap1")

    def id_of(self, kind: str, name: str) -> str:
        """Return the id of the only object of that name."""
        (found,) = self.store.topology.named(kind, name)
        return found.id

    def switch_of(self, bridge: str) -> str:
        """Return the name of a bridge's logical switch."""
        return f"mn-{self.id_of('bridge', bridge)}"

    def host(self, name: str) -> str:
        """Create a host; return its name."""
        self.create("host", name, flooding_proxy_weight=9)
        return name

    def add_vtep(self, name: str, switch: VtepSwitch) -> None:
        """Create a VTEP that is this switch, with a binding of the bridge to swp1."""
        self.create("vtep", name, management_ip=switch.host, management_port=switch.port, tunnel_zone="tors")
        self.create("vtep-binding", vtep=name, physical_port="swp1", bridge="net")

    def keep(self, *, grace: float = GRACE) -> None:
        """Start to keep every VTEP that there is; `grace`: seconds after which one takes over from another."""
        feed = Feed(lambda: open_log(self.url), idle=0.2)
        self.running.enter_context(started(feed))
        for vtep in self.store.topology.all("vtep").values():
            target = VtepTarget(vtep.management_ip, vtep.management_port)
            runner = Runner(feed, VtepProjection(vtep.id), target, grace=grace)
            self.running.enter_context(started(runner))
            self.runners[vtep.id] = runner

    def stop(self) -> None:
        """Stop to keep them."""
        self.running.close()

    def settle(self, switch: VtepSwitch) -> None:
        """Wait until a switch is at the head of the log; its rows must be those of a projection from scratch."""
        head = self.store.topology.head.position
        eventually(lambda: read_checkpoint(*switch.tcp).position == head)
        assert read_rows(*switch.tcp) == self.rows(switch)

    def rows(self, switch: VtepSwitch) -> dict[Key, Value | None]:
        """Return the rows that a switch should have, from a replay of the log."""
        with closing(open_log(self.url)) as log:
            store = Store(log)
            store.refresh()
        (vtep,) = (one for one in store.topology.all("vtep").values() if one.management_port == switch.port)
        projection = VtepProjection(vtep.id)
        projection.attach(store.topology)
        return {key: projection.render(key) for key in iter(projection.keys())}


@contextmanager
def started(thing: Feed | Runner[Key, Value]) -> Iterator[None]:
    """Start something, and stop it in the end."""
    thing.start()
    try:
        yield
    finally:
        thing.stop()
