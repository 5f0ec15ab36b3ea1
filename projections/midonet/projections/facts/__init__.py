"""Facts: the reported state of the network, below `<root>/state` in ZooKeeper; removed with the reporting process."""

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
