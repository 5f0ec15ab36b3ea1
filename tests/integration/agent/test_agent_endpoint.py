"""Where the agent is asked: what others than its own host may see of it, and who could pass for it."""

import json
import tempfile
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from midonet.agent.status.server import run_dirs, serve_http, socket_path
from midonet.agent.status.status import Process, Status
from midonet.agent.view.snapshot import Snapshot
from midonet.events.errors import Misconfigured
from midonet.events.model.bridge import Bridge

PROCESS = Process(host="h1", hostname="hv1", pid=42, version="1.0", started="T0", zookeeper="zk:2181", root="/midonet")
SNAPSHOT = Snapshot("1", 7, "h7", True, {"bridge": {"b1": Bridge(id="b1", name="of a tenant")}})  # noqa: FBT003


@pytest.mark.parametrize(("address", "tells"), [("127.0.0.1:0", True), ("[::1]:0", True), ("0.0.0.0:0", False)])
def test_what_is_of_tenants_is_told_to_the_host_itself_alone(address: str, *, tells: bool) -> None:
    port = serve_http(address, lambda: Status(process=PROCESS, since="T1", snapshot=SNAPSHOT))
    found = {}
    for page in ("/snapshot", "/healthz", "/readyz", "/metrics"):
        host = "::1" if "::1" in address else "127.0.0.1"
        with closing(HTTPConnection(host, port, timeout=10)) as connection:
            connection.request("GET", page)
            answer = connection.getresponse()
            found[page] = answer.status, "of a tenant" in answer.read().decode()
    assert found.pop("/snapshot") == ((200, True) if tells else (404, False))
    assert not [page for page, (status, told) in found.items() if status == 404 or told], json.dumps(found)


def test_a_directory_that_somebody_else_made_is_not_where_the_agent_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fallback = run_dirs({})[-1]
    assert fallback.parent == tmp_path
    assert socket_path([fallback], "h1").parent == fallback
    assert fallback in run_dirs({})
    fallback.chmod(0o777)  # so that anybody may put a socket there
    assert fallback not in run_dirs({})
    with pytest.raises(Misconfigured, match="somebody else"):
        socket_path([fallback], "h1")
    fallback.rmdir()
    fallback.symlink_to(tmp_path)
    assert fallback not in run_dirs({})
