"""A ZooKeeper server as a child of the daemon, for clusters that have no ZooKeeper elsewhere."""
