"""The run: real servers, daemons and writers; a series of random faults; then the verification.

Each fault happens under load: a burst of commands is released, and the target is killed or frozen when a random part
of the burst has been acknowledged. A killed process is restarted at once on the same data.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from msgspec import Struct

from killing import history, verify
from killing.acks import Ack, allow, calls, count, read, repeats
from killing.clients import Follower, HeadReader
from killing.load import PORTS, SWITCH_IP, setup
from killing.watch import Documents, Rows, Sampler, documents, rows
from midonet.events.errors import TimedOut
from midonet.events.log import open_log
from midonet.events.log.pending_command import Context
from midonet.events.log.store import Store
from midonet.projections.nsdb import view_base
from midonet.projections.vtep import read_checkpoint
from midonet.testbed import Kafka, KafkaCluster, OvsdbServer, Server, ZooKeeper, ZooKeeperEnsemble
from midonet.testbed.cluster import ClusterDaemon
from midonet.testbed.group import Group
from midonet.testbed.view_reader import WholeViewReader

_WRITER = Path(__file__).parents[1] / "writer.py"
_BASE = view_base("/midonet")
_POLL = 0.003
_TAIL = 4000
_BURST_SECONDS = 2.0
_UPTIME_SECONDS = 2.5
_BROKERS_UP_SHARE = 0.8
"""Fraction of faults that are injected only when all brokers serve."""
_END_SECONDS = 60.0
_FROZEN_SECONDS = (0.5, 9.0)
_WEIGHTS = {"cluster": 5, "writer": 4, "kafka": 2, "zookeeper": 2}
_RESTARTED = 0.3
"""Fraction of kills of a replicated server that are a clean restart instead."""
_FOLLOWERS = 2


AnyKafka = Kafka | KafkaCluster
AnyZooKeeper = ZooKeeper | ZooKeeperEnsemble


class Plan(Struct, frozen=True):
    """Parameters of a run; the same plan injects the same faults in the same order."""

    kills: int
    commands: int
    log: str = "sqlite"
    """`sqlite` or `kafka`."""
    writers: int = 4
    nodes: int = 1
    """Cluster daemons on the one log."""
    api: int = 0
    """Number of writers that use the API; the others write to the log directly."""
    brokers: int = 1
    """Kafka nodes: one, or at least three, which tolerate the loss of one."""
    zookeepers: int = 1
    """ZooKeeper servers: one, which is not killed, or at least three."""
    frozen: float = 0.0
    """Fraction of the faults of replicated servers that are SIGSTOP for some seconds instead of SIGKILL."""
    seed: int = 1


class Outcome(Struct):
    """Result of a run; `violations` is empty if every check passed."""

    seconds: float
    kills: dict[str, int]
    acknowledged: int
    commits: int
    records: int
    """Records of the log, including those that are not commits (lost conflicts and duplicates)."""
    retries: dict[str, int]
    """Number of retries of writers, by error code."""
    samples: dict[str, int]
    reads: dict[str, int]
    """Number of reads, repeated commands, watched commits and connections that were checked."""
    repairs: int
    violations: list[str]


class _Writer(Server):
    """A writer as a server of the testbed: it can be killed and started again."""

    name = "writer"

    def __init__(self, *arguments: str) -> None:
        super().__init__()
        self._arguments = arguments

    def command(self) -> Sequence[str | Path]:
        """Run the script beside this package."""
        return [sys.executable, _WRITER, *self._arguments]

    def serves(self) -> bool:
        """Return True: a writer has no clients."""
        return True


class _System:
    """All servers, daemons and clients of a run, and the random numbers that choose the faults."""

    def __init__(self, plan: Plan, stack: ExitStack) -> None:
        self.plan = plan
        self.rng = Random(f"kill/{plan.seed}")  # noqa: S311 - a repeatable run
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mn-kill-")))
        self.zookeeper = self._servers()
        stack.enter_context(self.zookeeper)
        self.switch = stack.enter_context(OvsdbServer())
        self.switch.add_switch("switch", PORTS, tunnel_ip=SWITCH_IP)
        self.kafka = self._brokers() if plan.log == "kafka" else None
        if self.kafka is not None:
            stack.enter_context(self.kafka)
        self.url = f"kafka://{self.kafka.bootstrap}/kill" if self.kafka else f"sqlite:///{self.folder}/log.db"
        self._prepare()
        self.nodes = [stack.enter_context(self._node(number)) for number in range(1, plan.nodes + 1)]
        self.writers = [stack.enter_context(self._writer(number)) for number in range(plan.writers)]
        self.started_at: dict[Server, float] = {node: monotonic() for node in self.nodes}
        self.groups: dict[str, list[Server]] = {
            "cluster": [*self.nodes],
            "writer": [*self.writers],
            "kafka": _members(self.kafka),
            "zookeeper": _members(self.zookeeper) if plan.zookeepers > 1 else [],
        }
        urls = [node.url for node in self.nodes]
        self.head_reader = HeadReader(urls)
        self.followers = [Follower(urls, number) for number in range(_FOLLOWERS)]

    def _servers(self) -> AnyZooKeeper:
        return ZooKeeper() if self.plan.zookeepers == 1 else ZooKeeperEnsemble(self.plan.zookeepers)

    def _brokers(self) -> AnyKafka:
        return Kafka() if self.plan.brokers == 1 else KafkaCluster(self.plan.brokers)

    def _prepare(self) -> None:
        allow(self.folder, 0)
        with closing(open_log(self.url)) as log:
            store = Store(log)
            for command in setup(*self.switch.tcp):
                store.execute(command, Context(actor="kill-run"))

    def _node(self, number: int) -> ClusterDaemon:
        return ClusterDaemon("--log", self.url, "--zookeeper", self.zookeeper.hosts, "--node", f"n{number}")

    def _writer(self, number: int) -> _Writer:
        places = ",".join(node.url.removeprefix("http://") for node in self.nodes)
        url = f"http://{places}" if number < self.plan.api else self.url
        return _Writer(url, str(self.plan.seed), str(number), str(self.share), str(self.folder))

    @property
    def share(self) -> int:
        """Commands of each writer."""
        return self.plan.commands // self.plan.writers

    def acks(self) -> list[Ack]:
        """Return all acknowledged commands so far."""
        return [ack for number in range(self.plan.writers) for ack in read(self.folder, number)]

    def calls(self) -> list[history.Call]:
        """Return the history of all writers."""
        return [call for number in range(self.plan.writers) for call in calls(self.folder, number)]

    def repeats(self) -> list[history.Repeat]:
        """Return the commands that were sent again."""
        return [repeat for number in range(self.plan.writers) for repeat in repeats(self.folder, number)]

    def targets(self) -> Iterator[Server]:
        """Yield the targets of faults without end; first one of each group."""
        names = [name for name in _WEIGHTS if self.groups[name]]
        yield from map(self._named, self.rng.sample(names, len(names)))
        while True:
            yield self._named(self.rng.choices(names, [_WEIGHTS[name] for name in names])[0])

    def _named(self, name: str) -> Server:
        return self.rng.choice(self.groups[name])

    def fault(self, target: Server) -> "Callable[[_System, Server], str]":
        """Return the fault to inject into a target."""
        group = next(name for name, members in self.groups.items() if target in members)
        grouped = group not in ("cluster", "writer") and len(self.groups[group]) > 1
        if (group == "cluster" or grouped) and self.rng.random() < self.plan.frozen:
            return _freeze
        return _restart if grouped and self.rng.random() < _RESTARTED else _kill_one


def _members(servers: Server | Group[Any] | None) -> list[Server]:
    """Return a server, or those of a group, as a list."""
    if servers is None:
        return []
    return [servers] if isinstance(servers, Server) else [*servers.members]


def run_plan(plan: Plan, report: Callable[[str], None] = lambda _: None) -> Outcome:
    """Run a plan and return the outcome; `report` is called with the progress."""
    with ExitStack() as stack:
        begun = monotonic()
        system = _System(plan, stack)
        client = KazooClient(system.zookeeper.hosts)
        client.start()
        stack.callback(client.stop)
        samplers = (
            Sampler(lambda: documents(client, _BASE), missed=[KazooException]),
            Sampler(lambda: rows(str(system.switch.sock))),
        )
        kills = _inject_faults(system, report)
        report("all faults injected; running the rest of the load")
        _finish(system)
        seen, held = samplers[0].stop(), samplers[1].stop()
        report("all commands acknowledged and projected; verifying")
        return _verify(system, kills, seen, held, monotonic() - begun)


def _inject_faults(system: _System, report: Callable[[str], None]) -> Counter[str]:
    kills: Counter[str] = Counter()
    for number, target in enumerate(islice(system.targets(), system.plan.kills), 1):
        _wait_before_fault(system, target)
        _burst(system, system.share * number // system.plan.kills)
        fault = system.fault(target)
        report(f"{number}/{system.plan.kills} {target.name} after {count(system.folder)} commands")
        kills[f"{fault(system, target)} of {target.name}"] += 1
        system.started_at[target] = monotonic()
    return kills


def _kill_one(system: _System, target: Server) -> str:
    target.kill()
    sleep(system.rng.uniform(0, 0.2))
    target.launch()
    return "SIGKILL"


def _restart(system: _System, target: Server) -> str:
    """End a server cleanly and start it again."""
    del system
    target.stop()
    target.launch()
    return "restart"


def _freeze(system: _System, target: Server) -> str:
    """Freeze a process for a shorter or longer time than its session; after it, its writes must be fenced."""
    target.freeze()
    sleep(system.rng.uniform(*_FROZEN_SECONDS))
    target.thaw()
    return "SIGSTOP"


def _wait_before_fault(system: _System, target: Server) -> None:
    """Let the target run for a random time, so that some faults hit it while it starts."""
    sleep(max(0.0, system.started_at.get(target, 0.0) + system.rng.uniform(0, _UPTIME_SECONDS) - monotonic()))
    if system.kafka is not None and system.rng.random() < _BROKERS_UP_SHARE:
        for broker in system.groups["kafka"]:
            broker.await_serving()


def _burst(system: _System, share: int) -> None:
    """Let the writers continue up to `share` commands each; return after a random part of them."""
    done = count(system.folder)
    allow(system.folder, share)
    goal = done + system.rng.uniform(0, share * system.plan.writers - done)
    _await(lambda: count(system.folder) >= goal, _BURST_SECONDS)
    sleep(system.rng.uniform(0, 0.01))


def _finish(system: _System) -> None:
    """Wait until every command is acknowledged and both views have it."""
    allow(system.folder, system.share)
    total = system.share * system.plan.writers
    if not _await(lambda: count(system.folder) == total, _END_SECONDS):
        said = "".join(writer.log.read_text()[-_TAIL:] for writer in system.writers)
        raise TimedOut(f"{count(system.folder)} of {total} commands were acknowledged; logs of the writers:\n{said}")
    with closing(open_log(system.url)) as log, WholeViewReader(system.zookeeper.hosts) as reader:
        head = log.head().position
        if not _await(lambda: {_position(system), reader.checkpoint().position} == {head}, _END_SECONDS):
            said = "".join(node.get("/status")[1] + node.log.read_text()[-_TAIL:] for node in system.nodes)
            raise TimedOut(f"the views do not reach {head}; logs of the nodes:\n{said}")
        _await(lambda: all(len(each.seen) >= head for each in system.followers), _END_SECONDS)
        if not _await(lambda: verify.activity(system.zookeeper.hosts)[0] == head, _END_SECONDS):
            said = "".join(node.get("/status")[1] + node.log.read_text()[-_TAIL:] for node in system.nodes)
            raise TimedOut(f"the stream processor does not reach {head}; logs of the nodes:\n{said}")


def _position(system: _System) -> int:
    return read_checkpoint(*system.switch.tcp).position


def _verify(system: _System, kills: Counter[str], seen: list[Documents], held: list[Rows], seconds: float) -> Outcome:
    for client in (system.head_reader, *system.followers):
        client.stop()
    raw, acks = verify.raw_records(system.url), system.acks()
    commits = verify.chain(raw)
    with closing(open_log(system.url)) as log:
        store = Store(log)
        records = list(log.read())
        store.refresh()
    violations = [
        *verify.acknowledged(commits, acks),
        *_historical(system, [record.raw for record in records]),
        *([] if len(commits) == len(records) else [f"the log has {len(commits)} commits, its reader {len(records)}"]),
        *verify.views(store.topology, system.zookeeper.hosts, system.switch.tcp),
        *verify.documents_seen(records, seen, _BASE),
        *verify.rows_seen(records, held),
        *verify.counted(system.zookeeper.hosts, commits),
    ]
    said = "".join(writer.log.read_text() for writer in system.writers)
    return Outcome(
        seconds=seconds,
        kills=dict(kills),
        acknowledged=len(acks),
        commits=len(commits),
        records=len(raw),
        retries=dict(Counter(line.removeprefix("trouble ") for line in said.splitlines() if line)),
        samples={"ZooKeeper": len(seen), "OVSDB": len(held)},
        reads={
            "reads of the head": len(system.head_reader.reads),
            "commands sent again": len(system.repeats()),
            "commits received by watchers": sum(len(each.seen) for each in system.followers),
            "connections of watchers": sum(each.connections for each in system.followers),
        },
        repairs=sum(each["repairs"] for node in system.nodes for each in node.status()["projections"]),
        violations=violations,
    )


def _historical(system: _System, commits: Sequence[bytes]) -> Iterator[str]:
    """Check that the answers to all clients are consistent with one log."""
    made = system.calls()
    yield from history.unique(made)
    yield from history.in_real_time(made, system.head_reader.reads)
    yield from history.repeated(made, system.repeats())
    for number, follower in enumerate(system.followers):
        yield from history.watched(f"watcher {number}", follower.seen, commits)
        if follower.resets:
            yield f"watcher {number} was told {follower.resets} times that the log is another one"


def _await(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = monotonic() + seconds
    while not condition():
        if monotonic() > deadline:
            return False
        sleep(_POLL)
    return True
