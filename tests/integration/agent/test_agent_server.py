"""The pages of the agent: which of them other hosts can read, and which directories its socket may be in."""

import json
import tempfile
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from midonet.agent.status.server import pages, run_dirs, socket_path
from midonet.agent.status.status import Process, Status
from midonet.agent.view.snapshot import Snapshot
from midonet.events.errors import Misconfigured
from midonet.events.model.bridge import Bridge
from midonet.projections.runtime.http_pages import HttpServer

PROCESS = Process(host="h1", hostname="hv1", pid=42, version="1.0", started="T0", zookeeper="zk:2181", root="/midonet")
SNAPSHOT = Snapshot("1", 7, "h7", True, {"bridge": {"b1": Bridge(id="b1", name="of a tenant")}})  # noqa: FBT003


@pytest.mark.parametrize(("address", "local"), [("127.0.0.1:0", True), ("[::1]:0", True), ("0.0.0.0:0", False)])
def test_objects_of_tenants_are_served_to_the_host_itself_only(address: str, *, local: bool) -> None:
    routes = pages(lambda: Status(process=PROCESS, since="T1", snapshot=SNAPSHOT), address)
    found = {}
    with closing(HttpServer(address, routes)) as server:
        for page in ("/snapshot", "/healthz", "/readyz", "/metrics"):
            host = "::1" if "::1" in address else "127.0.0.1"
            with closing(HTTPConnection(host, server.port, timeout=10)) as connection:
                connection.request("GET", page)
                answer = connection.getresponse()
                found[page] = answer.status, "of a tenant" in answer.read().decode()
    assert found.pop("/snapshot") == ((200, True) if local else (404, False))
    assert not [page for page, (status, shown) in found.items() if status == 404 or shown], json.dumps(found)


def test_a_directory_that_another_user_may_write_is_not_used_for_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fallback = run_dirs({})[-1]
    assert fallback.parent == tmp_path
    assert socket_path([fallback], "h1").parent == fallback
    assert fallback in run_dirs({})
    fallback.chmod(0o777)  # so that any user may create a socket there
    assert fallback not in run_dirs({})
    with pytest.raises(Misconfigured, match="belongs to another user"):
        socket_path([fallback], "h1")
    fallback.rmdir()
    fallback.symlink_to(tmp_path)
    assert fallback not in run_dirs({})
