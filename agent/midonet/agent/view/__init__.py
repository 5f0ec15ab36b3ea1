"""The part of the topology that the agent holds. Pure."""
