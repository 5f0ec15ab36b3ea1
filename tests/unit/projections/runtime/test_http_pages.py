"""Pages are served for well-formed and malformed requests."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse

import pytest

from midonet.events.errors import Unavailable
from midonet.projections.runtime.http_pages import HttpServer, Page, json_page


def broken() -> Page:
    raise ValueError("a bug")


@pytest.fixture
def server() -> Iterator[HttpServer]:
    routes = {
        "/text": lambda: Page(b"hello\n", "text/plain"),
        "/json": lambda: json_page({"b": 1, "a": "ü"}),
        "/busy": lambda: json_page({}, HTTPStatus.SERVICE_UNAVAILABLE),
        "/broken": broken,
    }
    with closing(HttpServer("127.0.0.1:0", routes)) as running:
        yield running


def ask(server: HttpServer, path: str, method: str = "GET") -> tuple[HTTPResponse, bytes]:
    with closing(HTTPConnection(server.url.removeprefix("http://"), timeout=5)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer, answer.read()


def test_pages_are_served(server: HttpServer) -> None:
    answer, body = ask(server, "/text?verbose=1")
    assert (answer.status, body, answer.getheader("Content-Type")) == (200, b"hello\n", "text/plain")
    assert ask(server, "/json")[1] == '{"a":"ü","b":1}\n'.encode()
    assert ask(server, "/busy")[0].status == 503


def test_head_has_no_body(server: HttpServer) -> None:
    answer, body = ask(server, "/text", "HEAD")
    assert (answer.status, body, answer.getheader("Content-Length")) == (200, b"", "6")


def test_missing_name_is_reported_with_existing_ones(server: HttpServer) -> None:
    answer, body = ask(server, "/nothing")
    assert answer.status == 404
    assert json.loads(body)["error"]["message"] == "there is no /nothing; there are /text, /json, /busy, /broken"


def test_other_methods_are_refused(server: HttpServer) -> None:
    assert ask(server, "/text", "POST")[0].status == 405


def test_a_page_that_fails_is_an_answer(server: HttpServer) -> None:
    answer, body = ask(server, "/broken")
    assert answer.status == 500
    assert json.loads(body)["error"]["code"] == "internal-server-error"
    assert b"a bug" not in body
    assert ask(server, "/text")[0].status == 200


def test_malformed_and_silent_clients_do_not_delay_others(server: HttpServer) -> None:
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port))) as silent, socket.create_connection((host, int(port))) as rude:
        rude.sendall(b"\x00\xff\r\n\r\n")
        assert ask(server, "/text")[0].status == 200
        silent.close()


def test_a_port_in_use_is_one_clear_line(server: HttpServer) -> None:
    address = server.url.removeprefix("http://")
    with pytest.raises(Unavailable) as caught:
        HttpServer(address, {})
    assert caught.value.message == f"cannot serve HTTP on {address}: Address already in use"


def test_an_address_in_use_is_an_error_of_one_line() -> None:
    with pytest.raises(Unavailable, match=r"cannot serve HTTP on 192\.0\.2\.1:0: "):
        HttpServer("192.0.2.1:0", {})


def test_ipv6() -> None:
    with closing(HttpServer("[::1]:0", {"/": lambda: json_page(1)})) as server:
        assert server.url.startswith("http://[::1]:")
        assert ask(server, "/")[1] == b"1\n"


def test_closed_is_closed(server: HttpServer) -> None:
    server.close()
    with pytest.raises(ConnectionRefusedError):
        ask(server, "/text")
    with closing(HttpServer(server.url.removeprefix("http://"), {"/": lambda: json_page(1)})) as another:
        assert ask(another, "/")[0].status == 200
