"""Memory of a topology that is folded from its log, in its own process.

    memory.py URL

Prints the bytes that the process grew by while it read the log, those of the indexes, which are built when a caller
first asks for them, and how many objects there are.
"""

import gc
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from figures import Row
from load import create, created, directory, opened, run_all, sqlite_url

from midonet.events.log import open_log
from midonet.events.log.store import Store

__all__ = ["memory"]

_PORTS, _QUICK_PORTS = 100_000, 10_000
_PORTS_PER_BRIDGE = 100
_HOSTS = 100


def memory(*, quick: bool) -> Iterator[Row]:
    """Bytes per object of a topology of bound ports."""
    with directory() as place:
        url = sqlite_url(place / "log.db")
        _write(url, _QUICK_PORTS if quick else _PORTS)
        done = subprocess.run([sys.executable, __file__, url], check=True, capture_output=True, text=True)
        objects, indexes, count = map(int, done.stdout.split())
    yield Row(
        name=f"memory of {count:,} objects, most of them bound ports",
        ours=f"{(objects + indexes) / count:,.0f} bytes each",
        note=f"{objects / count:,.0f} bytes each object, {indexes / count:,.0f} its index entries; "
        f"{(objects + indexes) / 2**20:,.0f} MiB together",
    )


def _write(url: str, ports: int) -> None:
    with opened(url) as store:
        hosts = [created(store, "host", name=f"host-{n}") for n in range(_HOSTS)]
        members = [{"host": host, "address": f"172.16.0.{n}"} for n, host in enumerate(hosts, 1)]
        created(store, "tunnel-zone", name="zone", members=members)
        for first in range(0, ports, _PORTS_PER_BRIDGE):
            bridge = created(store, "bridge", name=f"bridge-{first}")
            numbers = range(first, first + _PORTS_PER_BRIDGE)
            bound = [{"name": f"port-{n}", "host": hosts[n % _HOSTS], "interface": f"tap{n}"} for n in numbers]
            run_all(store, [create("port", bridge=bridge, **fields) for fields in bound])


def _resident() -> int:
    """Return the bytes of this process that are in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main(url: str) -> None:
    """Measure this process."""
    with closing(open_log(url)) as log:
        start = _resident()
        topology = Store.open(log).topology
        folded = _resident()
        topology.named("port", "port-0")
        sys.stdout.write(f"{folded - start} {_resident() - folded} {len(topology)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
