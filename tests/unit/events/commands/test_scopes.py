"""Names resolve in the nearest scope; `apply` finds objects of its tenant; tenants exist and are not lost in use."""

from typing import Any

import pytest

from midonet.events.commands.command import Command, Create, CreateTenants, Delete, Op, Put, Update
from midonet.events.commands.decide import decide
from midonet.events.commit import canonical
from midonet.events.errors import AmbiguousRef, InUse, InvalidValue, MidonetError, NotFound
from midonet.events.log import open_log
from midonet.events.log.pending_command import Context
from midonet.events.log.store import Store
from midonet.events.queries.export import documents
from midonet.events.topology import references

WHO = Context(actor="test")


@pytest.fixture
def store(tmp_path: Any) -> Any:
    log = open_log(f"sqlite:///{tmp_path}/log.db")
    yield Store(log)
    log.close()


def run(store: Store, *ops: Op, dry_run: bool = False) -> Any:
    return store.execute(Command("test", list(ops)), WHO, dry_run=dry_run)


def named(store: Store, kind: str, name: str) -> dict[str | None, Any]:
    return {getattr(one, "tenant", None): one for one in store.topology.named(kind, name)}


# apply and tenants


def test_apply_leaves_the_object_of_another_tenant(store: Store) -> None:
    run(store, Put([{"kind": "bridge", "name": "web", "tenant": "acme", "ports": [{"name": "p"}]}]))
    before = store.topology.named("bridge", "web")
    run(store, Put([{"kind": "bridge", "name": "web", "tenant": "beta", "ports": [{"name": "p"}]}]))
    found = named(store, "bridge", "web")
    assert found.keys() == {"acme", "beta"}
    assert [found["acme"]] == before
    assert run(store, Put([{"kind": "bridge", "name": "web", "tenant": "beta", "ports": [{"name": "p"}]}])).events == []


def test_apply_assigns_an_object_without_tenant(store: Store) -> None:
    run(store, Put([{"kind": "router", "name": "edge"}]))
    run(store, Put([{"kind": "router", "name": "edge", "tenant": "acme"}]))
    assert named(store, "router", "edge").keys() == {"acme"}
    run(store, Put([{"kind": "router", "name": "edge", "tenant": "beta"}]))
    assert named(store, "router", "edge").keys() == {"acme", "beta"}


def test_document_without_tenant_finds_the_only_object(store: Store) -> None:
    run(store, Create("bridge", {"name": "web", "tenant": "acme"}))
    run(store, Put([{"kind": "bridge", "name": "web", "admin_state_up": False}]))
    assert named(store, "bridge", "web")["acme"].admin_state_up is False
    run(store, Create("bridge", {"name": "web", "tenant": "beta"}))
    with pytest.raises(AmbiguousRef):
        run(store, Put([{"kind": "bridge", "name": "web"}]))
    run(store, Create("bridge", {"name": "web"}))
    run(store, Put([{"kind": "bridge", "name": "web", "admin_state_up": False}]))
    assert named(store, "bridge", "web")[None].admin_state_up is False


def test_apply_moves_no_object_between_tenants(store: Store) -> None:
    made = run(store, Create("bridge", {"name": "web", "tenant": "acme"})).object["id"]
    for tenant in ("beta", None):
        with pytest.raises(InvalidValue) as refused:
            run(store, Put([{"kind": "bridge", "id": made, "tenant": tenant}]))
        assert refused.value.details["reason"] == "cannot-move"
    run(store, Update("bridge", made, {"tenant": "beta"}))
    assert named(store, "bridge", "web").keys() == {"beta"}


def test_two_tenants_in_one_file(store: Store) -> None:
    def of(tenant: str) -> list[dict[str, Any]]:
        return [
            {"kind": "chain", "name": "in", "tenant": tenant},
            {"kind": "bridge", "name": "web", "tenant": tenant, "inbound_filter": "in"},
        ]

    run(store, Put([*of("acme"), *of("beta")]))
    chains, bridges = named(store, "chain", "in"), named(store, "bridge", "web")
    assert {tenant: bridge.inbound_filter for tenant, bridge in bridges.items()} == {
        tenant: chain.id for tenant, chain in chains.items()
    }
    assert run(store, Put([*of("acme"), *of("beta")])).events == []


# Scopes of references

ROUTERS = [
    {
        "kind": "router",
        "name": name,
        "ports": [{"name": "uplink", "addresses": [f"192.0.{number}.2/30"]}],
        "routes": [{"dst": "0.0.0.0/0", "next_hop": "port", "port": "uplink", "gateway": f"192.0.{number}.1"}],
    }
    for number, name in enumerate(("r1", "r2", "r3"))
]


@pytest.mark.parametrize("at_once", [True, False])
def test_names_resolve_among_the_parts_of_the_owner(store: Store, at_once: bool) -> None:  # noqa: FBT001 - a parameter
    for put in [Put(ROUTERS)] if at_once else [Put([one]) for one in ROUTERS]:
        run(store, put)
    for route in store.topology.all("route").values():
        assert store.topology.get("port", route.port).router == route.router
    assert run(store, Put(ROUTERS)).events == []


def test_names_resolve_in_the_scope_of_a_command(store: Store) -> None:
    run(store, Put(ROUTERS))
    fields = {"router": "r2", "dst": "10.0.0.0/8", "next_hop": "port", "port": "uplink"}
    made = run(store, Create("route", fields)).object
    assert store.topology.get("port", made["port"]).router == made["router"]
    run(store, Update("route", made["id"], {"port": "uplink", "weight": 5}))
    with pytest.raises(AmbiguousRef):
        run(store, Update("port", "uplink", {"name": "x"}))


def test_names_resolve_in_large_owners(store: Store) -> None:
    ports = [{"name": f"p{number}"} for number in range(40)]
    macs = [{"mac": "02:00:00:00:00:01", "port": "p7"}]
    run(store, Put([{"kind": "bridge", "name": name, "ports": ports, "macs": macs} for name in ("a", "b")]))
    for entry in store.topology.all("mac-entry").values():
        assert store.topology.get("port", entry.port).bridge == entry.bridge


# Names with slashes

SLASHES: list[dict[str, Any]] = [
    {"kind": "router", "name": "r1", "ports": [{"name": "Gi0/1", "addresses": ["192.0.2.1/30"]}, {"name": "Gi0/2"}]},
    {"kind": "router", "name": "r2", "ports": [{"name": "Gi0/1", "addresses": ["192.0.2.2/30"]}]},
    {"kind": "port", "router": "r2", "name": "x", "peer": "r1/Gi0/2"},
]


def test_path_to_a_name_with_slashes(store: Store) -> None:
    run(store, Put(SLASHES))
    for router in ("r1", "r2"):
        found = references.find(store.topology, "port", f"{router}/Gi0/1")
        assert store.topology.get("router", found.router).name == router


def test_path_with_two_meanings_is_ambiguous(store: Store) -> None:
    run(store, Put(SLASHES), Put([{"kind": "router", "name": "r1/Gi0", "ports": [{"name": "1"}]}]))
    with pytest.raises(AmbiguousRef):
        references.find(store.topology, "port", "r1/Gi0/1")


@pytest.mark.parametrize("more", [[], [{"kind": "router", "name": "r1/Gi0", "ports": [{"name": "1"}, {"name": "2"}]}]])
def test_export_writes_references_that_resolve(store: Store, more: list[dict[str, Any]], tmp_path: Any) -> None:
    run(store, Put(SLASHES))
    if more:
        run(store, Put(more))
    run(store, Update("port", "r2/x", {"peer": None}))
    one, other = (port.id for port in store.topology.all("port").values() if port.name == "Gi0/1")
    run(store, Update("port", one, {"peer": other}))
    exported = documents(store.topology)
    assert run(store, Put(exported)).events == []
    log = open_log(f"sqlite:///{tmp_path}/copy.db")
    copy = Store(log)
    copy.execute(Command("test", [Put(exported)]), WHO)
    assert copy.topology.get("port", one).peer == other
    log.close()


# Ids


def test_dry_run_shows_the_ids_of_the_commit(store: Store) -> None:
    for ops in ([Put(ROUTERS)], [Create("bridge", {"name": "web"})], [Create("bridge", {"name": "web"})]):
        shown = run(store, *ops, dry_run=True).events
        assert canonical(shown) == canonical(run(store, *ops).events)
    assert len({bridge.id for bridge in store.topology.all("bridge").values()}) == 2


# Tenants


def test_tenant_is_a_label_without_tenant_objects(store: Store) -> None:
    run(store, Create("bridge", {"name": "web", "tenant": "acme"}))


@pytest.mark.parametrize(
    "op",
    [
        Create("bridge", {"name": "web", "tenant": "acmee"}),
        Update("bridge", "mine", {"tenant": "acmee"}),
    ],
)
def test_unknown_tenant_is_refused_once_there_are_tenants(store: Store, op: Op) -> None:
    run(store, Create("bridge", {"name": "mine", "tenant": "old"}))
    run(store, Create("tenant", {"name": "acme"}))
    with pytest.raises(NotFound) as refused:
        run(store, op)
    assert refused.value.details["reason"] == "no-such-tenant"
    run(store, Update("bridge", "mine", {"admin_state_up": False}))
    run(store, Update("bridge", "mine", {"tenant": "acme"}))
    run(store, Create("tenant", {"name": "beta"}), Create("bridge", {"name": "new", "tenant": "beta"}))


@pytest.mark.parametrize(
    "op",
    [
        Create("bridge", {"name": "web", "tenant": "beta"}),
        Update("bridge", "mine", {"tenant": "beta"}),
        Put([{"kind": "bridge", "name": "web", "tenant": "beta"}, {"kind": "chain", "name": "in", "tenant": "beta"}]),
    ],
)
def test_missing_tenant_is_created_on_request(store: Store, op: Op) -> None:
    run(store, Create("bridge", {"name": "mine", "tenant": "old"}))
    run(store, Create("tenant", {"name": "acme"}))
    run(store, CreateTenants(), op)
    assert [one.name for one in store.topology.all("tenant").values()] == ["acme", "beta"], "not of other objects"
    position = store.topology.head.position
    run(store, CreateTenants(), Update("bridge", "mine", {"tenant": "beta"}))
    assert len(store.topology.all("tenant")) == 2
    assert store.topology.head.position <= position + 1


@pytest.mark.parametrize("op", [Delete("tenant", "acme"), Update("tenant", "acme", {"name": "x"}), Put([], prune=True)])
def test_tenant_in_use_is_not_lost(store: Store, op: Op) -> None:
    run(store, Create("tenant", {"name": "acme"}))
    run(store, Create("bridge", {"name": "web", "tenant": "acme"}))
    if isinstance(op, Put):
        op = Put([{"kind": "bridge", "name": "web"}], prune=True)
    with pytest.raises(InUse) as refused:
        run(store, op)
    assert [one["name"] for one in refused.value.details["referrers"]] == ["web"]
    run(store, Delete("tenant", "acme", cascade=True))
    assert len(store.topology) == 0


def test_decision_with_tenants_is_rolled_back(store: Store) -> None:
    run(store, Create("tenant", {"name": "acme"}))
    with pytest.raises(MidonetError):
        decide(store.topology, Command("test", [Create("bridge", {"name": "b", "tenant": "x"})]), "id")
    assert len(store.topology) == 1
