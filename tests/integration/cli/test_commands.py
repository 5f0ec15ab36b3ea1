"""Every command of contract §2, with the shapes of its JSON and its exit codes, on a SQLite log."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

from midonet.events.model import KINDS

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""

WRITTEN = {"position", "id", "events", "object"}
ID = "6f3f3e0a-7b55-4c7e-9d7b-0a9b7f0d1a01"


@pytest.mark.log_only
def test_overview_without_a_log_shows_its_address(midoctl: Midoctl, tmp_path: Path) -> None:
    run = midoctl()
    assert run.status == 0
    assert str(tmp_path / "data/midoctl/topology.db") in run.out
    assert midoctl.ok("head") == {"position": 0, "hash": "0" * 64, "time": None}
    assert midoctl.ok("bridge", "list") == []
    assert midoctl("log").out == ""
    assert midoctl("export").out == "[]\n"
    assert midoctl.refused(4, "bridge", "show", "web")["code"] == "not-found"
    assert midoctl.refused(5, "verify")["code"] == "unavailable"
    assert not (tmp_path / "data").exists(), "reading makes nothing"
    assert midoctl.ok("bridge", "create", "web", "--dry-run")["position"] == 0
    assert not (tmp_path / "data").exists(), "nor does a dry run"


def test_one_object_from_creation_to_deletion(midoctl: Midoctl) -> None:
    created = midoctl.ok("bridge", "create", "web", "--tenant", "acme", "--id", ID.upper())
    assert set(created) == WRITTEN
    assert created["position"] == 1
    assert uuid.UUID(created["id"]).version == 7
    assert [event["type"] for event in created["events"]] == ["bridge.created"]
    assert set(created["events"][0]) == {"type", "v", "key", "data"}
    web = created["object"]
    assert web == midoctl.ok("bridge", "show", "web") == midoctl.ok("bridge", "show", ID[:8])
    assert web == {
        "id": ID,
        "kind": "bridge",
        "name": "web",
        "position": 1,
        "tenant": "acme",
        "admin_state_up": True,
        "inbound_filter": None,
        "outbound_filter": None,
        "inbound_mirrors": [],
        "outbound_mirrors": [],
        "qos_policy": None,
        "tunnel_key": web["tunnel_key"],
        "vni": None,
    }
    changed = midoctl.ok("bridge", "set", "web", "--no-admin-state-up", "--name", "www")
    assert changed["events"][0]["data"] == {"changed": {"admin_state_up": [True, False], "name": ["web", "www"]}}
    assert (changed["object"]["position"], changed["object"]["admin_state_up"]) == (2, False)
    assert midoctl.ok("bridge", "set", "www", "--no-admin-state-up")["events"] == []
    cleared = midoctl.ok("bridge", "clear", "www", "tenant", "admin-state-up")["object"]
    assert (cleared["tenant"], cleared["admin_state_up"]) == (None, True)
    deleted = midoctl.ok("bridge", "delete", "www")
    assert deleted["events"][0]["type"] == "bridge.deleted"
    assert deleted["object"]["name"] == "www"
    assert midoctl.ok("bridge", "list") == []
    assert midoctl.ok("bridge", "list", "--at", "1") == [web]
    assert midoctl.ok("bridge", "show", "web", "--at", "1") == web


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--admin-state-up"], True),
        (["--no-admin-state-up"], False),
        (["--admin-state-up", "false"], False),
        (["--admin-state-up=no"], False),
        (["--admin-state-up", "True"], True),
    ],
)
def test_yes_and_no_have_all_usual_forms(midoctl: Midoctl, words: list[str], expected: bool) -> None:  # noqa: FBT001 - a column of the table
    assert midoctl.ok("bridge", "create", *words, "web")["object"]["admin_state_up"] is expected


def test_lists_are_repeated_or_have_commas(midoctl: Midoctl) -> None:
    midoctl.ok("router", "create", "edge")
    port = midoctl.ok(
        "port", "create", "--router", "edge", "--addresses", "10.0.0.1/24,10.0.1.1/24", "--addresses", "10.0.2.1/24"
    )
    assert port["object"]["addresses"] == ["10.0.0.1/24", "10.0.1.1/24", "10.0.2.1/24"]


def test_lists_are_filtered_sorted_and_paged(midoctl: Midoctl) -> None:
    midoctl.ok("host", "create", "hv1")
    midoctl.ok("tunnel-zone", "create", "underlay", "--members", "host=hv1,address=172.16.0.1")
    for number in ("10", "9", "2"):
        midoctl.ok("bridge", "create", f"b{number}", "--tenant", "other" if number == "2" else "acme")
    midoctl.ok("bridge", "create", "²", "--tenant", "other")
    midoctl.ok("port", "create", "p", "--bridge", "b2", "--host", "hv1", "--interface", "eth0")
    midoctl.ok("port", "create", "q", "--bridge", "b9")

    def names(*words: str) -> list[str]:
        return [found["name"] for found in midoctl.ok(*words)]

    assert names("bridge", "list") == ["b2", "b9", "b10", "²"]
    assert names("bridge", "list", "--limit", "2") == ["b2", "b9"]
    assert names("bridge", "list", "--limit", "2", "--after", "b9") == ["b10", "²"]
    assert names("bridge", "list", "--filter", "tenant=acme") == ["b9", "b10"]
    assert names("bridge", "list", "--filter", "tenant=acme", "--filter", "name=b9") == ["b9"]
    assert names("port", "list", "--filter", "host=hv1", "--filter", "admin-state-up=true") == ["p"]
    assert names("port", "list", "--filter", "host=") == ["q"]
    assert midoctl.refused(2, "port", "list", "--filter", "host")["code"] == "usage"
    assert midoctl.refused(3, "port", "list", "--filter", "hots=x")["message"].endswith("did you mean host?")
    assert midoctl.refused(4, "port", "list", "--filter", "host=hv7")["code"] == "not-found"
    assert midoctl.refused(4, "port", "list", "--after", "none")["code"] == "not-found"


def test_output_formats(network: Midoctl) -> None:
    assert network("-o", "name", "bridge", "list").out == "web\n"
    assert network("bridge", "list", "-oname").out == "web\n"
    assert yaml.safe_load(network("bridge", "list", "-o", "yaml").out)[0]["name"] == "web"
    assert network("bridge", "list").out.splitlines()[0].split() == ["NAME", "ID"]
    assert network("rule", "list").out.splitlines()[0].split() == [
        "ID",
        "OF",
        "INDEX",
        "ACTION",
        "NW",
        "PROTO",
        "TP",
        "DST",
    ]
    assert "router edge" in network("port", "list").out
    assert "web" in network("port", "show", "p1").out
    assert network("-o", "name", "bridge", "create", "b").out == "b\n"
    (first,) = network.ok("bridge", "list", "--filter", "name=b")
    assert network("-o", "name", "bridge", "create", "b").out.strip() not in ("b", first["id"])
    network.environ["MIDOCTL_OUTPUT"] = "json"
    assert network("head").json["position"] == 3


def test_ports_are_linked_and_unlinked(network: Midoctl) -> None:
    linked = network.ok("port", "link", "web/up", "edge/gw", "-m", "uplink")
    assert [event["type"] for event in linked["events"]] == ["port.linked", "port.linked"]
    ids = {name: network.ok("port", "show", name)["id"] for name in ("up", "gw")}
    assert network.ok("port", "show", "gw")["peer"] == ids["up"]
    assert network.ok("port", "link", "up", "gw")["events"] == [], "as it is already"
    assert network.refused(3, "port", "link", "up", "p1")["code"] == "conflict"
    assert network.refused(3, "port", "link", "p1", "gw")["code"] == "conflict"
    unlinked = network.ok("port", "unlink", "gw")
    assert [event["type"] for event in unlinked["events"]] == ["port.unlinked", "port.unlinked"]
    assert network.ok("port", "unlink", "gw")["events"] == []
    assert [commit["command"]["name"] for commit in commits(network)] == ["apply", "port.link", "port.unlink"]


def test_ports_are_bound_and_unbound(network: Midoctl) -> None:
    bind = ("port", "bind", "p1", "--host", "hv1", "--interface")
    assert network.ok(*bind, "tap1")["events"][0]["type"] == "port.bound"
    assert network.ok(*bind, "tap1")["events"] == []
    assert network.refused(3, *bind, "tap2")["details"]["field"] == "interface"
    assert network.refused(3, "port", "bind", "p2", "--host", "hv1", "--interface", "tap1")["code"] == "conflict"
    assert network.refused(2, "port", "bind", "p2", "--host", "hv1")["code"] == "usage"
    assert network.ok("port", "unbind", "p1")["object"]["host"] is None


def test_tunnel_zones_have_members(network: Midoctl) -> None:
    member = ("--host", "hv1", "--address", "198.51.100.1")
    added = network.ok("tunnel-zone", "add-member", "fabric", *member)
    assert added["events"][0]["type"] == "tunnel-zone.member-added"
    assert network.refused(3, "tunnel-zone", "add-member", "fabric", *member)["code"] == "conflict"
    removed = network.ok("tunnel-zone", "remove-member", "fabric", "--host", "hv1")
    assert removed["object"]["members"] == []
    assert network.refused(4, "tunnel-zone", "remove-member", "fabric", "--host", "hv1")["code"] == "not-found"


def test_vteps_are_bound_to_bridges(network: Midoctl) -> None:
    place = ("tor1", "--physical-port", "eth1", "--vlan", "100")
    bound = network.ok("vtep", "bind", *place, "--bridge", "web", "--id", ID)
    assert bound["object"]["id"] == ID
    assert network.ok("bridge", "show", "web")["vni"] == 10_001
    assert network.refused(3, "vtep", "bind", *place, "--bridge", "web")["code"] == "conflict"
    assert network.refused(3, "bridge", "delete", "web")["details"]["referrers"][0]["kind"] == "vtep-binding"
    network.ok("vtep", "unbind", *place)
    assert network.refused(4, "vtep", "unbind", *place)["code"] == "not-found"
    network.ok("vtep", "bind", "tor1", "--physical-port", "eth2", "--bridge", "web")
    network.ok("vtep", "unbind", "tor1", "--physical-port", "eth2")


def test_bridges_have_static_entries(network: Midoctl) -> None:
    mac = "02:00:00:00:00:01"
    assert network.ok("bridge", "add-mac", "web", mac.upper(), "--port", "p1")["object"]["mac"] == mac
    network.ok("bridge", "add-mac", "web", mac, "--port", "p1", "--vlan", "7")
    network.ok("bridge", "remove-mac", "web", mac)
    assert [entry["vlan"] for entry in network.ok("mac-entry", "list")] == [7]
    assert network.refused(3, "bridge", "add-mac", "web", mac, "--port", "edge/gw")["code"] == "invalid-value"
    assert network.ok("bridge", "add-arp", "web", "10.0.0.9", mac)["object"]["ip"] == "10.0.0.9"
    network.ok("bridge", "remove-arp", "web", "10.0.0.9")
    assert network.refused(4, "bridge", "remove-arp", "web", "10.0.0.9")["code"] == "not-found"


def test_chains_have_ordered_rules(network: Midoctl) -> None:
    def rules() -> list[tuple[int, str]]:
        return [(rule["index"], rule["action"]) for rule in network.ok("rule", "list")]

    added = network.ok("chain", "add-rule", "web-in", "--at-index", "1", "--action", "return", "--nw-src", "10.0.0.0/8")
    assert added["object"]["index"] == 1
    assert rules() == [(1, "return"), (2, "accept"), (3, "drop")]
    network.ok("chain", "add-rule", "web-in", "--action", "reject", "--id", ID)
    network.ok("chain", "remove-rule", "web-in", "2")
    network.ok("chain", "remove-rule", "web-in", ID)
    assert rules() == [(1, "return"), (2, "drop")]
    snat = ("--action", "snat", "--nat-targets", "192.0.2.1-192.0.2.9:1024-2048", "--nat-action", "accept")
    assert network.ok("rule", "create", "--chain", "web-in", "--at-index", "2", *snat)["object"]["index"] == 2
    error = network.refused(3, "chain", "add-rule", "web-in", "--at-index", "9", "--action", "drop")
    assert error["details"]["field"] == "index"
    assert network.refused(3, "chain", "add-rule", "web-in", "--action", "explode")["code"] == "invalid-value"
    assert network.refused(4, "chain", "remove-rule", "web-in", "9")["code"] == "not-found"


def test_a_file_is_applied_in_one_commit(network: Midoctl, tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("kind: port\nname: p3\nbridge: db\n---\n- {kind: bridge, name: db}\n")
    two.write_text("- kind: bridge\n  name: web\n  admin_state_up: false\n  ports: [{name: p1, vlan: 7}]\n")
    planned = network.ok("plan", "-f", str(one), str(two))
    tried = network.ok("apply", "-f", str(one), "-f", str(two), "--dry-run")
    assert planned["position"] == tried["position"] == 1
    assert planned["object"] is None
    done = network.ok("apply", "-f", str(one), "-f", str(two), "-m", "db")
    assert done["position"] == 2
    assert len(done["events"]) == len(planned["events"]) == 4
    assert network.ok("apply", "-f", str(one), str(two))["events"] == []
    assert "port p1 of bridge web: vlan none → 7" in network("diff", "1").out
    pruned = network.ok("apply", "--prune", "-f", "-", stdin=b"{kind: bridge, name: db}")
    assert {event["type"].split(".")[1] for event in pruned["events"]} >= {"deleted"}
    assert network.refused(3, "apply", "--prune", "-f", "-")["code"] == "invalid-value"
    assert [bridge["name"] for bridge in network.ok("bridge", "list")] == ["db"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("- {kind: bridge, name: a}\n- kind: bridge\n  name: b\n  ports:\n  - {name: p, vlan: 5000}\n", 5, "vlan"),
        ("- {kind: bridge, name: a}\n- kind: gadget\n", 2, "kind is 'gadget'"),
        ("kind: bridge\nname: a\nport: []\n", 1, "no field port"),
        ("kind: bridge\n name: a\n", 2, ""),
        ("kind: bridge\n", 1, "needs a name or an id"),
        ("kind: bridge\nname: 7\n", 1, "expected text"),
    ],
)
def test_an_invalid_file_is_refused_with_its_line(
    network: Midoctl, tmp_path: Path, text: str, line: int, words: str
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    error = network.refused(3, "apply", "-f", str(path))
    assert error["message"].startswith((f"{path}:{line}: ", f"{path}:{line} ("))
    assert words in error["message"]
    assert error["details"]["line"] == line
    assert network.ok("head")["position"] == 1


def test_an_export_changes_nothing(network: Midoctl, tmp_path: Path) -> None:
    exported = network("export").out
    assert network("export", "--at", "1").out == exported
    assert network.ok("apply", "-f", "-", stdin=exported.encode())["events"] == []
    other = f"sqlite:///{tmp_path}/other.db"
    network.ok("--server", other, "apply", "--create", "-f", "-", stdin=exported.encode())
    assert network("--server", other, "export").out == exported
    assert network.ok("export") == yaml.safe_load(exported)


def commits(midoctl: Midoctl, *words: str) -> list[dict[str, Any]]:
    run = midoctl("-o", "json", "log", *words)
    assert run.status == 0, run.err
    return [json.loads(line) for line in run.out.splitlines()]


def test_log_shows_actor_changes_and_reason(network: Midoctl) -> None:
    network.ok("port", "bind", "p1", "--host", "hv1", "--interface", "tap1", "--actor", "bob@ops", "-m", "ticket 7")
    network.ok("--actor", "bob@ops", "port", "delete", "p2")
    network.ok("bridge", "set", "web", "--tenant", "acme")

    def positions(*words: str) -> list[int]:
        return [commit["position"] for commit in commits(network, *words)]

    first, second, *_ = commits(network)
    assert set(first) == {
        *("v", "position", "prev", "id", "command", "time", "actor", "channel", "reason", "correlation", "causation"),
        "events",
    }
    channel = "api" if "MIDOCTL_SERVER" in network.environ else "cli"
    assert (second["actor"], second["reason"], second["channel"]) == ("bob@ops", "ticket 7", channel)
    assert positions() == [1, 2, 3, 4]
    assert positions("-n", "2") == [3, 4]
    assert positions("--since", "2", "--until", "3") == [2, 3]
    assert positions("--since", second["time"]) == [2, 3, 4]
    assert positions("--until", second["time"]) == [1, 2]
    assert positions("--actor", "bob") == positions("--actor", "bob@ops") == [2, 3]
    assert positions("--kind", "bridge") == [1, 4]
    assert positions("--object", "web/p2") == [1, 3], "deleted, but not forgotten"
    assert positions("--object", "p1", "--at", "1") == [1]
    assert "ticket 7" in network("log", "-n", "3").out
    assert "port p1 of bridge web bound: host none → hv1, interface none → tap1" in network("log").out
    assert network("-o", "name", "log").out == "1\n2\n3\n4\n"
    assert len(list(yaml.safe_load_all(network("log", "-o", "yaml").out))) == 4
    assert network.refused(4, "log", "--object", "p77")["code"] == "not-found"
    assert network.refused(4, "log", "--since", "yesterday")["code"] == "not-found"
    assert network.refused(2, "log", "--kind", "gadget")["code"] == "usage"
    assert network.refused(2, "log", "--follow", "--until", "3")["code"] == "usage"


def test_the_history_of_an_object(network: Midoctl) -> None:
    network.ok("port", "bind", "p1", "--host", "hv1", "--interface", "tap1", "-m", "because")
    network.ok("bridge", "delete", "web")
    told = network.ok("history", "p1")
    assert [entry["event"]["type"] for entry in told] == ["port.created", "port.bound", "port.deleted"]
    assert set(told[1]) == {"position", "time", "actor", "channel", "reason", "id", "command", "event"}
    assert (told[1]["reason"], told[1]["command"]) == ("because", "port.bind")
    assert network.ok("history", "port/p1") == network.ok("history", told[0]["event"]["key"]) == told
    assert "bound: host none → hv1" in network("history", "web/p1").out
    assert network.refused(4, "history", "none")["code"] == "not-found"


def test_diff_shows_differences_between_two_moments(network: Midoctl) -> None:
    for host in ("hv1", "hv2"):
        network.ok("port", "set", "p1", "--host", host, "--interface", "tap1")
    assert network("diff", "2", "3").out == "port p1 of bridge web bound: host hv1 → hv2\n"
    assert network("diff", "3", "2").out == "port p1 of bridge web bound: host hv2 → hv1\n"
    told = network.ok("diff", "1")
    assert (told["from"], told["to"], [event["type"] for event in told["events"]]) == (1, 3, ["port.bound"])
    start = commits(network)[0]["time"]
    assert network.ok("diff", start)["from"] == 1
    assert network.ok("diff", "3")["events"] == []
    assert network("diff", "0", "1", "-o", "name").out.count("\n") == 15
    assert network.refused(4, "diff", "1", "9")["code"] == "not-found"


def test_every_read_takes_a_moment(network: Midoctl) -> None:
    network.ok("bridge", "create", "later")
    first = commits(network)[0]["time"]
    for moment in ("1", first):
        at = ("--at", moment)
        assert network.refused(4, "bridge", "show", "later", *at)
        assert [bridge["name"] for bridge in network.ok("bridge", "list", *at)] == ["web"]
        assert network.ok("head", *at)["position"] == 1
        assert "later" not in network("export", *at).out
        assert len(commits(network, *at)) == 1
    assert network.refused(4, "bridge", "list", "--at", "3")["code"] == "not-found"
    assert network.refused(4, "bridge", "list", "--at", "noon")["code"] == "not-found"


def test_the_log_is_verified(network: Midoctl) -> None:
    network.ok("bridge", "create", "b")
    head = network.ok("head")
    assert network.ok("verify") == {"count": 2, **head, "skipped": 0}
    assert network.ok("verify", "--from", "2")["count"] == 1
    assert network.ok("verify", "--from", head["time"])["count"] == 1
    assert network.refused(4, "verify", "--from", "3")["code"] == "not-found"
    assert network.refused(4, "verify", "--from", "9" * 30)["code"] == "not-found"


def test_a_write_may_expect_a_head(network: Midoctl) -> None:
    error = network.refused(3, "bridge", "create", "b", "--if-head", "7")
    assert (error["code"], error["details"]["actual"]) == ("head-moved", 1)
    assert network.ok("bridge", "create", "b", "--if-head", "1")["position"] == 2
    assert network.refused(3, "bridge", "create", "c", "--if-head", "1", "--dry-run")["code"] == "head-moved"


def test_a_command_id_is_used_once(network: Midoctl) -> None:
    first = network.ok("bridge", "create", "b", "--command-id", "once")
    assert first["id"] == "once"
    again = network.ok("bridge", "create", "b", "--command-id", "once")
    assert again == first
    assert network.refused(3, "bridge", "create", "c", "--command-id", "once")["code"] == "command-id-reused"
    assert network.ok("head")["position"] == 2


def test_options_stand_before_or_after_the_command(midoctl: Midoctl, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/other.db"
    for words in (
        ["--server", other, "--actor", "bob", "-m", "why", "-o", "json", "bridge", "create", "a", "--create"],
        ["bridge", "--server", other, "create", "--actor", "bob", "a", "-m", "why", "-o", "json"],
        ["bridge", "create", "a", "-m", "why", "--server", other, "--actor", "bob", "-ojson"],
    ):
        assert midoctl(*words).json["object"]["name"] == "a"
    assert [(c["actor"], c["reason"]) for c in commits(midoctl, "--server", other)] == [("bob", "why")] * 3


def test_options_of_a_command_may_come_from_the_environment(network: Midoctl) -> None:
    network.environ |= {"MIDOCTL_LIMIT": "1", "MIDOCTL_DRY_RUN": "1", "MIDOCTL_AT": "1", "MIDOCTL_HOST": "hv1"}
    assert len(network.ok("port", "list")) == 1
    assert network.ok("port", "create", "p9", "--bridge", "web")["object"]["host"] is None, "a field is no option"
    assert network.ok("head")["position"] == 1


def test_every_kind_has_its_commands(network: Midoctl) -> None:
    for kind in KINDS:
        assert isinstance(network.ok(kind, "list"), list)
        assert network.refused(4, kind, "show", "none")["code"] == "not-found"
        assert network.refused(4, kind, "set", "none", "--name", "x")["code"] == "not-found"
        assert network.refused(4, kind, "clear", "none", "name")["code"] == "not-found"
        assert network.refused(4, kind, "delete", "none")["code"] == "not-found"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["brdge", "list"], "did you mean bridge?"),
        (["network", "list"], "use bridge"),
        (["bridge", "lst"], "did you mean list"),
        (["bridge", "rm", "web"], "use delete"),
        (["bridge", "set", "web", "--tennant", "x"], "--tenant"),
        (["bridge", "clear", "web", "tennant"], "did you mean tenant?"),
        (["bridge", "show", "webb"], "did you mean web?"),
        (["bridge"], "needs a command: create, list"),
        (["wait", "--for", "nsbd"], "nsdb"),
    ],
)
def test_unknown_words_get_suggestions(network: Midoctl, words: list[str], hint: str) -> None:
    run = network(*words)
    assert run.status in (2, 3, 4)
    assert hint in run.err
    assert run.err.count("\n") == 1


def test_an_ambiguous_name_lists_the_candidates(network: Midoctl) -> None:
    network.ok("port", "create", "gw", "--bridge", "web")
    error = network.refused(3, "port", "show", "gw")
    assert error["code"] == "ambiguous"
    assert len(error["details"]["candidates"]) == 2
    assert network.ok("port", "show", "edge/gw")["router"] is not None


def test_overview_shows_objects_and_last_commits(network: Midoctl) -> None:
    network.ok("tag", "start")
    for number in range(5):
        network.ok("bridge", "create", f"b{number}", "-m", "ticket 7")
    told = network.ok()
    assert (told["position"], told["objects"]["bridge"], told["tags"]) == (7, 6, {"start": 1})
    assert [commit["position"] for commit in told["last"]] == [3, 4, 5, 6, 7]
    assert told["views"] == []
    text = network().out
    assert "ticket 7" in text
    assert "bridge 6, router 1" in text
    assert "start 1" in text


def test_create_tenant_creates_it_in_the_same_commit(midoctl: Midoctl) -> None:
    midoctl.ok("tenant", "create", "acme")
    refused = midoctl.refused(4, "bridge", "create", "web", "--tenant", "beta")
    assert "--create-tenant" in refused["message"]
    made = midoctl.ok("bridge", "create", "web", "--tenant", "beta", "--create-tenant")
    assert [event["type"] for event in made["events"]] == ["bridge.created", "tenant.created"]
    assert made["object"]["name"] == "web"
    assert len(midoctl.ok("bridge", "create", "db", "--tenant", "beta", "--create-tenant")["events"]) == 1
