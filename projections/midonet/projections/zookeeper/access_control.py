"""Arguments of ZooKeeper clients (TLS, login), and access control lists of the nodes that they create.

    <root>/nsdb and all others                the cluster: everything; agents: read
    <root>/state                              agents may also create nodes
    <root>/state/hosts, <root>/state/ports    the cluster and agents: everything

Without a login, lists are open, which is ZooKeeper's default.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from kazoo.security import ACL, OPEN_ACL_UNSAFE, Id, Permissions, make_digest_acl_credential

from midonet.events.config.connection_security import ConnectionSecurity, current, read_login, tls_context
from midonet.projections.zookeeper.kazoo_handler import Handler

_OF_AGENTS = re.compile(r"/state/(hosts|ports)(/|$)")


def options() -> Mapping[str, Any]:
    """Return the arguments for one client of kazoo; `Misconfigured` names an invalid file."""
    wire = current()
    found: dict[str, Any] = {"default_acl": default_acl(), "handler": Handler()}
    if wire.zookeeper_login is not None:
        login = read_login(wire.zookeeper_login)
        found["auth_data"] = [("digest", f"{login.user}:{login.password}")]
    return {**found, **_tls(wire)}


def _tls(wire: ConnectionSecurity) -> Mapping[str, Any]:
    """Return the TLS arguments of the handler; the files are loaded once, to detect invalid ones."""
    if wire.zookeeper_ca is None:
        return {}
    tls_context("ZooKeeper", wire.zookeeper_ca, wire.zookeeper_cert, wire.zookeeper_key)
    return {
        "use_ssl": True,
        "ca": wire.zookeeper_ca,
        "certfile": wire.zookeeper_cert,
        "keyfile": wire.zookeeper_key,
    }


def default_acl() -> Sequence[ACL]:
    """Return the access control list of a node that only the cluster may write."""
    return _acl(Permissions.READ)


def acl_for(path: str) -> Sequence[ACL]:
    """Return the access control list of a node."""
    if _OF_AGENTS.search(path):
        return _acl(Permissions.ALL)
    return _acl(Permissions.READ | Permissions.CREATE if path.endswith("/state") else Permissions.READ)


def _acl(others: int) -> Sequence[ACL]:
    wire = current()
    if wire.zookeeper_login is None:
        return list(OPEN_ACL_UNSAFE)
    login = read_login(wire.zookeeper_login)
    mine = ACL(Permissions.ALL, Id("digest", make_digest_acl_credential(login.user, login.password)))
    if wire.zookeeper_cluster is not None:  # this process is an agent
        return [mine, ACL(Permissions.ALL, Id("digest", wire.zookeeper_cluster))]
    agents = Id("digest", wire.zookeeper_agents) if wire.zookeeper_agents is not None else Id("world", "anyone")
    return [mine, ACL(others, agents)]
