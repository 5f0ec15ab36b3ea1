"""Facts: what the network reports of itself, below `<root>/state` in ZooKeeper; lost with whoever reports it."""

from midonet.projections.facts.kinds import (
    FACTS,
    ActivePort,
    ContainerStatus,
    Fact,
    HostState,
    Interface,
    LastSeen,
    LearnedRoute,
    LearnedRoutes,
    MemberStatus,
    Peer,
    PoolStatus,
    UnderlayHealth,
    decode,
    node_of,
)

__all__ = [
    "FACTS",
    "ActivePort",
    "ContainerStatus",
    "Fact",
    "HostState",
    "Interface",
    "LastSeen",
    "LearnedRoute",
    "LearnedRoutes",
    "MemberStatus",
    "Peer",
    "PoolStatus",
    "UnderlayHealth",
    "decode",
    "node_of",
]
