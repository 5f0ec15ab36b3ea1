"""The hypervisor agent: reads its part of the topology from ZooKeeper."""
