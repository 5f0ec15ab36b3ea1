"""Chains of rules: the first rule with a verdict ends the evaluation (MidoNet's chains).

A jump whose chain comes to no verdict continues after the jump. The end of the first chain accepts.
"""

from typing import Any, NamedTuple

from midonet.simulation.devices import nat
from midonet.simulation.devices.run import Asked, Branch, Run
from midonet.simulation.match.words import describe
from midonet.simulation.network import Rules
from midonet.simulation.packet.fields import VLAN_PRESENT

ACCEPT, DROPPED, REJECTED, REDIRECT = "accept", "drop", "reject", "redirect"
_CONTINUE = "continue"


class Decision(NamedTuple):
    """What a chain decides, and the rule that did."""

    action: str
    rule: Any = None


_ACCEPTED = Decision(ACCEPT)


def evaluate(run: Run, branch: Branch, chain: str) -> Decision:
    """Return the decision of a chain; packets may be rewritten on the way."""
    return _evaluate(run, branch, chain, ()) or _ACCEPTED


def _evaluate(run: Run, branch: Branch, chain: str, outer: tuple[str, ...]) -> Decision | None:
    """Return a decision; None if there is none: the end of the chain, or a return."""
    run.tags.add(chain)
    rules = run.network.chain(chain)
    if rules is None or chain in outer:
        return None
    asked = Asked(run, branch)
    at = rules.first(branch.header, asked)
    while at is not None:
        rule = rules.rules[at]
        action, decision = _apply(run, branch, rule, (*outer, chain))
        if action == "return":
            break
        if decision is not None:
            _log(run, rules, decision)
            return decision
        at = rules.first(branch.header, asked, at + 1)
    _log(run, rules, _ACCEPTED)
    return None


def _apply(run: Run, branch: Branch, rule: Any, outer: tuple[str, ...]) -> tuple[str, Decision | None]:
    """Return what follows a rule that matches: an action, and the decision if it is one."""
    action = rule.action
    run.step(branch, rule, "rule {}: {}", rule.index, describe(rule))
    if action == "jump":
        return "jump", _evaluate(run, branch, rule.jump_chain, outer)
    if action in nat.ACTIONS:
        done = nat.translate(run, branch, rule)
        return _followed(rule, (rule.nat_action or ACCEPT) if done else _CONTINUE)
    if action == "trace":
        run.traces.append(rule.trace_request)
        return _CONTINUE, None
    if action in ("l2-transform", "redirect"):
        return _transform(run, branch, rule)
    return _followed(rule, action)


def _followed(rule: Any, action: str) -> tuple[str, Decision | None]:
    return action, None if action in (_CONTINUE, "return") else Decision(action, rule)


def _transform(run: Run, branch: Branch, rule: Any) -> tuple[str, Decision | None]:
    """Change VLAN tags, and redirect unless the target is down and the rule fails open."""
    if rule.action == "redirect" and rule.fail_open and not _is_up(run, rule.target_port):
        return _CONTINUE, None
    if rule.pop_vlan:
        branch.header.pop_vlan()
    if rule.push_vlan is not None:
        branch.header.push_vlan(rule.push_vlan | VLAN_PRESENT)
    return _followed(rule, "redirect" if rule.action == "redirect" else rule.transform_action or ACCEPT)


def _is_up(run: Run, port: str) -> bool:
    run.tags.add(port)
    target = run.network.port(port)
    if target is None or not target.entity.admin_state_up:
        return False
    return not target.is_exterior or run.alive.port(port)


def _log(run: Run, rules: Rules, decision: Decision) -> None:
    """Note the loggers of a chain that record the decision."""
    kind = "accept" if decision.action == ACCEPT else "drop"
    for logger in rules.loggers:
        if logger.event in (kind, "all"):
            run.logs.append((logger.id, decision.action))
