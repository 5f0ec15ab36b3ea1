"""Reads: linearizable reads, past topologies, history of a restricted caller, history index."""
