"""Triggers: changes of *other* objects when one object is created, changed or deleted.

What follows for the object itself is declared in its class (`derive`, `without`).
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from midonet.events.commands import tenancy
from midonet.events.commands.id_allocation import allocate
from midonet.events.commands.l2_redirects import redirects
from midonet.events.commands.unit_of_work import UnitOfWork
from midonet.events.errors import InvalidValue
from midonet.events.model.chain import Chain, Rule
from midonet.events.model.port import Port
from midonet.events.model.route import Route
from midonet.events.model.service_container import container_interface


def run(unit: UnitOfWork, old: Any, new: Any) -> None:
    """Run the trigger of one change: `old` is None for a new object, `new` for a deleted one."""
    trigger = _TRIGGERS.get((new or old).KIND)
    if trigger is not None:
        trigger(unit, old, new)


def _link(unit: UnitOfWork, old: Any, new: Any) -> None:
    """Keep both ends of a link symmetric."""
    before, after = (port.peer if port is not None else None for port in (old, new))
    if old is None and after is None:
        _complete_link(unit, new)
    if new is None or before == after:
        return
    left = unit.topology.get("port", before) if before else None
    if left is not None and left.peer == new.id:
        unit.change(left, msgspec.structs.replace(left, peer=None))
    joined = unit.topology.get("port", after) if after else None
    if joined is not None and joined.peer is None:
        unit.change(joined, msgspec.structs.replace(joined, peer=new.id))


def _complete_link(unit: UnitOfWork, port: Any) -> None:
    """Link a new port to the port that already names it as its peer."""
    other = next(unit.topology.referrers(port.id, "port", "peer"), None)
    if other is not None:
        unit.change(port, msgspec.structs.replace(port, peer=other.id))


def _set_previous_host(unit: UnitOfWork, old: Any, new: Any) -> None:
    """Record the host that a port leaves: flow state is fetched from there (MidoNet: previous_host_id)."""
    if old is None or new is None or old.host in (None, new.host):
        return
    if unit.topology.get("host", old.host) is not None:
        unit.change(new, msgspec.structs.replace(new, previous_host=old.host))


def _sync_local_routes(unit: UnitOfWork, old: Any, new: Any) -> None:
    """Give a router a LOCAL route for every address of its ports."""
    if new is None or new.router is None or (old is not None and old.addresses == new.addresses):
        return
    wanted = {route.id: route for route in (Route.local(new.router, new.id, address) for address in new.addresses)}
    present = {route.id: route for route in unit.topology.referrers(new.id, "route", "port") if route.follows}
    for route in present.values():
        if route.id not in wanted:
            unit.delete(route, cascade=False)
    for route in wanted.values():
        if route.id not in present:
            unit.create(route)


def _port(unit: UnitOfWork, old: Any, new: Any) -> None:
    _link(unit, old, new)
    if new is None:
        return
    if old is not None:
        _set_previous_host(unit, old, unit.topology.get("port", new.id))
    if new.router is not None:
        _sync_local_routes(unit, old, unit.topology.get("port", new.id))


def _attach(unit: UnitOfWork, old: Any, new: Any) -> None:
    """Keep `router` of a load balancer equal to the router that names it; the balancer may be created later."""
    before, after = (router.load_balancer if router is not None else None for router in (old, new))
    if before == after:
        return
    left = unit.topology.get("load-balancer", before) if before else None
    if left is not None and left.router == (old or new).id and new is not None:
        unit.change(left, msgspec.structs.replace(left, router=None))
    joined = unit.topology.get("load-balancer", after) if after else None
    if joined is not None:
        unit.change(joined, msgspec.structs.replace(joined, router=new.id))


def _complete_load_balancer(unit: UnitOfWork, old: Any, new: Any) -> None:
    router = next(unit.topology.referrers(new.id, "router", "load_balancer"), None) if old is None else None
    if router is not None:
        unit.change(new, msgspec.structs.replace(new, router=router.id))


def _sync_vtep_bindings(unit: UnitOfWork, old: Any, new: Any) -> None:
    """Give a bridge one VXLAN port per VTEP that it is bound to, and a VNI from its first binding on for life."""
    for bridge, vtep in dict.fromkeys((one.bridge, one.vtep) for one in (old, new) if one is not None):
        _allocate_vni(unit, bridge)
        _sync_vxlan_port(unit, bridge, vtep)


def _allocate_vni(unit: UnitOfWork, bridge_id: str) -> None:
    bridge = unit.topology.get("bridge", bridge_id)
    if bridge is not None and bridge.vni is None:
        unit.change(bridge, msgspec.structs.replace(bridge, vni=allocate(unit.topology, "vni")))


def _sync_vxlan_port(unit: UnitOfWork, bridge: str, vtep: str) -> None:
    """The port's id is the bridge's id XOR the VTEP's, as in MidoNet, so that it can be computed from both."""
    bindings = unit.topology.referrers(bridge, "vtep-binding", "bridge")
    wanted = any(binding.vtep == vtep for binding in bindings)
    port_id = str(UUID(int=UUID(bridge).int ^ UUID(vtep).int))
    port = unit.topology.get("port", port_id)
    if wanted and port is None:
        unit.create(Port(id=port_id, bridge=bridge, vtep=vtep))
    elif not wanted and port is not None:
        unit.delete(port, cascade=unit.cascading)


def _sync_insertions(unit: UnitOfWork, old: Any, new: Any) -> None:
    """Give both ports of an insertion the chains that implement it."""
    for port in dict.fromkeys(port for one in (old, new) if one is not None for port in (one.port, one.srv_port)):
        _sync_redirects(unit, port)


def _sync_redirects(unit: UnitOfWork, port_id: str) -> None:
    wanted = redirects(unit.topology, port_id)
    port = unit.topology.get("port", port_id)
    if port is not None:
        inbound, outbound = (*(chain.id for chain, _ in wanted), None, None)[:2]
        unit.change(port, msgspec.structs.replace(port, l2insertion_infilter=inbound, l2insertion_outfilter=outbound))
    for chain in list(unit.topology.referrers(port_id, "chain", "port")):
        if all(chain.id != wanted_chain.id for wanted_chain, _ in wanted):
            unit.delete(chain, cascade=unit.cascading)
    for chain, rules in wanted:
        _sync_chain(unit, chain, rules)


def _sync_chain(unit: UnitOfWork, chain: Chain, rules: list[Rule]) -> None:
    if unit.topology.get("chain", chain.id) is None:
        unit.create(chain)
    ids = {rule.id for rule in rules}
    for rule in [rule for rule in _rules(unit, chain.id) if rule.id not in ids]:
        unit.delete(rule, cascade=unit.cascading)
    for rule in rules:
        present = unit.topology.get("rule", rule.id)
        if present is None:
            unit.create(rule)
        else:
            unit.change(present, msgspec.structs.replace(rule, index=present.index, position=present.position))
    order(unit, [unit.topology.get("rule", rule.id) for rule in rules])


def _release_container(unit: UnitOfWork, old: Any, new: Any) -> None:
    """Unbind a port that was bound for a container only, when the container goes."""
    port = unit.topology.get("port", old.port) if old is not None and old.port else None
    if port is None or (new is not None and new.port == old.port):
        return
    if port.interface == container_interface(port.id):
        unit.change(port, msgspec.structs.replace(port, host=None, interface=None))


def _order_rules(unit: UnitOfWork, old: Any, new: Any) -> None:
    """Keep the indexes of rules 1, 2, 3 … when one is created or deleted."""
    if old is None and new.index:
        place(unit, new, new.index)
    elif old is None:  # at the end, where no other rule moves
        last = sum(1 for _ in unit.topology.referrers(new.chain, "rule", "chain"))
        unit.change(new, msgspec.structs.replace(new, index=last))
    elif new is None and unit.topology.get("chain", old.chain) is not None:
        order(unit, _rules(unit, old.chain))


def _delete_objects(unit: UnitOfWork, old: Any, new: Any) -> None:
    """Delete the objects of a tenant that is deleted with `--cascade`."""
    if new is None and unit.cascading and old.name is not None:
        for entity in list(tenancy.owned(unit.topology, old.name)):
            if unit.topology.find(entity.id) is not None:
                unit.delete(entity, cascade=True)


def place(unit: UnitOfWork, rule: Any, index: int | None) -> None:
    """Put a rule at an index of its chain (None: at the end) and move the others; `InvalidValue` outside of 1…n."""
    others = [other for other in _rules(unit, rule.chain) if other.id != rule.id]
    index = len(others) + 1 if index is None else index
    if not 1 <= index <= len(others) + 1:
        raise InvalidValue(
            f"index {index} is outside of 1 to {len(others) + 1}", field="index", reason="place-out-of-range"
        )
    others.insert(index - 1, rule)
    order(unit, others)


def _rules(unit: UnitOfWork, chain: str) -> list[Any]:
    return sorted(unit.topology.referrers(chain, "rule", "chain"), key=lambda rule: rule.index)


def order(unit: UnitOfWork, rules: list[Any]) -> None:
    """Give all rules of a chain their indexes, in this order."""
    for index, rule in enumerate(rules, 1):
        if rule.index != index:
            unit.change(rule, msgspec.structs.replace(rule, index=index))


_TRIGGERS: dict[str, Callable[[UnitOfWork, Any, Any], None]] = {
    "port": _port,
    "router": _attach,
    "load-balancer": _complete_load_balancer,
    "vtep-binding": _sync_vtep_bindings,
    "l2-insertion": _sync_insertions,
    "service-container": _release_container,
    "rule": _order_rules,
    "tenant": _delete_objects,
}
