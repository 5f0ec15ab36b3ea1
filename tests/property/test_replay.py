"""What must always hold of commands and events, for any input: replay is live, and every commit inverts."""

from ipaddress import ip_interface
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from random_commands import random_command

from midonet.events.commands.command import Command, Revert
from midonet.events.commands.decide import decide
from midonet.events.commands.l2_redirects import redirects
from midonet.events.commit import CommandRef, Commit, Record, canonical
from midonet.events.errors import Conflict, NotFound, Rejected
from midonet.events.log.hash_chain import extend
from midonet.events.model import KINDS
from midonet.events.topology.evolve import evolve, fold, invert
from midonet.events.topology.topology import Topology


def objects(topology: Topology) -> dict[str, object]:
    """All objects, without the position at which they last changed."""
    return {
        entity.id: {f: getattr(entity, f) for f in KINDS[entity.KIND].fields if f != "position"} for entity in topology
    }


def committed(topology: Topology, rng: Random, number: int) -> Record | None:
    """Decide a random command and return its commit, or None if it is refused or changes nothing."""
    command = random_command(rng, topology)
    before, last_allocated = objects(topology), dict(topology.last_allocated)
    try:
        decision = decide(topology, command, f"command-{number}")
    except (Rejected, NotFound):
        decision = None
    assert objects(topology) == before
    assert topology.last_allocated == last_allocated
    if decision is None or not decision.events:
        return None
    head = topology.head
    commit = Commit(
        position=head.position + 1,
        prev=head.hash,
        id=f"command-{number}",
        command=CommandRef(command.name, command.digest),
        time="2026-01-01T00:00:00.000000Z",
        actor="test",
        channel="test",
        events=decision.events,
    )
    record = extend(head, canonical(commit))
    assert isinstance(record, Record)
    return record


def sound(topology: Topology) -> None:
    """No dangling reference, no number twice, rules in places 1, 2, 3 …, links with two ends."""
    for entity in topology:
        for field, target in KINDS[entity.KIND].targets(entity):
            assert topology.get(KINDS[entity.KIND].ref_of[field].kind, target) is not None
        assert not list(topology.sharing(entity))
        entity.check(topology)
    following(topology)
    keys = [e.tunnel_key for kind in ("bridge", "port") for e in topology.all(kind).values()]
    assert None not in keys
    assert len(keys) == len(set(keys))
    for chain in topology.all("chain"):
        places = sorted(rule.index for rule in topology.referrers(chain, "rule", "chain"))
        assert places == list(range(1, len(places) + 1))


def indexed(topology: Topology) -> None:
    """The indexes say of every object what those of a topology say that has never seen another one."""
    fresh = Topology()
    for kind in KINDS:
        fresh.fill(kind, topology.all(kind).values())
    for entity in topology:
        assert topology.referring(entity.id) == fresh.referring(entity.id)
        for field, target in KINDS[entity.KIND].targets(entity):
            found = {one.id for one in topology.referrers(target, entity.KIND, field)}
            assert found == {one.id for one in fresh.referrers(target, entity.KIND, field)}
        if entity.name is not None:
            same = {one.id for one in topology.named(entity.KIND, entity.name)}
            assert same == {one.id for one in fresh.named(entity.KIND, entity.name)}
        for field, pool in entity.NUMBERS.items():
            if (number := getattr(entity, field)) is not None:
                assert topology.holders(pool, number) == [entity]


def revert(topology: Topology, record: Record) -> None:
    """Decide the revert of a commit and let its events happen."""
    op = Revert(record.commit.position, invert(record.commit.events))
    for event in decide(topology, Command("revert", [op]), "revert").events:
        evolve(topology, event, 0)


def try_to_revert(topology: Topology, record: Record) -> bool:
    """Revert some earlier commit and the revert again; what is refused must leave no trace."""
    before = objects(topology)
    op = Revert(record.commit.position, invert(record.commit.events))
    try:
        events = decide(topology, Command("revert", [op]), "revert").events
    except Conflict:
        assert objects(topology) == before
        return False
    assert {event.key for event in events} == {event.key for event in record.commit.events}
    for event in events:
        evolve(topology, event, 0)
    sound(topology)
    for event in invert(events):
        evolve(topology, event, 0)
    assert objects(topology) == before
    return True


def following(topology: Topology) -> None:
    """LOCAL routes for addresses of router ports, VXLAN ports for bindings, chains for insertions, nothing else."""
    bound = {(binding.bridge, binding.vtep) for binding in topology.all("vtep-binding").values()}
    assert sorted(bound) == sorted((p.bridge, p.vtep) for p in topology.all("port").values() if p.vtep)
    addresses = {
        (port.id, ip_interface(address).ip) for port in topology.all("port").values() for address in port.addresses
    }
    local = [(route.port, ip_interface(route.dst).ip) for route in topology.all("route").values() if route.follows]
    assert sorted(local, key=str) == sorted(addresses, key=str)
    for port in topology.all("port"):
        wanted = redirects(topology, port)
        assert {chain.id for chain, _ in wanted} == {c.id for c in topology.referrers(port, "chain", "port")}
        for chain, rules in wanted:
            present = sorted(topology.referrers(chain.id, "rule", "chain"), key=lambda rule: rule.index)
            assert [replace(rule, index=0, position=0) for rule in present] == rules
        ends = (topology.all("port")[port].l2insertion_infilter, topology.all("port")[port].l2insertion_outfilter)
        assert [end for end in ends if end] == [chain.id for chain, _ in wanted]
    attached = {(r.load_balancer, r.id) for r in topology.all("router").values() if r.load_balancer}
    assert attached == {(lb.id, lb.router) for lb in topology.all("load-balancer").values() if lb.router}


def run(rng: Random, steps: int) -> int:
    """Run random commands; check every commit; return how many were accepted."""
    live, records = Topology(), []
    for number in range(steps):
        before = objects(live)
        record = committed(live, rng, number)
        if record is None:
            continue
        fold(live, record)
        records.append(record)
        sound(live)
        after = objects(live)
        revert(live, record)
        assert objects(live) == before
        for event in record.commit.events:
            evolve(live, event, record.commit.position)
        assert objects(live) == after
    indexed(live)
    replayed = Topology()
    for record in records:
        fold(replayed, record)
    assert replayed.head == live.head
    assert objects(replayed) == objects(live)
    return len(records)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.randoms(use_true_random=False), st.integers(5, 40))
def test_replay_is_live_and_every_commit_inverts(rng: Random, steps: int) -> None:
    run(rng, steps)


def test_an_earlier_commit_reverts_or_is_refused() -> None:
    live, records, reverted = Topology(), [], 0
    rng = Random(7)  # noqa: S311 - a seed, not a secret
    for number in range(400):
        record = committed(live, rng, number)
        if record is not None:
            fold(live, record)
            records.append(record)
            reverted += try_to_revert(live, rng.choice(records[-30:]))
    assert 20 < reverted < len(records) - 20


def test_a_long_history_holds_as_well() -> None:
    accepted = run(Random(20261122), 1500)  # noqa: S311 - a seed, not a secret
    assert accepted > 500


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(100))
def test_a_hundred_thousand_commands_hold_as_well(seed: int) -> None:
    assert run(Random(seed), 1000) > 300  # noqa: S311 - a seed, not a secret
