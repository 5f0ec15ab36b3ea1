"""Applies projections to their targets: feed, delta tracker, reconciler, runner."""
