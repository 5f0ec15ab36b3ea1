"""The hypervisor agent: it holds the part of the topology that its host needs."""
