"""The service `containers`: places service containers on hosts."""
