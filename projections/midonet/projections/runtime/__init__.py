"""Plumbing of processes, shared by daemon and agent."""
