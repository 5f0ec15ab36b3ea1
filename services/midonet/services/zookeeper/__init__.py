"""The service `zookeeper`: runs an embedded ZooKeeper server as a child process of the daemon."""
