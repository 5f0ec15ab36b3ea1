"""Settings of processes and the security of their connections."""
