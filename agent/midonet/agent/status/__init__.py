"""The state of the agent, its pages, and `midonet-agent show`."""
