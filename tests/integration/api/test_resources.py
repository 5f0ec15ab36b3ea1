"""Objects, history and controls over HTTP, and errors of invalid requests."""

import gzip
import ssl
import subprocess
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
from api_node import ApiNode
from asking import Asker
from waiting import eventually

from midonet.events.log import open_log
from midonet.events.model import KINDS
from midonet.events.system.objects import control_of
from midonet.projections.history_index.factory import open_database
from midonet.projections.history_index.index import Index
from midonet.projections.history_index.writer import IndexWriter
from midonet.projections.runtime.http_pages import Tls

RESULT = {"position", "id", "events", "object"}
ID = "6f3f3e0a-7b55-4c7e-9d7b-0a9b7f0d1a01"


def test_create_get_patch_and_delete(api: Asker) -> None:
    answer = api("POST", "/v1/bridges", {"name": "web", "tenant": "acme", "id": ID})
    assert (answer.status, answer.headers["location"]) == (201, f"/v1/bridges/{ID}")
    assert set(answer.json) == RESULT
    web = api.ok("GET", f"/v1/bridges/{ID}")
    assert web == answer.json["object"] == api.ok("GET", "/v1/bridges/web") == api.ok("GET", f"/v1/bridges/{ID[:8]}")
    assert list(web)[:4] == ["id", "kind", "name", "position"]
    changed = api.ok("PATCH", "/v1/bridges/web", {"tenant": None, "name": "www"})
    assert changed["events"][0]["data"] == {"changed": {"name": ["web", "www"], "tenant": ["acme", None]}}
    assert api.ok("PATCH", "/v1/bridges/www", {"name": "www"})["events"] == []
    assert api.ok("GET", "/v1/bridges/web", at="1") == web
    assert api.ok("DELETE", "/v1/bridges/www")["object"]["name"] == "www"
    assert api.ok("GET", "/v1/bridges") == []
    assert api.refused(404, "GET", "/v1/bridges/www")["code"] == "not-found"
    assert api.ok("GET", "/v1/bridges", at="2")[0]["name"] == "www"


def test_parent_and_name_are_one_path_segment(api: Asker) -> None:
    for bridge in ("a", "b"):
        api.ok("POST", "/v1/bridges", {"name": bridge})
        api.ok("POST", "/v1/ports", {"name": "p", "bridge": bridge})
    ambiguous = api.refused(409, "GET", "/v1/ports/p")
    assert ambiguous["code"] == "ambiguous"
    assert len(ambiguous["details"]["candidates"]) == 2
    assert api.ok("GET", "/v1/ports/b%2Fp")["bridge"] == api.ok("GET", "/v1/bridges/b")["id"]


def test_lists_are_filtered_sorted_and_paged(api: Asker) -> None:
    for number in ("10", "9", "2"):
        api.ok("POST", "/v1/bridges", {"name": f"b{number}", "tenant": "x" if number == "2" else "y"})

    def names(**query: Any) -> list[str]:
        found, target = [], "/v1/bridges"
        while target:
            answer = api("GET", target, **query)
            found += [one["name"] for one in answer.json]
            target, query = answer.headers.get("link", "").partition(">")[0][1:], {}
        return found

    assert names() == names(limit=1) == names(limit=2) == ["b2", "b9", "b10"]
    assert names(sort="-name", limit=1) == ["b10", "b9", "b2"]
    assert names(sort="tenant", limit=1) == ["b2", "b9", "b10"]
    assert names(filter="tenant=y", limit=1) == ["b9", "b10"]
    assert names(filter=["tenant=y", "name~b1*"]) == ["b10"]
    assert api.ok("GET", "/v1/bridges", fields="name,kind", limit=1) == [{"name": "b2", "kind": "bridge"}]
    assert api.refused(422, "GET", "/v1/bridges", filter="hots=x")["details"]["reason"] == "no-such-field"
    assert api.refused(400, "GET", "/v1/bridges", cursor="bm9uc2Vuc2U")["code"] == "usage"
    assert api.refused(400, "GET", "/v1/bridges", nmae="x")["details"]["parameter"] == "nmae"


def test_if_none_match_returns_304(api: Asker) -> None:
    api.ok("POST", "/v1/bridges", {"name": "web"})
    for path in ("/v1/bridges/web", "/v1/bridges", "/v1/head", "/v1/log/1", "/v1/export", "/v1/tags"):
        answer = api("GET", path)
        again = api("GET", path, headers={"If-None-Match": answer.headers["etag"]})
        assert (answer.status, again.status, again.body) == (200, 304, b"")


def test_if_match_and_if_head_are_preconditions(api: Asker) -> None:
    api.ok("POST", "/v1/bridges", {"name": "web"})
    seen = {"If-Match": api("GET", "/v1/bridges/web").headers["etag"]}
    api.ok("POST", "/v1/bridges", {"name": "another"})
    api.ok("PATCH", "/v1/bridges/web", {"tenant": "a"}, headers=seen)
    assert api.refused(412, "PATCH", "/v1/bridges/web", {"tenant": "b"}, headers=seen)["code"] == "object-changed"
    assert api.refused(412, "DELETE", "/v1/bridges/web", headers=seen)["details"] == {
        "id": api.ok("GET", "/v1/bridges/web")["id"],
        "expected": 1,
        "actual": 3,
    }
    moved = api.refused(412, "DELETE", "/v1/bridges/web", headers={"If-Head": "2"})
    assert (moved["code"], moved["details"]["actual"]) == ("head-moved", 3)
    api.ok("DELETE", "/v1/bridges/web", headers={"If-Head": "3", "If-Match": "*"})


def test_idempotency_key_runs_a_command_once(api: Asker) -> None:
    key = {"Idempotency-Key": "ticket-7"}
    first = api("POST", "/v1/bridges", {"name": "web"}, headers=key)
    assert api.ok("POST", "/v1/bridges", {"name": "web"}, headers=key) == first.json
    assert first.json["id"] == "ticket-7"
    assert api.refused(422, "POST", "/v1/bridges", {"name": "www"}, headers=key)["code"] == "command-id-reused"
    assert api.ok("GET", "/v1/head")["position"] == 1


def test_a_dry_run_writes_nothing(api: Asker) -> None:
    assert len(api.ok("POST", "/v1/bridges", {"name": "web"}, dry_run="true")["events"]) == 1
    assert api.ok("GET", "/v1/head")["position"] == 0


def test_headers_set_actor_reason_and_correlation(api: Asker) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {
        "Midonet-Actor": "alice@ops",
        "Midonet-Reason": "ticket 7 — wörld".encode(),
        "traceparent": f"00-{trace}-00f067aa0ba902b7-01",
        "Midonet-Causation": "before",
    }
    api.ok("POST", "/v1/bridges", {"name": "web"}, headers=headers)
    api.ok("POST", "/v1/bridges", {"name": "b"}, headers={"traceparent": "nonsense"})
    first, second = api.ok("GET", "/v1/log")
    assert (first["actor"], first["channel"], first["reason"]) == ("alice@ops", "api", "ticket 7 — wörld")
    assert (first["correlation"], first["causation"]) == (trace, "before")
    assert (second["actor"], second["correlation"]) == ("anonymous@127.0.0.1", None)


def test_verbs_change_their_object(api: Asker) -> None:
    api.ok("POST", "/v1/apply", [
        {"kind": "host", "name": "hv1"},
        {"kind": "bridge", "name": "web", "ports": [{"name": "p1"}, {"name": "up"}]},
        {"kind": "router", "name": "edge", "ports": [{"name": "gw", "addresses": ["10.0.0.1/24"]}]},
        {"kind": "chain", "name": "in"},
        {"kind": "tunnel-zone", "name": "tz", "type": "vtep"},
        {"kind": "vtep", "name": "tor", "management_ip": "192.0.2.1", "tunnel_zone": "tz"},
        {"kind": "port-group", "name": "pg"},
        {"kind": "ip-addr-group", "name": "ips"},
    ])  # fmt: skip
    member = {"host": "hv1", "address": "172.16.0.1"}
    assert api.ok("POST", "/v1/tunnel-zones/tz/add-member", member)["events"][0]["type"] == "tunnel-zone.member-added"
    assert api.ok("POST", "/v1/ports/web%2Fup/link", {"peer": "edge/gw"})["events"][0]["type"] == "port.linked"
    assert api.refused(409, "POST", "/v1/ports/up/link", {"peer": "p1"})["details"]["reason"] == "occupied"
    assert len(api.ok("POST", "/v1/ports/gw/unlink")["events"]) == 2
    bound = api.ok("POST", "/v1/ports/p1/bind", {"host": "hv1", "interface": "tap0"})
    assert bound["events"][0]["type"] == "port.bound"
    assert api.refused(422, "POST", "/v1/ports/p1/bind", {"host": "hv1"})["details"]["reason"] == "missing"
    api.ok("POST", "/v1/vteps/tor/bind", {"physical_port": "eth1", "bridge": "web"})
    api.ok("POST", "/v1/vteps/tor/unbind", {"physical_port": "eth1"})
    api.ok("POST", "/v1/bridges/web/add-mac", {"mac": "02:00:00:00:00:01", "port": "p1"})
    api.ok("POST", "/v1/bridges/web/remove-mac", {"mac": "02:00:00:00:00:01"})
    api.ok("POST", "/v1/chains/in/add-rule", {"action": "accept", "nw_proto": "tcp", "tp_dst": 443})
    api.ok("POST", "/v1/chains/in/remove-rule", {"index": 1})
    api.ok("POST", "/v1/chains/in/add-rule", {"action": "drop", "name": "last"})
    api.ok("POST", "/v1/chains/in/remove-rule", {"index": "last"})
    api.ok("POST", "/v1/port-groups/pg/add-port", {"port": "p1"})
    assert api.ok("POST", "/v1/port-groups/pg/remove-port", {"port": "p1"})["object"]["ports"] == []
    api.ok("POST", "/v1/ip-addr-groups/ips/add-address", {"address": "10.0.0.5", "ports": ["p1"]})
    api.ok("POST", "/v1/ip-addr-groups/ips/remove-address", {"address": "10.0.0.5"})


def test_dhcp_verbs_change_their_subnet(api: Asker) -> None:
    subnets = [
        {"kind": "dhcp-subnet", "name": "v4", "subnet": "10.0.0.0/24"},
        {"kind": "dhcpv6-subnet", "name": "v6", "subnet": "2001:db8::/64"},
    ]
    api.ok("POST", "/v1/apply", [{"kind": "bridge", "name": "web"}, *({**one, "bridge": "web"} for one in subnets)])
    host = {"mac": "02:00:00:00:00:07", "address": "10.0.0.7", "name": "vm7"}
    route = {"destination": "172.16.0.0/12", "gateway": "10.0.0.254"}
    host6 = {"client_id": "00:03:00:01:02:00:00:00:00:07", "address": "2001:db8::7"}
    added = api.ok("POST", "/v1/dhcp-subnets/v4/add-host", host)["object"]
    assert added["hosts"] == [{**host, "options": []}]
    assert api.ok("POST", "/v1/dhcp-subnets/v4/add-route", route)["object"]["routes"] == [route]
    assert api.ok("POST", "/v1/dhcpv6-subnets/v6/add-host", host6)["object"]["hosts"] == [{**host6, "name": None}]
    assert api.refused(422, "POST", "/v1/dhcp-subnets/v4/add-route", {"gateway": "10.0.0.1"})["details"]["field"] == (
        "destination"
    )
    removed = api.ok("POST", "/v1/dhcp-subnets/v4/remove-host", {"mac": host["mac"]})["object"]
    assert removed["hosts"] == []
    gone = api.ok("POST", "/v1/dhcp-subnets/v4/remove-route", {"destination": route["destination"]})["object"]
    assert gone["routes"] == []
    left = api.ok("POST", "/v1/dhcpv6-subnets/v6/remove-host", {"client_id": host6["client_id"]})["object"]
    assert left["hosts"] == []
    assert api.refused(404, "POST", "/v1/dhcp-subnets/v4/remove-host", {"mac": host["mac"]})["code"] == "not-found"


def test_several_operations_are_one_commit_or_none(api: Asker) -> None:
    create = {"op": "create", "kind": "bridge", "fields": {"name": "web"}}
    port = {"op": "create", "kind": "port", "fields": {"name": "p", "bridge": "web"}}
    done = api.ok("POST", "/v1/commands", {"ops": [create, port]})
    assert (done["position"], len(done["events"])) == (1, 2)
    bad = {"op": "delete", "kind": "bridge", "ref": "nope"}
    assert api.refused(404, "POST", "/v1/commands", {"ops": [create, bad]})["code"] == "not-found"
    assert api.ok("GET", "/v1/head")["position"] == 1
    made_up = {"op": "revert", "position": 1, "events": done["events"]}
    assert api.refused(422, "POST", "/v1/commands", {"ops": [made_up]})["details"]["reason"] == "bad-document"
    tag = {"op": "set-tag", "name": "t", "position": 1, "hash": "0" * 64, "time": "never"}
    assert api.refused(422, "POST", "/v1/commands", {"ops": [tag]})["code"] == "invalid-value"


def test_documents_are_planned_applied_and_exported(api: Asker) -> None:
    yaml = {"Content-Type": "application/yaml"}
    text = b"- kind: bridge\n  name: web\n  ports:\n  - {name: p1}\n  - {name: p2, vlna: 3}\n"
    problem = api.refused(422, "POST", "/v1/apply", text, headers=yaml)
    assert problem["details"]["line"] == 5
    good = text.replace(b"vlna: 3", b"vlan: 3")
    plan = api.ok("POST", "/v1/plan", good, headers=yaml)
    assert (plan["position"], len(plan["events"]), plan["hosts"], plan["vteps"]) == (0, 3, [], [])
    exactly = {"If-Head": str(plan["head"]["position"]), "Idempotency-Key": plan["id"]}
    assert api.ok("POST", "/v1/apply", good, headers={**yaml, **exactly})["events"] == plan["events"]
    exported = api("GET", "/v1/export", headers={"Accept": "application/yaml"})
    assert api.ok("POST", "/v1/apply", exported.body, headers=yaml, prune="true")["events"] == []
    assert api.ok("POST", "/v1/apply", api.ok("GET", "/v1/export"))["events"] == []
    assert len(api.ok("POST", "/v1/apply", {"kind": "host", "name": "h"}, prune="true")["events"]) == 4


def test_the_past_is_read_as_of_positions_times_and_tags(api: Asker) -> None:
    api.ok("POST", "/v1/bridges", {"name": "web"})
    api.ok("PUT", "/v1/tags/before")
    time = api.ok("GET", "/v1/head")["time"]
    api.ok("DELETE", "/v1/bridges/web")
    for at in ("1", "before", time):
        assert [one["name"] for one in api.ok("GET", "/v1/bridges", at=at)] == ["web"]
    assert api.ok("GET", "/v1/head", at="before")["position"] == 1
    assert api.refused(404, "GET", "/v1/bridges", at="99")["code"] == "not-found"
    assert api.refused(404, "GET", "/v1/bridges", at="never")["code"] == "not-found"
    assert [tag["name"] for tag in api.ok("GET", "/v1/tags")] == ["before"]
    api.ok("PUT", "/v1/tags/before", at="2", move="true")
    api.ok("DELETE", "/v1/tags/before")
    assert api.refused(422, "PUT", "/v1/tags/7")["details"]["reason"] == "bad-tag-name"


def test_history_blame_and_diff(api: Asker, node: ApiNode) -> None:
    api.ok("POST", "/v1/bridges", {"name": "web", "id": ID})
    api.ok("PATCH", "/v1/bridges/web", {"tenant": "acme"})
    api.ok("POST", "/v1/log/2/revert")
    assert [one["command"] for one in api.ok("GET", "/v1/objects/web/history")] == [
        "bridge.create",
        "bridge.set",
        "revert",
    ]
    blame = {one["field"]: one["position"] for one in api.ok("GET", f"/v1/objects/{ID}/blame")}
    assert (blame["name"], blame["tenant"]) == (1, 3)
    assert api.ok("GET", "/v1/diff", **{"from": "1", "to": "2"})["events"][0]["data"] == {
        "changed": {"tenant": [None, "acme"]}
    }
    assert [one["position"] for one in api.ok("GET", "/v1/log", after=1, limit=1)] == [2]
    assert [one["position"] for one in api.ok("GET", "/v1/log", last="true", limit=2)] == [2, 3]
    assert [one["position"] for one in api.ok("GET", "/v1/log", object="web", since="2")] == [2, 3]
    assert api.ok("GET", "/v1/log", actor="unknown") == api.ok("GET", "/v1/log", kind="port") == []
    assert api.ok("GET", "/v1/verify")["count"] == 3
    with closing(open_log(node.log)) as log:
        raws = [record.raw for record in log.read()]
    assert api("GET", "/v1/log/2").body == raws[1]
    stream = api("GET", "/v1/log", headers={"Accept": "application/json-seq"})
    assert stream.body == b"".join(b"\x1e%b\n" % raw for raw in raws)
    assert api.ok("GET", f"/v1/objects/{ID}")["name"] == "web"
    assert [one["id"] for one in api.ok("POST", "/v1/objects", [ID, "unknown"])] == [ID]


def test_history_is_equal_with_and_without_index(log_url: str, tmp_path: Path) -> None:
    index = f"sqlite:///{tmp_path}/history.db"
    with ApiNode(log_url) as plain, ApiNode(log_url, history=index) as quick:
        with Asker(plain.url) as api:
            for number in range(6):
                api.ok("POST", "/v1/bridges", {"name": f"b{number}"}, headers={"Midonet-Actor": f"a{number % 2}@h"})
                api.ok("PATCH", f"/v1/bridges/b{number}", {"tenant": "acme"})
            api.ok("DELETE", "/v1/bridges/b3")
        for lacking in (13, 5, 0):
            indexed(log_url, index, lacking)
            for path, query in QUESTIONS:
                with Asker(plain.url) as one, Asker(quick.url) as other:
                    told = [asker("GET", path, **query) for asker in (one, other)]
                assert (told[0].status, told[0].body) == (told[1].status, told[1].body), path
        (tmp_path / "history.db").write_bytes(b"nonsense" * 1000)
        with Asker(quick.url) as asker:
            assert len(asker.ok("GET", "/v1/objects/b1/history")) == 2


QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/objects/b1/history", {}),
    ("/v1/objects/b3/history", {}),
    ("/v1/objects/b3/blame", {"at": "8"}),
    ("/v1/objects/nope/history", {}),
    ("/v1/log", {"object": "b3"}),
    ("/v1/log", {"object": "b3", "after": "7"}),
    ("/v1/log", {"actor": "a1", "limit": "2"}),
    ("/v1/log", {"actor": "a1", "last": "true", "limit": "2"}),
    ("/v1/log", {"last": "true", "limit": "3"}),
    ("/v1/log", {"kind": "bridge", "since": "3", "until": "5"}),
    ("/v1/log", {"kind": "port"}),
]


def indexed(log_url: str, index: str, lacking: int) -> None:
    """Index all commits except the last ones."""
    with closing(open_log(log_url)) as log, closing(open_database(index, write=True)) as database:
        writer = IndexWriter(Index(database), log.read_at)
        if records := list(log.read(writer.checkpoint.head))[: -lacking or None]:
            writer.write(records, log.offset_hint)


def test_root_lists_every_collection(api: Asker) -> None:
    entrance = api.ok("GET", "/v1")
    assert set(entrance["collections"]) == set(KINDS)
    for place in entrance["collections"].values():
        assert api.ok("GET", place) == []


def test_projections_are_listed_and_awaited(api: Asker, node: ApiNode) -> None:
    place = {"name": "nsdb", "target": "zk", "position": 0}
    node.status = lambda: {"log": "l", "projections": [{**place, "position": node.feed.head.position}]}
    assert api.ok("GET", "/v1/projections/nsdb")[0]["target"] == "zk"
    assert api.ok("POST", "/v1/bridges", {"name": "a"}, wait="nsdb=10")["position"] == 1
    assert api.ok("GET", "/v1/wait", **{"for": "nsdb=5", "position": 1}) == {"position": 1, "views": {"nsdb": 1}}
    node.status = lambda: {"log": "l", "projections": [place]}
    late = api.refused(504, "POST", "/v1/bridges", {"name": "b"}, wait="nsdb=0.1")
    assert (late["code"], late["details"]["behind"]) == ("timed-out", {"zk": 0})
    assert late["detail"].endswith("the command is committed at position 2")
    assert "there are nsdb" in api.refused(400, "POST", "/v1/bridges", {"name": "c"}, wait="vtep=1")["detail"]
    assert api.ok("GET", "/v1/head")["position"] == 2


def test_cors_origins_are_configurable(log_url: str) -> None:
    preflight = {"Origin": "https://ui.example", "Access-Control-Request-Method": "PATCH"}
    preflight["Access-Control-Request-Headers"] = "authorization,if-match"
    with ApiNode(log_url) as node, Asker(node.url) as asker:
        assert "access-control-allow-origin" not in asker("OPTIONS", "/v1/bridges", headers=preflight).headers
    with ApiNode(log_url, cors_origins="https://ui.example,https://other.example") as node, Asker(node.url) as asker:
        allowed = asker("OPTIONS", "/v1/bridges", headers=preflight)
        assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (200, "https://ui.example")
        told = asker("GET", "/v1/head", headers={"Origin": "https://ui.example"})
        assert "ETag" in told.headers["access-control-expose-headers"]
        other_origin = asker("GET", "/v1/head", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other_origin.headers
        assert asker("OPTIONS", "/v1/bridges", headers={**preflight, "Origin": "https://evil.example"}).status == 400


def test_projections_and_services_are_controlled(api: Asker, node: ApiNode) -> None:
    assert api.ok("POST", "/v1/projections/vtep/pause")["events"][0]["key"] == "projection/vtep"
    assert api.ok("POST", "/v1/projections/vtep/skip", {"key": "tor/x"})["position"] == 2
    assert api.refused(422, "POST", "/v1/projections/vtep/skip", {"k": "x"})["details"]["reason"] == "no-such-field"
    assert api.ok("POST", "/v1/projections/vtep/retry")["position"] == 3
    assert api.ok("POST", "/v1/projections/vtep/resume")["position"] == 4
    assert api.ok("POST", "/v1/services/vtep/disable", {"node": "n1"})["events"][0]["key"] == "service/vtep@n1"
    assert api.ok("POST", "/v1/services/vtep/enable", {"node": "n1"})["position"] == 6
    eventually(lambda: node.feed.head.position == 6)
    assert not control_of(node.feed.system_objects, "vtep").paused


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v2", None, 404),
        ("GET", "/v1/bridges/a/b/c", None, 404),
        ("GET", "/v1/bridges/%ff", None, 400),
        ("GET", "/v1/bridges/%00", None, 404),
        ("PUT", "/v1/bridges", None, 405),
        ("POST", "/v1/bridges", None, 400),
        ("POST", "/v1/bridges", b"{", 400),
        ("POST", "/v1/bridges", b"\xff", 400),
        ("POST", "/v1/bridges", b"[1]", 422),
        ("POST", "/v1/bridges", b'{"name": 1}', 422),
        ("POST", "/v1/bridges", b'{"id": "x"}', 422),
        ("POST", "/v1/bridges", b'{"name": "\\ud800"}', 400),
        ("POST", "/v1/bridges", b'{"position": 99999999999999999999999999}', 422),
        ("POST", "/v1/bridges", b'{"inbound_filter": "nope"}', 404),
        ("POST", "/v1/bridges", b"[" * 100_000, 422),
        ("POST", "/v1/ports", b'{"bridge": {"a": 1}}', 422),
        ("POST", "/v1/commands", b'{"ops": []}', 422),
        ("POST", "/v1/commands", b'{"ops": [{"op": "explode"}]}', 422),
        ("PATCH", "/v1/bridges/x", b"{}", 422),
        ("DELETE", "/v1/bridges/x", b"{}", 400),
        ("GET", "/v1/bridges?at=%00", None, 404),
        ("GET", "/v1/bridges?filter=%ff%fe", None, 400),
        ("GET", "/v1/bridges?limit=0", None, 400),
        ("GET", "/v1/bridges?limit=1&limit=2", None, 400),
        ("GET", "/v1/log/99999999999999999999", None, 400),
        ("GET", "/v1/log?after=7", None, 404),
        ("GET", "/v1/diff", None, 400),
        ("GET", "/v1/watch?kind=nope", None, 400),
        ("POST", "/v1/log/0/revert", None, 404),
    ],
)
def test_invalid_requests_are_never_a_500(api: Asker, method: str, path: str, body: bytes | None, status: int) -> None:
    problem = api.refused(status, method, path, body)
    assert problem["detail"]
    assert "\n" not in problem["detail"]
    assert api.ok("GET", "/v1/head")["position"] == 0


def test_unsupported_content_type_is_refused(api: Asker) -> None:
    text = api.refused(415, "POST", "/v1/bridges", b"name=web", headers={"Content-Type": "text/plain"})["detail"]
    assert "application/json" in text


def test_head_and_options_are_answered(api: Asker) -> None:
    head = api("HEAD", "/v1/bridges")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "2")
    assert api("HEAD", "/v1/watch").status == 200
    assert api("OPTIONS", "/v1/bridges").headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert api("DELETE", "/v1/bridges").headers["allow"] == "GET, HEAD, OPTIONS, POST"


def test_large_answers_are_compressed_on_request(api: Asker) -> None:
    for number in range(10):
        api.ok("POST", "/v1/bridges", {"name": f"b{number}"})
    plain = api("GET", "/v1/bridges")
    packed = api("GET", "/v1/bridges", headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert (packed.headers["content-encoding"], gzip.decompress(packed.body)) == ("gzip", plain.body)
    assert "content-encoding" not in api("GET", "/v1/bridges", headers={"Accept-Encoding": "gzip;q=0"}).headers
    assert "content-encoding" not in plain.headers


def test_daemon_pages_are_on_the_same_port(api: Asker) -> None:
    assert api.ok("GET", "/healthz") == {"alive": True}
    assert api.refused(405, "POST", "/healthz")["code"] == "usage"


def test_unavailable_log_is_503(api: Asker, tmp_path: Path) -> None:
    api.ok("POST", "/v1/bridges", {"name": "web"})
    assert len(api.ok("GET", "/v1/bridges")) == 1
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"log.db{suffix}").unlink(missing_ok=True)
    (tmp_path / "log.db").mkdir()
    assert api.refused(503, "GET", "/v1/bridges")["code"] in ("unavailable", "misconfigured")
    assert [one["name"] for one in api.ok("GET", "/v1/bridges", stale="true")] == ["web"]
    assert api.refused(503, "POST", "/v1/bridges", {"name": "b"})["code"] in ("unavailable", "outcome-unknown")


def test_port_serves_tls(log_url: str, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-out", certificate, "-keyout", key),
        ],
        check=True,
        capture_output=True,
    )
    trust = ssl.create_default_context(cafile=certificate)
    with ApiNode(log_url, tls=Tls(str(certificate), str(key))) as node:
        assert node.url.startswith("https://")
        place = node.url.removeprefix("https://")
        with closing(HTTPSConnection(place, context=trust, timeout=10)) as connection:
            connection.request("GET", "/v1/head")
            assert connection.getresponse().status == 200
        node.service.stop()
        with closing(HTTPSConnection(place, context=trust, timeout=10)) as connection:
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200, "and so does the daemon without the API"
