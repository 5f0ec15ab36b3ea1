"""Objects of the system, not of the network: tags, controls and users."""
