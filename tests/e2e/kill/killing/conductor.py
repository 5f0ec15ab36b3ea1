"""The run itself: real servers, a daemon, writers; one random death after the other; then everything is looked at.

A death comes while writers are at work: each burst of commands is allowed just before, and the victim dies when a
random part of it was acknowledged. Whoever died is started again at once, on the same data.
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
from killing.clients import Asker, Follower
from killing.load import PORTS, SWITCH_IP, setup
from killing.watch import Documents, Rows, Watcher, documents, rows
from midonet.events.errors import TimedOut
from midonet.events.log import open_log
from midonet.events.log.pending_command import Context
from midonet.events.log.store import Store
from midonet.projections.nsdb import view_base
from midonet.projections.vtep import read_checkpoint
from midonet.projections.zookeeper import ViewReader
from midonet.testbed import Kafka, KafkaCluster, OvsdbServer, Server, ZooKeeper, ZooKeeperEnsemble
from midonet.testbed.cluster import ClusterDaemon
from midonet.testbed.group import Group

__all__ = ["Outcome", "Plan", "conduct"]

_WRITER = Path(__file__).parents[1] / "writer.py"
_BASE = view_base("/midonet")
_POLL = 0.003
_TAIL = 4000
_BURST_SECONDS = 2.0
_LIFE_SECONDS = 2.5
_WHOLE = 0.8
"""Share of deaths for which the broker is up: the others come while it is gone."""
_END_SECONDS = 60.0
_FROZEN_SECONDS = (0.5, 9.0)
_WEIGHTS = {"cluster": 5, "writer": 4, "kafka": 2, "zookeeper": 2}
_RESTARTED = 0.3
"""Share of the deaths of a server of a group that are an orderly restart."""
_FOLLOWERS = 2


AnyKafka = Kafka | KafkaCluster
AnyZooKeeper = ZooKeeper | ZooKeeperEnsemble


class Plan(Struct, frozen=True):
    """How much of what; the same plan kills in the same order."""

    kills: int
    commands: int
    log: str = "sqlite"
    """`sqlite` or `kafka`."""
    writers: int = 4
    nodes: int = 1
    """Cluster daemons on the one log."""
    api: int = 0
    """Writers that send their commands to the nodes' API; the others write to the log themselves."""
    brokers: int = 1
    """Kafka nodes: one, or three and more that go on without one."""
    zookeepers: int = 1
    """ZooKeeper servers: one, which stays alive, or three and more."""
    frozen: float = 0.0
    """Share of misfortunes, of those that others can stand in for, that are SIGSTOP for some seconds."""
    seed: int = 1


class Outcome(Struct):
    """What was seen; `wrong` is empty if all that must hold did."""

    seconds: float
    kills: dict[str, int]
    acknowledged: int
    commits: int
    records: int
    """Records of the log, those included that are no commits: losers of races, and doubles."""
    troubles: dict[str, int]
    """How often a writer had to try again, by reason."""
    samples: dict[str, int]
    looks: dict[str, int]
    """What was compared with the order in time: reads, repeats, commits that watchers saw and their connections."""
    repairs: int
    wrong: list[str]


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
        """It serves nobody: it works."""
        return True


class _Stage:
    """Everything that runs, with the random numbers that decide who dies."""

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
        self.born: dict[Server, float] = {node: monotonic() for node in self.nodes}
        self.groups: dict[str, list[Server]] = {
            "cluster": [*self.nodes],
            "writer": [*self.writers],
            "kafka": _members(self.kafka),
            "zookeeper": _members(self.zookeeper) if plan.zookeepers > 1 else [],
        }
        urls = [node.url for node in self.nodes]
        self.asker = Asker(urls)
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
                store.execute(command, Context(actor="conductor"))

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
        """Return all that was acknowledged so far."""
        return [ack for number in range(self.plan.writers) for ack in read(self.folder, number)]

    def calls(self) -> list[history.Call]:
        """Return the history of all writers."""
        return [call for number in range(self.plan.writers) for call in calls(self.folder, number)]

    def repeats(self) -> list[history.Repeat]:
        """Return what was sent once more."""
        return [repeat for number in range(self.plan.writers) for repeat in repeats(self.folder, number)]

    def victims(self) -> Iterator[Server]:
        """Yield who dies next, without end; at first everyone's turn comes."""
        names = [name for name in _WEIGHTS if self.groups[name]]
        yield from map(self._named, self.rng.sample(names, len(names)))
        while True:
            yield self._named(self.rng.choices(names, [_WEIGHTS[name] for name in names])[0])

    def _named(self, name: str) -> Server:
        return self.rng.choice(self.groups[name])

    def fate(self, victim: Server) -> "Callable[[_Stage, Server], str]":
        """Return what is to happen to a victim."""
        group = next(name for name, members in self.groups.items() if victim in members)
        grouped = group not in ("cluster", "writer") and len(self.groups[group]) > 1
        if (group == "cluster" or grouped) and self.rng.random() < self.plan.frozen:
            return _freeze
        return _restart if grouped and self.rng.random() < _RESTARTED else _die


def _members(servers: Server | Group[Any] | None) -> list[Server]:
    """Return a server, or those of a group, as a list."""
    if servers is None:
        return []
    return [servers] if isinstance(servers, Server) else [*servers.members]


def conduct(plan: Plan, tell: Callable[[str], None] = lambda _: None) -> Outcome:
    """Run a plan and return what came of it; `tell` hears how far it is."""
    with ExitStack() as stack:
        begun = monotonic()
        stage = _Stage(plan, stack)
        client = KazooClient(stage.zookeeper.hosts)
        client.start()
        stack.callback(client.stop)
        eyes = (
            Watcher(lambda: documents(client, _BASE), missed=[KazooException]),
            Watcher(lambda: rows(str(stage.switch.sock))),
        )
        kills = _kill(stage, tell)
        tell("the last death is over; the rest of the load follows")
        _finish(stage)
        seen, held = eyes[0].stop(), eyes[1].stop()
        tell("everything is acknowledged and projected; now it is looked at")
        return _judge(stage, kills, seen, held, monotonic() - begun)


def _kill(stage: _Stage, tell: Callable[[str], None]) -> Counter[str]:
    kills: Counter[str] = Counter()
    for number, victim in enumerate(islice(stage.victims(), stage.plan.kills), 1):
        _ripen(stage, victim)
        _burst(stage, stage.share * number // stage.plan.kills)
        fate = stage.fate(victim)
        tell(f"{number}/{stage.plan.kills} {victim.name} after {count(stage.folder)} commands")
        kills[f"{fate(stage, victim)} of {victim.name}"] += 1
        stage.born[victim] = monotonic()
    return kills


def _die(stage: _Stage, victim: Server) -> str:
    victim.kill()
    sleep(stage.rng.uniform(0, 0.2))
    victim.launch()
    return "SIGKILL"


def _restart(stage: _Stage, victim: Server) -> str:
    """End a server cleanly and start it again."""
    del stage
    victim.stop()
    victim.launch()
    return "restart"


def _freeze(stage: _Stage, victim: Server) -> str:
    """Stop it for less or for longer than its session lasts; what it does when it goes on comes too late."""
    victim.freeze()
    sleep(stage.rng.uniform(*_FROZEN_SECONDS))
    victim.thaw()
    return "SIGSTOP"


def _ripen(stage: _Stage, victim: Server) -> None:
    """Let the victim live for a moment: now and then it dies while it starts, mostly when it works."""
    sleep(max(0.0, stage.born.get(victim, 0.0) + stage.rng.uniform(0, _LIFE_SECONDS) - monotonic()))
    if stage.kafka is not None and stage.rng.random() < _WHOLE:
        for broker in stage.groups["kafka"]:
            broker.await_serving()


def _burst(stage: _Stage, share: int) -> None:
    """Let the writers go on up to `share` commands each; return somewhere in the middle of that."""
    done = count(stage.folder)
    allow(stage.folder, share)
    goal = done + stage.rng.uniform(0, share * stage.plan.writers - done)
    _await(lambda: count(stage.folder) >= goal, _BURST_SECONDS)
    sleep(stage.rng.uniform(0, 0.01))


def _finish(stage: _Stage) -> None:
    """Wait until every command is acknowledged and both views have it."""
    allow(stage.folder, stage.share)
    total = stage.share * stage.plan.writers
    if not _await(lambda: count(stage.folder) == total, _END_SECONDS):
        said = "".join(writer.log.read_text()[-_TAIL:] for writer in stage.writers)
        raise TimedOut(f"{count(stage.folder)} of {total} commands were acknowledged; the writers say:\n{said}")
    with closing(open_log(stage.url)) as log, ViewReader(stage.zookeeper.hosts) as reader:
        head = log.head().position
        if not _await(lambda: {_position(stage), reader.checkpoint().position} == {head}, _END_SECONDS):
            said = "".join(node.get("/status")[1] + node.log.read_text()[-_TAIL:] for node in stage.nodes)
            raise TimedOut(f"the views do not come to {head}; the nodes say:\n{said}")
        _await(lambda: all(len(each.seen) >= head for each in stage.followers), _END_SECONDS)
        if not _await(lambda: verify.activity(stage.zookeeper.hosts)[0] == head, _END_SECONDS):
            said = "".join(node.get("/status")[1] + node.log.read_text()[-_TAIL:] for node in stage.nodes)
            raise TimedOut(f"the stream processor does not come to {head}; the nodes say:\n{said}")


def _position(stage: _Stage) -> int:
    return read_checkpoint(*stage.switch.tcp).position


def _judge(stage: _Stage, kills: Counter[str], seen: list[Documents], held: list[Rows], seconds: float) -> Outcome:
    for client in (stage.asker, *stage.followers):
        client.stop()
    raw, acks = verify.raw_records(stage.url), stage.acks()
    commits = verify.chain(raw)
    with closing(open_log(stage.url)) as log:
        store = Store(log)
        records = list(log.read())
        store.refresh()
    wrong = [
        *verify.acknowledged(commits, acks),
        *_historical(stage, [record.raw for record in records]),
        *([] if len(commits) == len(records) else [f"the log has {len(commits)} commits, its reader {len(records)}"]),
        *verify.views(store.topology, stage.zookeeper.hosts, stage.switch.tcp),
        *verify.documents_seen(records, seen, _BASE),
        *verify.rows_seen(records, held),
        *verify.counted(stage.zookeeper.hosts, commits),
    ]
    said = "".join(writer.log.read_text() for writer in stage.writers)
    return Outcome(
        seconds=seconds,
        kills=dict(kills),
        acknowledged=len(acks),
        commits=len(commits),
        records=len(raw),
        troubles=dict(Counter(line.removeprefix("trouble ") for line in said.splitlines() if line)),
        samples={"ZooKeeper": len(seen), "OVSDB": len(held)},
        looks={
            "reads of the head": len(stage.asker.looks),
            "commands sent once more": len(stage.repeats()),
            "commits told to watchers": sum(len(each.seen) for each in stage.followers),
            "connections of watchers": sum(each.connections for each in stage.followers),
        },
        repairs=sum(each["repairs"] for node in stage.nodes for each in node.status()["projections"]),
        wrong=wrong,
    )


def _historical(stage: _Stage, commits: Sequence[bytes]) -> Iterator[str]:
    """What clients were told is the history of one log."""
    made = stage.calls()
    yield from history.unique(made)
    yield from history.in_real_time(made, stage.asker.looks)
    yield from history.repeated(made, stage.repeats())
    for number, follower in enumerate(stage.followers):
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
