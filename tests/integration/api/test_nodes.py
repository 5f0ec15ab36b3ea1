"""Several API nodes on one log: every node accepts commands."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pytest
from api_node import ApiNode
from asking import Asker
from waiting import eventually

from midonet.cli.main import main
from midonet.events.api_client import ApiClient
from midonet.events.commit import GENESIS, Head, Record
from midonet.events.errors import Diverged, LostCommits, OutcomeUnknown, Unavailable, UsageError
from midonet.events.log import Log, Progress, open_log
from midonet.testbed import Kafka
from midonet.testbed.cluster import ClusterDaemon


@pytest.fixture
def daemons(log_url: str) -> Iterator[Callable[[], ClusterDaemon]]:
    """Start daemons on the log, without ZooKeeper."""
    with ExitStack() as stack:

        def start() -> ClusterDaemon:
            daemon = stack.enter_context(ClusterDaemon("--log", log_url, "--zookeeper", "127.0.0.1:1"))
            eventually(lambda: daemon.get("/v1/head")[0] == 200, 30)
            return daemon

        yield start


def address(*nodes: ApiNode | ClusterDaemon) -> str:
    return "http://" + ",".join(node.url.removeprefix("http://") for node in nodes)


def test_reads_are_linearizable_across_nodes(nodes: Callable[[], ApiNode]) -> None:
    one, other = nodes(), nodes()
    with Asker(one.url) as here, Asker(other.url) as there:
        for number in range(50):
            writer, reader = (here, there) if number % 2 else (there, here)
            writer.ok("POST", "/v1/bridges", {"name": f"b{number}"})
            assert reader.ok("GET", f"/v1/bridges/b{number}")["position"] == number + 1


def contend(nodes: list[ApiNode], writers: int, each: int) -> None:
    """Write concurrently on different nodes, each command to two of them."""

    def write(number: int) -> None:
        with Asker(nodes[number % len(nodes)].url) as one, Asker(nodes[(number + 1) % len(nodes)].url) as other:
            for n in range(each):
                key = {"Idempotency-Key": f"{number}-{n}"}
                body = {"name": f"{number}-{n}"}
                done = [asker.ok("POST", "/v1/bridges", body, headers=key) for asker in (one, other)]
                assert done[0] == done[1]

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)


def test_nodes_on_one_sqlite_log_share_it(nodes: Callable[[], ApiNode]) -> None:
    several = [nodes() for _ in range(3)]
    contend(several, writers=6, each=20)
    with closing(open_log(several[0].log)) as log:
        records = list(log.read())
    assert len(records) == len({record.commit.id for record in records}) == 120


def test_nodes_on_one_kafka_log_share_it(kafka: Kafka, kafka_topic: str) -> None:
    url = f"kafka://{kafka.bootstrap}/{kafka_topic}"
    with closing(open_log(url)):
        pass
    with ExitStack() as stack:
        several = [stack.enter_context(ApiNode(url)) for _ in range(2)]
        contend(several, writers=4, each=10)
        with Asker(several[1].url) as asker:
            assert len(asker.ok("GET", "/v1/bridges")) == 40
            assert asker.ok("GET", "/v1/verify")["count"] == 40
            assert len(asker.ok("GET", "/v1/bridges", at="7")) == 7


def test_command_survives_the_failure_of_its_node(daemons: Callable[[], ClusterDaemon]) -> None:
    one, other = daemons(), daemons()
    done: list[str] = []

    def write() -> None:
        with closing(ApiClient(address(one, other))) as client:
            for number in range(200):
                headers = {"Content-Type": "application/json", "Idempotency-Key": f"c{number}"}
                client.request("POST", "/v1/bridges", headers=headers, body=b'{"name": "b%d"}' % number)
                done.append(f"b{number}")

    writer = threading.Thread(target=write)
    writer.start()
    eventually(lambda: len(done) > 40)
    one.kill()
    writer.join(60)
    assert len(done) == 200
    with Asker(other.url) as asker:
        assert sorted(done) == sorted(each["name"] for each in asker.ok("GET", "/v1/bridges"))
        assert asker.ok("GET", "/v1/head")["position"] == 200


def test_follow_continues_on_another_node(daemons: Callable[[], ClusterDaemon]) -> None:
    one, other = daemons(), daemons()
    with closing(open_log(address(one, other))) as log, Asker(other.url) as asker:
        heads: list[Head] = [GENESIS]
        for item in log.follow(GENESIS, stopped=lambda: heads[-1].position >= 30):
            if isinstance(item, Record):
                heads.append(item.head)
                if len(heads) == 10:
                    one.kill()
            elif heads[-1].position < 30:
                assert isinstance(item, Progress)
                for number in range(15):
                    asker.ok("POST", "/v1/bridges", {"name": f"{heads[-1].position}-{number}"})
    assert [head.position for head in heads] == list(range(31))


def test_log_over_http_equals_the_log(nodes: Callable[[], ApiNode], log_url: str, tmp_path: Path) -> None:
    node = nodes()
    with Asker(node.url) as asker:
        for number in range(20):
            asker.ok("POST", "/v1/bridges", {"name": f"b{number}"})
    with closing(open_log(node.url)) as remote, closing(open_log(log_url)) as local:
        records = list(local.read())
        assert list(remote.read()) == records
        assert list(remote.read(records[7].head)) == records[8:]
        assert list(remote.read(records[-1].head)) == []
        assert remote.head() == local.head()
        assert remote.head_at(5) == local.head_at(5)
        assert remote.find(records[3].commit.id) == records[3]
        assert remote.find("unknown") is None
        assert all(later.commit.prev == earlier.hash for earlier, later in pairwise(remote.read()))
        with pytest.raises(LostCommits):
            list(remote.read(Head(99, "0" * 64)))
        for position in (5, 20):
            with pytest.raises(Diverged):
                list(remote.read(Head(position, "f" * 64)))
        with pytest.raises(UsageError, match="takes commands, not commits"):
            remote.append(remote.head(), [records[0].raw])
    assert main(["--server", node.url, "copy", "--to", f"sqlite:///{tmp_path}/copy.db"]) == 0
    with closing(open_log(f"sqlite:///{tmp_path}/copy.db")) as copy:
        assert list(copy.read()) == records


@pytest.mark.parametrize(
    ("url", "status", "words"),
    [
        ("http://127.0.0.1:1", 5, "http://127.0.0.1:1 does not answer: Connection refused"),
        (
            "http://127.0.0.1:1,127.0.0.1:2",
            5,
            "http://127.0.0.1:1 does not answer: Connection refused; http://127.0.0.1:2 does not answer: ",
        ),
        ("http://nowhere.invalid:8181", 5, "does not answer"),
        ("http://", 2, "write http(s)://HOST:PORT"),
        ("http://a:b", 2, "write http(s)://HOST:PORT"),
        ("ftp://a", 2, "unknown form of a log's URL"),
    ],
)
def test_unreachable_address_is_unavailable(
    url: str, status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["bridge", "list"], ["bridge", "create", "x"], ["log"]):
        assert main(["--server", url, *command]) == status
        said = capsys.readouterr().err
        assert words in said
        assert said.count("\n") == 1


def test_other_web_server_is_rejected(other_server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--server", other_server, "bridge", "list"]) == 5
    assert "but not as a midonet-cluster" in capsys.readouterr().err


@pytest.fixture
def other_server() -> Iterator[str]:
    """A web server that is no cluster."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_lost_node_leaves_the_outcome_unknown(daemons: Callable[[], ClusterDaemon]) -> None:
    only = daemons()
    with closing(ApiClient(only.url)) as client:
        only.freeze()
        thaw = threading.Timer(1.5, only.kill)
        thaw.start()
        headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
        with pytest.raises((OutcomeUnknown, Unavailable)) as caught:
            client.request("POST", "/v1/bridges", headers=headers, body=b'{"name": "x"}')
        thaw.join()
    assert caught.value.details.get("command_id") == "k"


def test_unavailable_log_is_polled_only_on_requests(
    nodes: Callable[[], ApiNode], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = nodes()
    opened: list[str] = []

    def opening() -> Log:
        opened.append(node.log)
        return open_log(node.log)

    monkeypatch.setattr(node.service.node.logs, "_open", opening)
    with Asker(node.url) as asker:
        assert asker.ok("GET", "/v1/bridges") == []
        for suffix in ("", "-wal", "-shm"):
            (tmp_path / f"log.db{suffix}").unlink(missing_ok=True)
        (tmp_path / "log.db").mkdir()
        for _ in range(3):
            assert asker.refused(503, "GET", "/v1/bridges")["code"] in ("unavailable", "misconfigured")
        time.sleep(0.2)
        assert len(opened) <= 3
        (tmp_path / "log.db").rmdir()
        assert eventually_ok(asker, "/v1/bridges") == []


def eventually_ok(asker: Asker, path: str) -> object:
    """Repeat the request until there is an answer."""
    eventually(lambda: asker("GET", path).status == 200)
    return asker.ok("GET", path)
