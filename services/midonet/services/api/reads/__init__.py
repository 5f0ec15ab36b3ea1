"""How the API reads: fresh, past, restricted."""
