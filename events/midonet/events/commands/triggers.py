"""What follows of itself for *other* objects when one object of a kind is created, changed or deleted.

An object's own consequences are in its class (`derive`, `without`); these reach further, so they work on a draft.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from midonet.events.commands.id_allocation import allocate
from midonet.events.commands.l2_redirects import redirects
from midonet.events.errors import InvalidValue
from midonet.events.model.chain import Chain, Rule
from midonet.events.model.port import Port
from midonet.events.model.route import Route
from midonet.events.model.service_container import container_interface

if TYPE_CHECKING:
    from midonet.events.commands.unit_of_work import UnitOfWork


def react(draft: UnitOfWork, old: Any, new: Any) -> None:
    """Let the consequences of one change happen."""
    reaction = _REACTIONS.get((new or old).KIND)
    if reaction is not None:
        reaction(draft, old, new)


def _link(draft: UnitOfWork, old: Any, new: Any) -> None:
    """A link has two ends: whatever happens to one happens to the other."""
    before, after = (port.peer if port is not None else None for port in (old, new))
    if old is None and after is None:
        _answer_link(draft, new)
    if new is None or before == after:
        return
    left = draft.topology.get("port", before) if before else None
    if left is not None and left.peer == new.id:
        draft.change(left, msgspec.structs.replace(left, peer=None))
    joined = draft.topology.get("port", after) if after else None
    if joined is not None and joined.peer is None:
        draft.change(joined, msgspec.structs.replace(joined, peer=new.id))


def _answer_link(draft: UnitOfWork, port: Any) -> None:
    """A port that comes later than the one that names it as its peer."""
    other = next(draft.topology.referrers(port.id, "port", "peer"), None)
    if other is not None:
        draft.change(port, msgspec.structs.replace(port, peer=other.id))


def _remember_host(draft: UnitOfWork, old: Any, new: Any) -> None:
    """A port that leaves a host keeps in mind which: flow state is fetched from there (MidoNet: previous_host_id)."""
    if old is None or new is None or old.host in (None, new.host):
        return
    if draft.topology.get("host", old.host) is not None:
        draft.change(new, msgspec.structs.replace(new, previous_host=old.host))


def _follow_addresses(draft: UnitOfWork, old: Any, new: Any) -> None:
    """A router has a LOCAL route for every address of its ports."""
    if new is None or new.router is None or (old is not None and old.addresses == new.addresses):
        return
    wanted = {route.id: route for route in (Route.local(new.router, new.id, address) for address in new.addresses)}
    present = {route.id: route for route in draft.topology.referrers(new.id, "route", "port") if route.follows}
    for route in present.values():
        if route.id not in wanted:
            draft.delete(route, cascade=False)
    for route in wanted.values():
        if route.id not in present:
            draft.create(route)


def _port(draft: UnitOfWork, old: Any, new: Any) -> None:
    _link(draft, old, new)
    if new is None:
        return
    if old is not None:
        _remember_host(draft, old, draft.topology.get("port", new.id))
    if new.router is not None:
        _follow_addresses(draft, old, draft.topology.get("port", new.id))


def _attach(draft: UnitOfWork, old: Any, new: Any) -> None:
    """A router that names a load balancer is named by it; the balancer may come later than the router."""
    before, after = (router.load_balancer if router is not None else None for router in (old, new))
    if before == after:
        return
    left = draft.topology.get("load-balancer", before) if before else None
    if left is not None and left.router == (old or new).id and new is not None:
        draft.change(left, msgspec.structs.replace(left, router=None))
    joined = draft.topology.get("load-balancer", after) if after else None
    if joined is not None:
        draft.change(joined, msgspec.structs.replace(joined, router=new.id))


def _answer_router(draft: UnitOfWork, old: Any, new: Any) -> None:
    router = next(draft.topology.referrers(new.id, "router", "load_balancer"), None) if old is None else None
    if router is not None:
        draft.change(new, msgspec.structs.replace(new, router=router.id))


def _follow_bindings(draft: UnitOfWork, old: Any, new: Any) -> None:
    """A bridge has one VXLAN port for every VTEP that it is bound to, and a VNI from the first binding on for life."""
    for bridge, vtep in dict.fromkeys((one.bridge, one.vtep) for one in (old, new) if one is not None):
        _number_bridge(draft, bridge)
        _keep_vxlan_port(draft, bridge, vtep)


def _number_bridge(draft: UnitOfWork, bridge_id: str) -> None:
    bridge = draft.topology.get("bridge", bridge_id)
    if bridge is not None and bridge.vni is None:
        draft.change(bridge, msgspec.structs.replace(bridge, vni=allocate(draft.topology, "vni")))


def _keep_vxlan_port(draft: UnitOfWork, bridge: str, vtep: str) -> None:
    """The port's id is that of the bridge XOR that of the VTEP, as in MidoNet: whoever knows both knows it."""
    bindings = draft.topology.referrers(bridge, "vtep-binding", "bridge")
    wanted = any(binding.vtep == vtep for binding in bindings)
    port_id = str(UUID(int=UUID(bridge).int ^ UUID(vtep).int))
    port = draft.topology.get("port", port_id)
    if wanted and port is None:
        draft.create(Port(id=port_id, bridge=bridge, vtep=vtep))
    elif not wanted and port is not None:
        draft.delete(port, cascade=draft.cascading)


def _follow_insertions(draft: UnitOfWork, old: Any, new: Any) -> None:
    """Both ports of an insertion have chains that carry it out."""
    for port in dict.fromkeys(port for one in (old, new) if one is not None for port in (one.port, one.srv_port)):
        _keep_redirects(draft, port)


def _keep_redirects(draft: UnitOfWork, port_id: str) -> None:
    wanted = redirects(draft.topology, port_id)
    port = draft.topology.get("port", port_id)
    if port is not None:
        inbound, outbound = (*(chain.id for chain, _ in wanted), None, None)[:2]
        draft.change(port, msgspec.structs.replace(port, l2insertion_infilter=inbound, l2insertion_outfilter=outbound))
    for chain in list(draft.topology.referrers(port_id, "chain", "port")):
        if all(chain.id != kept.id for kept, _ in wanted):
            draft.delete(chain, cascade=draft.cascading)
    for chain, rules in wanted:
        _keep_chain(draft, chain, rules)


def _keep_chain(draft: UnitOfWork, chain: Chain, rules: list[Rule]) -> None:
    if draft.topology.get("chain", chain.id) is None:
        draft.create(chain)
    ids = {rule.id for rule in rules}
    for rule in [rule for rule in _rules(draft, chain.id) if rule.id not in ids]:
        draft.delete(rule, cascade=draft.cascading)
    for rule in rules:
        present = draft.topology.get("rule", rule.id)
        if present is None:
            draft.create(rule)
        else:
            draft.change(present, msgspec.structs.replace(rule, index=present.index, position=present.position))
    order(draft, [draft.topology.get("rule", rule.id) for rule in rules])


def _release_container(draft: UnitOfWork, old: Any, new: Any) -> None:
    """A port that was bound for a container only is released when the container goes."""
    port = draft.topology.get("port", old.port) if old is not None and old.port else None
    if port is None or (new is not None and new.port == old.port):
        return
    if port.interface == container_interface(port.id):
        draft.change(port, msgspec.structs.replace(port, host=None, interface=None))


def _order_rules(draft: UnitOfWork, old: Any, new: Any) -> None:
    """Places of rules stay 1, 2, 3 … when one comes or goes."""
    if old is None and new.index:
        place(draft, new, new.index)
    elif old is None:  # at the end, where it moves no other one
        last = sum(1 for _ in draft.topology.referrers(new.chain, "rule", "chain"))
        draft.change(new, msgspec.structs.replace(new, index=last))
    elif new is None and draft.topology.get("chain", old.chain) is not None:
        order(draft, _rules(draft, old.chain))


def place(draft: UnitOfWork, rule: Any, index: int | None) -> None:
    """Put a rule at a place of its chain (None: at the end) and move the others; `InvalidValue` outside of 1…n."""
    others = [other for other in _rules(draft, rule.chain) if other.id != rule.id]
    index = len(others) + 1 if index is None else index
    if not 1 <= index <= len(others) + 1:
        raise InvalidValue(
            f"index {index} is outside of 1 to {len(others) + 1}", field="index", reason="place-out-of-range"
        )
    others.insert(index - 1, rule)
    order(draft, others)


def _rules(draft: UnitOfWork, chain: str) -> list[Any]:
    return sorted(draft.topology.referrers(chain, "rule", "chain"), key=lambda rule: rule.index)


def order(draft: UnitOfWork, rules: list[Any]) -> None:
    """Give all rules of a chain their places, in this order."""
    for index, rule in enumerate(rules, 1):
        if rule.index != index:
            draft.change(rule, msgspec.structs.replace(rule, index=index))


_REACTIONS: dict[str, Callable[[UnitOfWork, Any, Any], None]] = {
    "port": _port,
    "router": _attach,
    "load-balancer": _answer_router,
    "vtep-binding": _follow_bindings,
    "l2-insertion": _follow_insertions,
    "service-container": _release_container,
    "rule": _order_rules,
}
