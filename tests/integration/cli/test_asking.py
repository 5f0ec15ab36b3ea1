"""Filters, order and fields of lists, `describe`, and suggestions for unknown words."""

from typing import Any

import pytest

from midonet.cli.catalog.kinds import KIND_HELP
from midonet.events.model import KINDS

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""


@pytest.fixture
def rules(network: Midoctl) -> Midoctl:
    """The small network with rules and bridges to choose from."""
    network.ok("bridge", "create", "db", "--tenant", "acme", "--inbound-filter", "web-in")
    network.ok("chain", "add-rule", "web-in", "--action", "drop", "--nw-proto", "udp", "--tp-src", "53")
    network.ok("dhcp-subnet", "create", "d1", "--bridge", "db", "--subnet", "10.0.0.0/24", "--interface-mtu", "1450")
    network.ok("dhcp-subnet", "create", "d2", "--bridge", "web", "--subnet", "10.1.0.0/24", "--interface-mtu", "9000")
    return network


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("bridge tenant=acme", "db"),
        ("bridge tenant!=acme", "web"),
        ("bridge tenant=", "web"),
        ("bridge tenant!=", "db"),
        ("bridge name~w*", "web"),
        ("bridge inbound_filter~web*", "db"),
        ("bridge inbound-filter!=web-in name!=db", "web"),
        ("dhcp-subnet interface_mtu>1450", "d2"),
        ("dhcp-subnet interface_mtu>=1450 interface_mtu<9000", "d1"),
        ("dhcp-subnet interface_mtu<=1450", "d1"),
        ("rule nw_proto=tcp", "1"),
        ("rule nw_proto!=tcp", "2 3"),
        ("rule nw_proto~?d?", "3"),
        ("rule position>2", "3"),
        ("tunnel-zone members.host=hv1", "underlay"),
        ("tunnel-zone members.address~172.*", "underlay"),
        ("tunnel-zone members=", "fabric"),
    ],
)
def test_filters(rules: Midoctl, words: str, found: str) -> None:
    kind, *filters = words.split()
    options = [word for text in filters for word in ("--filter", text)]
    field = "index" if kind == "rule" else "name"
    assert [str(one[field]) for one in rules.ok(kind, "list", *options)] == found.split()


@pytest.mark.parametrize(
    ("kind", "text", "status", "message"),
    [
        ("bridge", "tenant", 2, "not of the form FIELD=VALUE"),
        ("bridge", "tenat=x", 3, "did you mean tenant?"),
        ("bridge", "tenant>x", 2, "tenant is no number"),
        ("dhcp-subnet", "interface_mtu>x", 3, "interface_mtu"),
        ("tunnel-zone", "members.hots=hv1", 3, "did you mean host?"),
        ("bridge", "tenant.x=1", 3, "tenant has no part 'x'"),
        ("tunnel-zone", "members.host=hv9", 4, "no host 'hv9'"),
    ],
)
def test_invalid_filters_are_refused(rules: Midoctl, kind: str, text: str, status: int, message: str) -> None:
    assert message in rules.refused(status, kind, "list", "--filter", text)["message"]


def test_lists_are_sorted_and_have_chosen_fields(rules: Midoctl) -> None:
    def names(*words: str) -> list[str]:
        return [one["name"] for one in rules.ok(*words)]

    assert names("dhcp-subnet", "list", "--sort", "interface-mtu") == ["d1", "d2"]
    assert names("dhcp-subnet", "list", "--sort", "-interface-mtu") == ["d2", "d1"]
    assert names("dhcp-subnet", "list", "--sort", "-interface-mtu", "--after", "d2") == ["d1"]
    assert names("bridge", "list", "--sort", "tenant") == ["db", "web"], "what has none comes last"
    assert names("port", "list", "--sort", "-name", "--limit", "1") == ["up"]
    assert rules.ok("bridge", "list", "--fields", "name,tenant") == [
        {"name": "db", "tenant": "acme"},
        {"name": "web", "tenant": None},
    ]
    table = rules("bridge", "list", "--fields", "name", "--fields", "inbound-filter").out
    assert table == "NAME  INBOUND FILTER\ndb    web-in\nweb\n"
    assert "did you mean" in rules.refused(3, "bridge", "list", "--fields", "nam")["message"]
    assert "did you mean" in rules.refused(3, "bridge", "list", "--sort", "nam")["message"]


@pytest.mark.parametrize("kind", KIND_HELP)
def test_describe_shows_a_kind(midoctl: Midoctl, kind: str) -> None:
    told = midoctl.ok("describe", kind)
    assert told == midoctl.ok(kind, "describe")
    assert [field["field"] for field in told["fields"]] == list(KINDS[kind].fields)
    assert midoctl("describe", kind, "-o", "name").out.split() == list(KINDS[kind].writable)
    text = midoctl("describe", kind).out
    assert all(field in text for field in KINDS[kind].writable)
    assert max(map(len, text.splitlines())) <= 120


def test_describe_shows_effects_of_deletion(midoctl: Midoctl) -> None:
    referrers = {(one["kind"], one["field"]): one for one in midoctl.ok("describe", "chain")["referrers"]}
    assert referrers["bridge", "inbound_filter"]["on_delete"] == "refuse"
    assert referrers["bridge", "inbound_filter"]["on_cascade"] == "clear"
    assert referrers["rule", "chain"]["on_delete"] == "delete"
    vlan = next(one for one in midoctl.ok("describe", "port")["fields"] if one["field"] == "vlan")
    assert (vlan["minimum"], vlan["maximum"]) == (0, 4095)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("bridg list", "bridge"),
        ("bridge lst", "list"),
        ("bridge create x --tenat y", "--tenant"),
        ("bridge show wbe", "web"),
        ("port show p3", "p1"),
        ("port show web/p9", "web/p1"),
        ("port bind p1 --host hv3 --interface e", "hv1"),
        ("history wbe", "web"),
        ("blame wbe", "web"),
        ("log --object wbe", "web"),
        ("log --kind brige", "bridge"),
        ("describe brige", "bridge"),
        ("rule create --chain web-in --action acept", "accept"),
        ("-o jsn head", "json"),
        ("head --at taag", "tag1"),
        ("bridge clear web tenat", "tenant"),
    ],
)
def test_errors_suggest_the_closest_word(network: Midoctl, words: str, meant: str) -> None:
    network.ok("tag", "tag1")
    run = network(*words.split())
    assert run.status in (2, 3, 4)
    assert meant in run.err.partition("did you mean ")[2], run.err
    assert run.err.count("\n") == 1


def test_an_ambiguous_name_lists_candidates_of_all_kinds(network: Midoctl) -> None:
    network.ok("bridge", "create", "db")
    network.ok("port", "create", "p1", "--bridge", "db")
    error = network.refused(3, "port", "show", "p1")
    assert error["code"] == "ambiguous"
    assert len(error["details"]["candidates"]) == 2
    assert all(one["id"] in error["message"] for one in error["details"]["candidates"])
    assert "(bridge db)" in error["message"]
    assert network.ok("port", "show", "db/p1")["name"] == "p1"


@pytest.mark.parametrize("text", ["0200.5e10.0001", "02-00-5E-10-00-01", "02005e100001", "02:00:5E:10:00:01"])
def test_a_filter_matches_the_stored_form_of_a_mac(midoctl: Midoctl, text: str) -> None:
    midoctl.ok("bridge", "create", "web")
    midoctl.ok("port", "create", "p1", "--bridge", "web")
    midoctl.ok("bridge", "add-mac", "web", "02:00:5e:10:00:01", "--port", "p1")
    found = midoctl.ok("mac-entry", "list", "--filter", f"mac={text}")
    assert [one["mac"] for one in found] == ["02:00:5e:10:00:01"]


@pytest.mark.parametrize("text", ["2001:DB8:0::1", "2001:db8:0:0:0:0:0:1"])
def test_a_filter_matches_the_stored_form_of_an_address(midoctl: Midoctl, text: str) -> None:
    midoctl.ok("ip-addr-group", "create", "ag", "--addresses", "2001:db8::1")
    assert len(midoctl.ok("ip-addr-group", "list", "--filter", f"addresses.address={text}")) == 1
