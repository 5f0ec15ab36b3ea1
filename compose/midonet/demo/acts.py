"""The acts of the demo, in order; each does one thing that an operator would do, and shows what came of it."""

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kazoo.client import KazooClient
from rich.console import Console
from rich.table import Table

from midonet.demo.stage import Stage
from midonet.demo.witness import Checkpoint, read_view, row_times, wait_for
from midonet.events.errors import VerificationFailed
from midonet.events.log import open_log
from midonet.events.log.store import Store
from midonet.projections.nsdb import differences, expected_view
from midonet.projections.vtep import VtepProjection, read_rows

_VIEW = "/midonet/nsdb/1"
_MOVED = ("red-web1", "server03", "tap-web1")
_WAVES, _WAVE = 6, 12


@dataclass
class Play:
    """What the acts share: the stage, the screen, and what the summary will tell."""

    stage: Stage
    console: Console
    zookeeper: KazooClient
    facts: dict[str, str] = field(default_factory=dict)
    moved_at: int = 0

    def show(self, title: str, text: str) -> None:
        """Print what a program printed, under the command that was run."""
        self.console.print(f"[bold cyan]$ {title}[/]")
        self.console.print(text.rstrip(), markup=False, highlight=False, style="dim")

    def midoctl(self, *arguments: str) -> str:
        """Run midoctl and show command and output."""
        output = self.stage.run("midoctl", *arguments)
        self.show(f"midoctl {_spoken(arguments)}", output)
        return output


def _spoken(arguments: tuple[str, ...]) -> str:
    words = [argument.rpartition("/")[2] if argument.startswith("/") else argument for argument in arguments]
    return " ".join(f'"{word}"' if " " in word else word for word in words)


def apply_design(play: Play) -> None:
    """Apply a published design: two racks, two tenants, an edge router."""
    started = time.monotonic()
    path = play.stage.design()
    play.midoctl("apply", "-f", str(path), "-m", "two racks, as published", "--wait", "nsdb", "--wait", "vtep")
    objects = len(play.stage.json("log", "-n", "1")["events"])
    play.facts["the design"] = (
        f"{objects} objects in one commit, in both views {time.monotonic() - started:.1f} s later"
    )


def look_at_the_log(play: Play) -> None:
    """The log: one hash-chained commit, with who and why."""
    play.midoctl("log")
    play.midoctl("verify")


def look_at_zookeeper(play: Play) -> None:
    """ZooKeeper, seen by a bare client: documents of objects, and an index for every host."""
    view = read_view(play.zookeeper, "/midonet")
    table = Table("path below /midonet", "nodes", "bytes", box=None, style="dim")
    groups: dict[str, list[bytes]] = {}
    for path, data in view.items():
        groups.setdefault(_group(path), []).append(data)
    for group, contents in sorted(groups.items()):
        table.add_row(group, str(len(contents)), f"{sum(map(len, contents)):,}")
    play.console.print(table)


def _group(path: str) -> str:
    parts = path.removeprefix("/midonet/").split("/")
    return "/".join([*parts[:-1], "*"]) if len(parts) > 3 else "/".join(parts)  # noqa: PLR2004 - nsdb/G/kind/name


def look_at_agents(play: Play) -> None:
    """Two hypervisors' agents: each holds its own part of the topology, at one position."""
    for host in ("server02", "server05"):
        play.stage.start_agent(host)
    play.midoctl("wait", "--for", "agents", "--timeout", "20")
    for host, agent in play.stage.agents.items():
        play.show(f"midonet-agent show   # on {host}", play.stage.run("midonet-agent", "show", *agent.identity))


def look_at_switches(play: Play) -> None:
    """The databases of two top-of-rack switches, seen by vtep-ctl."""
    for name, server in play.stage.switches.items():
        play.show(f"vtep-ctl show   # {name}", server.vtep_ctl("show"))
        for switch in server.vtep_ctl("list-ls").split():
            play.show(f"vtep-ctl list-remote-macs {switch}", server.vtep_ctl("list-remote-macs", switch))


def move_a_machine(play: Play) -> None:
    """Move a virtual machine to another hypervisor, and see the change arrive."""
    port, host, interface = _MOVED
    checkpoint = Checkpoint(play.zookeeper, f"{_VIEW}/checkpoint")
    finish = [row_times(str(server.sock), rows=1) for server in play.stage.switches.values()]
    play.midoctl("port", "set", port, "--host", host, "--interface", interface, "-m", "empty server02 for repair")
    commit = play.stage.json("log", "-n", "1")
    play.moved_at = commit["position"]
    committed = datetime.fromisoformat(commit["time"]).timestamp()
    seen = {"ZooKeeper": wait_for("the view", lambda: checkpoint.reached(play.moved_at))}
    seen |= {name: wait()[0] for name, wait in zip(play.stage.switches, finish, strict=True)}
    arrivals = ", ".join(f"{name} {1000 * (at - committed):.0f} ms" for name, at in seen.items())
    play.midoctl("wait", "--for", "agents", "--position", str(play.moved_at), "--timeout", "20")
    play.console.print(f"seen after: {arrivals}; both agents have applied it", style="green")
    play.facts["one change"] = f"from commit to {arrivals}"


def damage_both_views(play: Play) -> None:
    """Somebody damages both views: they are put right, and every repair is on record."""
    documents = [path for path in read_view(play.zookeeper, _VIEW) if "/models/bridge/" in path]
    name, switch = next(iter(play.stage.switches.items()))
    bridge = switch.vtep_ctl("list-ls").split()[0]
    play.zookeeper.set(documents[0], b"a stranger was here")
    switch.vtep_ctl("clear-remote-macs", bridge)
    play.console.print(f"a stranger wrote into a document in ZooKeeper, and cleared the MACs of {bridge} on {name}")
    repairs = wait_for("the repairs", lambda: _repairs(play))
    play.midoctl("projection", "drift")
    play.midoctl("cluster", "status")
    play.facts["the damage"] = f"{repairs} repairs in both views, on record with who had written what should be there"


def _repairs(play: Play) -> int:
    """Return how many repairs are on record, 0 as long as one of the views has none."""
    found = play.stage.json("projection", "drift")
    return len(found) if {each["projection"] for each in found} == {"nsdb", "vtep"} else 0


def kill_the_cluster(play: Play) -> None:
    """More racks arrive in waves; SIGKILL the cluster in the middle of it, and start it again."""
    started = threading.Event()
    waves = threading.Thread(target=_apply_waves, args=(play, started))
    waves.start()
    started.wait()
    play.stage.cluster.kill()
    play.console.print("SIGKILL: midonet-cluster is gone; midoctl goes on, the log needs nobody", style="red")
    waves.join()
    head = play.stage.json("head")["position"]
    behind = json.loads(play.zookeeper.get(f"{_VIEW}/checkpoint")[0])["position"]
    play.console.print(f"the log is at {head}, the view in ZooKeeper still at {behind}")
    before = time.monotonic()
    play.stage.cluster.start()
    play.stage.run("midoctl", "wait", "--for", "nsdb", "--for", "vtep", "--timeout", "30")
    seconds = time.monotonic() - before
    play.console.print(f"restarted: both views are at {head} again after {seconds:.1f} s", style="green")
    play.facts["the kill"] = f"{head - behind} commits behind, caught up {seconds:.1f} s after the restart"


def _apply_waves(play: Play, started: threading.Event) -> None:
    for wave in range(_WAVES):
        path = play.stage.write(f"wave-{wave}.yaml", [_wave(wave)])
        play.stage.run("midoctl", "apply", "-f", str(path), "-m", f"wave {wave + 1} of {_WAVES}")
        if wave == _WAVES // 3:
            started.set()


def _wave(wave: int) -> dict[str, Any]:
    numbers = range(wave * _WAVE, (wave + 1) * _WAVE)
    hosts = ("server02", "server03", "server05", "server06")
    return {
        "kind": "bridge",
        "name": "red-vlan10",
        "ports": [{"name": f"red-x{n}", "host": hosts[n % 4], "interface": f"tap-x{n}"} for n in numbers],
        "macs": [{"mac": f"44:38:39:33:10:{n:02x}", "port": f"red-x{n}"} for n in numbers],
        "arps": [{"ip": f"10.1.10.{n + 120}", "mac": f"44:38:39:33:10:{n:02x}"} for n in numbers],
    }


def compare_with_a_rebuild(play: Play) -> None:
    """Compare both views with a rebuild from the first commit on."""
    log = open_log(play.stage.log)
    store = Store(log)
    store.refresh()
    log.close()
    expected = expected_view(store.topology, _VIEW)
    actual = read_view(play.zookeeper, _VIEW)
    for beside in ("checkpoint", "format"):  # what is beside the documents
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
        raise VerificationFailed(f"{len(differing)} differences from a rebuild, for one {differing[0]}")
    words = ", ".join(f"{count} {name}" for name, count in counts.items())
    play.console.print(f"equal to a rebuild, one by one: {words}", style="green")
    play.facts["a rebuild from the log"] = f"the views are equal to it: {words}"


def remember(play: Play) -> None:
    """Who changed what, and the topology as it was before."""
    port = _MOVED[0]
    play.midoctl("history", port)
    play.midoctl("diff", str(play.moved_at - 1), str(play.moved_at))
    play.midoctl("port", "show", port, "--at", str(play.moved_at - 1))
    then, now = (play.stage.json("port", "show", port, "--at", str(at))["host"] for at in (1, play.moved_at))
    if then == now:
        raise VerificationFailed("the past looks like the present")
    play.facts["the past"] = f"{port} was on another host before position {play.moved_at}, and --at still says which"


ACTS = [
    apply_design,
    look_at_the_log,
    look_at_zookeeper,
    look_at_agents,
    look_at_switches,
    move_a_machine,
    damage_both_views,
    kill_the_cluster,
    compare_with_a_rebuild,
    remember,
]
