"""The connection of the agent to ZooKeeper."""
