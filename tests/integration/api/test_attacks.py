"""Attacks over HTTP and WebSockets: revoked permissions, foreign pages, oversized requests."""

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from api_node import ApiNode
from asking import Asker, Event, bearer
from waiting import eventually
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect
from websockets.typing import Origin

from midonet.events.commands.command import Command, Create, Op, SetUser
from midonet.events.log import open_log
from midonet.events.log.pending_command import Context
from midonet.events.log.store import Store
from midonet.events.vault.credentials import Credentials
from midonet.projections.runtime.http_pages import Tls
from midonet.services.api.routes import watch_authorization
from midonet.services.api.server import uvicorn_connection
from midonet.services.api.server.uvicorn_connection import MAX_HEAD
from midonet.testbed.certificates import Authority, Pair


@pytest.fixture
def node(log_url: str, vault: dict[str, Any]) -> Iterator[ApiNode]:
    """A node with authentication; rita reads everything, ann reads the tenant acme."""
    run(log_url, SetUser("rita", ("reader",), new=True), SetUser("ann", ("reader@acme",), new=True))
    with ApiNode(log_url, auth="tokens", **vault) as node:
        yield node


def run(log_url: str, *ops: Op) -> int:
    with closing(open_log(log_url)) as log:
        return Store.open(log).execute(Command("test", list(ops)), Context(actor="test")).position


# Streams that outlive what was proved


@pytest.mark.parametrize(
    "change", [SetUser("rita", ("reader@acme",)), SetUser("rita", disabled=True), SetUser("rita", ())]
)
def test_stream_ends_before_commits_after_role_loss(
    change: SetUser, api: Asker, log_url: str, signed_in: Callable[[str], dict[str, str]]
) -> None:
    with api.watch(headers=signed_in("rita"), mark=60) as events:
        assert next(events).kind == "mark"
        run(log_url, Create("bridge", {"name": "seen"}))
        told = next(events)
        assert "seen" in told.raw
        run(log_url, change)
        run(log_url, Create("bridge", {"name": "unseen"}))
        rest = list(events)
    assert [(one.kind, one.data) for one in rest] == [("end", {"reason": "denied", "position": told.id})]


def test_stream_ends_with_its_token(
    api: Asker, node: ApiNode, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_authorization, "RECHECK_SECONDS", 0.2)
    issued = credentials.issue("rita", 3600)
    headers = {"Authorization": f"Bearer {issued.text}"}
    raw = HTTPConnection(node.url.removeprefix("http://"), timeout=30)
    messages = connect(node.url.replace("http", "ws") + "/v1/watch?mark=1", additional_headers=headers)
    with closing(raw), messages, api.watch(headers=headers, mark=1) as events:
        raw.request("GET", "/v1/log?follow=true", headers={**headers, "Accept": "application/json-seq"})
        answer = raw.getresponse()
        assert answer.status == 200
        assert next(events).kind == "mark"
        credentials.revoke(issued.token.id)
        last: Event = list(events)[-1]
        assert (last.kind, last.data["reason"]) == ("end", "denied")
        told = [json.loads(text) for text in messages]
        assert told[-1]["end"]["reason"] == "denied"
        answer.read()  # it ends as well
    api.refused(401, "GET", "/v1/watch", headers=headers)


# Certificates


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The CA of the node and of its clients."""
    return Authority(tmp_path / "ca")


@pytest.fixture
def secure(log_url: str, vault: dict[str, Any], authority: Authority) -> Iterator[ApiNode]:
    """A node that accepts client certificates; only ann is a user."""
    run(log_url, SetUser("ann", ("reader@acme",), new=True))
    pair = authority.pair("node")
    tls = Tls(str(pair.certificate), str(pair.key), str(authority.ca))
    with ApiNode(log_url, auth="tokens", tls=tls, **vault) as node:
        yield node


def watching(node: ApiNode, authority: Authority, pair: Pair | None, **more: Any) -> Any:
    """Return the first message of a watch over a WebSocket, with or without a client certificate."""
    trust = ssl.create_default_context(cafile=authority.ca)
    if pair is not None:
        trust.load_cert_chain(pair.certificate, pair.key)
    url = node.url.replace("https://127.0.0.1", "wss://localhost") + "/v1/watch?mark=1"
    with connect(url, ssl=trust, **more) as messages:
        return json.loads(messages.recv(timeout=20))


def test_certificates_authenticate_websockets(secure: ApiNode, authority: Authority, log_url: str) -> None:
    assert watching(secure, authority, authority.pair("ann"))["type"] == "mark"
    for pair in (authority.pair("unknown"), None):
        assert watching(secure, authority, pair)["problem"]["code"] == "unauthenticated"
    run(log_url, SetUser("ann", disabled=True))
    assert watching(secure, authority, authority.pair("ann"))["problem"]["code"] == "unauthenticated"


# Requests of foreign web pages

EVIL = "http://evil.example"


def test_foreign_page_cannot_use_a_certificate(secure: ApiNode, authority: Authority) -> None:
    pair = authority.pair("ann")
    told = watching(secure, authority, pair, origin=EVIL)
    assert told["problem"]["code"] == "denied"
    own = secure.url.replace("127.0.0.1", "localhost")
    assert watching(secure, authority, pair, origin=own)["type"] == "mark"


@pytest.mark.parametrize("node", ["open"])
def test_foreign_page_cannot_use_a_local_api(node: str, log_url: str) -> None:
    del node
    with ApiNode(log_url, auth="none") as opened, Asker(opened.url) as api:
        with connect(opened.url.replace("http", "ws") + "/v1/watch", origin=Origin(EVIL)) as messages:
            assert json.loads(messages.recv(timeout=20))["problem"]["details"]["reason"] == "another-origin"
        for headers in (
            {"Origin": EVIL},
            {"Origin": "null"},
            {"Origin": "http://["},
            {"Host": "evil.example:8181"},
            {"Host": "evil.example.", "Authorization": "Bearer x"},
        ):
            api.refused(403, "POST", "/v1/bridges", {"name": "planted"}, headers=headers)
            api.refused(403, "GET", "/v1/log", headers=headers)
        for headers in (
            {"Origin": opened.url},
            {"Host": "localhost:1"},
            {"Host": "LOCALHOST."},
            {"Host": "node1"},
            {"Host": "[::1]:80"},
        ):
            assert api.ok("GET", "/v1/bridges", headers=headers) == []


def test_requests_with_a_token_may_be_cross_origin(api: Asker, signed_in: Callable[[str], dict[str, str]]) -> None:
    headers = {**signed_in("rita"), "Origin": EVIL, "Host": "midonet.example"}
    assert api.ok("GET", "/v1/bridges", headers=headers) == []


# Requests without an end


@pytest.mark.parametrize(
    "start",
    [
        b"GET /v1/head HTTP/1.1\r\nX: ",
        b"GET /",
        b"POST /v1/login HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
    ],
)
def test_request_heads_are_limited_in_size(start: bytes, node: ApiNode) -> None:
    host, _, port = node.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(start)
        with pytest.raises(ConnectionError):
            connection.sendall(b"a" * 1_000 * MAX_HEAD)
    with Asker(node.url) as api:
        assert api("GET", "/healthz", headers={"X": "a" * (MAX_HEAD // 2)}).status == 200


def test_request_heads_are_limited_in_time(
    api: Asker, node: ApiNode, signed_in: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uvicorn_connection, "HEAD_SECONDS", 0.5)
    host, _, port = node.url.removeprefix("http://").partition(":")
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with api.watch(headers=signed_in("rita"), mark=1) as events:
        for said in (b"", b"GET / HT", whole + b"GET / HT"):
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                connection.sendall(said)
                answered = b"".join(iter(lambda connection=connection: connection.recv(65536), b""))  # type: ignore[misc]
                assert answered.count(b"HTTP/1.1 200 ") == said.count(whole)
        assert [next(events).kind for _ in range(3)] == ["mark"] * 3, "the timeout ends with the head"


def test_body_is_not_read_before_authentication(api: Asker) -> None:
    problem = api.refused(400, "POST", "/v1/login", b"x" * 1024 * 1024)
    assert "takes no body" in problem["detail"]


# Users that are gone


@pytest.fixture
def root(log_url: str, node: ApiNode, credentials: Credentials) -> dict[str, str]:
    """Headers of an admin."""
    position = run(log_url, SetUser("root", ("admin",), new=True))
    eventually(lambda: node.feed.head.position >= position)
    return bearer(credentials.issue("root", 3600).text)


@pytest.mark.parametrize(
    "request_",
    [
        ("DELETE", "/v1/users/eve"),
        ("POST", "/v1/commands", {"ops": [{"op": "drop-user", "name": "eve"}]}),
        ("POST", "/v1/log/{made}/revert"),
    ],
)
def test_new_user_inherits_no_credentials_of_a_deleted_one(
    api: Asker, root: dict[str, str], credentials: Credentials, request_: tuple[str, ...]
) -> None:
    new = {"ops": [{"op": "set-user", "name": "eve", "roles": ["reader"], "new": True}]}
    made = api.ok("POST", "/v1/commands", new, headers=root)["position"]
    method, path, *body = request_
    path = path.format(made=made)
    credentials.set_password("eve", "of the first eve")
    first = bearer(credentials.issue("eve", 3600).text)
    api.ok(method, path, *body, headers=root, dry_run="true")
    assert api.ok("GET", "/v1/whoami", headers=first)["name"] == "eve", "a dry run deletes no credentials"
    assert credentials.has_password("eve", "of the first eve")
    api.ok(method, path, *body, headers=root)
    api.refused(401, "GET", "/v1/whoami", headers=first)
    api.ok("POST", "/v1/commands", new, headers=root)
    api.refused(401, "GET", "/v1/whoami", headers=first)
    assert not credentials.has_password("eve", "of the first eve")


def test_websocket_messages_are_limited(node: ApiNode, signed_in: Callable[[str], dict[str, str]]) -> None:
    url = node.url.replace("http", "ws") + "/v1/watch?mark=1"
    with connect(url, additional_headers=signed_in("rita")) as messages:
        messages.send("a" * 1_000)
        assert json.loads(messages.recv(timeout=20))["type"] == "mark"
        messages.send("a" * 1_000_000)
        with pytest.raises(ConnectionClosedError):
            list(messages)
