"""State of the daemon as reported to operators: status, readiness, metrics, log events."""
