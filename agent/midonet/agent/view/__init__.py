"""What the agent reads of the topology (pure)."""
