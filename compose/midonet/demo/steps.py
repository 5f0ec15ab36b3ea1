"""The steps of the demo, in order. The first line of each docstring is printed as its title."""

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kazoo.client import KazooClient
from rich.console import Console
from rich.table import Table

from midonet.demo.environment import Environment
from midonet.demo.observer import Checkpoint, read_view, row_times, wait_for
from midonet.events.errors import VerificationFailed
from midonet.events.log import open_log
from midonet.events.log.store import Store
from midonet.projections.nsdb import differences, expected_view
from midonet.projections.vtep import VtepProjection, read_rows

_VIEW = "/midonet/nsdb/1"
_MOVED = ("red-web1", "server03", "tap-web1")
_BATCHES, _BATCH_SIZE = 6, 12


@dataclass
class Demo:
    """What the steps share: the servers, the console, a ZooKeeper client, and the lines of the summary."""

    environment: Environment
    console: Console
    zookeeper: KazooClient
    facts: dict[str, str] = field(default_factory=dict)
    moved_at: int = 0

    def show(self, title: str, text: str) -> None:
        """Print a command and its output."""
        self.console.print(f"[bold cyan]$ {title}[/]")
        self.console.print(text.rstrip(), markup=False, highlight=False, style="dim")

    def midoctl(self, *arguments: str) -> str:
        """Run midoctl; print command and output."""
        output = self.environment.run("midoctl", *arguments)
        self.show(f"midoctl {_command_line(arguments)}", output)
        return output


def _command_line(arguments: tuple[str, ...]) -> str:
    words = [argument.rpartition("/")[2] if argument.startswith("/") else argument for argument in arguments]
    return " ".join(f'"{word}"' if " " in word else word for word in words)


def apply_design(demo: Demo) -> None:
    """Apply a published design: two racks, two tenants, one border router."""
    started = time.monotonic()
    path = demo.environment.design()
    demo.midoctl("apply", "-f", str(path), "-m", "initial design", "--wait", "nsdb", "--wait", "vtep")
    objects = len(demo.environment.json("log", "-n", "1")["events"])
    demo.facts["apply"] = f"{objects} objects in one commit, in both views after {time.monotonic() - started:.1f} s"


def show_the_log(demo: Demo) -> None:
    """Show the log: a hash chain of commits with actor and reason; verify it."""
    demo.midoctl("log")
    demo.midoctl("verify")


def show_zookeeper(demo: Demo) -> None:
    """Show the view in ZooKeeper, read by a plain client: documents of objects and an index per host."""
    view = read_view(demo.zookeeper, "/midonet")
    table = Table("path below /midonet", "nodes", "bytes", box=None, style="dim")
    groups: dict[str, list[bytes]] = {}
    for path, data in view.items():
        groups.setdefault(_group(path), []).append(data)
    for group, contents in sorted(groups.items()):
        table.add_row(group, str(len(contents)), f"{sum(map(len, contents)):,}")
    demo.console.print(table)


def _group(path: str) -> str:
    parts = path.removeprefix("/midonet/").split("/")
    return "/".join([*parts[:-1], "*"]) if len(parts) > 3 else "/".join(parts)  # noqa: PLR2004 - nsdb/G/kind/name


def show_agents(demo: Demo) -> None:
    """Start the agents of two hypervisors; each reads the part of the topology that its host needs."""
    for host in ("server02", "server05"):
        demo.environment.start_agent(host)
    demo.midoctl("wait", "--for", "agents", "--timeout", "20")
    for host, agent in demo.environment.agents.items():
        demo.show(f"midonet-agent show   # on {host}", demo.environment.run("midonet-agent", "show", *agent.identity))


def show_switches(demo: Demo) -> None:
    """Show the databases of the two top-of-rack switches with vtep-ctl."""
    for name, server in demo.environment.switches.items():
        demo.show(f"vtep-ctl show   # {name}", server.vtep_ctl("show"))
        for switch in server.vtep_ctl("list-ls").split():
            demo.show(f"vtep-ctl list-remote-macs {switch}", server.vtep_ctl("list-remote-macs", switch))


def move_a_port(demo: Demo) -> None:
    """Move the port of a virtual machine to another hypervisor; measure when the change arrives."""
    port, host, interface = _MOVED
    checkpoint = Checkpoint(demo.zookeeper, f"{_VIEW}/checkpoint")
    finish = [row_times(str(server.sock), rows=1) for server in demo.environment.switches.values()]
    demo.midoctl("port", "set", port, "--host", host, "--interface", interface, "-m", "drain server02 for maintenance")
    commit = demo.environment.json("log", "-n", "1")
    demo.moved_at = commit["position"]
    committed = datetime.fromisoformat(commit["time"]).timestamp()
    seen = {"ZooKeeper": wait_for("the view", lambda: checkpoint.reached(demo.moved_at))}
    seen |= {name: wait()[0] for name, wait in zip(demo.environment.switches, finish, strict=True)}
    arrivals = ", ".join(f"{name} {1000 * (at - committed):.0f} ms" for name, at in seen.items())
    demo.midoctl("wait", "--for", "agents", "--position", str(demo.moved_at), "--timeout", "20")
    demo.console.print(f"latency: {arrivals}; both agents have applied it", style="green")
    demo.facts["latency"] = f"from commit to {arrivals}"


def change_both_views(demo: Demo) -> None:
    """Change both views out of band; the cluster repairs the drift and records every repair."""
    documents = [path for path in read_view(demo.zookeeper, _VIEW) if "/models/bridge/" in path]
    name, switch = next(iter(demo.environment.switches.items()))
    bridge = switch.vtep_ctl("list-ls").split()[0]
    demo.zookeeper.set(documents[0], b"changed out of band")
    switch.vtep_ctl("clear-remote-macs", bridge)
    demo.console.print(f"another client overwrote a document in ZooKeeper and cleared the MACs of {bridge} on {name}")
    repairs = wait_for("the repairs", lambda: _drift_count(demo))
    demo.midoctl("projection", "drift")
    demo.midoctl("cluster", "status")
    demo.facts["drift"] = f"{repairs} repairs in both views, recorded with the commit of the desired value"


def _drift_count(demo: Demo) -> int:
    """Return the number of drift records; 0 as long as one of the views has none."""
    found = demo.environment.json("projection", "drift")
    return len(found) if {each["projection"] for each in found} == {"nsdb", "vtep"} else 0


def kill_the_cluster(demo: Demo) -> None:
    """Kill midonet-cluster with SIGKILL during a series of commits, and start it again."""
    started = threading.Event()
    thread = threading.Thread(target=_apply_batches, args=(demo, started))
    thread.start()
    started.wait()
    demo.environment.cluster.kill()
    demo.console.print("SIGKILL sent to midonet-cluster; midoctl continues to commit to the log", style="red")
    thread.join()
    head = demo.environment.json("head")["position"]
    behind = json.loads(demo.zookeeper.get(f"{_VIEW}/checkpoint")[0])["position"]
    demo.console.print(f"the log is at position {head}, the view in ZooKeeper at {behind}")
    before = time.monotonic()
    demo.environment.cluster.start()
    demo.environment.run("midoctl", "wait", "--for", "nsdb", "--for", "vtep", "--timeout", "30")
    seconds = time.monotonic() - before
    demo.console.print(f"restarted: both views have reached position {head} after {seconds:.1f} s", style="green")
    demo.facts["restart"] = f"{head - behind} commits behind, caught up {seconds:.1f} s after the restart"


def _apply_batches(demo: Demo, started: threading.Event) -> None:
    for batch in range(_BATCHES):
        path = demo.environment.write(f"batch-{batch}.yaml", [_batch(batch)])
        demo.environment.run("midoctl", "apply", "-f", str(path), "-m", f"batch {batch + 1} of {_BATCHES}")
        if batch == _BATCHES // 3:
            started.set()


def _batch(batch: int) -> dict[str, Any]:
    numbers = range(batch * _BATCH_SIZE, (batch + 1) * _BATCH_SIZE)
    hosts = ("server02", "server03", "server05", "server06")
    return {
        "kind": "bridge",
        "name": "red-vlan10",
        "ports": [{"name": f"red-x{n}", "host": hosts[n % 4], "interface": f"tap-x{n}"} for n in numbers],
        "macs": [{"mac": f"44:38:39:33:10:{n:02x}", "port": f"red-x{n}"} for n in numbers],
        "arps": [{"ip": f"10.1.10.{n + 120}", "mac": f"44:38:39:33:10:{n:02x}"} for n in numbers],
    }


def compare_with_a_rebuild(demo: Demo) -> None:
    """Compare both views with a rebuild from the log."""
    log = open_log(demo.environment.log)
    store = Store(log)
    store.refresh()
    log.close()
    expected = expected_view(store.topology, _VIEW)
    actual = read_view(demo.zookeeper, _VIEW)
    for beside in ("checkpoint", "format"):  # nodes of the view that are not documents
        actual.pop(f"{_VIEW}/{beside}")
    differing = differences(actual, expected)
    counts = {"ZooKeeper nodes": len(expected)}
    for vtep in store.topology.all("vtep").values():
        projection = VtepProjection(vtep.id)
        projection.attach(store.topology)
        desired = {key: projection.render(key) for key in projection.keys()}  # noqa: SIM118 - not a mapping
        found = read_rows(vtep.management_ip, vtep.management_port)
        differing += [
            f"{vtep.name} {key}" for key in desired.keys() | found.keys() if desired.get(key) != found.get(key)
        ]
        counts[vtep.name] = len(found)
    if differing:
        raise VerificationFailed(f"{len(differing)} differences from a rebuild; the first is {differing[0]}")
    words = ", ".join(f"{count} {name}" for name, count in counts.items())
    demo.console.print(f"equal to a rebuild: {words}", style="green")
    demo.facts["rebuild"] = f"both views are equal to a rebuild from the log: {words}"


def query_history(demo: Demo) -> None:
    """Query the history: changes of one object, a diff, and the topology at an earlier position."""
    port = _MOVED[0]
    demo.midoctl("history", port)
    demo.midoctl("diff", str(demo.moved_at - 1), str(demo.moved_at))
    demo.midoctl("port", "show", port, "--at", str(demo.moved_at - 1))
    then, now = (demo.environment.json("port", "show", port, "--at", str(at))["host"] for at in (1, demo.moved_at))
    if then == now:
        raise VerificationFailed("the topology at an earlier position equals the current one")
    demo.facts["history"] = f"{port} was on another host before position {demo.moved_at}; --at shows it"


STEPS = [
    apply_design,
    show_the_log,
    show_zookeeper,
    show_agents,
    show_switches,
    move_a_port,
    change_both_views,
    kill_the_cluster,
    compare_with_a_rebuild,
    query_history,
]
