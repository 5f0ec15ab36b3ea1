"""How nodes agree: leases, presence and coordination."""
