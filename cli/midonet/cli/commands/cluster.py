"""`midoctl cluster`: the nodes of a cluster, their services and the items that each owns.

Every node publishes its summary in ZooKeeper, and shows those of all nodes by HTTP. Of a node that is down the name
remains.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from midonet.cli.framework.command import command, group
from midonet.cli.output import output
from midonet.cli.session.facts_source import servers
from midonet.cli.session.session import Session
from midonet.events.errors import NotFound, UsageError

_CONNECT_SECONDS = 10.0
_SHOWN = 3
"""Items that a table names; JSON has all."""

_NODE = ("node", "address", "position", "lag", "views", "trouble")
_SERVICE = ("service", "node", "state", "restarts", "owns", "trouble")


def read_nodes(session: Session) -> list[dict[str, Any]]:
    """Return the summaries of the nodes by name; `UsageError` if no option gives an address."""
    settings, url = session.settings, session.cluster_url
    if url:
        return _from_node(url)
    if not settings.get("zookeeper"):
        raise UsageError(
            "no cluster: give --server http://HOST:PORT, --cluster URL or --zookeeper HOST:PORT",
            option="cluster",
        )
    from midonet.projections.zookeeper.client import Client
    from midonet.services.cluster.node_presence import nodes

    with closing(Client(servers(settings))) as client:
        client.connect(_CONNECT_SECONDS)
        return nodes(client, settings.get("root"))


def _from_node(url: str) -> list[dict[str, Any]]:
    from midonet.cli.session.remote_topology import status_part

    found = status_part(url, "/cluster", "nodes", list[dict[str, Any]])
    if not all({"node", "alive"} <= node.keys() for node in found):
        raise NotFound("no midonet-cluster at that address: the response has no nodes")
    return found


@command(
    "status",
    examples="""  midoctl cluster status --zookeeper 127.0.0.1:2181
  midoctl cluster status --cluster http://127.0.0.1:8181 -o json""",
)
def _status(session: Session) -> None:
    """Show the nodes with their positions, services and the items that they own.

    Lag is in commits behind the node with the highest position.
    """
    nodes = read_nodes(session)
    head = max((_number(node, "position") for node in nodes), default=0)
    rows = [{**node, "lag_events": head - _number(node, "position") if node["alive"] else None} for node in nodes]
    session.output.print(
        {"position": head, "nodes": rows},
        names=lambda: [str(node["node"]) for node in rows],
        text=lambda: f"{_nodes(rows)}\n\n{_services(rows)}" if rows else "",
    )
    if not rows:
        session.output.note("no nodes")


def _nodes(rows: list[dict[str, Any]]) -> str:
    cells = [
        [
            str(node["node"]),
            str(node.get("http") or ""),
            str(node.get("position", "")),
            str(node["lag_events"] if node["alive"] else ""),
            "; ".join(f"{name} {_behind(view)}" for name, view in _part(node, "projections").items()),
            _first(_troubles(node)) if node["alive"] else f"gone since {node['gone'] or 'a moment ago'}",
        ]
        for node in rows
    ]
    return output.table(_NODE, cells)


def _behind(view: Mapping[str, Any]) -> str:
    targets, live = view.get("targets", 0), view.get("live", 0)
    counted = f"{live}/{targets} " if targets != 1 else ""
    state = "live" if live == targets else f"{view.get('lag_events', '?')} behind"
    return f"{counted}{state}" + (", writes" if view.get("writing") else "")


def _services(rows: list[dict[str, Any]]) -> str:
    cells = sorted(cell for node in rows for cell in _of_node(node))
    return output.table(_SERVICE, cells)


def _of_node(node: Mapping[str, Any]) -> Iterator[list[str]]:
    owns, owned = _part(node, "owns"), _part(node, "owned")
    for name, service in _part(node, "services").items():
        trouble = service.get("reason") or service.get("last_error") or ""
        state, restarts = str(service.get("state")), str(service.get("restarts", 0))
        yield [name, str(node["node"]), state, restarts, _items(owns.get(name, {}), owned.get(name, 0)), str(trouble)]


def _items(owns: Mapping[str, int], owned: int) -> str:
    shown = ", ".join(sorted(owns)[:_SHOWN])
    return f"{shown} and {owned - _SHOWN} more" if owned > _SHOWN else shown


def _part(node: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = node.get(name)
    return found if isinstance(found, dict) else {}


def _number(node: Mapping[str, Any], name: str) -> int:
    found = node.get(name)
    return found if isinstance(found, int) else 0


def _troubles(node: Mapping[str, Any]) -> list[Any]:
    reasons, clock = node.get("reasons"), node.get("clock_error")
    return [*(reasons if isinstance(reasons, list) else []), *([f"clock: {clock}"] if clock else [])]


def _first(reasons: Any) -> str:
    if not isinstance(reasons, list) or not reasons:
        return ""
    return f"{reasons[0]}" + (f" and {len(reasons) - 1} more" if len(reasons) > 1 else "")


cluster = group("cluster", _status, about="Show the nodes of the cluster and their services.")
