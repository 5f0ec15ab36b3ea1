"""Ports: administrative state, filters, mirrors, and where a packet goes from there."""

from midonet.simulation.devices import chain, mirror
from midonet.simulation.devices.answers import prohibited
from midonet.simulation.devices.run import Branch, Run
from midonet.simulation.network import Port
from midonet.simulation.result import DROP, ERROR, REJECT


def entered(run: Run, branch: Branch, port: Port) -> bool:
    """Pass a packet into a port; return whether it goes on to the device."""
    branch.in_port, branch.out_port, branch.device, branch.rewritten = port, None, port.device, False
    run.step(branch, port.entity, "enters at port")
    entity = port.entity
    mirror.copies(run, branch, entity.inbound_mirrors)
    if not entity.admin_state_up:
        return _refused(run, branch, port)
    if not _pass(run, branch, port, port.in_filters):
        return False
    mirror.copies(run, branch, entity.post_in_filter_mirrors)
    return True


def left(run: Run, branch: Branch, port: Port) -> None:
    """Pass a packet out of a port: to its interface, to its peer, or nowhere."""
    branch.out_port = port
    run.step(branch, port.entity, "leaves at port")
    entity = port.entity
    if not entity.admin_state_up:
        _refused(run, branch, port)
        return
    mirror.copies(run, branch, entity.pre_out_filter_mirrors)
    if not _pass(run, branch, port, port.out_filters):
        return
    mirror.copies(run, branch, entity.outbound_mirrors)
    _emit(run, branch, port)


def _emit(run: Run, branch: Branch, port: Port) -> None:
    if port.is_exterior or port.entity.vtep is not None:
        if port.is_exterior and not run.alive.port(port.id):
            run.end(ERROR, f"the interface of port {port.id} is down")
        else:
            run.output(branch, port.id)
    elif port.entity.peer is not None:
        run.enter(branch, port.entity.peer)
    else:
        run.end(ERROR, f"port {port.id} is neither bound nor linked")


def _refused(run: Run, branch: Branch, port: Port) -> bool:
    run.step(branch, port.entity, "is disabled")
    if port.entity.router is not None:
        prohibited(run, branch, port)
        run.end(REJECT, "port disabled")
    else:
        run.end(DROP, "port disabled")
    return False


def _pass(run: Run, branch: Branch, port: Port, chains: tuple[str, ...]) -> bool:
    return all(filtered(run, branch, one, port) for one in chains)


def filtered(run: Run, branch: Branch, chain_id: str | None, port: Port | None) -> bool:
    """Evaluate a filter; return whether the packet goes on here. A redirected one goes on elsewhere."""
    if chain_id is None:
        return True
    action, rule = chain.evaluate(run, branch, chain_id)
    if action == chain.ACCEPT:
        return True
    if action == chain.REDIRECT:
        (run.enter if rule.ingress else run.leave)(branch, rule.target_port)
        return False
    if action == chain.REJECTED and port is not None:
        prohibited(run, branch, port)
    run.end(REJECT if action == chain.REJECTED else DROP, f"rule {rule.index} of chain {rule.chain}")
    return False
