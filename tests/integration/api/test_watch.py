"""Guarantees of the watch: ordered, unique, reliable, atomic, resumable, with marks."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from itertools import islice, starmap
from typing import Any

import pytest
from api_node import ApiNode
from asking import Asker, Event
from waiting import eventually
from websockets.sync.client import connect

from midonet.events.commands.command import Command, Create
from midonet.events.log import open_log
from midonet.events.log.pending_command import Context, PendingCommand
from midonet.events.log.store import Store

WATCHERS = 50


def create(node: ApiNode, count: int, **fields: Any) -> None:
    """Append some commits directly to the log."""
    commands = [Command("test", [Create("bridge", {"name": f"b{n}", **fields})]) for n in range(count)]
    with closing(open_log(node.log)) as log:
        assert all(
            result
            for result in Store.open(log).run(starmap(PendingCommand, [(c, Context(actor="test")) for c in commands]))
        )


def positions(found: list[Event]) -> list[int]:
    return [event.data["position"] for event in found if event.kind == "commit"]


def test_every_commit_comes_once_in_order(api: Asker, node: ApiNode) -> None:
    create(node, 3)
    with api.watch(after=0) as events:
        first = list(islice(events, 4))
        create(node, 2)
        rest = list(islice(events, 2))
    assert [event.kind for event in first] == ["commit"] * 3 + ["mark"]
    assert positions(first + rest) == [1, 2, 3, 4, 5]
    assert [event.id for event in first] == [1, 2, 3, 3]
    with closing(open_log(node.log)) as log:
        assert [event.raw.encode() for event in first[:3] + rest] == [record.raw for record in log.read()]
    assert first[3].data == api.ok("GET", "/v1/head", at="3")


def test_watch_begins_at_the_end_by_default(api: Asker, node: ApiNode) -> None:
    create(node, 3)
    with api.watch() as events:
        assert next(events)[:2] == ("mark", 3)
        create(node, 1)
        assert next(events)[:2] == ("commit", 4)
    with api.watch(headers={"Last-Event-ID": "2"}) as events:
        assert positions(list(islice(events, 2))) == [3, 4]


def test_marks_come_without_matching_events(api: Asker, node: ApiNode) -> None:
    with api.watch(kind="port", mark=1) as events:
        assert next(events).id == 0
        create(node, 5)
        eventually(lambda: next(events).id == 5)


def test_filter_selects_events_of_a_commit(api: Asker) -> None:
    with ExitStack() as stack:
        ports = stack.enter_context(api.watch(after=0, kind="port", mark=1))
        acme = stack.enter_context(api.watch(after=0, tenant="acme", mark=1))
        api.ok("POST", "/v1/apply", [
            {"kind": "bridge", "name": "web", "tenant": "acme", "ports": [{"name": "p1"}]},
            {"kind": "bridge", "name": "db", "tenant": "other", "ports": [{"name": "p2"}]},
        ])  # fmt: skip
        api.ok("DELETE", "/v1/bridges/db")
        api.ok("DELETE", "/v1/bridges/web")
        seen = [[e["type"] for e in event.data["events"]] for event in take(ports, 3)]
        mine = [[e["type"] for e in event.data["events"]] for event in take(acme, 2)]
    assert seen == [["port.created", "port.created"], ["port.deleted"], ["port.deleted"]]
    assert [sorted(types) for types in mine] == [["bridge.created", "port.created"], ["bridge.deleted", "port.deleted"]]


def take(events: Any, count: int) -> list[Event]:
    """Return the next commits, without marks."""
    return list(islice((event for event in events if event.kind == "commit"), count))


def test_filter_applies_to_past_commits(api: Asker, node: ApiNode) -> None:
    api.ok("POST", "/v1/bridges", {"name": "web", "tenant": "acme"})
    api.ok("POST", "/v1/ports", {"name": "p", "bridge": "web"})
    api.ok("POST", "/v1/bridges", {"name": "db", "tenant": "other"})
    api.ok("DELETE", "/v1/bridges/web")
    node.service.stop()
    with ApiNode(node.log) as another, Asker(another.url) as asker, asker.watch(after=0, tenant="acme") as events:
        assert positions(take(events, 3)) == [1, 2, 4]


def test_snapshot_on_request(api: Asker, node: ApiNode) -> None:
    create(node, 300)
    with api.watch(snapshot="true") as events:
        first, *objects, mark = islice(events, 302)
        create(node, 1)
        after = next(events)
    assert (first.kind, first.data["position"], first.data["reset"]) == ("snapshot", 300, False)
    assert len({event.data["id"] for event in objects if event.kind == "object"}) == 300
    assert (mark.kind, mark.id, after.kind, after.id) == ("mark", 300, "commit", 301)


@pytest.mark.parametrize("gone", [{"after": 99}, {"after": 1, "hash": "0" * 64}])
def test_missing_resume_point_gives_a_snapshot(api: Asker, node: ApiNode, gone: dict[str, Any]) -> None:
    create(node, 2)
    with api.watch(**gone) as events:
        first, *objects, mark = islice(events, 4)
        create(node, 1)
        assert next(events).id == 3
    assert (first.kind, first.data["reset"], mark.id) == ("snapshot", True, 2)
    assert [event.data["name"] for event in objects] == ["b0", "b1"]


def test_existing_resume_point_gives_no_snapshot(api: Asker, node: ApiNode) -> None:
    create(node, 2)
    known = api.ok("GET", "/v1/head", at="1")["hash"]
    with api.watch(after=1, hash=known) as events:
        assert next(events)[:2] == ("commit", 2)


def test_watchers_agree_under_load(node: ApiNode) -> None:
    total, found = 300, [list[int]() for _ in range(WATCHERS)]

    def follow(number: int) -> None:
        with Asker(node.url) as asker, asker.watch(after=0) as events:
            found[number] += positions(take(events, total))

    threads = [threading.Thread(target=follow, args=(number,)) for number in range(WATCHERS)]
    for thread in threads:
        thread.start()
    writers = [threading.Thread(target=write, args=(node, number, 100)) for number in range(3)]
    for thread in writers:
        thread.start()
    for thread in [*writers, *threads]:
        thread.join(60)
    assert found == [list(range(1, total + 1))] * WATCHERS


def write(node: ApiNode, number: int, count: int) -> None:
    """Write through the API."""
    with Asker(node.url) as asker:
        for n in range(count):
            asker.ok("POST", "/v1/bridges", {"name": f"{number}-{n}"})


def test_slow_watcher_resumes_without_loss(api: Asker, node: ApiNode) -> None:
    node.service.node.hub.capacity = 5
    host, _, port = node.url.removeprefix("http://").partition(":")
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((host, int(port)))
        slow.sendall(b"GET /v1/watch?after=0 HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: b"mark" in slow.recv(65536, socket.MSG_PEEK))
        fill(api, 40)
        slow.settimeout(30)
        told = received(slow)
    last = json.loads(told.rpartition(b"event: end\ndata: ")[2].partition(b"\n")[0])
    seen = [int(line[4:]) for line in told.splitlines() if line.startswith(b"id: ") and line != b"id: 0"]
    assert last == {"reason": "slow", "position": seen[-1]}
    assert seen == list(range(1, seen[-1] + 1))
    assert seen[-1] < 40
    with api.watch(after=seen[-1]) as events:
        assert positions(take(events, 40 - seen[-1])) == list(range(seen[-1] + 1, 41))


def fill(api: Asker, count: int) -> None:
    """Append large commits."""
    for number in range(count):
        fields = [
            {"op": "create", "kind": "bridge", "fields": {"name": f"{number}-{n}" + "x" * 200}} for n in range(400)
        ]
        api.ok("POST", "/v1/commands", {"ops": fields})


def received(connection: socket.socket) -> bytes:
    """Return all bytes until the server closes the connection."""
    found = b""
    while not found.endswith(b"0\r\n\r\n") and (some := connection.recv(1024 * 1024)):
        found += some
    text, rest = b"", found.partition(b"\r\n\r\n")[2]
    while rest:  # chunk by chunk
        size, _, rest = rest.partition(b"\r\n")
        text, rest = text + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return text


@pytest.mark.alone
def test_watch_resumes_on_another_node_after_stop(nodes: Callable[[], ApiNode]) -> None:
    one, other = nodes(), nodes()
    create(one, 2)
    with Asker(one.url) as asker, asker.watch(after=0) as events:
        assert positions(take(events, 2)) == [1, 2]
        begun = time.monotonic()
        one.service.stop()
        assert time.monotonic() - begun < 5
        last = [event for event in events if event.kind == "end"]
    assert last[0].data == {"reason": "stopping", "position": 2}
    create(other, 1)
    with Asker(other.url) as asker, asker.watch(after=last[0].data["position"]) as events:
        assert positions(take(events, 1)) == [3]


def test_websocket_sends_the_same_messages(node: ApiNode) -> None:
    create(node, 2)
    place = node.url.replace("http", "ws")
    with connect(f"{place}/v1/watch?after=0&kind=bridge") as watching:
        told = [json.loads(watching.recv(timeout=20)) for _ in range(3)]
        create(node, 1)
        told.append(json.loads(watching.recv(timeout=20)))
    assert [one["type"] for one in told] == ["commit", "commit", "mark", "commit"]
    assert [one["commit"]["position"] for one in told if "commit" in one] == [1, 2, 3]
    with connect(f"{place}/v1/watch?snapshot=true") as watching:
        told = [json.loads(watching.recv(timeout=20)) for _ in range(5)]
        assert [one["type"] for one in told] == ["snapshot", "object", "object", "object", "mark"]
    for bad in ("/v1/watch?kind=nope", "/v1/bridges"):
        with connect(f"{place}{bad}") as watching:
            assert json.loads(watching.recv(timeout=20))["problem"]["code"] == "usage"


def test_thousand_watchers_receive_a_commit(node: ApiNode) -> None:
    async def all_of_them() -> list[bytes]:
        host, _, port = node.url.removeprefix("http://").partition(":")
        pairs = [await asyncio.open_connection(host, int(port), limit=2**20) for _ in range(1000)]
        for _, writer in pairs:
            writer.write(b"GET /v1/watch?mark=60 HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.gather(*(reader.readuntil(b"event: mark") for reader, _ in pairs))
        await asyncio.to_thread(create, node, 1)
        found = await asyncio.gather(*(reader.readuntil(b"event: commit") for reader, _ in pairs))
        for _, writer in pairs:
            writer.close()
        return found

    assert len(asyncio.run(all_of_them())) == 1000
