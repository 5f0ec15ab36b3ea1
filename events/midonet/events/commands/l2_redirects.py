"""The chains of L2 insertions: their rules send packets through service functions and back.

As in MidoNet. A protected port has a chain for packets that enter and one for packets that leave; a rule of each sends
the packets of the station to the first function. A packet that returns from a function enters at its port, whose chain
jumps to the chains of the protected port again; the input port then tells how far the packet has come. With a VLAN, the
priority in the tag distinguishes the two directions, so that two protected stations on one bridge can communicate.
Pure.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from midonet.events.model.base import View
from midonet.events.model.chain import Chain, Rule
from midonet.events.model.l2_insertion import L2Insertion, redirect_chain_id, redirect_rule_id

_IN = 1 << 13
"""Priority 1 marks packets that the station sent."""
_OUT = 2 << 13
"""Priority 2 marks packets to the station."""
_DONE = 1 << 15
"""A tag that marks packets that have passed all functions, until they enter at the protected port again."""


def redirects(view: View, port: str) -> list[tuple[Chain, list[Rule]]]:
    """Return the chains that a port has because of insertions, each with its rules in order."""
    if view.get("port", port) is None:
        return []
    protecting, serving = (_ranked(view.referrers(port, "l2-insertion", role)) for role in ("port", "srv_port"))
    inbound, outbound = _chain(port, "in"), _chain(port, "out")
    entering = _inbound(inbound.id, protecting) if protecting else []
    entering += [rule for insertion in serving for rule in _back(inbound.id, insertion)]
    leaving = _outbound(outbound.id, protecting) if protecting else []
    return [(chain, rules) for chain, rules in ((inbound, entering), (outbound, leaving)) if rules]


def _ranked(insertions: Any) -> list[L2Insertion]:
    return sorted(insertions, key=lambda insertion: (insertion.order, insertion.port, insertion.srv_port, insertion.id))


def _chain(port: str, way: str) -> Chain:
    name = "InboundRedirect" if way == "in" else "OutboundRedirect"
    return Chain(id=redirect_chain_id(port, way), name=f"{name}{port}", port=port)


def _inbound(chain: str, insertions: Sequence[L2Insertion]) -> list[Rule]:
    """Return the rules for packets that the station sends; the last step first, so that no packet counts as new."""
    first, last = insertions[0], insertions[-1]
    done = _rule(
        (chain, last, "done"),
        action="l2-transform",
        transform_action="accept",
        dl_src=last.mac,
        in_ports=(last.port,),
        vlan=_DONE,
        pop_vlan=True,
    )
    enter = _rule(
        (chain, last, "enter"),
        action="redirect",
        target_port=last.port,
        ingress=True,
        dl_src=last.mac,
        push_vlan=_DONE,
        **_came_from(last, _IN),
    )
    steps = [
        _rule((chain, insertion, "in"), dl_src=insertion.mac, **_came_from(before, _IN), **_sent_to(insertion, _IN))
        for before, insertion in pairwise(insertions)
    ]
    start = _rule((chain, first, "in"), dl_src=first.mac, in_ports=(first.port,), **_sent_to(first, _IN))
    return [done, enter, *reversed(steps), start]


def _outbound(chain: str, insertions: Sequence[L2Insertion]) -> list[Rule]:
    """Return the rules for packets to the station, in the same order."""
    first, last = insertions[0], insertions[-1]
    leave = _rule(
        (chain, last, "leave"),
        action="redirect",
        target_port=last.port,
        dl_dst=last.mac,
        **_came_from(last, _OUT),
    )
    steps = [
        _rule((chain, insertion, "out"), dl_dst=insertion.mac, **_came_from(before, _OUT), **_sent_to(insertion, _OUT))
        for before, insertion in pairwise(insertions)
    ]
    return [leave, *reversed(steps), _rule((chain, first, "out"), dl_dst=first.mac, **_sent_to(first, _OUT))]


def _back(chain: str, insertion: L2Insertion) -> Iterator[Rule]:
    """Yield the rules of the service function's port: jumps to the chains of the protected port."""
    for way, mark, station in (("in", _IN, "dl_src"), ("out", _OUT, "dl_dst")):
        yield _rule(
            (chain, insertion, f"back-{way}"),
            action="jump",
            jump_chain=redirect_chain_id(insertion.port, way),
            vlan=_tag(insertion, mark),
            **{station: insertion.mac},
        )


def _rule(which: tuple[str, L2Insertion, str], /, **fields: Any) -> Rule:
    """Return the rule with a role in an insertion."""
    chain, insertion, role = which
    return Rule(id=redirect_rule_id(chain, insertion.id, role), chain=chain, insertion=insertion.id, **fields)


def _came_from(insertion: L2Insertion, mark: int) -> dict[str, Any]:
    """Return the terms that match packets from a function, and the removal of the function's tag."""
    return {"in_ports": (insertion.srv_port,), "vlan": _tag(insertion, mark), "pop_vlan": insertion.vlan != 0}


def _sent_to(insertion: L2Insertion, mark: int) -> dict[str, Any]:
    return {
        "action": "redirect",
        "target_port": insertion.srv_port,
        "fail_open": insertion.fail_open,
        "push_vlan": _tag(insertion, mark),
    }


def _tag(insertion: L2Insertion, mark: int) -> int | None:
    return insertion.vlan | mark if insertion.vlan else None
