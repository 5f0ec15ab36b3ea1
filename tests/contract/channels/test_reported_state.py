"""What the reported state forbids is refused for every channel: midoctl on a log and on an API, the API, a service."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from api_node import ApiNode
from asking import Asker

from midonet.cli.main import main
from midonet.cli.session import facts_source
from midonet.events.commands.command import Command, Create, Delete, Op, Put, Revert, Update
from midonet.events.errors import Conflict, MidonetError, Unavailable
from midonet.events.log import open_log
from midonet.events.log.pending_command import Context, PendingCommand, Result
from midonet.events.log.store import Store
from midonet.events.topology.evolve import invert
from midonet.projections.facts import HostState, Interface
from midonet.projections.facts.preconditions import FactsCheck

ALIVE, DEAD = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "ab")
TAKEN = "172.16.0.1"
KEPT = [{"kind": "bridge", "name": "web"}]

Run = Callable[[list[Op]], str | None]
"""Runs a command by one channel; returns the reason of its refusal, or None."""


class Hosts:
    """The live hosts, as far as they can be read."""

    def __init__(self) -> None:
        self.alive = {ALIVE: HostState(hostname="hv1", interfaces=(Interface(name="eth0", addresses=(TAKEN,)),))}
        self.away = False
        self.reads = 0

    def read(self) -> dict[str, HostState]:
        """Return them."""
        self.reads += 1
        if self.away:
            raise Unavailable("away")
        return self.alive


@pytest.fixture
def hosts() -> Hosts:
    return Hosts()


@pytest.fixture
def log_url(tmp_path: Path) -> str:
    """A log with two hosts and a bridge."""
    url = f"sqlite:///{tmp_path}/log.db"
    log = open_log(url)
    for kind, fields in (
        ("host", {"id": ALIVE, "name": "hv1"}),
        ("host", {"id": DEAD, "name": "hv2"}),
        ("bridge", {"name": "web"}),
    ):
        Store(log).execute(Command("test", [Create(kind, fields)]), Context(actor="test"))
    log.close()
    return url


@pytest.fixture
def node(log_url: str, hosts: Hosts) -> Iterator[ApiNode]:
    """A node of a cluster whose writer checks what hosts report."""
    with ApiNode(log_url, check=FactsCheck(hosts.read, lambda _: None)) as node:
        yield node


@pytest.fixture(params=["midoctl-log", "midoctl-api", "api", "service"])
def run(request: pytest.FixtureRequest, log_url: str, hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> Run:
    if request.param == "midoctl-log":
        monkeypatch.setattr(facts_source, "live_hosts", lambda _: hosts.read())
        return _midoctl(monkeypatch, "--server", log_url, "--zookeeper", "127.0.0.1:1")
    node: ApiNode = request.getfixturevalue("node")
    if request.param == "midoctl-api":
        return _midoctl(monkeypatch, "--server", node.url)
    return _api(node) if request.param == "api" else _service(node)


def _midoctl(monkeypatch: pytest.MonkeyPatch, *options: str) -> Run:
    def run(ops: list[Op]) -> str | None:
        words, stdin = _words(ops[0])
        err = io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr("sys.stderr", err)
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            status = main(["-o", "json", *options, *words])
        lines = [line for line in err.getvalue().splitlines() if line.startswith("{")]
        assert (status != 0) == bool(lines), err.getvalue()
        return json.loads(lines[0])["error"]["details"]["reason"] if lines else None

    return run


def _words(op: Op) -> tuple[list[str], bytes]:
    """Return the words and the input of midoctl for an operation."""
    if isinstance(op, Put):
        return ["apply", "-f", "-", *(["--prune"] if op.prune else [])], json.dumps(op.documents).encode()
    if isinstance(op, Revert):
        return ["revert", str(op.position)], b""
    if isinstance(op, Delete):
        return ["host", "delete", str(op.ref)], b""
    assert isinstance(op, Create)
    return ["vtep", "create", op.fields["name"], "--management-ip", op.fields["management_ip"]], b""


def _api(node: ApiNode) -> Run:
    def run(ops: list[Op]) -> str | None:
        with Asker(node.url) as asker:
            reply = asker("POST", "/v1/commands", msgspec.to_builtins({"ops": ops}))
        return None if reply.status == 200 else reply.json["details"]["reason"]

    return run


def _service(node: ApiNode) -> Run:
    def run(ops: list[Op]) -> str | None:
        try:
            node.context.execute(Command("test", ops))
        except MidonetError as error:
            return str(error.details["reason"])
        return None

    return run


def _prune() -> Op:
    return Put(KEPT, prune=True)


def _revert(log_url: str) -> Op:
    log = open_log(log_url)
    events = next(iter(log.read())).commit.events
    log.close()
    return Revert(1, invert(events))


def test_live_host_is_not_deleted(run: Run, log_url: str) -> None:
    assert run([Delete("host", "hv1")]) == "host-alive"
    assert run([_prune()]) == "host-alive"
    assert run([_revert(log_url)]) == "host-alive"
    assert run([Delete("host", "hv2")]) is None


def test_vtep_gets_no_address_of_a_host(run: Run) -> None:
    assert run([Create("vtep", {"name": "tor", "management_ip": TAKEN})]) == "vtep-has-host-ip"
    assert run([Create("vtep", {"name": "tor", "management_ip": "192.0.2.1"})]) is None


def test_dead_host_is_pruned(run: Run, hosts: Hosts) -> None:
    hosts.alive = {}
    assert run([_prune()]) is None


def test_unread_state_refuses_nothing(run: Run, hosts: Hosts) -> None:
    hosts.away = True
    assert run([Delete("host", "hv1")]) is None
    assert hosts.reads > 0


def test_state_is_read_only_if_hosts_are_concerned(run: Run, hosts: Hosts) -> None:
    assert run([Put([{"kind": "bridge", "name": "other"}])]) is None
    assert hosts.reads == 0


def test_dry_run_is_refused_as_well(node: ApiNode) -> None:
    with Asker(node.url) as asker:
        for path in ("/v1/apply?prune=true&dry_run=true", "/v1/plan?prune=true", "/v1/apply?prune=true"):
            assert asker("POST", path, KEPT).json["details"]["reason"] == "host-alive"
        assert asker("DELETE", "/v1/hosts/hv1").json["details"]["reason"] == "host-alive"


def test_command_that_shares_a_batch_is_refused_alone(log_url: str, hosts: Hosts) -> None:
    log = open_log(log_url)
    store = Store(log)
    store.check = FactsCheck(hosts.read, lambda _: None)
    ops: list[Op] = [
        Update("bridge", "web", {"name": "x"}),
        Delete("host", "hv1"),
        Update("bridge", "x", {"name": "y"}),
    ]
    pending = [PendingCommand(Command("test", [op]), Context(actor="test")) for op in ops]
    first, refused, last = store.run(pending)
    assert isinstance(first, Result)
    assert isinstance(refused, Conflict)
    assert isinstance(last, Result)
    assert (first.position, last.position) == (4, 5)
    log.close()
