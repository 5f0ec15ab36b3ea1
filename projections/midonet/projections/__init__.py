"""Views of the topology: what each target should hold, and how it gets there."""
