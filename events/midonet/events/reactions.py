"""What follows of itself for *other* objects when one object of a kind is created, changed or deleted.

An object's own consequences are in its class (`derive`, `without`); these reach further, so they work on a draft.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from midonet.events.errors import InvalidValue
from midonet.events.pools import allocate

if TYPE_CHECKING:
    from midonet.events.draft import Draft

__all__ = ["place", "react"]


def react(draft: Draft, old: Any, new: Any) -> None:
    """Let the consequences of one change happen."""
    reaction = _REACTIONS.get((new or old).KIND)
    if reaction is not None:
        reaction(draft, old, new)


def _link(draft: Draft, old: Any, new: Any) -> None:
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


def _answer_link(draft: Draft, port: Any) -> None:
    """A port that comes later than the one that names it as its peer."""
    other = next(draft.topology.referrers(port.id, "port", "peer"), None)
    if other is not None:
        draft.change(port, msgspec.structs.replace(port, peer=other.id))


def _number_bridge(draft: Draft, old: Any, new: Any) -> None:
    """The first VTEP binding of a bridge gives it a VNI, which it keeps for life (MidoNet: vxgw sequence)."""
    del old
    bridge = draft.topology.get("bridge", new.bridge) if new is not None else None
    if bridge is not None and bridge.vni is None:
        draft.change(bridge, msgspec.structs.replace(bridge, vni=allocate(draft.topology, "vni")))


def _order_rules(draft: Draft, old: Any, new: Any) -> None:
    """Places of rules stay 1, 2, 3 … when one comes or goes."""
    if old is None:
        place(draft, new, new.index or None)
    elif new is None and draft.topology.get("chain", old.chain) is not None:
        _renumber(draft, _rules(draft, old.chain))


def place(draft: Draft, rule: Any, index: int | None) -> None:
    """Put a rule at a place of its chain (None: at the end) and move the others; `InvalidValue` outside of 1…n."""
    others = [other for other in _rules(draft, rule.chain) if other.id != rule.id]
    index = len(others) + 1 if index is None else index
    if not 1 <= index <= len(others) + 1:
        raise InvalidValue(f"index {index} is outside of 1 to {len(others) + 1}", field="index")
    others.insert(index - 1, rule)
    _renumber(draft, others)


def _rules(draft: Draft, chain: str) -> list[Any]:
    return sorted(draft.topology.referrers(chain, "rule", "chain"), key=lambda rule: rule.index)


def _renumber(draft: Draft, rules: list[Any]) -> None:
    for index, rule in enumerate(rules, 1):
        if rule.index != index:
            draft.change(rule, msgspec.structs.replace(rule, index=index))


_REACTIONS: dict[str, Callable[[Draft, Any, Any], None]] = {
    "port": _link,
    "vtep-binding": _number_bridge,
    "rule": _order_rules,
}
