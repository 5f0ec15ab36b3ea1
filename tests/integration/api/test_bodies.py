"""Bodies of requests: authorised before they are read, limited, decoded strictly; other clients do not notice."""

import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from itertools import chain, repeat
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from api_node import ApiNode
from asking import Asker
from waiting import eventually

from midonet.events.commands.command import Command, SetUser
from midonet.events.log import open_log
from midonet.events.log.pending_command import Context
from midonet.events.log.store import Store
from midonet.services.api.app import OPERATIONS
from midonet.services.api.framework import body
from midonet.services.api.framework.body import MAX_BODY, MAX_RESTRICTED_BODY

MIB = 2**20
HUGE = 63 * MIB
ROLES = {
    "rita": ("reader",),
    "ron": ("reader@acme",),
    "hugo": ("agent",),
    "ann": ("tenant-admin@acme",),
    "olga": ("operator",),
    "ada": ("admin",),
}


@pytest.fixture
def node(log_url: str, vault: dict[str, Any]) -> Iterator[ApiNode]:
    """A node with authentication, and a user for each role."""
    with closing(open_log(log_url)) as log:
        users = [SetUser(name, roles, new=True) for name, roles in ROLES.items()]
        Store.open(log).execute(Command("test", list(users)), Context(actor="test"))
    with ApiNode(log_url, auth="tokens", **vault) as node:
        yield node


def head(headers: dict[str, str], size: int, path: str = "/v1/apply", content_type: str = "application/json") -> bytes:
    """Return the head of a request with a body of a size that follows."""
    lines = {"Host": "x", "Content-Type": content_type, "Content-Length": str(size), **headers}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{text}\r\n".encode()


@contextmanager
def connected(node: ApiNode) -> Iterator[socket.socket]:
    host, _, port = node.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        yield connection


def answered(connection: socket.socket) -> int:
    """Return the status of the answer."""
    return int(connection.recv(65536).split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("user", "status"), [("rita", 403), ("ron", 403), ("hugo", 403), ("ann", 413), ("olga", 413), (None, 401)]
)
def test_a_body_is_refused_before_it_is_read(
    user: str | None, status: int, node: ApiNode, signed_in: Callable[[str], dict[str, str]]
) -> None:
    headers = signed_in(user) if user is not None else {}
    for path in ("/v1/apply", "/v1/commands", "/v1/plan", "/v1/bridges", "/v1/bridges/web/add-mac"):
        with connected(node) as connection:
            connection.sendall(head(headers, HUGE, path))
            assert answered(connection) == status, path


@pytest.mark.parametrize(("user", "limit"), [("rita", MAX_RESTRICTED_BODY), ("olga", MAX_BODY)])
def test_the_limit_of_a_body_depends_on_the_role(
    user: str, limit: int, node: ApiNode, signed_in: Callable[[str], dict[str, str]]
) -> None:
    with Asker(node.url) as api:
        largest = json.dumps(["x" * (limit - 4)]).encode()
        assert api.ok("POST", "/v1/objects", largest, headers=signed_in(user)) == []
        problem = api.refused(413, "POST", "/v1/objects", b" " + largest, headers=signed_in(user))
        assert problem["details"] == {"limit": limit}


def test_a_body_of_unknown_length_is_read_to_the_limit(
    node: ApiNode, signed_in: Callable[[str], dict[str, str]]
) -> None:
    headers = {**signed_in("rita"), "Transfer-Encoding": "chunked"}
    with connected(node) as connection:
        connection.sendall(head(headers, 0, "/v1/objects").replace(b"Content-Length: 0\r\n", b""))
        chunk = b"%x\r\n%b\r\n" % (MIB, b" " * MIB)
        connection.sendall(chunk * (MAX_RESTRICTED_BODY // MIB + 1))
        assert answered(connection) == 413


def test_a_body_must_arrive_in_time(
    node: ApiNode, signed_in: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", 0.2)
    with connected(node) as connection:
        connection.sendall(head(signed_in("olga"), 100) + b"{")
        assert answered(connection) == 400


def test_large_bodies_of_one_user_wait_for_each_other_and_not_for_those_of_others(
    node: ApiNode, signed_in: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "_ROOM_SECONDS", 0.5)
    with ExitStack() as stack, Asker(node.url) as api:
        for _ in range(2):
            connection = stack.enter_context(connected(node))
            connection.sendall(head(signed_in("olga"), MAX_BODY) + b"[")
        large = json.dumps(["x" * MIB]).encode()
        eventually(lambda: api("POST", "/v1/objects", large, headers=signed_in("olga")).status == 503)
        assert api.ok("POST", "/v1/objects", large, headers=signed_in("rita")) == []
        assert api.ok("POST", "/v1/objects", ["small"], headers=signed_in("olga")) == []
        stack.close()
        eventually(lambda: api("POST", "/v1/objects", large, headers=signed_in("olga")).status == 200)


def test_the_number_of_values_is_limited(
    node: ApiNode, signed_in: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "MAX_VALUES", 100)
    with Asker(node.url) as api:
        assert api.ok("POST", "/v1/objects", ['a "quoted", text,' * 50], headers=signed_in("rita")) == []
        api.refused(413, "POST", "/v1/objects", ["x"] * 101, headers=signed_in("rita"))


@pytest.mark.parametrize(
    ("path", "text", "key"),
    [
        ("/v1/bridges", '{"name": "a", "tenant": null, "name": "b"}', "name"),
        ("/v1/apply", '[{"kind": "bridge", "name": "a"}, {"kind": "bridge", "name": "b", "kind": "router"}]', "kind"),
        ("/v1/apply", '{"kind": "bridge", "name": "a", "ports": [{"name": "p", "\\u006eame": "q"}]}', "name"),
        ("/v1/commands", '{"ops": [{"op": "create", "kind": "bridge", "fields": {"id": 1, "id": 2}}]}', "id"),
        ("/v1/commands", '{"ops": [], "ops": [{"op": "drop-tag", "name": "x"}]}', "ops"),
    ],
)
def test_duplicate_keys_are_refused_by_name(
    path: str, text: str, key: str, node: ApiNode, signed_in: Callable[[str], dict[str, str]]
) -> None:
    with Asker(node.url) as api:
        problem = api.refused(422, "POST", path, text.encode(), headers=signed_in("olga"))
        assert problem["details"] == {"field": key, "reason": "bad-document"}
        assert problem["detail"] == f"the body: duplicate key '{key}'"


def test_content_types_that_are_not_accepted_are_answered_with_415(
    node: ApiNode, signed_in: Callable[[str], dict[str, str]]
) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/merge-patch+json"):
        with connected(node) as connection:
            connection.sendall(head(signed_in("olga"), 1000, "/v1/bridges", content_type))
            assert answered(connection) == 415, "before the body is read"


def test_every_operation_refuses_foreign_content_types(
    node: ApiNode, signed_in: Callable[[str], dict[str, str]]
) -> None:
    headers = {**signed_in("ada"), "Content-Type": "application/x-foreign"}
    connection = HTTPConnection(node.url.removeprefix("http://"))
    with closing(connection):
        for operation in (one for one in OPERATIONS if one.body is not None):
            path = re.sub(r"{\w+}", "1", operation.path)
            connection.request(operation.method, path, b"{}", headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 415, operation.id


@pytest.mark.parametrize("value", ["x" * 3 * MIB, ["10.0.0.1"] * 100_000, {"x" * 3 * MIB: 1}])
def test_errors_echo_at_most_some_kilobytes(
    value: Any, node: ApiNode, signed_in: Callable[[str], dict[str, str]]
) -> None:
    with Asker(node.url) as api:
        bodies = ({"tenant": value}, {"name": value}, {"admin_state_up": value}, {"x" * MIB: value})
        for path, fields in chain(zip(repeat("/v1/bridges"), bodies), [("/v1/apply", [{"kind": value}])]):
            answer = api("POST", path, fields, headers=signed_in("olga"), dry_run="true")
            assert 400 <= answer.status < 500
            assert len(answer.body) < 64 * 1024


# Attacks


class Attack:
    """Clients that send bodies of 63 MiB, again and again, and ignore the answers."""

    def __init__(self, node: ApiNode, headers: dict[str, str], connections: int, path: str) -> None:
        self._node, self._stop = node, threading.Event()
        self._request = head(headers, HUGE, path), b"[" + b"{}," * (MIB // 3)
        self._threads = [threading.Thread(target=self._send) for _ in range(connections)]

    def _send(self) -> None:
        start, chunk = self._request
        while not self._stop.is_set():
            with connected(self._node) as connection:
                connection.sendall(start)
                for _ in range(HUGE // len(chunk)):
                    if self._stop.is_set():
                        return
                    connection.sendall(chunk)

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def resident() -> int:
    """Return the memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def latency(api: Asker, headers: dict[str, str], seconds: float = 1.0) -> tuple[float, int]:
    """Return the median time of a small request, and the highest memory meanwhile."""
    found, memory, end = [], 0, time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        api.ok("POST", "/v1/bridges", {"name": "x"}, headers=headers, dry_run="true")
        found.append(time.monotonic() - begun)
        memory = max(memory, resident())
    return median(found), memory


@pytest.mark.parametrize("path", ["/v1/apply", "/v1/objects"])
@pytest.mark.parametrize(("user", "connections"), [("rita", 1), ("rita", 3), ("ann", 3), ("olga", 3)])
def test_large_bodies_cost_others_neither_time_nor_memory(
    user: str, connections: int, path: str, node: ApiNode, signed_in: Callable[[str], dict[str, str]]
) -> None:
    with Asker(node.url) as api:
        other = signed_in("olga")
        latency(api, other, 0.5)
        idle, before = latency(api, other)
        with Attack(node, signed_in(user), connections, path):
            attacked, during = latency(api, other)
    assert attacked < 10 * idle, (idle, attacked)
    assert during - before < 64 * MIB
