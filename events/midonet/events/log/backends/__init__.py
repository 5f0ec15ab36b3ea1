"""The backends that keep a log, opened by URL."""
