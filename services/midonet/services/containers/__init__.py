"""Service `containers`: places service containers on hosts."""
