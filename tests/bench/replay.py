"""Replay: read the whole log, check its chain, decode and fold every event; the peer is `eventsourcing`.

Both hold the same history: ports that are created, bound to a host's interface and later set down.
"""

from collections.abc import Iterator
from pathlib import Path

from figures import Goal, Row, alternate, rate
from load import create, created, directory, opened, run_all, sqlite_url, update
from peer import Peer

__all__ = ["replay"]

_PORTS, _QUICK_PORTS = 6_000, 1_500
_EVENTS_PER_PORT = 3


def replay(*, quick: bool) -> Iterator[Row]:
    """From the file to the topology, and from the file to all aggregates."""
    ports = _QUICK_PORTS if quick else _PORTS
    with directory() as place:
        size, peer_size = _write_log(place / "log.db", ports), _write_peer(place / "peer.db", ports)
        found = alternate(3 if quick else 7, lambda: _replay(place / "log.db"), lambda: _peer_replay(place / "peer.db"))
        yield Row(
            name="replayed events, vs eventsourcing",
            ours=rate(found.ours),
            peer=rate(found.peer),
            ratios=found.faster(),
            cpu_ratios=found.faster_cpu(),
            goal=Goal("≥", 1),
            note=f"{ports * _EVENTS_PER_PORT:,} events, one per commit; "
            f"a commit has {size} bytes on average, the peer's event {peer_size}",
        )


def _write_log(file: Path, ports: int) -> int:
    """Write the history; return how many bytes a commit has on average."""
    with opened(sqlite_url(file)) as store:
        bridge, host = created(store, "bridge", name="bridge"), created(store, "host", name="host")
        created(store, "tunnel-zone", name="zone", members=[{"host": host, "address": "172.16.0.1"}])
        done = run_all(store, [create("port", bridge=bridge, name=f"port-{n}") for n in range(ports)])
        ids = [str(result.object["id"]) for result in done if result.object]
        run_all(store, [update("port", port, host=host, interface=f"tap{n}") for n, port in enumerate(ids)])
        run_all(store, [update("port", port, admin_state_up=False) for port in ids])
        sizes = [len(record.raw) for record in store.log.read()]
    return sum(sizes) // len(sizes)


def _write_peer(file: Path, ports: int) -> int:
    """Write the same history; return how many bytes an event has on average."""
    with Peer(file) as peer:
        bridge = peer.create_bridge("bridge")
        created_ports = peer.create_ports(bridge, [f"port-{n}" for n in range(ports)])
        for n, port in enumerate(created_ports):
            port.change(host=str(bridge), interface=f"tap{n}")
        peer.save(*created_ports)
        for port in created_ports:
            port.change(admin_state_up=False)
        peer.save(*created_ports)
        sizes = [len(notification.state) for notification in peer.notifications()]
    return sum(sizes) // len(sizes)


def _replay(file: Path) -> int:
    with opened(sqlite_url(file)) as store:
        return store.topology.head.position


def _peer_replay(file: Path) -> int:
    with Peer(file) as peer:
        return sum(int(aggregate.version) for aggregate in peer.replay().values())
