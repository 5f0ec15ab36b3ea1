"""The machine: its identity and interfaces."""
