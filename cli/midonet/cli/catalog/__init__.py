"""Static texts: kinds, examples and help topics."""
