"""A host's node stays below the size limit of ZooKeeper."""

from midonet.agent.status.status import Process
from midonet.agent.zookeeper.records import describe_owner, host_record
from midonet.projections.facts import HostState, Interface, decode

MAC = "02:00:00:00:00:01"


def test_a_node_never_outgrows_what_a_server_takes() -> None:
    process = Process(host="h", hostname="hv1", pid=1, version="0", started="T", zookeeper="zk:1", root="/m")
    taps = [Interface(name=f"tap{number}", mac=MAC, mtu=1500) for number in range(8000)]
    uplink = Interface(name="eth0", addresses=("192.0.2.7",))
    found = decode(HostState, host_record(process, 7, [*taps, uplink]))
    assert (found.position, found.interfaces, found.addresses) == (7, (uplink,), ("192.0.2.7",))
    many = [Interface(name=f"v{number}", addresses=(f"2001:db8::{number:x}",)) for number in range(8000)]
    assert decode(HostState, host_record(process, 7, many)) == HostState(
        hostname="hv1", pid=1, version="0", started="T", position=7
    )


def test_the_owner_of_a_node_is_described() -> None:
    process = Process(host="h", hostname="hv1", pid=1, version="0", started="T", zookeeper="zk:1", root="/m")
    assert describe_owner(None) is None
    assert describe_owner(b"garbage") == "an unknown process"
    assert describe_owner(host_record(process, 7, [])) == "process 1 on hv1, started T"
